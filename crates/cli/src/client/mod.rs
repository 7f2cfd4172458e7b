//! The native API, as this program calls it.

mod error;
pub(crate) mod wire;

pub(crate) use error::ClientError;
#[cfg(test)]
pub(crate) use error::Problem;

use crate::exit::UsageError;
use crate::settings::{self, Environment};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::time::Duration;

/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// How long to wait for an answer that needs no waiting.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How much longer than the server was asked to wait we wait for it to say so.
const SLACK: Duration = Duration::from_secs(10);

/// Which server is meant.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct ServerArgs {
    /// The server's address; the token stands in LONGRUN_TOKEN [env: LONGRUN_SERVER] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
}

impl ServerArgs {
    /// A client for it.
    pub(crate) fn client(&self, environment: Environment) -> Result<Client, UsageError> {
        let server = self
            .server
            .clone()
            .or_else(|| environment("LONGRUN_SERVER"));
        let server = server.unwrap_or_else(|| format!("http://{}", settings::usual_listen()));
        Client::new(&server, environment("LONGRUN_TOKEN"))
    }
}

/// A server and the right to ask it.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

/// What a server answered, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    server: String,
    status: u16,
    /// The JSON text.
    pub(crate) text: String,
}

impl Answer {
    /// What the text says.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_str(&self.text).map_err(|_| self.strange())
    }

    fn strange(&self) -> ClientError {
        ClientError::Strange {
            server: self.server.clone(),
            status: self.status,
        }
    }
}

impl Client {
    /// A client for the server with this address.
    pub(crate) fn new(server: &str, token: Option<String>) -> Result<Self, UsageError> {
        let url = reqwest::Url::parse(server).map_err(|error| {
            UsageError(format!("`{server}` is no address of a server: {error}"))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UsageError(format!(
                "`{server}` is no address of a server: it must begin with http:// or https://"
            )));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .user_agent(concat!("longrun/", env!("CARGO_PKG_VERSION")));
        if is_here(&url) {
            // No proxy elsewhere finds a server that listens on this machine only.
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| UsageError(format!("no client can be made: {error}")))?;
        Ok(Self {
            http,
            server: server.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Submits an operation.
    pub(crate) async fn submit(
        &self,
        submission: &wire::Submission,
        idempotency_key: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let mut request = self.request(Method::POST, "operations");
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(with_json(request, submission)?).await
    }

    /// Asks how an operation stands.
    pub(crate) async fn operation(&self, id: &str) -> Result<Answer, ClientError> {
        self.send(self.request(Method::GET, &operation(id))).await
    }

    /// Asks how an operation stands, once it is another version or so long has passed.
    pub(crate) async fn operation_within(
        &self,
        id: &str,
        wait: Duration,
        since: u64,
    ) -> Result<Answer, ClientError> {
        let request = self
            .request(Method::GET, &operation(id))
            .query(&[("since", since)])
            .header("Prefer", format!("wait={}", wait.as_secs()))
            .timeout(wait + SLACK);
        self.send(request).await
    }

    /// Asks for a page of operations.
    pub(crate) async fn operations(&self, query: &[(&str, String)]) -> Result<Answer, ClientError> {
        self.send(self.request(Method::GET, "operations").query(query))
            .await
    }

    /// Asks for a page of an operation's history.
    pub(crate) async fn events(&self, id: &str, after: u64) -> Result<Answer, ClientError> {
        let path = format!("{}/events", operation(id));
        self.send(self.request(Method::GET, &path).query(&[("after", after)]))
            .await
    }

    /// Asks for an operation to be cancelled.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Answer, ClientError> {
        self.send(self.request(Method::POST, &format!("{}:cancel", operation(id))))
            .await
    }

    /// Deletes an operation.
    pub(crate) async fn delete(&self, id: &str) -> Result<Answer, ClientError> {
        self.send(self.request(Method::DELETE, &operation(id)))
            .await
    }

    /// Takes operations to carry out.
    pub(crate) async fn lease(
        &self,
        wish: &wire::LeaseWish<'_>,
    ) -> Result<Vec<wire::Leased>, ClientError> {
        let request = self
            .request(Method::POST, "leases")
            .timeout(Duration::from_millis(wish.wait_ms) + SLACK);
        let leases: wire::Leases = self.send(with_json(request, wish)?).await?.read()?;
        Ok(leases.leases)
    }

    /// Keeps a lease.
    pub(crate) async fn heartbeat(
        &self,
        lease: &wire::LeaseName<'_>,
        patience: Duration,
    ) -> Result<wire::Beat, ClientError> {
        let body = wire::Heartbeat { leases: [lease] };
        let request = self
            .request(Method::POST, "leases:heartbeat")
            .timeout(patience);
        let answer = self.send(with_json(request, &body)?).await?;
        let mut beats: wire::Beats = answer.read()?;
        beats.leases.pop().ok_or_else(|| answer.strange())
    }

    /// Tells what became of resources.
    pub(crate) async fn report(
        &self,
        report: &wire::Report<'_>,
        patience: Duration,
    ) -> Result<wire::Reported, ClientError> {
        let body = wire::Reports { reports: [report] };
        let request = self
            .request(Method::POST, "leases:report")
            .timeout(patience);
        let answer = self.send(with_json(request, &body)?).await?;
        let mut reported: wire::ReportedAll = answer.read()?;
        reported.reports.pop().ok_or_else(|| answer.strange())
    }

    /// Makes a key.
    pub(crate) async fn add_key(&self, wish: &wire::KeyWish) -> Result<Answer, ClientError> {
        self.send(with_json(self.request(Method::POST, "keys"), wish)?)
            .await
    }

    /// Asks for the keys.
    pub(crate) async fn keys(&self) -> Result<Answer, ClientError> {
        self.send(self.request(Method::GET, "keys")).await
    }

    /// Switches a key off or on again.
    pub(crate) async fn switch_key(&self, id: &str, disabled: bool) -> Result<Answer, ClientError> {
        let verb = if disabled { "disable" } else { "enable" };
        self.send(self.request(Method::POST, &format!("keys/{}:{verb}", escaped(id))))
            .await
    }

    /// Forgets a key.
    pub(crate) async fn remove_key(&self, id: &str) -> Result<Answer, ClientError> {
        self.send(self.request(Method::DELETE, &format!("keys/{}", escaped(id))))
            .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}/api/v1/{path}", self.server))
            .timeout(PATIENCE);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, ClientError> {
        let unreachable = |error: reqwest::Error| ClientError::unreachable(&self.server, &error);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        let answer = Answer {
            server: self.server.clone(),
            status: status.as_u16(),
            text,
        };
        if status.is_success() {
            return Ok(answer);
        }
        Err(answer
            .read()
            .map_or_else(|_| answer.strange(), ClientError::Problem))
    }
}

/// Whether the address is one of this machine.
pub(crate) fn is_here(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn operation(id: &str) -> String {
    format!("operations/{}", escaped(id))
}

fn escaped(id: &str) -> String {
    utf8_percent_encode(id, PLAIN).to_string()
}

fn with_json(
    request: RequestBuilder,
    body: &impl Serialize,
) -> Result<RequestBuilder, ClientError> {
    let text = serde_json::to_vec(body).map_err(ClientError::Unwritable)?;
    Ok(request
        .header("Content-Type", "application/json")
        .body(text))
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
    fn ids_cannot_leave_their_place_in_the_path() {
        assert_eq!(
            operation("op-1/../keys?x#y"),
            "operations/op-1%2F..%2Fkeys%3Fx%23y"
        );
    }
}
