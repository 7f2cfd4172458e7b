//! Requests that are wrong in every way we could think of, byte by byte over plain sockets. Each is answered in the
//! words of the API it was meant for, and after each the server is unharmed: it is the same process, nothing in it has
//! panicked, and a good request on a new connection is answered as ever.

mod alibaba;
mod huawei;
mod native;
mod no_http;
pub(crate) mod signed;
mod submits;
mod tencent;
mod tencent3;
pub(crate) mod wire;

use crate::api::Api;
use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program};
use longrun_dialects::{Credential, Endpoint, Signer, Target};
use longrun_model::Timestamp;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::{Answer, Message};

/// Somewhat more than a request in a dialect may have in its query or in its body.
const MORE_THAN_1_MIB: usize = 1024 * 1024 + 100;

/// A request, and what its answer tells.
struct Case {
    name: String,
    message: Message,
    expected: String,
}

fn case(name: impl Into<String>, message: Message, expected: impl Into<String>) -> Case {
    Case {
        name: name.into(),
        message,
        expected: expected.into(),
    }
}

/// A server with an operation that has ended well.
struct Server {
    program: Program,
    api: Api,
    operation: Value,
}

impl Server {
    async fn start() -> Self {
        let program = Program::start("memory:");
        let api = Api::new(&program);
        let operation = api.submit("bad-input", &["a"]).await;
        let lease = api.lease("bad-input").await;
        api.report(&lease, &[("a", "succeeded")], None).await;
        Self {
            program,
            api,
            operation,
        }
    }

    /// Where the server listens, as a `Host` header says it.
    fn host(&self) -> String {
        self.program.address.to_string()
    }

    fn text(&self, name: &str) -> String {
        self.operation[name].as_str().expect("it is a text").into()
    }

    /// Sends every request, and a good one after each. `tell` reads an answer.
    async fn check(
        &mut self,
        cases: Vec<Case>,
        tell: fn(&Answer) -> String,
        good: impl Fn() -> Case,
    ) {
        let mut failures = Vec::new();
        for Case {
            name,
            message,
            expected,
        } in cases
        {
            for (name, message, expected) in [(name, message, expected), {
                let good = good();
                (good.name, good.message, good.expected)
            }] {
                let answer = wire::exchange(self.program.address, &message).await;
                let told = answer.as_ref().map_or("no answer".to_owned(), tell);
                if told != expected {
                    failures.push(format!("{name}: {told}, not {expected}\n{answer:?}"));
                }
                self.program.check_unharmed(&name);
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    }
}

/// The server's clock is ours: both run on one machine.
#[expect(
    clippy::disallowed_methods,
    reason = "who signs needs the time, and a test from outside is its own edge"
)]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("it fits for ages"))
}

/// A poll as our own client half signs it.
pub(crate) fn poll(dialect: &str, host: &str, id: &str, now: Timestamp) -> Message {
    let dialect = longrun_dialects::named(dialect).expect("there is such a dialect");
    let target = Target {
        id: id.into(),
        project: Some(PROJECT.into()),
        ..Target::default()
    };
    let endpoint = Endpoint {
        scheme: "http",
        authority: host,
    };
    let credential = Credential::AccessKey {
        id: KEY_ID.into(),
        secret: KEY_SECRET.into(),
        session_token: None,
    };
    let nonce = fastrand::u128(..);
    let request = dialect.poll(&target, &Signer::new(&endpoint, &credential, now, nonce));
    Message::of(&request.expect("the poll can be written"))
}
