//! What real clients sign and the documents do not say. The canonical requests are written out by hand.

use super::{BM, BY_NUMBER, BY_REQUEST, FORM, HOST, Sent, hash, number, older, text, with_common};
use http::Method;
use longrun_dialects::{Fault, Options, find};

const BODY: &str = r#"{"TaskId": 297}"#;

/// A POST whose `Host` is `received` and that has the signature of another host and content type.
fn posted(received: &str, host: &str, sent_type: &str, signed_type: &str, service: &str) -> Sent {
    let canonical = format!(
        "POST\n/\n\ncontent-type:{signed_type}\nhost:{host}\n\ncontent-type;host\n{}",
        hash(BODY.as_bytes())
    );
    Sent::new(Method::POST, "", BODY.as_bytes())
        .with_header("host", received)
        .with_header("content-type", sent_type)
        .asking(BM.0, BM.1)
        .with_signature_of(&canonical, "content-type;host", service)
}

#[test]
fn hosts() {
    let options = Options {
        host_aliases: vec!["bm.tencentcloudapi.com".to_owned()],
        ..Options::default()
    };
    for (received, signed, service, good) in [
        // Python, Go.
        ("127.0.0.1:8080", "127.0.0.1:8080", "bm", true),
        ("LocalHost:8080", "LocalHost:8080", "bm", true),
        // Node leaves the port out and makes a service of the first label.
        ("127.0.0.1:8080", "127.0.0.1", "127", true),
        ("LocalHost:8080", "localhost", "localhost", true),
        // PHP and Java take the endpoint as it is given.
        ("bm.local:8080", "bm.local:8080", "bm", true),
        ("LocalHost:8080", "LocalHost:8080", "LocalHost:8080", true),
        // tccli has a scheme in its endpoint.
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "bm", true),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "bm", true),
        ("https://BM.local", "https://bm.local", "bm", true),
        ("https://BM.local", "bm.local", "bm", true),
        // A gateway in between.
        ("127.0.0.1:8080", "bm.tencentcloudapi.com", "bm", true),
        ("127.0.0.1:8080", "127.0.0.1:8081", "bm", false),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "bm", false),
        ("127.0.0.1:8080", "vpc.tencentcloudapi.com", "bm", false),
    ] {
        let json = "application/json";
        let outcome = posted(received, signed, json, json, service)
            .served(&options)
            .1;
        if good {
            assert_eq!(outcome, number(297), "{received} {signed}");
        } else {
            assert!(
                matches!(outcome, Err(Fault::BadSignature { .. })),
                "{received} {signed}"
            );
        }
    }
}

/// The documents fold the values of headers to lower case; clients that sign what they send are understood as well.
#[test]
fn content_types() {
    for (sent, signed, good) in [
        (
            "application/json; charset=utf-8",
            "application/json; charset=utf-8",
            true,
        ),
        (
            "application/json; charset=UTF-8",
            "application/json; charset=utf-8",
            true,
        ),
        (
            "application/json; charset=UTF-8",
            "application/json; charset=UTF-8",
            true,
        ),
        ("Application/JSON", "application/json", true),
        (" application/json ", "application/json", true),
        ("application/json; charset=utf-8", "application/json", false),
        ("application/json", "Application/JSON", false),
    ] {
        for host in ["LocalHost:8080", "localhost:8080"] {
            let outcome = posted("LocalHost:8080", host, sent, signed, "bm").outcome();
            if good {
                assert_eq!(outcome, number(297), "{sent} {signed} {host}");
            } else {
                assert!(
                    matches!(outcome, Err(Fault::BadSignature { .. })),
                    "{sent} {signed}"
                );
            }
        }
    }
}

/// More headers than the two may be signed, and count then.
#[test]
fn signed_headers() {
    let canonical = format!(
        "POST\n/\n\ncontent-type:application/json\nhost:{HOST}\nx-tc-action:describeoperationresult\n\n\
         content-type;host;x-tc-action\n{}",
        hash(BODY.as_bytes())
    );
    let sent = |action| {
        Sent::new(Method::POST, "", BODY.as_bytes())
            .with_header("content-type", "application/json")
            .asking(BM.0, action)
            .with_signature_of(&canonical, "content-type;host;x-tc-action", "bm")
    };
    assert_eq!(sent(BM.1).outcome(), number(297));
    let changed = sent(BY_REQUEST.1).with_header("x-tc-version", BY_REQUEST.0);
    assert!(matches!(changed.outcome(), Err(Fault::BadSignature { .. })));
    let absent = sent(BM.1).without_header("x-tc-action");
    let missing = "a header that `SignedHeaders` lists is missing";
    assert_eq!(absent.outcome(), Err(Fault::MalformedCredentials(missing)));
}

