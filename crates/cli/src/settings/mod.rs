//! Settings: what was typed wins over the environment, which wins over the file, which wins over what is usual.

mod executor;
mod file;
mod upstream;

use crate::environment::{Environment, switch, variable};
use crate::usage::UsageError;
use longrun_dialects::{Action, Catalogue};
use longrun_model::StuckRule;
use longrun_server::{
    Dev, ExecutorSettings, KindSettings, MasterKey, Quota, Share, StoreUrl, TAKEOVER_MS_USUAL,
    TOKEN_MS_USUAL, Tls, Upstream,
};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is read when it is there and no other was named.
const USUAL_FILE: &str = "longrun.toml";
/// The store that is used when none was named.
const USUAL_STORE: &str = "longrun.db";
/// The port that is listened on when no address was named.
const USUAL_PORT: u16 = 8080;

/// What can be said in all three places. Nothing means that this place does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Layer {
    /// Where to listen [env: LONGRUN_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = place_to_listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where operations are kept: sqlite:PATH, postgres://… or memory: [env: LONGRUN_STORE] [default: sqlite:longrun.db]
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<StoreUrl>,
    /// The certificate to serve TLS with, as PEM [env: LONGRUN_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, as PEM [env: LONGRUN_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The file with the master key, 64 hexadecimal digits [env: LONGRUN_MASTER_KEY_FILE; LONGRUN_MASTER_KEY for the key itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// If there is no key at all, make one, and print it for every dialect as export lines; an emulator in memory always does [env: LONGRUN_DEV]
    #[arg(long, num_args = 0, default_missing_value = "true")]
    pub(crate) dev: Option<bool>,
    /// Write the log as JSON [env: LONGRUN_LOG_JSON; LONGRUN_LOG says how much of it]
    #[arg(long, num_args = 0, default_missing_value = "true")]
    pub(crate) log_json: Option<bool>,
    /// Hosts that clients may have signed although they connect to another one. Too many for a command line.
    #[arg(skip)]
    pub(crate) host_aliases: Option<Vec<String>>,
}

impl Layer {
    fn of_environment(environment: Environment) -> Result<Self, UsageError> {
        Ok(Self {
            listen: listen(environment)?,
            store: store(environment)?,
            tls_cert: variable(environment, "LONGRUN_TLS_CERT")?,
            tls_key: variable(environment, "LONGRUN_TLS_KEY")?,
            master_key_file: variable(environment, "LONGRUN_MASTER_KEY_FILE")?,
            dev: switch(environment, "LONGRUN_DEV")?,
            log_json: switch(environment, "LONGRUN_LOG_JSON")?,
            host_aliases: environment("LONGRUN_HOST_ALIASES").map(|hosts| {
                let hosts = hosts.split(',').map(|host| host.trim().to_owned());
                hosts.filter(|host| !host.is_empty()).collect()
            }),
        })
    }

    fn or(self, weaker: Self) -> Self {
        Self {
            listen: self.listen.or(weaker.listen),
            store: self.store.or(weaker.store),
            tls_cert: self.tls_cert.or(weaker.tls_cert),
            tls_key: self.tls_key.or(weaker.tls_key),
            master_key_file: self.master_key_file.or(weaker.master_key_file),
            dev: self.dev.or(weaker.dev),
            log_json: self.log_json.or(weaker.log_json),
            host_aliases: self.host_aliases.or(weaker.host_aliases),
        }
    }
}

