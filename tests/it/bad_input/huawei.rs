//! Huawei's job query: an HTTP status and a code, in the gateway's shape or in the service's.

use super::wire::{Answer, Message};
use super::{Case, MORE_THAN_1_MIB, Server, case, now, poll, signed};
use crate::program::{PROJECT, TOKEN};
use serde_json::Value;

/// A project that is not the caller's.
const ELSEWHERE: &str = "fedcba9876543210fedcba9876543210";

/// Whoever asks.
struct Caller {
    host: String,
    job_id: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_huawei_calls_are_refused_in_its_words() {
    let mut server = Server::start().await;
    let caller = Caller {
        host: server.host(),
        job_id: server.text("job_id"),
    };
    let cases = [
        caller.paths(),
        caller.credentials(),
        caller.encodings(),
        caller.bodies(),
        caller.sizes(),
        caller.submissions(),
        caller.servers(),
    ];
    let good = || case("a good call", caller.good(), "200 SUCCESS");
    server
        .check(cases.into_iter().flatten().collect(), told, good)
        .await;
}

/// The status of HTTP, and the code or the status of the job.
fn told(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let words = [&body["error_code"], &body["error"]["code"], &body["status"]];
    let word = words.into_iter().find_map(Value::as_str);
    format!("{} {}", answer.status, word.unwrap_or("nothing"))
}

impl Caller {
    fn get(&self, path: &str) -> Message {
        Message::new("GET", path, &self.host)
    }

    /// A GET with a good token.
    fn with_token(&self, path: &str) -> Message {
        self.get(path).header("X-Auth-Token", TOKEN)
    }

    fn path(&self) -> String {
        format!("/v1.0/{PROJECT}/jobs/{}", self.job_id)
    }

    fn good(&self) -> Message {
        poll("huawei-elb", &self.host, &self.job_id, now())
    }

    fn paths(&self) -> Vec<Case> {
        let upper = self.job_id.to_uppercase();
        let mut cases = vec![case(
            "v1",
            self.with_token(&self.path().replace("v1.0", "v1")),
            "200 SUCCESS",
        )];
        for id in [
            "",
            "abc",
            "-1",
            "18446744073709551616",
            "a%20b",
            "%E4%BD%A0",
            &upper,
        ] {
            let path = format!("/v1.0/{PROJECT}/jobs/{id}");
            cases.push(case(
                format!("job_id={id}"),
                self.with_token(&path),
                "400 ELB.1001",
            ));
        }
        let unknown = format!("/v1.0/{PROJECT}/jobs/{}", "f".repeat(32));
        let no_project = format!("/v1.0/abc/jobs/{}", self.job_id);
        cases.extend([
            case("an unknown job", self.with_token(&unknown), "404 ELB.1002"),
            case(
                "a project that can be none",
                self.with_token(&no_project),
                "400 ELB.1001",
            ),
            case(
                "a longer path",
                self.with_token(&format!("{}/x", self.path())),
                "404 APIGW.0101",
            ),
            case(
                "another path",
                self.with_token(&format!("/v1.0/{PROJECT}/elbaas/x")),
                "404 APIGW.0101",
            ),
            case(
                "no job",
                self.with_token(&format!("/v1.0/{PROJECT}")),
                "404 APIGW.0101",
            ),
            case(
                "a path of another service",
                self.with_token(&format!("/v2.1/{PROJECT}/servers")),
                "404 APIGW.0101",
            ),
            case(
                "a parameter twice",
                self.with_token(&format!("{}?a=1&a=2", self.path())),
                "200 SUCCESS",
            ),
        ]);
        for method in ["POST", "PUT", "DELETE", "BREW"] {
            let message =
                Message::new(method, &self.path(), &self.host).header("X-Auth-Token", TOKEN);
            cases.push(case(method, message, "404 APIGW.0101"));
        }
        cases
    }

