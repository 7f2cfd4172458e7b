//! The native API as a client sees it.

mod call;
mod error;
pub mod wire;

pub use call::{Answer, Call, Verb, escaped};
pub use error::{BadAddress, ClientError, Problem};

use crate::backoff::Backoff;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::{
    Beat, Beats, Filter, Held, HeldLease, LeaseWish, Leased, Leases, Operation, OperationPage,
    Report, Reported, ReportedAll, Reports, Submission,
};

/// The variable that names a file with authorities to trust beside the usual ones, as PEM.
const AUTHORITIES: &str = "SSL_CERT_FILE";
/// How long to wait for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How much longer than the server was asked to wait we wait for it to say so.
const SLACK: Duration = Duration::from_secs(10);
/// How long one call of a longer wait waits.
const WAIT_STEP: Duration = Duration::from_secs(30);
/// How long the server may be away before a wait is given up.
const ABSENCE_MAX: Duration = Duration::from_secs(60);
/// The pauses between tries to reach it.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A server and the right to ask it. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the server with this address. The authorities in the file that `SSL_CERT_FILE` names are trusted
    /// beside the usual ones.
    pub fn new(server: &str, token: Option<String>) -> Result<Self, BadAddress> {
        let bad = |reason: String| BadAddress {
            server: server.to_owned(),
            reason,
        };
        let example = "it must begin with http:// or https://, as in http://127.0.0.1:8080";
        if !server.contains("://") {
            return Err(bad(example.to_owned()));
        }
        let url = reqwest::Url::parse(server).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(example.to_owned()));
        }
        let trusted = authorities().map_err(bad)?;
        let mut builder = trusted
            .into_iter()
            .fold(
                reqwest::Client::builder(),
                reqwest::ClientBuilder::add_root_certificate,
            )
            .connect_timeout(CONNECT_PATIENCE)
            // The token is for this server and for no other that it may name.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("longrun/", env!("CARGO_PKG_VERSION")));
        if is_here(url.host_str().unwrap_or_default()) {
            // No proxy elsewhere finds a server that listens on this machine only.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            http,
            server: server.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// A call of the native API; `path` is what follows `/api/v1/`.
    pub fn call(&self, verb: Verb, path: &str) -> Call<'_> {
        Call::new(self, verb, path)
    }

    /// Submits an operation. The same idempotency key with the same submission gives the first operation again.
    pub async fn submit(
        &self,
        submission: &Submission,
        idempotency_key: Option<&str>,
    ) -> Result<Operation, ClientError> {
        let mut call = self.call(Verb::Post, "operations");
        if let Some(key) = idempotency_key {
            call = call.header("Idempotency-Key", key);
        }
        call.json(submission)?.send().await?.read()
    }

    /// Asks how an operation stands.
    pub async fn get(&self, id: &str) -> Result<Operation, ClientError> {
        self.call(Verb::Get, &operation(id)).send().await?.read()
    }

    /// Asks how an operation stands, once it has ended or so long has passed.
    ///
    /// It goes on asking while the server is away for a moment.
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<Operation, ClientError> {
        let until = Instant::now() + patience;
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        let mut heard_at = Instant::now();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.ended_within(id, left.min(WAIT_STEP)).await {
                Ok(seen) if seen.has_ended() || Instant::now() >= until => return Ok(seen),
                Ok(_) => {
                    heard_at = Instant::now();
                    backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
                }
                Err(error) if error.is_transient() && heard_at.elapsed() < ABSENCE_MAX => {
                    sleep(backoff.pause()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn ended_within(&self, id: &str, wait: Duration) -> Result<Operation, ClientError> {
        // The server counts whole seconds; asking for less than one would be asking not to wait.
        let wait_s = wait.as_millis().div_ceil(1_000);
        self.call(Verb::Get, &operation(id))
            .header("Prefer", &format!("wait={wait_s}"))
            .patience(wait + SLACK)
            .send()
            .await?
            .read()
    }

    /// Asks for a page of operations, the newest first.
    pub async fn list(&self, filter: &Filter) -> Result<OperationPage, ClientError> {
        self.call(Verb::Get, "operations")
            .query(&filter.query())
            .send()
            .await?
            .read()
    }

    /// Asks for an operation to be cancelled.
    pub async fn cancel(&self, id: &str) -> Result<Operation, ClientError> {
        let path = format!("{}:cancel", operation(id));
        self.call(Verb::Post, &path).send().await?.read()
    }

    /// Takes operations to carry out.
    pub async fn lease(&self, wish: &LeaseWish<'_>) -> Result<Vec<Leased>, ClientError> {
        let call = self
            .call(Verb::Post, "leases")
            .patience(Duration::from_millis(wish.wait_ms) + SLACK);
        let leases: Leases = call.json(wish)?.send().await?.read()?;
        Ok(leases.leases)
    }

    /// Keeps leases. The answers stand in the order of the leases.
    ///
    /// With a wait, the server answers when one of the operations is to be cancelled, or one of the leases is lost, or
    /// so long has passed.
    pub async fn heartbeat(
        &self,
        leases: &[HeldLease<'_>],
        wait: Duration,
        patience: Duration,
    ) -> Result<Vec<Beat>, ClientError> {
        let call = self.call(Verb::Post, "leases:heartbeat").patience(patience);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let answer = call.json(&Held { leases, wait_ms })?.send().await?;
        let beats: Beats = answer.read()?;
        complete(beats.leases, leases.len(), &answer)
    }

    /// Tells what became of operations and their resources. The answers stand in the order of the reports.
    pub async fn report(
        &self,
        reports: &[Report<'_>],
        patience: Duration,
    ) -> Result<Vec<Reported>, ClientError> {
        let call = self.call(Verb::Post, "leases:report").patience(patience);
        let answer = call.json(&Reports { reports })?.send().await?;
        let all: ReportedAll = answer.read()?;
        complete(all.reports, reports.len(), &answer)
    }
}

/// As many answers as there were questions, or none.
fn complete<T>(answers: Vec<T>, count: usize, answer: &Answer) -> Result<Vec<T>, ClientError> {
    if answers.len() == count {
        Ok(answers)
    } else {
        Err(answer.strange())
    }
}

/// The authorities of a user's own.
fn authorities() -> Result<Vec<reqwest::Certificate>, String> {
    let Some(path) = std::env::var_os(AUTHORITIES).filter(|path| !path.is_empty()) else {
        return Ok(Vec::new());
    };
    let wrong = |error: &dyn std::error::Error| {
        let path = path.display();
        format!("`{path}`, which {AUTHORITIES} names, cannot be used: {error}")
    };
    let text = std::fs::read(&path).map_err(|error| wrong(&error))?;
    reqwest::Certificate::from_pem_bundle(&text).map_err(|error| wrong(&error))
}

/// Whether a host is this machine.
pub fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn operation(id: &str) -> String {
    format!("operations/{}", escaped(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_addresses() {
        for (server, good) in [
            ("http://127.0.0.1:8080", true),
            ("https://longrun.example/", true),
            ("127.0.0.1:8080", false),
            ("localhost", false),
            ("ftp://h", false),
        ] {
            assert_eq!(Client::new(server, None).is_ok(), good, "{server}");
        }
    }

    #[test]
    fn this_machine_has_several_names() {
        for (host, here) in [
            ("localhost", true),
            ("127.3.2.1", true),
            ("[::1]", true),
            ("longrun.example", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_here(host), here, "{host}");
        }
    }
}