/// What holds, after all places were asked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where operations are kept.
    pub(crate) store: StoreUrl,
    /// What to serve TLS with.
    pub(crate) tls: Option<Tls>,
    /// Hosts that clients may have signed although they connect to another one.
    pub(crate) host_aliases: Vec<String>,
    /// The actions that make operations, the user's own among them.
    pub(crate) catalogue: Arc<Catalogue>,
    /// What is special about some kinds of operation.
    pub(crate) kinds: HashMap<String, KindSettings>,
    /// Who carries out operations besides workers, by their kinds.
    pub(crate) executors: HashMap<String, ExecutorSettings>,
    /// What accounts may have of the workers.
    pub(crate) accounts: HashMap<String, Share>,
    /// How often keys may call.
    pub(crate) rates: HashMap<String, Quota>,
    /// From when on an operation counts as stuck.
    pub(crate) stuck: StuckRule,
    /// For how long a token of the identity service is good, in milliseconds.
    pub(crate) token_ms: i64,
    /// The clouds that tasks are followed in.
    pub(crate) upstreams: Vec<Upstream>,
    /// How long one of several servers may be silent before another one follows its tasks, in milliseconds.
    pub(crate) takeover_ms: i64,
    /// What secrets are sealed with, if it does not lie beside the store.
    pub(crate) master_key: Option<MasterKey>,
    /// The file that it lies in, if that was named.
    pub(crate) master_key_file: Option<PathBuf>,
    /// What the key for development is to be, if one shall be made.
    pub(crate) dev: Dev,
    /// Whether one shall be made if there is no key at all.
    pub(crate) is_dev: bool,
    /// Whether the log is JSON.
    pub(crate) log_json: bool,
}

impl Settings {
    /// Asks all places: `flags`, the environment, and the file that was named or lies in the current folder.
    pub(crate) fn read(
        flags: Layer,
        config: Option<&Path>,
        environment: Environment,
    ) -> Result<Self, UsageError> {
        let named = match config {
            Some(path) => Some(path.to_owned()),
            None => variable(environment, "LONGRUN_CONFIG")?,
        };
        let file = match named {
            Some(path) => file::read(&path)?,
            None if Path::new(USUAL_FILE).exists() => file::read(Path::new(USUAL_FILE))?,
            None => file::File::default(),
        };
        Self::merge(flags, environment, file)
    }

    fn merge(flags: Layer, environment: Environment, file: file::File) -> Result<Self, UsageError> {
        let weaker = Layer::of_environment(environment)?.or(file.layer());
        let chosen = flags.or(weaker);
        let mut executors = HashMap::new();
        let kind = |(name, mut kind): (String, file::Kind)| {
            let executor = kind.executor.0.take();
            executors.extend(executor.map(|executor| (name.clone(), executor)));
            (name, kind.into())
        };
        let kinds = file.kind.into_iter().map(kind).collect();
        Ok(Self {
            listen: chosen.listen.unwrap_or_else(usual_listen),
            store: chosen
                .store
                .unwrap_or_else(|| StoreUrl::Sqlite(USUAL_STORE.into())),
            tls: tls(chosen.tls_cert, chosen.tls_key)?,
            host_aliases: chosen.host_aliases.unwrap_or_default(),
            catalogue: catalogue(file.action),
            kinds,
            executors,
            accounts: file
                .account
                .into_iter()
                .map(|(name, share)| (name, share.into()))
                .collect(),
            rates: file
                .key
                .into_iter()
                .map(|(id, rate)| (id, rate.into()))
                .collect(),
            stuck: file.stuck.into(),
            token_ms: file.identity.token_ms.unwrap_or(TOKEN_MS_USUAL),
            upstreams: upstream::all(file.upstream, environment)?,
            takeover_ms: file.gateway.takeover_ms.unwrap_or(TAKEOVER_MS_USUAL),
            master_key: master_key(environment)?,
            master_key_file: chosen.master_key_file,
            dev: dev(environment)?,
            is_dev: chosen.dev.unwrap_or(false),
            log_json: chosen.log_json.unwrap_or(false),
        })
    }

    /// What secrets in the store are sealed with.
    pub(crate) fn master_key(&self) -> anyhow::Result<MasterKey> {
        if let Some(key) = &self.master_key {
            return Ok(key.clone());
        }
        if let Some(path) = &self.master_key_file {
            return Ok(MasterKey::load(path)?);
        }
        Ok(match &self.store {
            StoreUrl::Memory => MasterKey::random(),
            StoreUrl::Sqlite(path) => {
                let mut beside = path.clone().into_os_string();
                beside.push(".key");
                MasterKey::load_or_create(Path::new(&beside))?
            }
            // A key made here would lie on one machine, and the servers on others could not open what it sealed.
            StoreUrl::Postgres(_) => {
                let text = "a postgres:// store needs the master key that all its servers share: set \
                            LONGRUN_MASTER_KEY to 64 hexadecimal digits, or --master-key-file to a file with them";
                return Err(UsageError(text.to_owned()).into());
            }
        })
    }
}

