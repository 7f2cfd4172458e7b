//! Alibaba Cloud BPStudio: an HTTP status and a code in words, in JSON or in XML as the caller wants it.

use super::signed::{Parameters, alibaba, alibaba_common, encoded, rfc3339};
use super::wire::{self, Answer, Message};
use super::{Case, MORE_THAN_1_MIB, Server, case, now, poll};
use serde_json::Value;

/// Whoever asks.
struct Caller {
    host: String,
    id: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_alibaba_calls_are_refused_in_its_words() {
    let mut server = Server::start().await;
    let caller = Caller {
        host: server.host(),
        id: server.text("id"),
    };
    let cases = [
        caller.parameters(),
        caller.credentials_v1(),
        caller.credentials_v3(),
        caller.encodings(),
        caller.bodies(),
        caller.sizes(),
    ];
    let good = || case("a good call", caller.good(), "200 SUCCESS");
    server
        .check(cases.into_iter().flatten().collect(), told, good)
        .await;
    replayed(&mut server, &caller).await;
}

/// A request that was sent before is refused, in both ways of signing.
async fn replayed(server: &mut Server, caller: &Caller) {
    for message in [caller.good(), caller.signed_get(&caller.common())] {
        let again = vec![
            case("sent once", message.clone(), "200 SUCCESS"),
            case("sent twice", message, "400 SignatureNonceUsed"),
        ];
        let good = || case("a good call", caller.good(), "200 SUCCESS");
        server.check(again, told, good).await;
    }
}

/// The status of HTTP, and the code or what is told of the operation.
fn told(answer: &Answer) -> String {
    let status = answer.status;
    if let Some((_, rest)) = answer.body.split_once("<Code>") {
        let code = rest.split('<').next().unwrap_or_default();
        return format!("{status} {code} in XML");
    }
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let told = match (&body["Code"], &body["Data"]["Status"]) {
        (Value::String(code), _) => code,
        (_, Value::String(status)) => status,
        (Value::Number(_), _) => "no Data",
        (_, _) => "nothing",
    };
    format!("{status} {told}")
}

impl Caller {
    fn get(&self, query: &str) -> Message {
        Message::new("GET", &format!("/?{query}"), &self.host)
    }

    fn post(&self) -> Message {
        Message::new("POST", "/", &self.host)
    }

    fn good(&self) -> Message {
        poll("alibaba-bpstudio", &self.host, &self.id, now())
    }

    fn common(&self) -> Parameters {
        let mut parameters = alibaba_common();
        parameters.push(("OperationId", self.id.clone()));
        parameters
    }

    /// The common parameters with another value for one.
    fn with(&self, name: &str, value: &str) -> Parameters {
        let mut parameters = self.without(name);
        let name = [
            "Action",
            "OperationId",
            "SignatureMethod",
            "SignatureNonce",
            "Timestamp",
            "Version",
            "AccessKeyId",
        ]
        .into_iter()
        .find(|known| *known == name)
        .expect("it is a name of the API");
        parameters.push((name, value.to_owned()));
        parameters
    }

    fn without(&self, name: &str) -> Parameters {
        let mut parameters = self.common();
        parameters.retain(|(found, _)| *found != name);
        parameters
    }

    fn signed_get(&self, parameters: &Parameters) -> Message {
        self.get(&alibaba("GET", parameters))
    }

