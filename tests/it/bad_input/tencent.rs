//! Tencent, API 2.0. Every answer has the HTTP status 200, and a code in its body; the numbers of the products' own
//! errors stand in the message, in parentheses.

use super::signed::{Parameters, tencent, tencent_common};
use super::wire::{self, Answer, Message};
use super::{Case, MORE_THAN_1_MIB, Server, case, now, poll};
use crate::program::KEY_ID;
use serde_json::Value;

const PATH: &str = "/v2/index.php";

/// One product of the API.
#[derive(Clone)]
struct Product {
    dialect: &'static str,
    host: &'static str,
    action: &'static str,
    /// What it says when a parameter is missing or wrong.
    parameter: &'static str,
    task_id: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_tencent_calls_are_refused_in_its_words() {
    let mut server = Server::start().await;
    let task_id = server.operation["task_id"].to_string();
    let bm = Product {
        dialect: "tencent-bm",
        host: "bm.api.qcloud.com",
        action: "DescriptionOperationResult",
        parameter: "4000 (10001)",
        task_id: task_id.clone(),
    };
    let vpc = Product {
        dialect: "tencent-vpc",
        host: "vpc.api.qcloud.com",
        action: "DescribeNetTaskResult",
        parameter: "4000 (9003)",
        task_id,
    };
    for product in [bm, vpc] {
        let cases = [
            product.parameters(),
            product.credentials(),
            product.encodings(),
            product.bodies(),
            product.sizes(),
        ];
        let good = || case("a good call", product.good(), "0");
        server
            .check(cases.into_iter().flatten().collect(), told, good)
            .await;
    }
}

/// The code, and the product's own number if there is one.
fn told(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let code = match answer.status {
        200 => body["code"].to_string(),
        status => format!("status {status}, {}", body["code"]),
    };
    let message = body["message"].as_str().unwrap_or_default();
    match message
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
    {
        Some((number, _)) => format!("{code} ({number})"),
        None => code,
    }
}

impl Product {
    fn get(&self, query: &str) -> Message {
        Message::new("GET", &format!("{PATH}?{query}"), self.host)
    }

    fn post(&self) -> Message {
        Message::new("POST", PATH, self.host)
    }

    fn good(&self) -> Message {
        poll(self.dialect, self.host, &self.task_id, now())
    }

    fn common(&self) -> Parameters {
        let mut parameters = tencent_common(self.action);
        parameters.push(("taskId", self.task_id.clone()));
        parameters
    }

    fn signed(&self, method: &str, parameters: &Parameters) -> String {
        tencent(method, self.host, PATH, parameters)
    }

    /// A GET that is signed as it should be, over these parameters.
    fn signed_get(&self, parameters: &Parameters) -> Message {
        self.get(&self.signed("GET", parameters))
    }

    /// The common parameters with another value for one, or without it.
    fn with(&self, name: &str, value: Option<&str>) -> Parameters {
        let mut parameters = self.common();
        parameters.retain(|(found, _)| *found != name || value.is_some());
        for (found, old) in &mut parameters {
            if let Some(value) = value.filter(|_| *found == name) {
                value.clone_into(old);
            }
        }
        parameters
    }

    fn parameters(&self) -> Vec<Case> {
        let deep = "[".repeat(10_000);
        let task_ids = [
            "",
            "abc",
            "-1",
            "+1",
            "0",
            "1.5",
            "0x10",
            " 1",
            "9007199254740992",
            "18446744073709551616",
            &deep,
        ];
        let mut cases: Vec<_> = task_ids
            .iter()
            .map(|id| {
                let name = format!("taskId={}", &id[..id.len().min(20)]);
                let message = self.signed_get(&self.with("taskId", Some(id)));
                case(name, message, self.parameter)
            })
            .collect();
        let mut twice = self.common();
        twice.push(("taskId", format!("{}1", self.task_id)));
        let unknown = self.with("Action", Some("DescribeWeather"));
        cases.extend([
            case(
                "no parameters",
                Message::new("GET", PATH, self.host),
                "4100",
            ),
            case("an empty query", self.get(""), "4100"),
            case("only ampersands", self.get("&&&=&="), "4100"),
            case(
                "no taskId",
                self.signed_get(&self.with("taskId", None)),
                self.parameter,
            ),
            case(
                "no Action",
                self.signed_get(&self.with("Action", None)),
                self.parameter,
            ),
            case("taskId twice", self.signed_get(&twice), self.parameter),
            case("an unknown action", self.signed_get(&unknown), "6100"),
        ]);
        cases
    }

