//! Alibaba BPStudio, both halves: requests that other people's clients signed, answers byte by byte, and the two halves
//! against each other.

mod anything;
mod bad_input;
mod golden;
mod known_answers;
mod loopback;
mod states;
mod submits;
mod tampered;

use crate::support::{ids, lent};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::{
    Call, Credential, Dialect, Endpoint, Fault, Format, Frame, Options, Question, Request, Signer,
    Target, find, named,
};
use longrun_model::Timestamp;
use serde_json::Value;

const NAME: &str = "alibaba-bpstudio";
const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/alibaba-bpstudio"
);
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const SECRET: &str = "FakeSecret0123456789abcdefghij";

fn dialect() -> &'static dyn Dialect {
    named(NAME).unwrap()
}

fn file(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn frame(format: Format) -> Frame<'static> {
    let action = "bpstudio:GetExecuteOperationResult";
    Frame {
        action: action.into(),
        question: Question::Poll,
        format,
        host: "bpstudio.cn-hangzhou.aliyuncs.com",
    }
}

/// A request that a test can keep and change.
#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn new(method: &Method, query: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let header = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        let headers = headers.iter().map(header).collect();
        Self {
            method: method.clone(),
            query: query.to_owned(),
            headers,
            body: body.into(),
        }
    }

    fn of_row(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap();
        let pair = |pair: &'_ Value| {
            (
                pair[0].as_str().unwrap().to_owned(),
                pair[1].as_str().unwrap().to_owned(),
            )
        };
        let headers: Vec<(String, String)> = row["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(pair)
            .collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Self::new(
            &text("method").parse().unwrap(),
            text("query"),
            &headers,
            text("body"),
        )
    }

    fn polled(target: &Target, session_token: Option<&str>, now: Timestamp, nonce: u128) -> Self {
        let credential = Credential::AccessKey {
            id: "LTAI5tFakeKeyForTests01".into(),
            secret: SECRET.into(),
            session_token: session_token.map(Into::into),
        };
        let endpoint = Endpoint {
            scheme: "http",
            authority: "127.0.0.1:18081",
        };
        let request = dialect()
            .poll(target, &Signer::new(&endpoint, &credential, now, nonce))
            .unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:18081/");
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            query: String::new(),
            headers: parts.headers,
            body,
        }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().unwrap());
    }

    fn add(&mut self, name: &'static str, value: &str) {
        self.headers.append(name, value.parse().unwrap());
    }

    fn remove(&mut self, name: &str) {
        self.headers.remove(name);
    }

    fn request(&self) -> Request<'_> {
        let Self {
            method,
            query,
            headers,
            body,
        } = self;
        Request {
            method,
            path: "/",
            query,
            headers,
            body,
        }
    }

    fn parsed(&self) -> Call<'_> {
        let request = self.request();
        assert_eq!(
            find(&request, &Options::default()).map(Dialect::name),
            Some(NAME),
            "{self:?}"
        );
        dialect().parse(&request, &Options::default())
    }

    /// What a server that holds `secret` says about the claim.
    fn verified(&self, secret: &str, now: Timestamp) -> Result<(), Fault> {
        let claim = self.parsed().claim?;
        let proof = claim.proof.expect("an access key needs a proof");
        dialect().verify(&proof, secret.as_bytes(), now)
    }
}

fn target(id: &str) -> Target<'_> {
    Target {
        id: id.into(),
        ..Target::default()
    }
}

/// The code that the answer to `fault` carries, and its message.
fn told(fault: &Fault) -> (String, String) {
    let reply = dialect().answer(&frame(Format::Json), &lent(&ids()), Err(fault));
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("Code"), text("Message"))
}