    fn credentials(&self) -> Vec<Case> {
        let hour = |sign: i64| {
            let then = now().plus_millis(sign * 3_600_000);
            poll("huawei-elb", &self.host, &self.job_id, then)
        };
        let last = self.job_id.chars().last().expect("it is not empty");
        let other = format!(
            "{}{}",
            &self.job_id[..31],
            if last == '0' { '1' } else { '0' }
        );
        let copied = self.good().altered(&self.job_id, &other);
        let with = |name: &str, value: &str| self.get(&self.path()).header(name, value);
        let elsewhere = self.path().replace(PROJECT, ELSEWHERE);
        let signed_elsewhere = self
            .good()
            .altered(&format!("/{PROJECT}/"), &format!("/{ELSEWHERE}/"));
        let unsigned = with("Authorization", "SDK-HMAC-SHA256 Access=x");
        vec![
            case("nothing", self.get(&self.path()), "401 APIGW.0301"),
            case("an empty token", with("X-Auth-Token", ""), "401 APIGW.0301"),
            case(
                "an unknown token",
                with("X-Auth-Token", "nobody's"),
                "401 APIGW.0301",
            ),
            case(
                "a token of another project",
                self.with_token(&elsewhere),
                "403 APIGW.0302",
            ),
            case(
                "a signature for another project",
                signed_elsewhere,
                "401 APIGW.0301",
            ),
            case("an incomplete signature", unsigned, "401 APIGW.0301"),
            case(
                "another algorithm",
                with("Authorization", "Basic eDp5"),
                "401 APIGW.0301",
            ),
            case(
                "an unknown key",
                self.good().altered("Access=AKID", "Access=KIDA"),
                "401 APIGW.0301",
            ),
            case("a copied signature", copied, "401 APIGW.0301"),
            case("an hour late", hour(-1), "401 APIGW.0301"),
            case("an hour early", hour(1), "401 APIGW.0301"),
        ]
    }

    fn encodings(&self) -> Vec<Case> {
        let with = |rest: &str| self.with_token(&format!("/v1.0/{PROJECT}/jobs/{rest}"));
        let query = |query: &str| self.with_token(&format!("{}?{query}", self.path()));
        vec![
            case("an escape without digits", with("%"), "400 ELB.1001"),
            case("an escape with other letters", with("%zz"), "400 ELB.1001"),
            case("an escape that is no UTF-8", with("%ff"), "400 ELB.1001"),
            case(
                "a broken escape in the query",
                query("a=%4"),
                "400 ELB.1001",
            ),
            case("no UTF-8 in the query", query("a=%ff"), "400 ELB.1001"),
        ]
    }

    fn bodies(&self) -> Vec<Case> {
        let asked = || {
            self.with_token(&self.path())
                .header("Content-Type", "application/json")
        };
        let json = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let chunked = |chunks: &str| asked().chunks(chunks);
        vec![
            case(
                "a body that nobody wants",
                asked().body(b"{}"),
                "200 SUCCESS",
            ),
            case("deep JSON", asked().body(json.as_bytes()), "200 SUCCESS"),
            case(
                "a body in chunks",
                chunked("2\r\n{}\r\n0\r\n\r\n"),
                "200 SUCCESS",
            ),
            case(
                "a body that ends early",
                asked().truncated(b"{}"),
                "400 ELB.1001",
            ),
            case(
                "chunks that end early",
                chunked("5\r\nabc").cut(),
                "400 ELB.1001",
            ),
            case(
                "chunks without lengths",
                chunked("zz\r\nabc\r\n0\r\n\r\n"),
                "400 ELB.1001",
            ),
        ]
    }

