//! Tencent, API 3.0. Every answer has the HTTP status 200, a bare content type, a request id, and a code in words if it
//! refuses.

mod older;

use super::signed::Tc3;
use super::wire::{self, Answer, Message};
use super::{Case, MORE_THAN_1_MIB, Server, case, now, poll};
use crate::program::KEY_ID;
use serde_json::Value;

const PATH: &str = "/";
const JSON: &str = "application/json";

const NOT_AUTHORIZED: &str = "AuthFailure.InvalidAuthorization";
const NO_KEY: &str = "AuthFailure.SecretIdNotFound";
const OTHER_SIGNATURE: &str = "AuthFailure.SignatureFailure";
const OTHER_TIME: &str = "AuthFailure.SignatureExpire";
const MISSING: &str = "MissingParameter";
const UNREADABLE: &str = "InvalidParameter";
const INVALID: &str = "InvalidParameterValue";
const NOWHERE: &str = "ResourceNotFound";
const TOO_LARGE: &str = "RequestSizeLimitExceeded";

/// An action of one product, and whom it asks about what.
struct Product {
    dialect: &'static str,
    service: &'static str,
    version: &'static str,
    action: &'static str,
    /// What it says of the operation.
    good: &'static str,
    /// Where the server listens.
    host: String,
    task_id: String,
}

/// A request with a TC3 signature, and what it does not cover.
struct Question {
    signed: Tc3,
    /// The host in the header.
    host: String,
    action: &'static str,
    version: &'static str,
}

impl Question {
    /// The request, but for what is said of its body.
    fn head(&self) -> Message {
        let target = match self.signed.query.as_str() {
            "" => PATH.to_owned(),
            query => format!("{PATH}?{query}"),
        };
        let headers = [
            ("Content-Type", self.signed.content_type.as_str()),
            ("X-TC-Action", self.action),
            ("X-TC-Version", self.version),
            ("X-TC-Timestamp", &self.signed.seconds.to_string()),
            ("Authorization", &self.signed.authorization()),
        ];
        let message = Message::new(self.signed.method, &target, &self.host);
        headers
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(message, |message, (name, value)| {
                message.header(name, value)
            })
    }

