//! Requests that are wrong in one way each.

use super::{FORM, SECRET, Sent, dialect, target};
use crate::support::SUBMITTED;
use http::Method;
use longrun_dialects::{Credential, Endpoint, Fault, OperationRef, Signer, Wish};

const SIGNED: &str = "Action=GetExecuteOperationResult&Version=2021-09-31&AccessKeyId=k&Signature=AAAA&SignatureVersion=1.0";
const STAMPED: &str = "SignatureNonce=n&Timestamp=2026-11-21T02:02:06Z";

fn invalid(name: &'static str, reason: &'static str) -> Fault {
    let name = name.into();
    Fault::InvalidParameter { name, reason }
}

/// What is wrong with the credentials of a request.
fn check_claim(sent: &Sent, expected: &Fault) {
    let claim = sent.parsed().claim.map(|_| ());
    assert_eq!(claim.as_ref(), Err(expected), "{sent:?}");
}

/// The same, wherever the parameters are.
fn check_v1(parameters: &str, expected: &Fault) {
    check_claim(&Sent::new(&Method::GET, parameters, &[], ""), expected);
    check_claim(&Sent::new(&Method::POST, "", &[FORM], parameters), expected);
    let deleted = Sent::new(&Method::DELETE, parameters, &[], "");
    check_claim(&deleted, &Fault::UnknownMethod);
}

#[test]
fn absent_v1_credentials_are_named() {
    let time = "Timestamp=2026-11-21T02:02:06Z";
    for (parameters, name) in [
        ("Action=", "AccessKeyId"),
        ("Action=A&AccessKeyId=", "AccessKeyId"),
        ("Action=A&AccessKeyId=k&Signature=", "Signature"),
        ("AccessKeyId=k&Signature=AAAA", "SignatureVersion"),
        (SIGNED, "Timestamp"),
        (&format!("{SIGNED}&Timestamp="), "Timestamp"),
        (&format!("{SIGNED}&{time}"), "SignatureNonce"),
        (
            &format!("{SIGNED}&{time}&SignatureNonce="),
            "SignatureNonce",
        ),
    ] {
        check_v1(parameters, &Fault::MissingCredentials(name));
    }
}

#[test]
fn bad_v1_credentials_are_refused() {
    let unknown = |text: &str| Fault::UnknownAlgorithm(text.to_owned());
    let nonce = format!(
        "SignatureNonce={}&Timestamp=2026-11-21T02:02:06Z",
        "n".repeat(257)
    );
    let version = SIGNED.replace("1.0", "2.0");
    for (parameters, more, expected) in [
        (version.as_str(), STAMPED, unknown("SignatureVersion 2.0")),
        (
            SIGNED,
            "SignatureMethod=HMAC-SHA256",
            unknown("HMAC-SHA256"),
        ),
        (SIGNED, "SignatureType=BEARERTOKEN", unknown("BEARERTOKEN")),
        (SIGNED, "Timestamp=1795226526", Fault::MalformedTime),
        (
            SIGNED,
            "Timestamp=2026-02-30T00:00:00Z",
            Fault::MalformedTime,
        ),
        (
            SIGNED,
            "Timestamp=1&TimeStamp=1",
            invalid("Timestamp", "it is there in two spellings"),
        ),
        (
            SIGNED,
            &nonce,
            invalid("SignatureNonce", "it is longer than 256 bytes"),
        ),
        (
            SIGNED,
            "OperationId=1&OperationId=2",
            invalid("OperationId", "it has two values"),
        ),
        (
            SIGNED,
            "OperationId=%",
            Fault::Malformed("a percent escape is broken"),
        ),
        (
            SIGNED,
            "OperationId=%ff",
            Fault::Malformed("a parameter is not UTF-8"),
        ),
    ] {
        check_v1(&format!("{parameters}&{more}"), &expected);
    }
}

/// Letter case of the method, the sample's spelling of the time, and a signature that is no base64: all are read.
#[test]
fn odd_v1_credentials_are_read() {
    for query in [
        format!("{SIGNED}&{STAMPED}&SignatureMethod=Hmac-SHA1"),
        format!("{SIGNED}&SignatureNonce=n&TimeStamp=2026-11-21T02:02:06Z"),
        format!("{SIGNED}&{STAMPED}&{STAMPED}"),
        format!("{SIGNED}&{STAMPED}").replace("AAAA", "no+base64"),
    ] {
        let sent = Sent::new(&Method::GET, &query, &[], "");
        let fault = sent.verified(SECRET, SUBMITTED);
        assert!(
            matches!(fault, Err(Fault::BadSignature { .. })),
            "{query}: {fault:?}"
        );
    }
}

#[test]
fn bad_authorizations_are_refused() {
    let unknown = |text: &str| Fault::UnknownAlgorithm(text.to_owned());
    let lacks = Fault::MalformedCredentials("Authorization lacks one of its three fields");
    for (text, expected) in [
        ("ACS3-HMAC-SM3 Credential=k", unknown("ACS3-HMAC-SM3")),
        ("ACS3-", unknown("ACS3-")),
        ("ACS3-HMAC-SHA256", lacks.clone()),
        (
            "ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=0",
            lacks.clone(),
        ),
        ("ACS3-HMAC-SHA256 Credential=k,Signature=0", lacks),
        (
            "ACS3-HMAC-SHA256 Credential=k, SignedHeaders=host, Signature=0",
            Fault::MissingCredentials("Timestamp"),
        ),
    ] {
        let sent = Sent::new(&Method::POST, "", &[("authorization", text)], "");
        check_claim(&sent, &expected);
    }
}