    fn parameters(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for id in [
            "abc",
            "-1",
            "18446744073709551616",
            "op-1",
            "\u{4f60}\u{597d}",
            "[[[[",
        ] {
            let message = self.signed_get(&self.with("OperationId", id));
            cases.push(case(format!("OperationId={id}"), message, "200 no Data"));
        }
        let mut twice = self.common();
        twice.push(("OperationId", "z".to_owned()));
        let mut in_xml = self.without("OperationId");
        in_xml.retain(|(name, _)| *name != "Format");
        let long = "x".repeat(600);
        for (name, parameters, expected) in [
            ("a good one", self.common(), "200 SUCCESS"),
            (
                "no OperationId",
                self.without("OperationId"),
                "400 MissingOperationId",
            ),
            (
                "an empty OperationId",
                self.with("OperationId", ""),
                "400 MissingOperationId",
            ),
            (
                "a long OperationId",
                self.with("OperationId", &long),
                "400 InvalidParameter",
            ),
            ("OperationId twice", twice, "400 InvalidParameter"),
            (
                "an unknown action",
                self.with("Action", "DescribeWeather"),
                "404 InvalidAction.NotFound",
            ),
            ("no action", self.without("Action"), "400 MissingAction"),
            (
                "an unknown version",
                self.with("Version", "2021-09-30"),
                "400 NoSuchVersion",
            ),
            ("no version", self.without("Version"), "400 MissingVersion"),
            ("a refusal in XML", in_xml, "400 MissingOperationId in XML"),
        ] {
            cases.push(case(name, self.signed_get(&parameters), expected));
        }
        let nothing = self.get("Version=2021-09-31");
        cases.push(case(
            "no parameters",
            nothing,
            "400 MissingAccessKeyId in XML",
        ));
        cases
    }

    fn credentials_v1(&self) -> Vec<Case> {
        let hour = |sign: i64| self.with("Timestamp", &rfc3339(now().as_seconds() + sign * 3_600));
        let copied = self
            .signed_get(&self.common())
            .altered(&self.id, "op-other");
        let mut cases = vec![
            case(
                "unsigned",
                self.get(&encoded(&self.common())),
                "400 MissingSignature",
            ),
            case("a copied signature", copied, "400 SignatureDoesNotMatch"),
        ];
        let long = "x".repeat(300);
        for (name, parameters, expected) in [
            (
                "an unknown key",
                self.with("AccessKeyId", "nobody"),
                "404 InvalidAccessKeyId.NotFound",
            ),
            (
                "no key",
                self.without("AccessKeyId"),
                "400 MissingAccessKeyId",
            ),
            ("an hour late", hour(-1), "400 InvalidTimeStamp.Expired"),
            ("an hour early", hour(1), "400 InvalidTimeStamp.Expired"),
            (
                "a time that is none",
                self.with("Timestamp", "soon"),
                "400 InvalidTimeStamp.Format",
            ),
            ("no time", self.without("Timestamp"), "400 MissingTimestamp"),
            (
                "no nonce",
                self.without("SignatureNonce"),
                "400 MissingSignatureNonce",
            ),
            (
                "a long nonce",
                self.with("SignatureNonce", &long),
                "400 InvalidParameter",
            ),
            (
                "another method of signing",
                self.with("SignatureMethod", "HMAC-MD5"),
                "400 InvalidSignatureMethod",
            ),
        ] {
            cases.push(case(name, self.signed_get(&parameters), expected));
        }
        cases
    }

    fn credentials_v3(&self) -> Vec<Case> {
        let hour = |sign: i64| {
            let then = now().plus_millis(sign * 3_600_000);
            poll("alibaba-bpstudio", &self.host, &self.id, then)
        };
        let mut copied = self.good();
        let last = copied.body.len() - 1;
        copied.body[last] = if copied.body[last] == b'0' {
            b'1'
        } else {
            b'0'
        };
        let unsigned = self
            .post()
            .header("x-acs-action", "GetExecuteOperationResult");
        let incomplete = unsigned
            .clone()
            .header("Authorization", "ACS3-HMAC-SHA256 Credential=x");
        let other = unsigned
            .clone()
            .header("Authorization", "ACS3-HMAC-SM3 Credential=x");
        let unknown = self.good().altered("Credential=AKID", "Credential=KIDA");
        let elsewhere = self.good().altered("POST / ", "POST /x ");
        vec![
            case("V3, unsigned", unsigned, "400 MissingAccessKeyId in XML"),
            case("V3, another path", elsewhere, "404 InvalidAction.NotFound"),
            case(
                "V3, an incomplete header",
                incomplete,
                "400 IncompleteSignature",
            ),
            case("V3, another algorithm", other, "400 InvalidSignatureMethod"),
            case(
                "V3, an unknown key",
                unknown,
                "404 InvalidAccessKeyId.NotFound",
            ),
            case(
                "V3, a copied signature",
                copied,
                "400 SignatureDoesNotMatch",
            ),
            case("V3, an hour late", hour(-1), "400 InvalidTimeStamp.Expired"),
            case("V3, an hour early", hour(1), "400 InvalidTimeStamp.Expired"),
        ]
    }