    fn message(&self) -> Message {
        self.head().body(&self.signed.body)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_tencent_calls_of_api_3_are_refused_in_its_words() {
    let mut server = Server::start().await;
    let bm = Product {
        dialect: "tencent-bm3",
        service: "bm",
        version: "2018-04-23",
        action: "DescribeOperationResult",
        good: "1",
        host: server.host(),
        task_id: server.operation["task_id"].to_string(),
    };
    let vpc = Product {
        dialect: "tencent-vpc3",
        service: "vpc",
        version: "2017-03-12",
        action: "DescribeTaskResult",
        good: "SUCCESS",
        host: bm.host.clone(),
        task_id: bm.task_id.clone(),
    };
    for product in [bm, vpc] {
        let cases = [
            product.hosts(),
            product.numbers(),
            product.request_ids(),
            product.arguments(),
            product.actions(),
            product.credentials(),
            product.altered(),
            product.bodies(),
            product.sizes(),
            product.parameters(),
            product.older_credentials(),
            product.encodings(),
        ];
        let good = || case("a good call", product.poll(), product.good);
        server
            .check(cases.into_iter().flatten().collect(), told, good)
            .await;
    }
}

/// The code, or what is said of the operation; and what else is not as it always is.
fn told(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let response = &body["Response"];
    let words = [
        &response["Error"]["Code"],
        &response["TaskStatus"],
        &response["Status"],
        &response["Result"],
    ];
    let word = words.into_iter().find(|word| !word.is_null());
    let word = match word {
        Some(Value::String(word)) => word.clone(),
        Some(other) => other.to_string(),
        None => "nothing".to_owned(),
    };
    let content_type = format!("content-type: {JSON}");
    let has_type = answer.head.lines().any(|line| line == content_type);
    let has_id = response["RequestId"].as_str().map(str::len) == Some(36);
    match (answer.status, has_type, has_id) {
        (200, true, true) => word,
        (status, _, _) => {
            format!("{word} (status {status}, content type {has_type}, id {has_id})")
        }
    }
}

impl Product {
    /// A poll as our own client half signs it.
    fn poll(&self) -> Message {
        poll(self.dialect, &self.host, &self.task_id, now())
    }

    /// A good request with a change that its signature covers.
    fn tc3(&self, change: impl FnOnce(&mut Question)) -> Message {
        self.question(change).message()
    }

    fn question(&self, change: impl FnOnce(&mut Question)) -> Question {
        let mut question = Question {
            signed: Tc3 {
                method: "POST",
                query: String::new(),
                content_type: JSON.to_owned(),
                host: self.host.clone(),
                body: format!(r#"{{"TaskId":{}}}"#, self.task_id).into_bytes(),
                service: self.service,
                seconds: now().as_seconds(),
            },
            host: self.host.clone(),
            action: self.action,
            version: self.version,
        };
        change(&mut question);
        question
    }

    fn with_body(&self, body: &str) -> Message {
        self.tc3(|question| question.signed.body = body.as_bytes().to_vec())
    }

    fn with_query(&self, query: &str) -> Message {
        self.tc3(|question| {
            question.signed.method = "GET";
            query.clone_into(&mut question.signed.query);
            wire::FORM.clone_into(&mut question.signed.content_type);
            question.signed.body = Vec::new();
        })
    }

    /// What clients put into `Host`, what they sign in its place, and what they take for the product.
    fn hosts(&self) -> Vec<Case> {
        let (host, service) = (&*self.host, self.service);
        let full = format!("http://{host}");
        let (name, _) = host.split_once(':').expect("it has a port");
        let cloud = format!("{service}.tencentcloudapi.com");
        [
            (
                "with the scheme, as tccli",
                &*full,
                &*full,
                service,
                self.good,
            ),
            ("with the scheme, unsigned", &full, host, service, self.good),
            (
                "signed without the port, as Node",
                host,
                name,
                "127",
                self.good,
            ),
            ("that of the cloud", &cloud, &cloud, service, self.good),
            (
                "another than is signed",
                host,
                &cloud,
                service,
                OTHER_SIGNATURE,
            ),
        ]
        .into_iter()
        .map(|(name, sent, signed, service, expected)| {
            let message = self.tc3(|question| {
                sent.clone_into(&mut question.host);
                signed.clone_into(&mut question.signed.host);
                question.signed.service = service;
            });
            case(format!("a host {name}"), message, expected)
        })
        .collect()
    }

    /// Everything that `TaskId` may be where a number is wanted.
    fn numbers(&self) -> Vec<Case> {
        let text = format!("{:?}", self.task_id);
        [
            (&*text, self.good),
            ("\"abc\"", INVALID),
            ("0", INVALID),
            ("-1", INVALID),
            ("1.5", INVALID),
            ("1e3", INVALID),
            ("\" 1\"", INVALID),
            ("9007199254740991", NOWHERE),
            ("9007199254740992", INVALID),
            ("18446744073709551616", INVALID),
            ("\"\"", MISSING),
            ("null", MISSING),
            ("true", UNREADABLE),
            ("[1]", UNREADABLE),
            ("{}", UNREADABLE),
            ("01", UNREADABLE),
            ("\"\\ud800\"", UNREADABLE),
        ]
        .into_iter()
        .map(|(json, expected)| {
            let message = self.with_body(&format!(r#"{{"TaskId":{json}}}"#));
            case(format!("TaskId: {json}"), message, expected)
        })
        .collect()
    }

    /// The same where a request id is wanted, which any text may be.
    fn request_ids(&self) -> Vec<Case> {
        let long = format!("{:?}", "x".repeat(600));
        [
            (&*self.task_id, "SUCCESS"),
            ("\"abc\"", NOWHERE),
            ("\"481e9b6e-81d1-4859-b8cf-a673e010b388\"", NOWHERE),
            ("\"\u{4f60}\u{597d}\"", NOWHERE),
            ("-1", NOWHERE),
            ("0", INVALID),
            (&long, INVALID),
            ("\"\"", MISSING),
            ("[]", UNREADABLE),
        ]
        .into_iter()
        .map(|(json, expected)| {
            let message = self.tc3(|question| {
                question.action = "DescribeVpcTaskResult";
                question.version = "2017-03-12";
                question.signed.body = format!(r#"{{"TaskId":{json}}}"#).into_bytes();
            });
            let name = format!(
                "a request id: {}",
                json.chars().take(40).collect::<String>()
            );
            case(name, message, expected)
        })
        .collect()
    }

    /// Bodies that are no arguments, and queries that are none.
    fn arguments(&self) -> Vec<Case> {
        let id = &self.task_id;
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let mut cases: Vec<_> = [
            ("", MISSING),
            ("{}", MISSING),
            ("{\"taskId\":1}", MISSING),
            ("[]", UNREADABLE),
            ("null", UNREADABLE),
            ("TaskId=1", UNREADABLE),
            ("{\"TaskId\":1", UNREADABLE),
            ("{\"TaskId\":1}}", UNREADABLE),
            ("{\"TaskId\":1,\"TaskId\":2}", INVALID),
            ("{\"TaskId\":1,\"\\u0054askId\":2}", INVALID),
        ]
        .into_iter()
        .map(|(body, expected)| case(format!("the body {body}"), self.with_body(body), expected))
        .collect();
        for (name, body, expected) in [
            ("deep JSON", deep.clone(), UNREADABLE),
            ("deep JSON, not closed", "[".repeat(10_000), UNREADABLE),
            (
                "a deep TaskId",
                format!(r#"{{"TaskId":{deep}}}"#),
                UNREADABLE,
            ),
            (
                "a deep argument that nobody asked for",
                format!(r#"{{"More":{deep},"TaskId":{id}}}"#),
                self.good,
            ),
        ] {
            cases.push(case(name, self.with_body(&body), expected));
        }
        for (query, expected) in [
            (format!("TaskId={id}"), self.good),
            (format!("TaskId={id}&TaskId={id}"), INVALID),
            ("TaskId=abc".to_owned(), INVALID),
            ("TaskId=%zz".to_owned(), UNREADABLE),
            ("TaskId=%ff".to_owned(), UNREADABLE),
            (format!("taskid={id}"), MISSING),
            (String::new(), MISSING),
        ] {
            let name = format!("the query {query}");
            cases.push(case(name, self.with_query(&query), expected));
        }
        let not_utf8 =
            self.tc3(|question| question.signed.body = b"{\"TaskId\":\"\xff\"}".to_vec());
        cases.push(case("a body that is no UTF-8", not_utf8, UNREADABLE));
        cases
    }

    fn actions(&self) -> Vec<Case> {
        [
            ("DescribeWeather", self.version, "InvalidAction"),
            ("describeoperationresult", self.version, "InvalidAction"),
            ("", self.version, MISSING),
            (self.action, "2018-04-24", "NoSuchVersion"),
            (self.action, "2.0", "NoSuchVersion"),
            (self.action, "", MISSING),
        ]
        .into_iter()
        .flat_map(|(action, version, expected)| {
            let name = format!("the action `{action}` in the version `{version}`");
            let message = self.tc3(|question| {
                question.action = action;
                question.version = version;
            });
            let mut parameters = self.with("Action", Some(action));
            for (found, value) in &mut parameters {
                if *found == "Version" {
                    version.clone_into(value);
                }
            }
            let older = self.older_get(&parameters);
            [
                case(name.clone(), message, expected),
                case(format!("{name}, older"), older, expected),
            ]
        })
        .chain([case(
            "another path",
            self.poll().altered("POST / ", "POST /x "),
            "InvalidAction",
        )])
        .collect()
    }

    /// Headers that should carry a signature.
    fn credentials(&self) -> Vec<Case> {
        let question = self.question(|_| ());
        let good = question.signed.authorization();
        let replaced = |old: &str, new: &str| {
            assert!(good.contains(old), "{old} does not stand in: {good}");
            good.replace(old, new)
        };
        let instead = |authorization: &str| question.message().altered(&good, authorization);
        let mut cases: Vec<_> = [
            ("SKIP".to_owned(), NOT_AUTHORIZED),
            ("TC3-HMAC-SHA256".to_owned(), NOT_AUTHORIZED),
            ("TC3-HMAC-SHA256 Credential=".to_owned(), NOT_AUTHORIZED),
            (replaced("HMAC-SHA256", "HMAC-SM3"), NOT_AUTHORIZED),
            (replaced("Signature=", "Signature=0"), NOT_AUTHORIZED),
            (replaced("Signature=", "Signed="), NOT_AUTHORIZED),
            (replaced("tc3_request", "tc4_request"), NOT_AUTHORIZED),
            (replaced("/20", "/19"), NOT_AUTHORIZED),
            (replaced(KEY_ID, ""), NOT_AUTHORIZED),
            (replaced(";host", ""), NOT_AUTHORIZED),
            (replaced("content-type;", ""), NOT_AUTHORIZED),
            (replaced(";host", ";host;x-none"), NOT_AUTHORIZED),
            (
                replaced("content-type;host", "host;content-type"),
                NOT_AUTHORIZED,
            ),
            (replaced(KEY_ID, "AKIDNOBODY"), NO_KEY),
            (
                replaced(&format!("/{}/", self.service), "/cvm/"),
                OTHER_SIGNATURE,
            ),
            (replaced(";host", ";host;x-tc-action"), OTHER_SIGNATURE),
        ]
        .into_iter()
        .map(|(authorization, expected)| {
            let name = format!("Authorization: {authorization}");
            case(name, instead(&authorization), expected)
        })
        .collect();
        let unsigned = question
            .message()
            .altered(&format!("Authorization: {good}\r\n"), "");
        cases.push(case("no Authorization", unsigned, NOT_AUTHORIZED));
        cases
    }

    /// Requests that are not what was signed, or not when.
    fn altered(&self) -> Vec<Case> {
        let good = self.tc3(|_| ());
        let mut copied = good.clone();
        copied.body = format!(r#"{{"TaskId":{}}}"#, self.other_id()).into_bytes();
        let query = self.with_query(&format!("TaskId={}", self.task_id));
        let in_query = query.altered(
            &format!("TaskId={}", self.task_id),
            &format!("TaskId={}", self.other_id()),
        );
        let hour = |sign: i64| self.tc3(|question| question.signed.seconds += sign * 3_600);
        let time = format!("X-TC-Timestamp: {}\r\n", seconds_of(&good));
        let moved = time.replace("\r\n", "0\r\n");
        vec![
            case("a copied signature", copied, OTHER_SIGNATURE),
            case("a copied signature of a query", in_query, OTHER_SIGNATURE),
            case(
                "another content type than was signed",
                good.clone()
                    .altered(JSON, "application/json; charset=utf-8"),
                OTHER_SIGNATURE,
            ),
            case("an hour late", hour(-1), OTHER_TIME),
            case("an hour early", hour(1), OTHER_TIME),
            case("no time", good.clone().altered(&time, ""), MISSING),
            case(
                "a time that is none",
                good.clone().altered(&time, "X-TC-Timestamp: soon\r\n"),
                UNREADABLE,
            ),
            case(
                "a time of another day",
                good.altered(&time, &moved),
                NOT_AUTHORIZED,
            ),
        ]
    }

    /// An id that has as many digits as the good one.
    fn other_id(&self) -> String {
        let last = if self.task_id.ends_with('1') {
            "2"
        } else {
            "1"
        };
        format!("{}{last}", &self.task_id[..self.task_id.len() - 1])
    }

    fn bodies(&self) -> Vec<Case> {
        let question = self.question(|_| ());
        let body = String::from_utf8(question.signed.body.clone()).expect("it is JSON");
        let truncated = question.head().truncated(body.as_bytes());
        let chunked = |chunks: &str| question.head().chunks(chunks);
        let typed = |content_type: &str| {
            self.tc3(|question| content_type.clone_into(&mut question.signed.content_type))
        };
        let by = |method| self.tc3(|question| question.signed.method = method);
        vec![
            case(
                "JSON in UTF-8",
                typed("application/json; charset=utf-8"),
                self.good,
            ),
            case("JSON as text", typed("text/plain"), UNREADABLE),
            case("JSON as a form", typed(wire::FORM), UNREADABLE),
            case(
                "JSON as parts",
                typed("multipart/form-data; boundary=x"),
                UNREADABLE,
            ),
            case("a body that ends early", truncated, UNREADABLE),
            case(
                "a body in chunks",
                chunked(&wire::in_chunks(&body)),
                self.good,
            ),
            case(
                "chunks that end early",
                chunked("5\r\nabc").cut(),
                UNREADABLE,
            ),
            case(
                "chunks without lengths",
                chunked("zz\r\nabc\r\n0\r\n\r\n"),
                UNREADABLE,
            ),
            case("PUT", by("PUT"), "UnsupportedProtocol"),
            case("DELETE", by("DELETE"), "UnsupportedProtocol"),
            case("BREW", by("BREW"), "UnsupportedProtocol"),
        ]
    }

    fn sizes(&self) -> Vec<Case> {
        let padded = |bytes| {
            let padding = "x".repeat(bytes);
            self.with_body(&format!(
                r#"{{"Padding":"{padding}","TaskId":{}}}"#,
                self.task_id
            ))
        };
        let query = format!("Padding={}&TaskId={}", "x".repeat(60_000), self.task_id);
        let too_long = format!(
            "Action={}&Version={}&Padding={}",
            self.action,
            self.version,
            "x".repeat(MORE_THAN_1_MIB)
        );
        let header = |bytes| self.poll().header("x-padding", &"x".repeat(bytes));
        let many = (0..200).fold(self.poll(), |message, number| {
            message.header(&format!("x-{number}"), "1")
        });
        vec![
            case("a large body", padded(900_000), self.good),
            case(
                "a body that is too large",
                padded(MORE_THAN_1_MIB),
                TOO_LARGE,
            ),
            case("a query of 60 KB", self.with_query(&query), self.good),
            case("a header of 200 KB", header(200_000), self.good),
            case("a header of 1 MB", header(1_000_000), TOO_LARGE),
            case("200 headers", many, TOO_LARGE),
            case("a query that is too long", self.get(&too_long), TOO_LARGE),
            case(
                "a form that is too large",
                self.post().form(&too_long),
                TOO_LARGE,
            ),
        ]
    }
}

/// The seconds in a request's header.
fn seconds_of(message: &Message) -> String {
    let head = String::from_utf8_lossy(&message.head);
    let (_, rest) = head.split_once("X-TC-Timestamp: ").expect("it is there");
    rest.split('\r').next().unwrap_or_default().to_owned()
}
