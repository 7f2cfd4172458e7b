//! The native API: problems in JSON, told by their type.

use super::wire::{self, Answer, Message};
use super::{Case, Server, case};
use crate::program::TOKEN;
use serde_json::Value;

/// Somewhat more than a request to the native API may have in its body.
const MORE_THAN_16_MIB: usize = 16 * 1024 * 1024 + 100;

/// Whoever asks.
struct Caller {
    host: String,
    /// An operation that has ended.
    ended: String,
    /// An operation that has not.
    queued: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_native_calls_are_told_their_problem() {
    let mut server = Server::start().await;
    let queued = server.api.submit("queued", &["a"]).await;
    let caller = Caller {
        host: server.host(),
        ended: server.text("id"),
        queued: queued["id"].as_str().expect("it is a text").to_owned(),
    };
    let cases = [
        caller.credentials(),
        caller.submissions(),
        caller.bodies(),
        caller.queries(),
        caller.ends(),
        caller.leases(),
    ];
    let path = format!("/api/v1/operations/{}", caller.ended);
    let good = || case("a good call", caller.get(&path), "200");
    server
        .check(cases.into_iter().flatten().collect(), told, good)
        .await;
}

/// The status of HTTP, and the problem.
fn told(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let problem = body["type"]
        .as_str()
        .and_then(|name| name.strip_prefix("urn:longrun:problem:"));
    let as_problem = answer.head.contains("application/problem+json");
    match problem {
        Some(name) if as_problem && body["status"] == answer.status => {
            format!("{} {name}", answer.status)
        }
        Some(name) => format!("{} {name}, of another type or status", answer.status),
        None => answer.status.to_string(),
    }
}

const OPERATIONS: &str = "/api/v1/operations";

impl Caller {
    fn to(&self, method: &str, target: &str) -> Message {
        Message::new(method, target, &self.host).header("Authorization", &format!("Bearer {TOKEN}"))
    }

    fn get(&self, target: &str) -> Message {
        self.to("GET", target)
    }

    fn post(&self, target: &str, body: &str) -> Message {
        self.to("POST", target)
            .header("Content-Type", "application/json")
            .body(body.as_bytes())
    }

    fn credentials(&self) -> Vec<Case> {
        let bare = || Message::new("GET", OPERATIONS, &self.host);
        let basic = bare().header("Authorization", "Basic eDp5");
        let unknown = bare().header("Authorization", "Bearer nobody's");
        vec![
            case("no token", bare(), "401 unauthenticated"),
            case("another scheme", basic, "401 unauthenticated"),
            case("an unknown token", unknown, "401 unauthenticated"),
            case(
                "an unknown path",
                self.get("/api/v1/weather"),
                "404 not-found",
            ),
            case(
                "another version",
                self.get("/api/v2/operations"),
                "404 not-found",
            ),
            case(
                "another method",
                self.to("PUT", OPERATIONS),
                "405 method-not-allowed",
            ),
            case(
                "an invented method",
                self.to("BREW", OPERATIONS),
                "405 method-not-allowed",
            ),
        ]
    }

