//! A client of the native API, as small as the tests need it.

use crate::program::{Program, TOKEN};
use crate::waiting::eventually;
use reqwest::{Certificate, Client, Method, Response};
use serde_json::{Value, json};

/// Somebody who calls the native API.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    url: String,
    token: String,
}

impl Api {
    /// With the token of the tests.
    pub(crate) fn new(program: &Program) -> Self {
        Self {
            client: Client::new(),
            url: program.url(),
            token: TOKEN.to_owned(),
        }
    }

    /// The same over TLS, trusting one authority.
    pub(crate) fn over_tls(program: &Program, authority_pem: &str) -> Self {
        let authority = Certificate::from_pem(authority_pem.as_bytes()).expect("it is PEM");
        Self {
            client: Client::builder()
                .tls_built_in_root_certs(false)
                .add_root_certificate(authority)
                .build()
                .expect("the certificate is good"),
            url: format!("https://{}", program.address),
            token: TOKEN.to_owned(),
        }
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Sends a request and hands back whatever comes.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Response> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await
    }

    /// Sends a request that is to succeed.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let response = self
            .send(method, path, body)
            .await
            .expect("the server answers");
        let (status, text) = (
            response.status(),
            response.text().await.expect("the answer has a body"),
        );
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Submits an operation on resources of which only the ids matter.
    pub(crate) async fn submit(&self, kind: &str, resources: &[&str]) -> Value {
        let resources: Vec<_> = resources.iter().map(|id| json!({ "id": id })).collect();
        self.submit_as(&json!({ "kind": kind, "resources": resources }))
            .await
    }

    /// Submits an operation.
    pub(crate) async fn submit_as(&self, submission: &Value) -> Value {
        self.call(Method::POST, "/api/v1/operations", Some(submission))
            .await
    }

    /// Submits an operation under an idempotency key, and hands back whatever comes.
    pub(crate) async fn submit_under(
        &self,
        key: &str,
        submission: &Value,
    ) -> reqwest::Result<Response> {
        self.client
            .post(format!("{}/api/v1/operations", self.url))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", key)
            .json(submission)
            .send()
            .await
    }

    /// The operation with this id.
    pub(crate) async fn get(&self, id: &str) -> Value {
        self.call(Method::GET, &format!("/api/v1/operations/{id}"), None)
            .await
    }

    /// The operation once it has ended, or as it is after so many seconds; whatever comes.
    pub(crate) async fn get_within(&self, id: &str, seconds: u32) -> reqwest::Result<Response> {
        self.client
            .get(format!("{}/api/v1/operations/{id}", self.url))
            .bearer_auth(&self.token)
            .header("Prefer", format!("wait={seconds}"))
            .send()
            .await
    }

    /// The operation as soon as it is as wanted.
    pub(crate) async fn get_when(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(id, async || {
            Some(self.get(id).await).filter(|operation| wanted(operation))
        })
        .await
    }

    /// Takes one operation of this kind.
    pub(crate) async fn lease(&self, kind: &str) -> Value {
        let body = json!({ "kinds": [kind], "max": 1, "lease_ms": 600_000, "worker": "tests" });
        let answer = self.call(Method::POST, "/api/v1/leases", Some(&body)).await;
        assert_eq!(
            answer["leases"].as_array().map(Vec::len),
            Some(1),
            "{kind}: {answer}"
        );
        answer["leases"][0].clone()
    }

    /// Reports on a lease: `(resource, status)` and, if it is to end, how.
    pub(crate) async fn report(
        &self,
        lease: &Value,
        results: &[(&str, &str)],
        finish: Option<Value>,
    ) -> Value {
        let results: Vec<_> = results
            .iter()
            .map(|(id, status)| result(id, status))
            .collect();
        let report = json!({
            "id": lease["operation"]["id"], "fence": lease["fence"], "resources": results, "finish": finish,
        });
        let answer = self
            .call(
                Method::POST,
                "/api/v1/leases:report",
                Some(&json!({ "reports": [report] })),
            )
            .await;
        assert_eq!(answer["reports"][0]["accepted"], json!(true), "{answer}");
        answer["reports"][0].clone()
    }

    /// Asks for the operation with this id to be cancelled.
    pub(crate) async fn cancel(&self, id: &str) -> Value {
        let path = format!("/api/v1/operations/{id}:cancel");
        self.call(Method::POST, &path, None).await
    }

    /// Deletes the operation with this id.
    pub(crate) async fn delete(&self, id: &str) {
        let path = format!("/api/v1/operations/{id}");
        self.call(Method::DELETE, &path, None).await;
    }

    /// Makes an access key.
    pub(crate) async fn add_key(&self, wish: &Value) -> Value {
        self.call(Method::POST, "/api/v1/keys", Some(wish)).await
    }
}

fn result(id: &str, status: &str) -> Value {
    match status {
        "failed" => {
            json!({ "id": id, "status": status, "error": { "code": "DiskFull", "message": "no space is left" } })
        }
        "succeeded" => json!({ "id": id, "status": status, "output": { "ok": true } }),
        _ => json!({ "id": id, "status": status }),
    }
}