/// The actions that are built in, and those of the file before them.
fn catalogue(own: Vec<Action>) -> Arc<Catalogue> {
    let mut catalogue = Catalogue::built_in();
    for action in own {
        Arc::make_mut(&mut catalogue).add(action);
    }
    catalogue
}

/// The address that is listened on when none was named.
pub(crate) fn usual_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT))
}

/// Where to listen, as people write it.
pub(crate) fn place_to_listen(text: &str) -> Result<SocketAddr, String> {
    let wrong = |_| "write an address and a port, for example 127.0.0.1:8080 or [::]:8080";
    text.parse().map_err(wrong).map_err(str::to_owned)
}

/// The value of `LONGRUN_LISTEN`.
fn listen(environment: Environment) -> Result<Option<SocketAddr>, UsageError> {
    let read = |text: String| {
        place_to_listen(&text)
            .map_err(|error| UsageError(format!("LONGRUN_LISTEN: `{text}`: {error}")))
    };
    environment("LONGRUN_LISTEN").map(read).transpose()
}

/// The value of `LONGRUN_STORE`. It is not repeated when it cannot be used: there may be a password in it.
fn store(environment: Environment) -> Result<Option<StoreUrl>, UsageError> {
    let read = |text: String| {
        text.parse()
            .map_err(|error| UsageError(format!("LONGRUN_STORE: {error}")))
    };
    environment("LONGRUN_STORE").map(read).transpose()
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Tls>, UsageError> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(Tls { certificate, key })),
        (Some(_), None) => Err(UsageError(
            "`tls_cert` needs `tls_key` beside it".to_owned(),
        )),
        (None, Some(_)) => Err(UsageError(
            "`tls_key` needs `tls_cert` beside it".to_owned(),
        )),
    }
}

fn master_key(environment: Environment) -> Result<Option<MasterKey>, UsageError> {
    // The text itself is never repeated: it is a secret, even if one digit is missing.
    let read = |text: String| {
        MasterKey::from_hex(&text)
            .map_err(|error| UsageError(format!("LONGRUN_MASTER_KEY: {error}")))
    };
    environment("LONGRUN_MASTER_KEY").map(read).transpose()
}

