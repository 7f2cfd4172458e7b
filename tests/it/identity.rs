//! The identity service: a token for a password, what it is good for, when it ends, and who is refused.

mod clients;
mod refusals;
mod tokens;

use crate::api::Api;
use crate::program::{KEY_ID, PROJECT, Program};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// The password of the tests' user.
const PASSWORD: &str = "correct horse battery staple";
/// Its name, and that of its account.
const NAME: &str = "dev";
/// What its project is called.
const REGION: &str = "eu-de";

/// Somebody who calls the identity service.
struct Caller {
    client: Client,
    url: String,
}

/// What came back.
struct Told {
    status: u16,
    token: Option<String>,
    body: Value,
}

impl Caller {
    /// Gives the key of the tests a user with a password that the tests know.
    async fn new(program: &Program) -> Self {
        let body = json!({ "password": PASSWORD });
        let path = format!("/api/v1/keys/{KEY_ID}:password");
        let set = Api::new(program)
            .call(Method::POST, &path, Some(&body))
            .await;
        assert_eq!(
            set,
            json!({ "id": KEY_ID, "user": NAME, "password": PASSWORD })
        );
        Self::of(program)
    }

    /// Takes the user as it is.
    fn of(program: &Program) -> Self {
        Self {
            client: Client::new(),
            url: program.url(),
        }
    }

    async fn post(&self, body: &Value) -> Told {
        let sent = self.client.post(format!("{}/v3/auth/tokens", self.url));
        Told::read(sent.json(body).send().await).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Told {
        let mut request = self.client.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Told::read(request.send().await).await
    }

    /// A token for the project of the tests.
    async fn token(&self) -> String {
        let told = self.post(&login(PASSWORD, &project())).await;
        assert_eq!(told.status, 201, "{}", told.body);
        told.token.expect("a new token stands in a header")
    }

    /// What a job query with this token is answered, in one line.
    async fn poll(&self, token: &str, job: &str) -> String {
        let path = format!("/v1.0/{PROJECT}/jobs/{job}");
        self.get(&path, &[("X-Auth-Token", token)]).await.line()
    }
}

impl Told {
    async fn read(response: reqwest::Result<Response>) -> Self {
        let response = response.expect("the server answers");
        let token = response.headers().get("x-subject-token");
        let token = token.map(|token| token.to_str().expect("it is text").to_owned());
        Self {
            status: response.status().as_u16(),
            token,
            body: response.json().await.unwrap_or_default(),
        }
    }

    /// The status of HTTP, and the code or the message, or the status of a job.
    fn line(&self) -> String {
        let body = &self.body;
        let words = [&body["error_code"], &body["error"]["code"], &body["status"]];
        let word = words.into_iter().find(|word| !word.is_null());
        let word = word.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!("{} {}", self.status, word.trim_matches('"'))
    }

    fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

/// A wish for a token for the user of the tests.
fn login(password: &str, scope: &Value) -> Value {
    let user = json!({ "name": NAME, "domain": { "name": NAME }, "password": password });
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    json!({ "auth": { "identity": identity, "scope": scope } })
}

fn project() -> Value {
    json!({ "project": { "id": PROJECT } })
}

async fn job(program: &Program) -> String {
    let operation = Api::new(program).submit("createLoadBalancer", &["a"]).await;
    operation["job_id"]
        .as_str()
        .expect("it is a text")
        .to_owned()
}