    fn encodings(&self) -> Vec<Case> {
        let start = "Version=2021-09-31&Format=JSON&OperationId=";
        let with = |value: &str| self.get(&format!("{start}{value}"));
        let mut raw_form = self.post().form(&format!("{start}12"));
        raw_form.body.pop();
        raw_form.body.push(0xff);
        let by = |method| Message::new(method, &format!("/?{start}1"), &self.host);
        vec![
            case(
                "an escape without digits",
                with("%"),
                "400 InvalidParameter",
            ),
            case(
                "an escape with one digit",
                with("%4"),
                "400 InvalidParameter",
            ),
            case(
                "an escape with other letters",
                with("%zz"),
                "400 InvalidParameter",
            ),
            case(
                "an escape that is no UTF-8",
                with("%ff"),
                "400 InvalidParameter",
            ),
            case("a form that is no UTF-8", raw_form, "400 InvalidParameter"),
            case("PUT", by("PUT"), "400 UnsupportedHTTPMethod"),
            case("DELETE", by("DELETE"), "400 UnsupportedHTTPMethod"),
            case("BREW", by("BREW"), "400 UnsupportedHTTPMethod"),
        ]
    }

    fn bodies(&self) -> Vec<Case> {
        let form = alibaba("POST", &self.common());
        let fresh = || alibaba("POST", &self.common());
        let json = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let typed = |content_type: &str| {
            Message::new("POST", "/?Version=2021-09-31&Format=JSON", &self.host)
                .header("Content-Type", content_type)
        };
        let chunked = |chunks: &str| typed(wire::FORM).chunks(chunks);
        vec![
            case("a form", self.post().form(&form), "200 SUCCESS"),
            case(
                "a form as JSON",
                typed("application/json").body(fresh().as_bytes()),
                "400 MissingAccessKeyId",
            ),
            case(
                "deep JSON",
                typed("application/json").body(json.as_bytes()),
                "400 MissingAccessKeyId",
            ),
            case(
                "deep JSON as a form",
                typed(wire::FORM).body(json.as_bytes()),
                "400 MissingAccessKeyId",
            ),
            case(
                "a form that ends early",
                typed(wire::FORM).truncated(fresh().as_bytes()),
                "400 InvalidParameter",
            ),
            case(
                "a form in chunks",
                self.post()
                    .header("Content-Type", wire::FORM)
                    .chunks(&wire::in_chunks(&fresh())),
                "200 SUCCESS",
            ),
            case(
                "chunks that end early",
                chunked("5\r\nabc").cut(),
                "400 InvalidParameter",
            ),
            case(
                "chunks without lengths",
                chunked("zz\r\nabc\r\n0\r\n\r\n"),
                "400 InvalidParameter",
            ),
            case(
                "a chunk that is too long",
                chunked("ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
                "400 InvalidParameter",
            ),
        ]
    }

    fn sizes(&self) -> Vec<Case> {
        let too_large = "x".repeat(MORE_THAN_1_MIB);
        let start = "Version=2021-09-31&Format=JSON&padding=";
        let header = |bytes| self.good().header("x-padding", &"x".repeat(bytes));
        let in_form =
            Message::new("POST", "/?Version=2021-09-31&Format=JSON", &self.host).form(&too_large);
        vec![
            case("a form that is too large", in_form, "400 InvalidParameter"),
            case(
                "a query that is too long",
                self.get(&format!("{start}{too_large}")),
                "400 InvalidParameter",
            ),
            case("a header of 200 KB", header(200_000), "200 SUCCESS"),
            case(
                "a header of 1 MB",
                header(1_000_000),
                "400 InvalidParameter",
            ),
        ]
    }
}
