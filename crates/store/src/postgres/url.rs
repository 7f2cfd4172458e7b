//! The address of a database, and what is to be known for using it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How many connections are kept at the most.
const POOL_SIZE: u64 = 16;
/// How long a call waits for a free connection.
const POOL_WAIT_MILLIS: u64 = 2_000;
/// How long the database may take for the steps of one call that are sent together.
const TIMEOUT_MILLIS: u64 = 10_000;
/// How long connecting to one host may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Has the database end a transaction that its server has left alone, so that rows do not stay locked when a machine is
/// cut off. What an address says itself comes later, and holds.
///
/// And has it use indexes only, which there are for all that is asked. Otherwise a plan that is made while a table is
/// small reads the whole of it, and is kept when it has grown. Nothing that is asked is worth compiling.
const OPTIONS: &str = "-c idle_in_transaction_session_timeout=15000 \
    -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";
/// How much later each server looks at a timer than the one before it.
const TIMER_SPREAD_MILLIS: u64 = 40;

/// The address of a PostgreSQL database: `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?…`.
///
/// Besides the parameters of libpq's addresses it takes `sslrootcert`, `pool_size`, `pool_wait_ms`, `timeout_ms`,
/// `isolation` and `timer_spread_ms`. It is shown without the user and the password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    config: Config,
    parameters: Parameters,
}

/// The parameters that are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameters {
    root_certificate: Option<PathBuf>,
    pool_size: u64,
    pool_wait_millis: u64,
    timeout_millis: u64,
    timer_spread_millis: u64,
    serializable: bool,
}

/// Why a text is no address of a database. The text itself is never repeated: there may be a password in it.
#[derive(Debug, thiserror::Error)]
pub enum PostgresUrlError {
    /// It does not begin as it should.
    #[error("the address of a database begins with `postgres://`")]
    Scheme,
    /// It names no host.
    #[error("the address of the database names no host")]
    NoHost,
    /// A parameter has a value that it cannot have.
    #[error("`{name}` must be {expected}")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// What it can be.
        expected: &'static str,
    },
    /// There is an `@` behind a `?`.
    #[error(
        "the address of the database cannot be understood: a `?` in a password is written `%3F`, and an `@` in a parameter `%40`"
    )]
    Unescaped,
    /// The rest cannot be understood.
    #[error("the address of the database cannot be understood")]
    Malformed(#[source] tokio_postgres::Error),
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            root_certificate: None,
            pool_size: POOL_SIZE,
            pool_wait_millis: POOL_WAIT_MILLIS,
            timeout_millis: TIMEOUT_MILLIS,
            timer_spread_millis: TIMER_SPREAD_MILLIS,
            serializable: false,
        }
    }
}

impl Parameters {
    /// Takes a parameter; false if it is none of ours.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, PostgresUrlError> {
        match name {
            "sslrootcert" => self.root_certificate = Some(decoded(value).into()),
            "pool_size" => self.pool_size = number("pool_size", value, 2)?,
            "pool_wait_ms" => self.pool_wait_millis = number("pool_wait_ms", value, 1)?,
            "timeout_ms" => self.timeout_millis = number("timeout_ms", value, 1)?,
            "timer_spread_ms" => self.timer_spread_millis = number("timer_spread_ms", value, 0)?,
            "isolation" => {
                self.serializable = match value {
                    "read-committed" => false,
                    "serializable" => true,
                    _ => {
                        let expected = "`read-committed` or `serializable`";
                        return Err(PostgresUrlError::Parameter {
                            name: "isolation",
                            expected,
                        });
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A number of at least `min` and at most ten minutes' milliseconds.
fn number(name: &'static str, value: &str, min: u64) -> Result<u64, PostgresUrlError> {
    let expected = match min {
        0 => "a number from 0 to 600000",
        1 => "a number from 1 to 600000",
        _ => "a number from 2 to 600000",
    };
    let number = value
        .parse()
        .ok()
        .filter(|number| (min..=600_000).contains(number));
    number.ok_or(PostgresUrlError::Parameter { name, expected })
}

fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(value)
        .decode_utf8_lossy()
        .into_owned()
}

/// What `sslmode` says: whether to speak TLS.
fn tls_mode(value: &str) -> Result<SslMode, PostgresUrlError> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "require" | "verify-full" => Ok(SslMode::Require),
        // Modes that may end up in the clear, or with a stranger, promise more than they keep.
        _ => Err(PostgresUrlError::Parameter {
            name: "sslmode",
            expected: "`disable`, `require` or `verify-full`",
        }),
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(PostgresUrlError::Scheme);
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        // What would be told as an unknown option may be the end of a password.
        if query.contains('@') {
            return Err(PostgresUrlError::Unescaped);
        }
        let mut parameters = Parameters::default();
        let mut mode = None;
        let mut theirs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name == "sslmode" {
                mode = Some(tls_mode(value)?);
            } else if !parameters.take(name, value)? {
                theirs.push(pair);
            }
        }
        let mut config: Config = format!("{base}?{}", theirs.join("&"))
            .parse()
            .map_err(PostgresUrlError::Malformed)?;
        if config.get_hosts().is_empty() {
            return Err(PostgresUrlError::NoHost);
        }
        complete(&mut config, mode);
        Ok(Self { config, parameters })
    }
}

/// Fills in what was not said.
fn complete(config: &mut Config, mode: Option<SslMode>) {
    let usual = if config.get_hosts().iter().all(is_local) {
        SslMode::Disable
    } else {
        SslMode::Require
    };
    config.ssl_mode(mode.unwrap_or(usual));
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    let options = config.get_options().unwrap_or_default();
    config.options(format!("{OPTIONS} {options}").trim_end());
    if config.get_application_name().is_none() {
        config.application_name("longrun");
    }
}

/// Whether what is said to this host stays on this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl PostgresUrl {
    /// What the client needs to know.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The authority that the database's certificate must come from, if it is not one of the public ones.
    pub(super) fn root_certificate(&self) -> Option<&PathBuf> {
        self.parameters.root_certificate.as_ref()
    }