    fn submissions(&self) -> Vec<Case> {
        let deep = format!(
            r#"{{"kind":"a","input":{}1{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        let long = format!(r#"{{"kind":"a","input":"{}"}}"#, "x".repeat(64 * 1024));
        let long_kind = format!(r#"{{"kind":"{}"}}"#, "x".repeat(257));
        let cases = [
            ("nothing", "", "400 malformed"),
            ("no JSON", "kind=a", "400 malformed"),
            ("half of it", r#"{"kind":"a""#, "400 malformed"),
            ("a list", "[]", "400 malformed"),
            ("no kind", "{}", "400 malformed"),
            ("a number for a kind", r#"{"kind":5}"#, "400 malformed"),
            ("an empty kind", r#"{"kind":""}"#, "400 invalid"),
            ("a long kind", &long_kind, "400 invalid"),
            (
                "a text for resources",
                r#"{"kind":"a","resources":"b"}"#,
                "400 malformed",
            ),
            (
                "a resource without an id",
                r#"{"kind":"a","resources":[{}]}"#,
                "400 malformed",
            ),
            (
                "an empty resource id",
                r#"{"kind":"a","resources":[{"id":""}]}"#,
                "400 invalid",
            ),
            (
                "a resource twice",
                r#"{"kind":"a","resources":[{"id":"b"},{"id":"b"}]}"#,
                "400 invalid",
            ),
            (
                "a high priority",
                r#"{"kind":"a","priority":10}"#,
                "400 invalid",
            ),
            (
                "a negative priority",
                r#"{"kind":"a","priority":-1}"#,
                "400 invalid",
            ),
            (
                "a deadline of 2^64",
                r#"{"kind":"a","deadline_ms":18446744073709551616}"#,
                "400 malformed",
            ),
            (
                "a negative retention",
                r#"{"kind":"a","retention_ms":-1}"#,
                "400 invalid",
            ),
            ("a long input", &long, "400 invalid"),
            ("a deep input", &deep, "400 malformed"),
        ];
        cases
            .into_iter()
            .map(|(name, body, expected)| case(name, self.post(OPERATIONS, body), expected))
            .collect()
    }

    fn bodies(&self) -> Vec<Case> {
        let typed = |content_type: &str| {
            self.to("POST", OPERATIONS)
                .header("Content-Type", content_type)
        };
        let good = r#"{"kind":"bodies"}"#;
        let json = || typed("application/json");
        let too_large = "x".repeat(MORE_THAN_16_MIB);
        let header = |bytes| {
            self.post(OPERATIONS, good)
                .header("x-padding", &"x".repeat(bytes))
        };
        vec![
            case(
                "a form",
                typed(wire::FORM).body(good.as_bytes()),
                "415 unsupported-media-type",
            ),
            case(
                "a text",
                typed("text/plain").body(good.as_bytes()),
                "415 unsupported-media-type",
            ),
            case(
                "no UTF-8",
                json().body(b"{\"kind\":\"\xff\"}"),
                "400 malformed",
            ),
            case(
                "a body that ends early",
                json().truncated(good.as_bytes()),
                "400 malformed",
            ),
            case(
                "a body in chunks",
                json().chunks(&wire::in_chunks(good)),
                "202",
            ),
            case(
                "chunks that end early",
                json().chunks("5\r\nabc").cut(),
                "400 malformed",
            ),
            case(
                "chunks without lengths",
                json().chunks("zz\r\nabc\r\n0\r\n\r\n"),
                "400 malformed",
            ),
            case(
                "a body that is too large",
                json().body(too_large.as_bytes()),
                "413 too-large",
            ),
            case(
                "a query that is too long",
                self.get(&format!("{OPERATIONS}?kind={}", "x".repeat(1 << 20))),
                "413 too-large",
            ),
            case("a header of 200 KB", header(200_000), "202"),
            case("a header of 1 MB", header(1_000_000), "413 too-large"),
        ]
    }

    fn queries(&self) -> Vec<Case> {
        [
            ("page_size=abc", "400 malformed"),
            ("page_size=-1", "400 malformed"),
            ("page_size=18446744073709551616", "400 malformed"),
            ("page_size=0", "400 invalid"),
            ("page_size=1001", "400 invalid"),
            ("page_token=abc", "400 malformed"),
            ("status=done", "400 malformed"),
            ("label=novalue", "400 malformed"),
            ("created_after=yesterday", "400 malformed"),
            ("kind=%ff", "400 malformed"),
            ("kind=%zz", "400 malformed"),
        ]
        .into_iter()
        .map(|(query, expected)| case(query, self.get(&format!("{OPERATIONS}?{query}")), expected))
        .collect()
    }

    fn ends(&self) -> Vec<Case> {
        let one = |id: &str| format!("{OPERATIONS}/{id}");
        let (ended, queued) = (one(&self.ended), one(&self.queued));
        vec![
            case(
                "an id that can be none",
                self.get(&one("abc")),
                "404 not-found",
            ),
            case(
                "an id of nobody",
                self.get(&one(&format!("op-{}", "f".repeat(32)))),
                "404 not-found",
            ),
            case(
                "to cancel what has ended",
                self.to("POST", &format!("{ended}:cancel")),
                "409 ended",
            ),
            case(
                "to delete what has not",
                self.to("DELETE", &queued),
                "409 not-ended",
            ),
            case(
                "another verb",
                self.to("POST", &format!("{ended}:explode")),
                "404 not-found",
            ),
            case(
                "events after nothing",
                self.get(&format!("{ended}/events?after=x")),
                "400 malformed",
            ),
            case(
                "resources in no state",
                self.get(&format!("{ended}/resources?status=x")),
                "400 malformed",
            ),
        ]
    }

    fn leases(&self) -> Vec<Case> {
        let deep = format!(
            r#"{{"reports":{}{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        let cases = [
            ("/api/v1/leases", "{}", "400 malformed"),
            ("/api/v1/leases", r#"{"kinds":[]}"#, "400 invalid"),
            (
                "/api/v1/leases",
                r#"{"kinds":["a"],"max":-1}"#,
                "400 malformed",
            ),
            (
                "/api/v1/leases",
                r#"{"kinds":["a"],"lease_ms":0}"#,
                "400 invalid",
            ),
            (
                "/api/v1/leases",
                r#"{"kinds":["a"],"wait_ms":"long"}"#,
                "400 malformed",
            ),
            (
                "/api/v1/leases:heartbeat",
                r#"{"leases":5}"#,
                "400 malformed",
            ),
            ("/api/v1/leases:report", r#"{"reports":5}"#, "400 malformed"),
            // A report is refused by itself, so that it does not take the others with it.
            ("/api/v1/leases:report", r#"{"reports":[{}]}"#, "200"),
            ("/api/v1/leases:report", &deep, "200"),
            ("/api/v1/keys", r#"{"id":""}"#, "400 invalid"),
            (
                "/api/v1/keys",
                r#"{"policy":{"Version":"7"}}"#,
                "400 invalid",
            ),
            (
                "/api/v1/keys",
                r#"{"account":"somebody-else"}"#,
                "403 forbidden",
            ),
        ];
        cases
            .into_iter()
            .map(|(path, body, expected)| {
                let name = format!("{path} {}", &body[..body.len().min(50)]);
                case(name, self.post(path, body), expected)
            })
            .collect()
    }
}