    fn credentials(&self) -> Vec<Case> {
        let hour = |sign: i64| {
            let then = (now().as_seconds() + sign * 3_600).to_string();
            self.signed_get(&self.with("Timestamp", Some(&then)))
        };
        let copied = self.good().altered(
            &format!("taskId={}", self.task_id),
            &format!("taskId={}0", self.task_id),
        );
        vec![
            case(
                "unsigned",
                self.get(&super::signed::encoded(&self.common())),
                "4100",
            ),
            case(
                "a signature that is no base64",
                self.get(&format!("SecretId={KEY_ID}&Signature=!")),
                "4100",
            ),
            case("a copied signature", copied, "4100"),
            case(
                "an unknown key",
                self.signed_get(&self.with("SecretId", Some("AKIDNOBODY"))),
                "4104",
            ),
            case("an hour late", hour(-1), "4500"),
            case("an hour early", hour(1), "4500"),
            case(
                "no time",
                self.signed_get(&self.with("Timestamp", None)),
                self.parameter,
            ),
            case(
                "a time that is none",
                self.signed_get(&self.with("Timestamp", Some("soon"))),
                "4000",
            ),
            case(
                "no nonce",
                self.signed_get(&self.with("Nonce", None)),
                self.parameter,
            ),
        ]
    }

    fn encodings(&self) -> Vec<Case> {
        let action = format!("Action={}", self.action);
        let mut raw = self.get(&format!("{action}&taskId=RAW"));
        let place = raw
            .head
            .windows(3)
            .position(|bytes| bytes == b"RAW")
            .expect("it is there");
        raw.head.splice(place..place + 3, *b"\xff\xfe");
        let mut raw_form = self.post().form(&format!("{action}&taskId=12"));
        raw_form.body.pop();
        raw_form.body.push(0xff);
        vec![
            case(
                "an escape without digits",
                self.get(&format!("{action}&taskId=%")),
                "4000",
            ),
            case(
                "an escape with one digit",
                self.get(&format!("{action}&taskId=%4")),
                "4000",
            ),
            case(
                "an escape with other letters",
                self.get(&format!("{action}&taskId=%zz")),
                "4000",
            ),
            case(
                "an escape that is no UTF-8",
                self.get(&format!("{action}&taskId=%ff")),
                "4000",
            ),
            case("bytes that are no UTF-8", raw, "4000"),
            case("a form that is no UTF-8", raw_form, "4000"),
            case(
                "PUT",
                Message::new("PUT", &format!("{PATH}?{action}"), self.host),
                "4600",
            ),
            case(
                "DELETE",
                Message::new("DELETE", &format!("{PATH}?{action}"), self.host),
                "4600",
            ),
            case(
                "BREW",
                Message::new("BREW", &format!("{PATH}?{action}"), self.host),
                "4600",
            ),
        ]
    }

    fn bodies(&self) -> Vec<Case> {
        let form = self.signed("POST", &self.common());
        let json = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let typed = |content_type: &str| self.post().header("Content-Type", content_type);
        let chunked = |chunks: &str| typed(wire::FORM).chunks(chunks);
        vec![
            case("a form", self.post().form(&form), "0"),
            case(
                "a form without a type",
                self.post().body(form.as_bytes()),
                "0",
            ),
            case(
                "a form as JSON",
                typed("application/json").body(form.as_bytes()),
                "4000",
            ),
            case(
                "a form as text",
                typed("text/plain; charset=utf-8").body(form.as_bytes()),
                "4000",
            ),
            case(
                "deep JSON",
                typed("application/json").body(json.as_bytes()),
                "4000",
            ),
            case("deep JSON as a form", self.post().form(&json), "4100"),
            case("an empty POST", self.post(), "4100"),
            case(
                "a form that ends early",
                typed(wire::FORM).truncated(form.as_bytes()),
                "4000",
            ),
            case("a form in chunks", chunked(&wire::in_chunks(&form)), "0"),
            case("chunks that end early", chunked("5\r\nabc").cut(), "4000"),
            case(
                "chunks without lengths",
                chunked("zz\r\nabc\r\n0\r\n\r\n"),
                "4000",
            ),
            case(
                "a chunk that is too long",
                chunked("ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
                "4000",
            ),
            case(
                "a chunk with more than it says",
                chunked("1\r\nabc\r\n0\r\n\r\n"),
                "4000",
            ),
        ]
    }

    fn sizes(&self) -> Vec<Case> {
        let mut large = self.common();
        large.push(("padding", "x".repeat(900_000)));
        let too_large = "x".repeat(MORE_THAN_1_MIB);
        let action = format!("Action={}&padding=", self.action);
        let header = |bytes| self.good().header("x-padding", &"x".repeat(bytes));
        let many = (0..200).fold(self.good(), |message, number| {
            message.header(&format!("x-{number}"), "1")
        });
        vec![
            case(
                "a large form",
                self.post().form(&self.signed("POST", &large)),
                "0",
            ),
            case(
                "a form that is too large",
                self.post().form(&format!("{action}{too_large}")),
                "4000",
            ),
            case(
                "a query that is too long",
                self.get(&format!("{action}{too_large}")),
                "4000",
            ),
            case(
                "a query of 60 KB",
                self.get(&format!("{action}{}", "x".repeat(60_000))),
                "4100",
            ),
            case("a header of 200 KB", header(200_000), "0"),
            case("a header of 1 MB", header(1_000_000), "4000"),
            case("200 headers", many, "4000"),
        ]
    }
}
