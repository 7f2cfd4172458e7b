//! Bad requests, each with the fault that it deserves.

use super::{
    BM, BY_NUMBER, BY_REQUEST, FORM, NOW, Outcome, SECRET, Sent, number, older, with_common,
};
use http::Method;
use longrun_dialects::{Fault, Options, find};

fn invalid(name: &'static str, reason: &'static str) -> Outcome {
    Err(Fault::InvalidParameter {
        name: name.into(),
        reason,
    })
}

fn malformed(reason: &'static str) -> Outcome {
    Err(Fault::Malformed(reason))
}

const NO_NUMBER: &str = "it is not a positive integer";
const OUT_OF_RANGE: &str = "it is out of range";
const NO_SCALAR: &str = "an argument is neither a text nor a number";
const NO_OBJECT: &str = "the body is not a JSON object";

#[test]
fn ids_in_json() {
    let missing = || Err(Fault::MissingParameter("TaskId".into()));
    for (body, expected) in [
        ("", missing()),
        ("{}", missing()),
        (r#"{"TaskId":null}"#, missing()),
        (r#"{"TaskId":""}"#, missing()),
        (r#"{"taskId":7}"#, missing()),
        (r#"{"TaskId":"abc"}"#, invalid("TaskId", NO_NUMBER)),
        (r#"{"TaskId":-1}"#, invalid("TaskId", NO_NUMBER)),
        (r#"{"TaskId":1.0}"#, invalid("TaskId", NO_NUMBER)),
        (r#"{"TaskId":1e3}"#, invalid("TaskId", NO_NUMBER)),
        (r#"{"TaskId":" 1"}"#, invalid("TaskId", NO_NUMBER)),
        (r#"{"TaskId":0}"#, invalid("TaskId", OUT_OF_RANGE)),
        (
            r#"{"TaskId":9007199254740992}"#,
            invalid("TaskId", OUT_OF_RANGE),
        ),
        (
            r#"{"TaskId":18446744073709551616}"#,
            invalid("TaskId", OUT_OF_RANGE),
        ),
        (r#"{"TaskId":true}"#, malformed(NO_SCALAR)),
        (r#"{"TaskId":[7]}"#, malformed(NO_SCALAR)),
        (r#"{"TaskId":{"TaskId":7}}"#, malformed(NO_SCALAR)),
        (
            r#"{"TaskId":7,"TaskId":7}"#,
            invalid("TaskId", "it stands more than once"),
        ),
        (
            r#"{"TaskId":7,"A":1,"A":1}"#,
            invalid("A", "it stands more than once"),
        ),
        (r#"{"TaskId":7"#, malformed(NO_OBJECT)),
        (r#"{"TaskId":7} x"#, malformed(NO_OBJECT)),
        ("[7]", malformed(NO_OBJECT)),
        ("7", malformed(NO_OBJECT)),
        ("TaskId=7", malformed(NO_OBJECT)),
        ("\u{feff}{}", malformed(NO_OBJECT)),
    ] {
        for asked in [BM, BY_NUMBER] {
            assert_eq!(
                Sent::json(asked, body).outcome(),
                expected,
                "{} {body}",
                asked.1
            );
        }
    }
    let mut raw = Sent::json(BM, "");
    raw.body = b"{\"TaskId\":\"\xff\"}".to_vec();
    assert_eq!(raw.signed().outcome(), malformed(NO_OBJECT));
}

#[test]
fn ids_in_queries() {
    for (query, expected) in [
        ("", Err(Fault::MissingParameter("TaskId".into()))),
        ("TaskId", Err(Fault::MissingParameter("TaskId".into()))),
        ("TaskId=", Err(Fault::MissingParameter("TaskId".into()))),
        ("TaskId=abc", invalid("TaskId", NO_NUMBER)),
        ("TaskId=+7", invalid("TaskId", NO_NUMBER)),
        (
            "TaskId=18446744073709551616",
            invalid("TaskId", OUT_OF_RANGE),
        ),
        (
            "TaskId=7&TaskId=7",
            invalid("TaskId", "it stands more than once"),
        ),
        (
            "TaskId=7&Task%49d=8",
            invalid("TaskId", "it stands more than once"),
        ),
        ("TaskId=%zz", malformed("a percent escape is broken")),
        ("TaskId=7&a=%", malformed("a percent escape is broken")),
        ("TaskId=%ff", malformed("a parameter is not UTF-8")),
    ] {
        assert_eq!(Sent::get(BM, query).outcome(), expected, "{query}");
    }
    let long = format!(r#"{{"TaskId":"{}"}}"#, "a".repeat(513));
    assert_eq!(
        Sent::json(BY_REQUEST, &long).outcome(),
        invalid("TaskId", "it is longer than any id")
    );
    let deal = long.replace("TaskId", "DealName");
    assert_eq!(
        Sent::json(BY_NUMBER, &deal).outcome(),
        invalid("DealName", "it is longer than any id")
    );
    let deep = format!(r#"{{"TaskId":{}"#, "[".repeat(10_000));
    assert_eq!(Sent::json(BM, &deep).outcome(), malformed(NO_OBJECT));
}

#[test]
fn what_is_asked() {
    let missing = |name: &'static str| Err(Fault::MissingParameter(name.into()));
    let long = "A".repeat(100);
    let unknown = || Err(Fault::UnknownAction("A".repeat(64)));
    for (asked, expected) in [
        (("", BM.1), missing("Version")),
        ((BM.0, ""), missing("Action")),
        (("", ""), missing("Action")),
        ((BM.0, &*long), unknown()),
    ] {
        assert_eq!(
            Sent::json(asked, r#"{"TaskId":7}"#).outcome(),
            expected,
            "{asked:?}"
        );
        let older = older(Method::GET, &with_common(asked, &[("TaskId", "7")]));
        assert_eq!(older.outcome(), expected, "{asked:?}");
    }
    let sent = Sent::json(BM, r#"{"TaskId":7}"#);
    assert_eq!(
        sent.clone().without_header("x-tc-version").outcome(),
        missing("Version")
    );
    assert_eq!(
        sent.without_header("x-tc-action").outcome(),
        missing("Action")
    );
}

#[test]
fn headers_of_tc3() {
    let sent = || Sent::json(BM, r#"{"TaskId":7}"#);
    let authorization = |value: &str| sent().with_header("authorization", value).outcome();
    assert_eq!(sent().outcome(), number(7));
    assert_eq!(
        authorization("SKIP"),
        Err(Fault::UnknownAlgorithm("SKIP".to_owned()))
    );
    let unsigned = sent().without_header("authorization").outcome();
    assert_eq!(
        unsigned,
        Err(Fault::MalformedCredentials("`Authorization` is missing"))
    );
    let short = authorization("TC3-HMAC-SHA256 Credential=AKIDEXAMPLE");
    assert!(matches!(short, Err(Fault::MalformedCredentials(_))));

    let at = |time: &str| {
        sent()
            .with_header("x-tc-timestamp", time)
            .signed()
            .outcome()
    };
    let ahead = |ahead_millis| Err(Fault::Skewed { ahead_millis });
    assert_eq!(at("1795226774"), number(7));
    assert_eq!(at("1795226775"), ahead(301_000));
    assert_eq!(at("1795226174"), number(7));
    assert_eq!(at("1795226173"), ahead(-301_000));
    for time in [
        "yesterday",
        "-1",
        "+1795226472",
        "1795226472.0",
        "99999999999999999999",
    ] {
        assert_eq!(at(time), Err(Fault::MalformedTime), "{time}");
    }
    let other_day = "the date of the credential is not that of `X-TC-Timestamp`";
    for time in ["0", "1795312872", "9223372036854775807"] {
        assert_eq!(
            at(time),
            Err(Fault::MalformedCredentials(other_day)),
            "{time}"
        );
    }
    let timeless = sent().without_header("x-tc-timestamp").outcome();
    assert_eq!(timeless, Err(Fault::MissingParameter("Timestamp".into())));
}

#[test]
fn changed_after_signing() {
    let sent = || Sent::json(BM, r#"{"TaskId":7}"#);
    let mut other_task = sent();
    other_task.body = br#"{"TaskId":8}"#.to_vec();
    let mut other_method = Sent::get(BM, "TaskId=7");
    other_method.method = Method::POST;
    let mut other_query = Sent::get(BM, "TaskId=7");
    other_query.query = "TaskId=8".to_owned();
    for sent in [
        other_task,
        other_method,
        other_query,
        sent().with_header("host", "bm.y"),
        sent().with_header("content-type", "application/json; charset=utf-8"),
        sent().with_header("x-tc-timestamp", "1795226473"),
    ] {
        assert!(
            matches!(sent.outcome(), Err(Fault::BadSignature { .. })),
            "{sent:?}"
        );
    }
}

#[test]
fn credentials_of_the_older_signature() {
    let good = with_common(BM, &[("TaskId", "7")]);
    let without = |left_out: &str| -> Vec<(&str, &str)> {
        let kept = good.iter().copied();
        kept.filter(|(name, _)| *name != left_out).collect()
    };
    let with = |name, value| [&without(name)[..], &[(name, value)]].concat();
    for (parameters, expected) in [
        (good.clone(), number(7)),
        (
            without("SecretId"),
            Err(Fault::MissingCredentials("SecretId")),
        ),
        (
            without("Timestamp"),
            Err(Fault::MissingParameter("Timestamp".into())),
        ),
        (
            without("Nonce"),
            Err(Fault::MissingParameter("Nonce".into())),
        ),
        (with("Timestamp", "yesterday"), Err(Fault::MalformedTime)),
        (
            with("Timestamp", "1795230074"),
            Err(Fault::Skewed {
                ahead_millis: 3_600_000,
            }),
        ),
        (with("TaskId", "abc"), invalid("TaskId", NO_NUMBER)),
        (
            [&good[..], &[("TaskId", "8")]].concat(),
            invalid("TaskId", "it stands more than once"),
        ),
        (
            [&good[..], &[("Nonce", "8")]].concat(),
            invalid("Nonce", "it stands more than once"),
        ),
    ] {
        for method in [Method::GET, Method::POST] {
            assert_eq!(
                older(method, &parameters).outcome(),
                expected,
                "{parameters:?}"
            );
        }
    }
    let mut unsigned = older(Method::GET, &good);
    unsigned
        .query
        .truncate(unsigned.query.find("&Signature=").unwrap());
    assert_eq!(
        unsigned.outcome(),
        Err(Fault::MissingCredentials("Signature"))
    );
    unsigned.query += "&Signature=%21";
    assert!(matches!(
        unsigned.outcome(),
        Err(Fault::MalformedCredentials(_))
    ));
}

/// Somebody who cannot sign is not told whether the rest of the request is good.
#[test]
fn the_signature_is_looked_at_before_the_wish() {
    for sent in [
        Sent::json(("", ""), "{"),
        Sent::json(("1999-01-01", "Nothing"), ""),
        Sent::get(BM, "TaskId=abc&a=%zz"),
        older(Method::POST, &with_common(BY_NUMBER, &[("TaskId", "x")])),
    ] {
        let request = sent.request();
        let dialect = find(&request, &Options::default()).unwrap();
        let call = dialect.parse(&request, &Options::default());
        assert!(call.wish.is_err());
        let proof = call.claim.unwrap().proof.unwrap();
        assert_eq!(dialect.verify(&proof, SECRET.as_bytes(), NOW), Ok(()));
        assert!(dialect.verify(&proof, b"wrong", NOW).is_err());
    }
}

#[test]
fn methods_and_content_types() {
    for method in [Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS] {
        let mut sent = Sent::json(BM, r#"{"TaskId":7}"#);
        sent.method = method.clone();
        assert_eq!(sent.signed().outcome(), Err(Fault::UnknownMethod));
        let older = older(method, &with_common(BM, &[("TaskId", "7")]));
        assert_eq!(older.outcome(), Err(Fault::UnknownMethod));
    }
    let refused = malformed("the content type is not application/json");
    for (content_type, expected) in [
        ("application/json", number(7)),
        ("Application/JSON; charset=UTF-8", number(7)),
        (FORM, refused.clone()),
        ("multipart/form-data; boundary=x", refused.clone()),
        ("text/json", refused.clone()),
        ("", refused),
    ] {
        let sent = Sent::json(BM, r#"{"TaskId":7}"#).with_header("content-type", content_type);
        assert_eq!(sent.signed().outcome(), expected, "{content_type}");
    }
    let older = older(Method::POST, &with_common(BM, &[("TaskId", "7")]));
    let as_json = older.with_header("content-type", "application/json");
    assert_eq!(as_json.outcome(), malformed("the body is not a form"));
}

/// A mebibyte is answered like anything else, however it is made up.
#[test]
fn long_requests() {
    let members: Vec<String> = (0..60_000).map(|n| format!("\"a{n}\":{n}")).collect();
    let many = format!(r#"{{{},"TaskId":7}}"#, members.join(","));
    let one = format!(r#"{{"A":"{}","TaskId":7}}"#, "x".repeat(1 << 20));
    let deep = format!(
        r#"{{"A":{}{},"TaskId":7}}"#,
        "[".repeat(1 << 19),
        "]".repeat(1 << 19)
    );
    for body in [many, one, deep] {
        assert_eq!(Sent::json(BM, &body).outcome(), number(7));
    }
    let pairs: Vec<String> = (0..60_000).map(|n| format!("a{n}=%20")).collect();
    assert_eq!(
        Sent::get(BM, &format!("{}&TaskId=7", pairs.join("&"))).outcome(),
        number(7)
    );
}
