//! The native API, as this program calls it: answers are kept as they came, so that they can be passed on.

pub(crate) mod wire;

#[cfg(test)]
pub(crate) use longrun_worker::Problem;
pub(crate) use longrun_worker::{Answer, ClientError};

use crate::environment::Environment;
use crate::settings;
use crate::usage::UsageError;
use longrun_worker::{Call, Verb, escaped};
use std::time::Duration;

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
pub(crate) struct Client(longrun_worker::Client);

impl Client {
    /// A client for the server with this address.
    pub(crate) fn new(server: &str, token: Option<String>) -> Result<Self, UsageError> {
        let client = longrun_worker::Client::new(server, token);
        client
            .map(Self)
            .map_err(|error| UsageError(error.to_string()))
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        self.0.server()
    }

    /// The same server and the same right, for a worker.
    pub(crate) fn of_worker(&self) -> longrun_worker::Client {
        self.0.clone()
    }

    /// Submits an operation.
    pub(crate) async fn submit(
        &self,
        submission: &wire::Submission,
        idempotency_key: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let mut call = self.call(Verb::Post, "operations");
        if let Some(key) = idempotency_key {
            call = call.header("Idempotency-Key", key);
        }
        call.json(submission)?.send().await
    }

    /// Asks how an operation stands.
    pub(crate) async fn operation(&self, id: &str) -> Result<Answer, ClientError> {
        self.call(Verb::Get, &operation(id)).send().await
    }

    /// Asks how an operation stands, once it is another version or so long has passed.
    pub(crate) async fn operation_within(
        &self,
        id: &str,
        wait: Duration,
        since: u64,
    ) -> Result<Answer, ClientError> {
        self.call(Verb::Get, &operation(id))
            .query(&[("since", since)])
            .header("Prefer", &format!("wait={}", wait.as_secs()))
            .patience(wait + SLACK)
            .send()
            .await
    }

    /// Asks for a page of operations.
    pub(crate) async fn operations(&self, query: &[(&str, String)]) -> Result<Answer, ClientError> {
        let call = self.call(Verb::Get, "operations");
        call.query(query).send().await
    }

    /// Asks for a page of an operation's history.
    pub(crate) async fn events(&self, id: &str, after: u64) -> Result<Answer, ClientError> {
        let call = self.call(Verb::Get, &format!("{}/events", operation(id)));
        call.query(&[("after", after)]).send().await
    }

    /// Asks for an operation to be cancelled.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Answer, ClientError> {
        let call = self.call(Verb::Post, &format!("{}:cancel", operation(id)));
        call.send().await
    }

    /// Deletes an operation.
    pub(crate) async fn delete(&self, id: &str) -> Result<Answer, ClientError> {
        self.call(Verb::Delete, &operation(id)).send().await
    }

    /// Does something to many operations, or counts them.
    pub(crate) async fn bulk(&self, bulk: &wire::Bulk) -> Result<Answer, ClientError> {
        let call = self.call(Verb::Post, "operations:bulk");
        call.json(bulk)?.send().await
    }

    /// Makes a key.
    pub(crate) async fn add_key(&self, wish: &wire::KeyWish) -> Result<Answer, ClientError> {
        self.call(Verb::Post, "keys").json(wish)?.send().await
    }

    /// Asks for the keys.
    pub(crate) async fn keys(&self) -> Result<Answer, ClientError> {
        self.call(Verb::Get, "keys").send().await
    }

    /// Switches a key off or on again.
    pub(crate) async fn switch_key(&self, id: &str, disabled: bool) -> Result<Answer, ClientError> {
        let verb = if disabled { "disable" } else { "enable" };
        let call = self.call(Verb::Post, &format!("keys/{}:{verb}", escaped(id)));
        call.send().await
    }

    /// Sets who logs in for a key, or that nobody does.
    pub(crate) async fn set_user(
        &self,
        id: &str,
        wish: Option<&wire::User>,
    ) -> Result<Answer, ClientError> {
        let path = |verb: &str| format!("keys/{}:{verb}", escaped(id));
        match wish {
            Some(wish) => {
                let call = self.call(Verb::Post, &path("password"));
                call.json(wish)?.send().await
            }
            None => self.call(Verb::Post, &path("no-password")).send().await,
        }
    }

    /// Forgets a key.
    pub(crate) async fn remove_key(&self, id: &str) -> Result<Answer, ClientError> {
        let call = self.call(Verb::Delete, &format!("keys/{}", escaped(id)));
        call.send().await
    }

    fn call(&self, verb: Verb, path: &str) -> Call<'_> {
        self.0.call(verb, path)
    }
}

fn operation(id: &str) -> String {
    format!("operations/{}", escaped(id))
}

/// What to do about an error, if that is not said by itself.
pub(crate) fn advice(error: &anyhow::Error, environment: Environment) -> Option<&'static str> {
    match error.downcast_ref() {
        Some(ClientError::Problem(problem)) if problem.status == 401 => {
            Some(match environment("LONGRUN_TOKEN") {
                None => {
                    "LONGRUN_TOKEN is not set: it holds the token of an access key, \
                     as `longrun serve --dev` and `longrun keys add` print it"
                }
                Some(_) => "no enabled key of this server has the token in LONGRUN_TOKEN",
            })
        }
        Some(
            ClientError::Problem(_)
            | ClientError::Unreachable { .. }
            | ClientError::Strange { .. }
            | ClientError::Unwritable(_),
        )
        | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_let_in_is_told_where_the_token_belongs() {
        let problem = |status| ClientError::Problem(Problem::with_status(status)).into();
        let errors: [(anyhow::Error, Option<&str>, Option<&str>); 4] = [
            (problem(401), None, Some("LONGRUN_TOKEN is not set")),
            (problem(401), Some("x"), Some("no enabled key")),
            (problem(403), None, None),
            (anyhow::anyhow!("anything else"), None, None),
        ];
        for (error, token, expected) in errors {
            let told = advice(&error, &|_| token.map(str::to_owned));
            let beginning = told.and_then(|it| it.get(..expected.map_or(0, str::len)));
            assert_eq!(beginning, expected, "{error} {token:?}");
        }
    }
}
