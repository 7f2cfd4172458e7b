//! A single call, from its path to its answer.

use super::{Client, ClientError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// How long to wait for an answer that needs no waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Asking.
    Get,
    /// Telling.
    Post,
    /// Removing.
    Delete,
}

/// A call that is not sent yet, for what the client has no method of its own for.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'c> {
    client: &'c Client,
    request: RequestBuilder,
}

impl<'c> Call<'c> {
    pub(super) fn new(client: &'c Client, verb: Verb, path: &str) -> Self {
        let method = match verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Delete => Method::DELETE,
        };
        let url = format!("{}/api/v1/{path}", client.server);
        let mut request = client.http.request(method, url).timeout(PATIENCE);
        if let Some(token) = &client.token {
            request = request.bearer_auth(token);
        }
        Self { client, request }
    }

    /// With these parameters.
    pub fn query<T: Serialize>(self, query: &[(&str, T)]) -> Self {
        self.with(|request| request.query(query))
    }

    /// With a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// With this as the body.
    pub fn json(self, body: &impl Serialize) -> Result<Self, ClientError> {
        let text = serde_json::to_vec(body).map_err(ClientError::Unwritable)?;
        Ok(self
            .header("Content-Type", "application/json")
            .with(|request| request.body(text)))
    }

    /// Given up after so long; without this, after half a minute.
    pub fn patience(self, patience: Duration) -> Self {
        self.with(|request| request.timeout(patience))
    }

    /// Sends it. An answer that is no success is an error.
    pub async fn send(self) -> Result<Answer, ClientError> {
        let server = &self.client.server;
        let unreachable = |error: reqwest::Error| ClientError::unreachable(server, &error);
        let response = self.request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        let answer = Answer {
            server: server.clone(),
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

    fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: change(self.request),
            ..self
        }
    }
}

/// What a server answered, as it came.
#[derive(Debug)]
pub struct Answer {
    server: String,
    status: u16,
    /// The JSON text.
    pub text: String,
}

impl Answer {
    /// What the text says.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_str(&self.text).map_err(|_| self.strange())
    }

    pub(super) fn strange(&self) -> ClientError {
        ClientError::Strange {
            server: self.server.clone(),
            status: self.status,
        }
    }
}

/// An id as it stands in a path: it cannot leave its place there.
pub fn escaped(id: &str) -> String {
    utf8_percent_encode(id, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_the_path() {
        assert_eq!(escaped("op-1/../keys?x#y"), "op-1%2F..%2Fkeys%3Fx%23y");
    }
}