#[test]
fn bad_v3_credentials_are_refused() {
    type Change = fn(&mut Sent);
    let uncovered =
        Fault::MalformedCredentials("SignedHeaders must list content-type when there is a body");
    let too_long = invalid("SignatureNonce", "it is longer than 256 bytes");
    let rows: [(Change, Fault); 6] = [
        (
            |sent| sent.remove("x-acs-date"),
            Fault::MissingCredentials("Timestamp"),
        ),
        (
            |sent| sent.set("x-acs-date", "yesterday"),
            Fault::MalformedTime,
        ),
        (
            |sent| sent.remove("x-acs-signature-nonce"),
            Fault::MissingCredentials("SignatureNonce"),
        ),
        (
            |sent| sent.set("x-acs-signature-nonce", &"n".repeat(257)),
            too_long,
        ),
        (
            |sent| sent.query = "a=%".to_owned(),
            Fault::Malformed("a percent escape is broken"),
        ),
        (
            |sent| {
                let text = sent.headers["authorization"].to_str().unwrap();
                sent.set("authorization", &text.replace("content-type;", ""));
            },
            uncovered,
        ),
    ];
    for (change, expected) in rows {
        let mut sent = Sent::polled(&target("op-1"), None, SUBMITTED, 7);
        change(&mut sent);
        check_claim(&sent, &expected);
    }
}

const ACTION: (&str, &str) = ("x-acs-action", "GetExecuteOperationResult");
const VERSION: (&str, &str) = ("x-acs-version", "2021-09-31");
const ACS3: (&str, &str) = ("authorization", "ACS3-HMAC-SHA256 ");
const V1: &str = "Action=GetExecuteOperationResult&Version=2021-09-31";

fn check_wish(query: &str, headers: &[(&str, &str)], body: &str, expected: &Fault) {
    let sent = Sent::new(&Method::POST, query, headers, body);
    assert_eq!(sent.parsed().wish.as_ref(), Err(expected), "{sent:?}");
}

#[test]
fn other_actions_are_refused() {
    let missing = |name: &'static str| Fault::MissingParameter(name.into());
    let action = "Action=GetExecuteOperationResult";
    for (query, headers, expected) in [
        ("Version=2021-09-31", &[][..], missing("Action")),
        ("Action=", &[], missing("Action")),
        (action, &[], missing("Version")),
        (
            "Action=Get&Version=2021-10-01",
            &[],
            Fault::UnknownVersion("2021-10-01".into()),
        ),
        (
            "Action=Get&Version=2021-09-31",
            &[],
            Fault::UnknownAction("Get".into()),
        ),
        // Nobody signs the headers in V1, nor do parameters name the action in V3.
        ("Version=2021-09-31", &[ACTION], missing("Action")),
        (action, &[ACS3, VERSION], missing("Action")),
        ("", &[ACS3, ACTION], missing("Version")),
        (
            "",
            &[ACS3, VERSION, ("x-acs-action", "Get")],
            Fault::UnknownAction("Get".into()),
        ),
    ] {
        check_wish(query, headers, "", &expected);
    }
}

#[test]
fn bad_parameters_are_refused() {
    let missing = Fault::MissingParameter("OperationId".into());
    let twice = invalid("OperationId", "it has two values");
    let long = invalid("OperationId", "it is longer than any id");
    let broken = Fault::Malformed("a percent escape is broken");
    let too_long = format!("OperationId={}", "x".repeat(513));
    let json = ("content-type", "application/json");
    for (headers, body, expected) in [
        (&[FORM][..], "", &missing),
        (&[FORM], "OperationId=", &missing),
        (&[FORM], "operationid=1", &missing),
        (&[], "OperationId=1", &missing),
        (&[json], r#"{"OperationId":"1"}"#, &missing),
        (&[FORM], "OperationId=1&OperationId=2", &twice),
        (&[FORM], too_long.as_str(), &long),
        (&[FORM], "OperationId=%zz", &broken),
    ] {
        check_wish(V1, headers, body, expected);
        let headers = [headers, &[ACS3, ACTION, VERSION]].concat();
        check_wish("", &headers, body, expected);
    }
}

/// Ids are texts: what would be no number is an id like any other.
#[test]
fn any_text_is_an_id() {
    for id in [
        "-1",
        "0",
        "18446744073709551616",
        "abc",
        "op/7f",
        "\u{6807}",
    ] {
        let sent = Sent::new(&Method::GET, &format!("{V1}&OperationId={id}"), &[], "");
        let wish = Wish::Poll {
            operation: OperationRef::Text(id.into()),
            resource_group: None,
        };
        assert_eq!(sent.parsed().wish, Ok(wish));
    }
}

#[test]
fn polls_that_cannot_be_written_are_refused() {
    let key = |id: &'static str| Credential::AccessKey {
        id: id.into(),
        secret: "s".into(),
        session_token: None,
    };
    let poll = |id: &str, authority: &str, credential: &Credential| {
        let scheme = "https";
        let endpoint = Endpoint { scheme, authority };
        dialect().poll(
            &target(id),
            &Signer::new(&endpoint, credential, SUBMITTED, 1),
        )
    };
    let long = "x".repeat(513);
    for (id, authority, credential) in [
        ("", "host", key("k")),
        (long.as_str(), "host", key("k")),
        ("op-1", "", key("k")),
        ("op-1", "a b", key("k")),
        ("op-1", "host", key("new\nline")),
        ("op-1", "host", Credential::Token("t".into())),
    ] {
        let written = poll(id, authority, &credential);
        assert!(written.is_err(), "{id:.9} {authority} {credential:?}");
    }
    let request = poll("op-1", "bpstudio.cn-hangzhou.aliyuncs.com:443", &key("k")).unwrap();
    assert_eq!(
        request.headers()["host"],
        "bpstudio.cn-hangzhou.aliyuncs.com"
    );
}