    /// How many connections are kept at the most.
    pub(super) fn pool_size(&self) -> usize {
        usize::try_from(self.parameters.pool_size).unwrap_or(usize::MAX)
    }

    /// How long a call waits for a free connection.
    pub(super) fn pool_wait(&self) -> Duration {
        Duration::from_millis(self.parameters.pool_wait_millis)
    }

    /// How long the database may take for steps that are sent together.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.parameters.timeout_millis)
    }

    /// How much later each server looks at a timer than the one before it.
    pub(super) fn timer_spread_millis(&self) -> i64 {
        self.parameters.timer_spread_millis.cast_signed()
    }

    /// Whether transactions are serializable.
    pub(super) fn is_serializable(&self) -> bool {
        self.parameters.serializable
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("postgres://")?;
        let ports = self.config.get_ports();
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
            match host {
                Host::Tcp(name) => write!(formatter, "{comma}{name}:{port}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(formatter, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(formatter, "/{}", self.config.get_dbname().unwrap_or(""))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        for (text, expected) in [
            (
                "postgres://u:s3cret@db:6000/longrun?sslmode=verify-full&pool_size=4",
                Some("postgres://db:6000/longrun"),
            ),
            (
                "postgresql://u@a:1,b:2/d?target_session_attrs=read-write",
                Some("postgres://a:1,b:2/d"),
            ),
            (
                "postgres://u@localhost/d?isolation=serializable",
                Some("postgres://localhost:5432/d"),
            ),
            (
                "postgres:///d?host=/run/pg",
                Some("postgres:///run/pg:5432/d"),
            ),
            ("postgres:///d", None),
            ("postgres://u@db/d?sslmode=prefer", None),
            ("postgres://u@db/d?pool_size=1", None),
            ("postgres://u@db/d?timeout_ms=soon", None),
            ("postgres://u@db/d?isolation=none", None),
            ("postgres://u@db/d?colour=blue", None),
            ("postgres://u:s3cret@db:port/d", None),
            ("postgres://u:x?s3cret@db/d", None),
            ("mysql://u@db/d", None),
        ] {
            let parsed: Result<PostgresUrl, _> = text.parse();
            let shown = parsed.as_ref().map(ToString::to_string);
            assert_eq!(shown.as_deref().ok(), expected, "{text}");
            let told = format!(
                "{parsed:?} {}",
                parsed.as_ref().map_or_else(chain, |_| String::new())
            );
            assert!(!told.contains("s3cret"), "{told}");
        }
    }

    fn chain(error: &PostgresUrlError) -> String {
        let source = std::error::Error::source(error).map(ToString::to_string);
        format!("{error}: {source:?}")
    }

    /// Nothing goes over a network in the clear unless somebody says so.
    #[test]
    fn tls_is_usual_but_for_this_machine() {
        for (text, expected) in [
            ("postgres://u@db/d", SslMode::Require),
            ("postgres://u@127.0.0.1,db/d", SslMode::Require),
            ("postgres://u@127.0.0.1/d", SslMode::Disable),
            ("postgres://u@localhost/d?sslmode=require", SslMode::Require),
            ("postgres://u@db/d?sslmode=disable", SslMode::Disable),
        ] {
            let url: PostgresUrl = text.parse().unwrap();
            assert_eq!(url.config.get_ssl_mode(), expected, "{text}");
        }
    }
}