/// What the key for development shall be.
pub(crate) fn dev(environment: Environment) -> Result<Dev, UsageError> {
    let pair = |text: String| match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
            Ok((id.to_owned(), secret.to_owned()))
        }
        Some(_) | None => Err(UsageError("LONGRUN_DEV_KEY: write ID:SECRET".to_owned())),
    };
    Ok(Dev {
        key: environment("LONGRUN_DEV_KEY").map(pair).transpose()?,
        token: environment("LONGRUN_DEV_TOKEN"),
        password: environment("LONGRUN_DEV_PASSWORD"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        flags: &Layer,
        variables: &[(&str, &str)],
        text: &str,
    ) -> Result<Settings, UsageError> {
        let environment = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::merge(
            flags.clone(),
            &environment,
            file::parse("longrun.toml", text)?,
        )
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_what_is_usual() {
        let text = "listen = '127.0.0.1:3'\nstore = 'sqlite:file.db'";
        let variables = [
            ("LONGRUN_LISTEN", "127.0.0.1:2"),
            ("LONGRUN_STORE", "sqlite:env.db"),
        ];
        let flags = Layer {
            listen: Some("127.0.0.1:1".parse().unwrap()),
            store: Some("memory:".parse().unwrap()),
            ..Layer::default()
        };
        let none = Layer::default();
        for (flags, variables, text, listen, store) in [
            (&flags, &variables[..], text, "127.0.0.1:1", "memory:"),
            (&none, &variables[..], text, "127.0.0.1:2", "sqlite:env.db"),
            (
                &none,
                &variables[..1],
                text,
                "127.0.0.1:2",
                "sqlite:file.db",
            ),
            (&none, &[], text, "127.0.0.1:3", "sqlite:file.db"),
            (&none, &[], "", "127.0.0.1:8080", "sqlite:longrun.db"),
        ] {
            let settings = settings(flags, variables, text).unwrap();
            assert_eq!(settings.listen.to_string(), listen);
            assert_eq!(settings.store.to_string(), store);
        }
    }

    #[test]
    fn what_can_be_switched_on_can_be_so_everywhere() {
        let typed = Layer {
            dev: Some(true),
            log_json: Some(true),
            ..Layer::default()
        };
        let none = Layer::default();
        let variables = [
            ("LONGRUN_DEV", "true"),
            ("LONGRUN_LOG_JSON", "1"),
            ("LONGRUN_HOST_ALIASES", "a.example, b.example"),
        ];
        let off = [("LONGRUN_DEV", "0"), ("LONGRUN_LOG_JSON", "false")];
        let text = "dev = true\nlog_json = true\nhost_aliases = ['c.example']";
        let named: &[&str] = &["a.example", "b.example"];
        let in_file: &[&str] = &["c.example"];
        for (flags, variables, text, on, hosts) in [
            (&none, &[][..], "", false, &[][..]),
            (&typed, &off[..], "", true, &[]),
            (&none, &variables[..], "", true, named),
            (&none, &variables[..], text, true, named),
            (&none, &[], text, true, in_file),
            (&none, &off[..], text, false, in_file),
        ] {
            let settings = settings(flags, variables, text).unwrap();
            let found = (settings.is_dev, settings.log_json);
            assert_eq!(found, (on, on), "{flags:?} {variables:?} {text}");
            assert_eq!(settings.host_aliases, hosts, "{variables:?} {text}");
        }
    }

    #[test]
    fn half_of_tls_is_refused_wherever_it_stands() {
        let both = [("LONGRUN_TLS_CERT", "c.pem"), ("LONGRUN_TLS_KEY", "k.pem")];
        for (variables, text, expected) in [
            (&both[..0], "", Some(false)),
            (&both[..], "", Some(true)),
            (&both[..1], "tls_key = 'k.pem'", Some(true)),
            (&both[..1], "", None),
            (&both[1..], "", None),
        ] {
            let tls = settings(&Layer::default(), variables, text)
                .ok()
                .map(|it| it.tls.is_some());
            assert_eq!(tls, expected, "{variables:?} {text}");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named_and_secrets_are_not_repeated() {
        for (name, value, part) in [
            ("LONGRUN_LISTEN", "here", "LONGRUN_LISTEN: `here`: write"),
            (
                "LONGRUN_STORE",
                "longrun.db",
                "LONGRUN_STORE: this is no store",
            ),
            (
                "LONGRUN_STORE",
                "postgres://u:5ec4e7@h:port/d",
                "LONGRUN_STORE: the address",
            ),
            (
                "LONGRUN_DEV",
                "maybe",
                "LONGRUN_DEV: `maybe`: write true or false",
            ),
            ("LONGRUN_MASTER_KEY", "5ec4e7", "LONGRUN_MASTER_KEY: "),
            ("LONGRUN_DEV_KEY", "5ec4e7", "LONGRUN_DEV_KEY: "),
        ] {
            let error = settings(&Layer::default(), &[(name, value)], "")
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(part), "{error}");
            assert!(!error.contains("5ec4e7"), "{error}");
        }
    }

    /// A key that one server made by itself would be of no use to the others.
    #[test]
    fn a_database_needs_a_master_key_that_was_given() {
        let url = ("LONGRUN_STORE", "postgres://u@h/d");
        let digits = "00".repeat(32);
        for (variables, good) in [
            (vec![url], false),
            (vec![url, ("LONGRUN_MASTER_KEY", digits.as_str())], true),
            (
                vec![url, ("LONGRUN_MASTER_KEY_FILE", "/no/such/file")],
                false,
            ),
        ] {
            let settings = settings(&Layer::default(), &variables, "").unwrap();
            assert_eq!(settings.master_key().is_ok(), good, "{variables:?}");
        }
    }
}