/// A client may say that it has not signed the body; then any body will do, and otherwise none but the one signed.
#[test]
fn unsigned_payloads() {
    let canonical = format!(
        "POST\n/\n\ncontent-type:application/json\nhost:{HOST}\n\ncontent-type;host\n{}",
        hash(b"UNSIGNED-PAYLOAD")
    );
    let sent = Sent::new(Method::POST, "", BODY.as_bytes())
        .with_header("content-type", "application/json")
        .asking(BM.0, BM.1)
        .with_signature_of(&canonical, "content-type;host", "bm");
    assert!(matches!(sent.outcome(), Err(Fault::BadSignature { .. })));
    let told = sent.with_header("x-tc-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(told.outcome(), number(297));
    let other = Sent::json(BM, BODY).with_header("x-tc-content-sha256", "another word");
    assert_eq!(other.outcome(), number(297));
}

/// The query of a GET is signed as it is sent, escapes and order and all; that of a POST is not looked at.
#[test]
fn queries() {
    for (query, expected) in [
        ("TaskId=297", number(297)),
        ("Z=%2f+&TaskId=%32%397&A=b", number(297)),
        ("A&&TaskId=297", number(297)),
    ] {
        assert_eq!(Sent::get(BM, query).outcome(), expected, "{query}");
    }
    let mut reordered = Sent::get(BM, "A=b&TaskId=297");
    reordered.query = "TaskId=297&A=b".to_owned();
    assert!(matches!(
        reordered.outcome(),
        Err(Fault::BadSignature { .. })
    ));
    let mut posted = Sent::json(BM, BODY);
    posted.query = "TaskId=8&%zz".to_owned();
    assert_eq!(posted.outcome(), number(297));
}

/// The older signature, in every way that clients write it.
#[test]
fn the_older_signature() {
    for (asked, id, expected) in [
        (BM, "297", number(297)),
        (BY_NUMBER, "297", number(297)),
        (
            BY_REQUEST,
            "481e9b6e-81d1-4859-b8cf-a673e010b388",
            text("481e9b6e81d14859b8cfa673e010b388"),
        ),
    ] {
        for method in [None, Some("HmacSHA1"), Some("HmacSHA256")] {
            let mut more = vec![("TaskId", id), ("Region", ""), ("Language", "zh-CN")];
            more.extend(method.map(|method| ("SignatureMethod", method)));
            for verb in [Method::GET, Method::POST] {
                let sent = older(verb.clone(), &with_common(asked, &more));
                assert_eq!(sent.outcome(), expected, "{verb} {method:?} {id}");
                let changed = Sent {
                    query: sent.query.replace("zh", "en"),
                    body: String::from_utf8(sent.body.clone())
                        .unwrap()
                        .replace("zh", "en")
                        .into(),
                    ..sent
                };
                assert!(matches!(changed.outcome(), Err(Fault::BadSignature { .. })));
            }
        }
    }
}

/// A token comes in a header or among the parameters.
#[test]
fn temporary_credentials() {
    for (token, expected) in [("t0k+en/=", Some("t0k+en/=")), ("", None)] {
        let in_header = Sent::json(BM, BODY).with_header("x-tc-token", token);
        let in_query = older(
            Method::GET,
            &with_common(BM, &[("TaskId", "297"), ("Token", token)]),
        );
        for sent in [in_header, in_query] {
            assert_eq!(sent.outcome(), number(297));
            let request = sent.request();
            let call = find(&request, &Options::default())
                .unwrap()
                .parse(&request, &Options::default());
            assert_eq!(call.claim.unwrap().session_token.as_deref(), expected);
        }
    }
}

#[test]
fn the_window_can_be_set() {
    let older = older(Method::GET, &with_common(BM, &[("TaskId", "297")]));
    for sent in [Sent::json(BM, BODY), older] {
        for (clock_window_millis, good) in [(None, true), (Some(2_000), true), (Some(1_999), false)]
        {
            let options = Options {
                clock_window_millis,
                ..Options::default()
            };
            let outcome = sent.served(&options).1;
            assert_eq!(
                outcome.is_ok(),
                good,
                "{clock_window_millis:?}: {outcome:?}"
            );
        }
    }
}

/// The ways to name an operation.
#[test]
fn ids() {
    let digits = "481e9b6e81d14859b8cfa673e010b388";
    let dashed = r#"{"TaskId":"481e9b6e-81d1-4859-b8cf-a673e010b388"}"#;
    for (asked, body, expected) in [
        (BM, r#"{"TaskId":"297"}"#, number(297)),
        (BM, r#"{"TaskId":9007199254740991}"#, number((1 << 53) - 1)),
        (BY_NUMBER, r#"{"TaskId":297}"#, number(297)),
        (
            BY_NUMBER,
            r#"{"TaskId":297,"DealName":"20190101"}"#,
            number(297),
        ),
        (
            BY_NUMBER,
            r#"{"TaskId":null,"DealName":"20190101"}"#,
            text("20190101"),
        ),
        (BY_NUMBER, r#"{"DealName":"op-1"}"#, text("op-1")),
        (BY_REQUEST, dashed, text(digits)),
        (
            BY_REQUEST,
            &dashed.to_uppercase().replace("TASKID", "TaskId"),
            text(digits),
        ),
        (BY_REQUEST, &dashed.replace('-', ""), text(digits)),
        (BY_REQUEST, r#"{"TaskId":"297"}"#, number(297)),
        (BY_REQUEST, r#"{"TaskId":297}"#, number(297)),
        (
            BY_REQUEST,
            r#"{"TaskId":"12345678901234567890123456789012"}"#,
            text("12345678901234567890123456789012"),
        ),
        (BY_REQUEST, r#"{"TaskId":"481e9b6e"}"#, text("481e9b6e")),
        (BY_REQUEST, r#"{"TaskId":"北京"}"#, text("北京")),
    ] {
        assert_eq!(Sent::json(asked, body).outcome(), expected, "{body}");
    }
}

/// A form that says it is one is no JSON, and the other way round.
#[test]
fn forms_have_the_older_signature() {
    let form = Sent::json(BM, "TaskId=297")
        .with_header("content-type", FORM)
        .signed();
    let fault = Fault::Malformed("the content type is not application/json");
    assert_eq!(form.outcome(), Err(fault));
}