    fn submissions(&self) -> Vec<Case> {
        let path = format!("/v1.0/{PROJECT}/elbaas/loadbalancers");
        let listener = format!("/v1.0/{PROJECT}/elbaas/listeners/x/members");
        let good =
            r#"{"name":"a","vpc_id":"v","type":"External","bandwidth":1,"admin_state_up":true}"#;
        let send = |method: &str, path: &str, body: &str| {
            Message::new(method, path, &self.host)
                .header("X-Auth-Token", TOKEN)
                .body(body.as_bytes())
        };
        let post = |body: &str| send("POST", &path, body);
        let signed = |digest: &str| {
            signed::huawei("POST", &path, &self.host, good.as_bytes())
                .header("X-Sdk-Content-Sha256", digest)
        };
        let wrong = good.replace("External", "Public");
        vec![
            case("no body", post(""), "400 ELB.1001"),
            case("no JSON", post("{"), "400 ELB.1001"),
            case("a list", post("[]"), "400 ELB.1001"),
            case("nothing in it", post("{}"), "400 ELB.1001"),
            case("a wrong type", post(&wrong), "400 ELB.1001"),
            case("no list", send("POST", &listener, "{}"), "400 ELB.1001"),
            case(
                "members of nothing",
                send(
                    "POST",
                    &listener,
                    r#"[{"server_id":"s","address":"10.0.0.1"}]"#,
                ),
                "404 ELB.1002",
            ),
            case(
                "an unknown one",
                send("DELETE", &format!("{path}/x"), ""),
                "404 ELB.1002",
            ),
            case("another method", send("PATCH", &path, ""), "404 APIGW.0101"),
            case(
                "another project",
                send("POST", &path.replace(PROJECT, ELSEWHERE), good),
                "403 APIGW.0302",
            ),
            case("another digest", signed(&"0".repeat(64)), "401 APIGW.0301"),
        ]
    }

    /// Batches of servers, which are told apart by what stands in the body.
    fn servers(&self) -> Vec<Case> {
        let path = format!("/v1/{PROJECT}/cloudservers/action");
        let post = |body: &str| {
            Message::new("POST", &path, &self.host)
                .header("X-Auth-Token", TOKEN)
                .body(body.as_bytes())
        };
        let bad = [
            "",
            "{",
            "[]",
            "{}",
            r#"{"resize":{"servers":[{"id":"s-1"}]}}"#,
            r#"{"reboot":[]}"#,
            r#"{"reboot":{}}"#,
            r#"{"reboot":{"servers":[]}}"#,
            r#"{"reboot":{"servers":"s-1"}}"#,
            r#"{"reboot":{"servers":["s-1"]}}"#,
            r#"{"reboot":{"servers":[{"id":"s-1"},{}]}}"#,
            r#"{"reboot":{"servers":[{"id":"s-1"},{"id":""}]}}"#,
            r#"{"reboot":{"servers":[{"id":"s-1"},{"id":"s-1"}]}}"#,
        ];
        let bad = bad.map(|body| case(format!("servers: {body}"), post(body), "400 ELB.1001"));
        let get = Message::new("GET", &path, &self.host).header("X-Auth-Token", TOKEN);
        let method = case("servers: another method", get, "404 APIGW.0101");
        bad.into_iter().chain([method]).collect()
    }

    fn sizes(&self) -> Vec<Case> {
        let too_large = "x".repeat(MORE_THAN_1_MIB);
        let query = self.with_token(&format!("{}?x={too_large}", self.path()));
        let body = self.with_token(&self.path()).body(too_large.as_bytes());
        let header = |bytes| self.good().header("x-padding", &"x".repeat(bytes));
        let mut announced = self
            .with_token(&self.path())
            .header("Content-Length", "1099511627776");
        announced.body = b"x".to_vec();
        vec![
            case("a query that is too long", query, "413 APIGW.0201"),
            case("a body that is too large", body, "413 APIGW.0201"),
            case("a body of a terabyte", announced, "413 APIGW.0201"),
            case(
                "a long token",
                self.get(&self.path())
                    .header("X-Auth-Token", &"x".repeat(60_000)),
                "401 APIGW.0301",
            ),
            case("a header of 200 KB", header(200_000), "200 SUCCESS"),
            case("a header of 1 MB", header(1_000_000), "413 APIGW.0201"),
        ]
    }
}
