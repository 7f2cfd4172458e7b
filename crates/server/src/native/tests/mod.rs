//! The native API, called as a client would, without sockets.

mod access;
mod bulk;
mod calls;
mod idempotency;
mod keys;
mod live;
mod openapi;
mod problems;
mod waits;
mod workers;

use super::router;
use crate::app::App;
use crate::identity::Identity;
use crate::keys::{KeyRing, KeyWish, make};
use crate::lockout::Lockouts;
use crate::rates::Rates;
use crate::replay::Replays;
use crate::{KindSettings, MasterKey, SystemClock, TOKEN_MS_USUAL};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use longrun_dialects::Options;
use longrun_engine::{Clock, Engine};
use longrun_model::{Ids, MixedEnd, Retry, RetryScope, StuckRule};
use longrun_store::MemoryStore;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tower::ServiceExt;

/// A server without sockets, and a token of account `acme` that may do everything in it.
struct Bench {
    app: Arc<App>,
    router: Router,
    token: String,
}

/// What a call was answered.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

/// A call that is being put together.
struct Call<'b> {
    bench: &'b Bench,
    token: Option<&'b str>,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Bench {
    async fn new() -> Self {
        let special = KindSettings {
            mixed_end: MixedEnd::Succeeded,
            retention_ms: Some(1_000),
            deadline_ms: Some(60_000),
            ..KindSettings::default()
        };
        let patient = KindSettings {
            retry: Some(Arc::new(Retry {
                attempts_max: 2,
                pause_first_millis: 0,
                pause_max_millis: 0,
                codes: vec!["Busy".into()],
                scope: RetryScope::Failed,
            })),
            ..KindSettings::default()
        };
        let app = Arc::new(App {
            gateway: crate::gateway::Gateway::new(
                Vec::new(),
                60_000,
                longrun_model::Timestamp::default(),
            )
            .0,
            engine: Arc::new(Engine::start(
                Arc::new(MemoryStore::default()),
                Arc::new(SystemClock),
            )),
            ids: Ids::new([7; 16]),
            keys: KeyRing::default(),
            replays: Replays::default(),
            key_lockouts: Lockouts::default(),
            shelves: crate::shelves::Shelves::default(),
            rates: Rates::new(HashMap::new()),
            identity: Identity::new(TOKEN_MS_USUAL),
            master_key: MasterKey::random(),
            dialects: Options::default(),
            kinds: HashMap::from([
                ("special".to_owned(), special),
                ("patient".to_owned(), patient),
            ]),
            stuck: StuckRule {
                queued_millis: 0,
                silent_millis: 60_000,
                attempts: 2,
            },
            interference: None,
            draining: AtomicBool::new(false),
            secure: false,
        });
        let router = router(Arc::clone(&app), Router::new());
        let mut bench = Self {
            app,
            router,
            token: String::new(),
        };
        bench.token = bench.key("acme", &["p1"], None).await;
        bench
    }

    /// Makes a key and gives its token.
    async fn key(&self, account: &str, projects: &[&str], policy: Option<&str>) -> String {
        let wish = KeyWish {
            account: Some(account.to_owned()),
            projects: projects
                .iter()
                .map(|project| (*project).to_owned())
                .collect(),
            policy: policy.map(str::to_owned),
            ..KeyWish::default()
        };
        let (new, access_key) = make(wish, &self.app.master_key, SystemClock.now()).unwrap();
        self.app
            .engine
            .put_access_key(access_key.clone())
            .await
            .unwrap();
        self.app.keys.put(&access_key, &self.app.master_key);
        new.token
    }

    /// A key with a policy of one statement that allows.
    async fn key_that_may(&self, statement: &str) -> String {
        let policy = format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow",{statement}}}]}}"#);
        self.key("acme", &["p1"], Some(&policy)).await
    }

    fn call(&self, method: &'static str, path: impl Into<String>) -> Call<'_> {
        let token = Some(self.token.as_str());
        Call {
            bench: self,
            token,
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call("GET", path)
    }

    fn post(&self, path: impl Into<String>, body: &Value) -> Call<'_> {
        self.call("POST", path).body(body.to_string())
    }

    /// Submits an operation and gives its id.
    async fn submit(&self, body: Value) -> String {
        let answer = self.post("/api/v1/operations", &body).send().await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.text_at("/id")
    }

    /// Leases the next operation of `kind` and gives its id and its fence.
    async fn lease(&self, kind: &str) -> (String, u64) {
        let answer = self
            .post("/api/v1/leases", &json!({"kinds": [kind]}))
            .send()
            .await;
        let lease = &answer.json()["leases"][0];
        (
            lease["operation"]["id"].as_str().unwrap().to_owned(),
            lease["fence"].as_u64().unwrap(),
        )
    }

    /// Sends one report and gives what was answered to it.
    async fn report(&self, report: Value) -> Value {
        let answer = self
            .post("/api/v1/leases:report", &json!({"reports": [report]}))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["reports"][0].clone()
    }

    /// Submits an operation of `kind` without resources and carries it out.
    async fn finished(&self, kind: &str) -> String {
        let id = self.submit(json!({"kind": kind})).await;
        let (leased, fence) = self.lease(kind).await;
        assert_eq!(leased, id);
        self.report(json!({"id": id, "fence": fence, "finish": {"status": "succeeded"}}))
            .await;
        id
    }
}

impl<'b> Call<'b> {
    fn token(mut self, token: &'b str) -> Self {
        self.token = Some(token);
        self
    }

    fn anonymous(mut self) -> Self {
        self.token = None;
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        let response = self.bench.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            text,
        }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn at(&self, pointer: &str) -> Value {
        self.json()
            .pointer(pointer)
            .cloned()
            .unwrap_or_else(|| panic!("{pointer}: {}", self.text))
    }

    fn text_at(&self, pointer: &str) -> String {
        self.at(pointer)
            .as_str()
            .unwrap_or_else(|| panic!("{pointer}: {}", self.text))
            .to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The type of the problem that it is, after checking that it is a whole one.
    fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.at("/status"), self.status.as_u16());
        assert!(!self.text_at("/title").is_empty() && !self.text_at("/detail").is_empty());
        let name = self.text_at("/type");
        (
            self.status.as_u16(),
            name.strip_prefix("urn:longrun:problem:")
                .unwrap()
                .to_owned(),
        )
    }
}
