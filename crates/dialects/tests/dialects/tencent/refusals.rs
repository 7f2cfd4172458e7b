//! Bad requests, each with the fault that it deserves.

use super::{NOW, PATH, SECRET, Sent, encoded, signed_get, sorted, with_common};
use http::Method;
use longrun_dialects::{Algorithm, Fault, Options, find};

const BM: &str = "DescriptionOperationResult";
const VPC: &str = "DescribeNetTaskResult";

fn invalid(name: &'static str, reason: &'static str) -> Fault {
    Fault::InvalidParameter {
        name: name.into(),
        reason,
    }
}

#[test]
fn task_ids() {
    let no_number = || invalid("taskId", "it is not a positive integer");
    let out_of_range = || invalid("taskId", "it is out of range");
    for (task_id, expected) in [
        (None, Err(Fault::MissingParameter("taskId".into()))),
        (Some(""), Err(Fault::MissingParameter("taskId".into()))),
        (Some("abc"), Err(no_number())),
        (Some("-1"), Err(no_number())),
        (Some("+1"), Err(no_number())),
        (Some(" 1"), Err(no_number())),
        (Some("1.0"), Err(no_number())),
        (Some("@1"), Err(no_number())),
        (Some("\u{0}"), Err(no_number())),
        (Some("0"), Err(out_of_range())),
        (Some("9007199254740992"), Err(out_of_range())),
        (Some("18446744073709551616"), Err(out_of_range())),
        (Some("9007199254740991"), Ok((1 << 53) - 1)),
        (Some("1000800001"), Ok(1_000_800_001)),
    ] {
        for (action, dialect) in [(BM, "tencent-bm"), (VPC, "tencent-vpc")] {
            let mut more = vec![("Action", action)];
            more.extend(task_id.map(|task_id| ("taskId", task_id)));
            let served = signed_get("127.0.0.1:8080", &more).served(&Options::default());
            assert_eq!(served, (dialect, expected.clone()), "{task_id:?}");
        }
    }
}

/// The document submits a query under the name of the poll. Who wants that understood gets the query, and everybody
/// else is told that the poll misses its `taskId`.
#[test]
fn the_first_step_of_the_document() {
    for (lenient, expected) in [
        (true, "vpc:DescribeServiceInstances"),
        (false, "vpc:DescribeNetTaskResult"),
    ] {
        let sent = signed_get(
            "vpc.api.qcloud.com",
            &[("Action", VPC), ("serviceId", "ppm-i0836656")],
        );
        let options = Options {
            lenient,
            ..Options::default()
        };
        let request = sent.request();
        let call = find(&request, &options).unwrap().parse(&request, &options);
        assert_eq!(call.frame.action, expected);
        let missing = Fault::MissingParameter("taskId".into());
        assert_eq!(call.wish.err(), (!lenient).then_some(missing));
    }
}

#[test]
fn actions() {
    let unknown = |action: &str| Fault::UnknownAction(action.to_owned());
    let long = "A".repeat(100);
    for (host, action, dialect, expected) in [
        ("bm.api.qcloud.com", Some(BM), "tencent-bm", None),
        ("127.0.0.1", Some(BM), "tencent-bm", None),
        ("vpc.api.qcloud.com", Some(BM), "tencent-bm", None),
        ("127.0.0.1", Some(VPC), "tencent-vpc", None),
        (
            "BM.localhost:80",
            Some(VPC),
            "tencent-bm",
            Some(unknown(VPC)),
        ),
        (
            "bm.localhost",
            None,
            "tencent-bm",
            Some(Fault::MissingParameter("Action".into())),
        ),
        (
            "bmvpc.localhost",
            None,
            "tencent-vpc",
            Some(Fault::MissingParameter("Action".into())),
        ),
        (
            "vpc.localhost",
            Some(""),
            "tencent-vpc",
            Some(Fault::MissingParameter("Action".into())),
        ),
        (
            "127.0.0.1",
            None,
            "tencent-vpc",
            Some(Fault::MissingParameter("Action".into())),
        ),
        (
            "127.0.0.1",
            Some("BuyDevice"),
            "tencent-bm",
            Some(unknown("BuyDevice")),
        ),
        (
            "127.0.0.1",
            Some("describeNetTaskResult"),
            "tencent-vpc",
            Some(unknown("describeNetTaskResult")),
        ),
        (
            "127.0.0.1",
            Some("北京"),
            "tencent-vpc",
            Some(unknown("北京")),
        ),
        (
            "127.0.0.1",
            Some(&long),
            "tencent-vpc",
            Some(unknown(&long[..64])),
        ),
    ] {
        let mut more = vec![("taskId", "7")];
        more.extend(action.map(|action| ("Action", action)));
        let expected = expected.map_or(Ok(7), Err);
        let served = signed_get(host, &more).served(&Options::default());
        assert_eq!(served, (dialect, expected), "{host} {action:?}");
    }
}

#[test]
fn parameters_that_stand_twice() {
    let twice = |name| Err(invalid(name, "it stands more than once"));
    for (more, expected) in [
        (vec![("taskId", "7"), ("taskId", "7")], twice("taskId")),
        (vec![("taskId", "7"), ("taskId", "8")], twice("taskId")),
        (vec![("taskId", "7"), ("Action", BM)], twice("Action")),
        (vec![("taskId", "7"), ("Nonce", "4711")], twice("Nonce")),
        (vec![("taskId", "7"), ("TaskId", "8")], Ok(7)),
    ] {
        let more = [&[("Action", BM)], more.as_slice()].concat();
        assert_eq!(signed_get("bm.x", &more).outcome(), expected, "{more:?}");
    }
    // The signature is no part of what is signed, and a second one is refused all the same.
    let mut sent = signed_get("bm.x", &[("Action", BM), ("taskId", "7")]);
    sent.query += "&Signature=abcd";
    assert_eq!(sent.outcome(), twice("Signature"));
}

#[test]
fn credentials() {
    let host = "bm.x";
    let good = with_common(&[("Action", BM), ("taskId", "7")]);
    let without = |left_out: &str| -> Vec<(&str, &str)> {
        good.iter()
            .copied()
            .filter(|(name, _)| *name != left_out)
            .collect()
    };
    let with = |name, value| [&without(name)[..], &[(name, value)]].concat();
    for (parameters, expected) in [
        (good.clone(), None),
        (
            without("SecretId"),
            Some(Fault::MissingCredentials("SecretId")),
        ),
        (
            with("SecretId", ""),
            Some(Fault::MissingCredentials("SecretId")),
        ),
        (
            without("Timestamp"),
            Some(Fault::MissingParameter("Timestamp".into())),
        ),
        (
            without("Nonce"),
            Some(Fault::MissingParameter("Nonce".into())),
        ),
        (with("Timestamp", "yesterday"), Some(Fault::MalformedTime)),
        (with("Timestamp", "-1"), Some(Fault::MalformedTime)),
        (
            with("Timestamp", "99999999999999999999"),
            Some(Fault::MalformedTime),
        ),
        (
            with("Timestamp", "9223372036854775807"),
            Some(Fault::Skewed {
                ahead_millis: i64::MAX - NOW.as_millis(),
            }),
        ),
        (
            with("Timestamp", "0"),
            Some(Fault::Skewed {
                ahead_millis: -NOW.as_millis(),
            }),
        ),
        (
            with("Timestamp", "1795230074"),
            Some(Fault::Skewed {
                ahead_millis: 3_600_000,
            }),
        ),
    ] {
        let text = format!("GET{host}{PATH}?{}", sorted(&parameters));
        let sent = Sent::get(host, &encoded(&parameters, Algorithm::HmacSha1, &text));
        let expected = expected.map_or(Ok(7), Err);
        assert_eq!(sent.outcome(), expected, "{parameters:?}");
    }
}

#[test]
fn signatures() {
    let host = "bm.x";
    let good = signed_get(host, &[("Action", BM), ("taskId", "7")]);
    let (unsigned, _) = good.query.split_once("&Signature=").unwrap();
    let malformed = Fault::MalformedCredentials("`Signature` is not base64");
    for (signature, expected) in [
        ("", Fault::MissingCredentials("Signature")),
        ("&Signature=", Fault::MissingCredentials("Signature")),
        ("&Signature=%21%21", malformed.clone()),
        // A `+` that was not escaped is a blank.
        ("&Signature=ab+d", malformed.clone()),
        ("&Signature=abc", malformed),
    ] {
        let sent = Sent::get(host, &format!("{unsigned}{signature}"));
        assert_eq!(sent.outcome(), Err(expected), "{signature}");
    }
    let other_task = Sent::get(host, &good.query.replace("taskId=7", "taskId=8"));
    let short = Sent::get(host, &format!("{unsigned}&Signature=YWJj"));
    let other_host = good.clone().with_header("host", "bm.y");
    let mut hostless = good;
    hostless.headers.remove("host");
    for sent in [other_task, short, other_host, hostless] {
        assert!(
            matches!(sent.outcome(), Err(Fault::BadSignature { .. })),
            "{}",
            sent.query
        );
    }
}

/// Somebody who cannot sign is not told whether the rest of the request is good.
#[test]
fn the_signature_is_looked_at_before_the_wish() {
    for more in [
        vec![],
        vec![("Action", "Nothing")],
        vec![("Action", VPC), ("taskId", "abc")],
    ] {
        let sent = signed_get("vpc.x", &more);
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
fn requests_that_cannot_be_read() {
    let escape = Fault::Malformed("a percent escape is broken");
    let utf8 = Fault::Malformed("a parameter is not UTF-8");
    let missing = Fault::MissingCredentials("SecretId");
    for (query, expected) in [
        ("", &missing),
        ("&&&", &missing),
        ("=", &missing),
        ("Action", &missing),
        ("SecretId=AKID&%", &escape),
        ("taskId=%4", &escape),
        ("taskId=%zz", &escape),
        ("taskId=%ff", &utf8),
        ("%c3%28=1", &utf8),
    ] {
        assert_eq!(
            Sent::get("bm.x", query).outcome().as_ref(),
            Err(expected),
            "GET {query}"
        );
        assert_eq!(
            Sent::post("vpc.x", query).outcome().as_ref(),
            Err(expected),
            "POST {query}"
        );
    }
    let mut raw = Sent::post("bm.x", "");
    raw.body = b"taskId=\xff".to_vec();
    assert_eq!(raw.outcome(), Err(utf8));
}

#[test]
fn methods_and_content_types() {
    for method in [
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
    ] {
        let mut sent = signed_get("bm.x", &[("Action", BM), ("taskId", "7")]);
        sent.method = method;
        assert_eq!(sent.outcome(), Err(Fault::UnknownMethod));
    }
    let text = format!(
        "POSTbm.x{PATH}?{}",
        sorted(&with_common(&[("Action", BM), ("taskId", "7")]))
    );
    let form = encoded(
        &with_common(&[("Action", BM), ("taskId", "7")]),
        Algorithm::HmacSha1,
        &text,
    );
    for (content_type, good) in [
        ("application/x-www-form-urlencoded", true),
        ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", true),
        ("application/json", false),
        ("multipart/form-data; boundary=x", false),
        ("", false),
    ] {
        let sent = Sent::post("bm.x", &form).with_header("content-type", content_type);
        let expected = if good {
            Ok(7)
        } else {
            Err(Fault::Malformed("the body is not a form"))
        };
        assert_eq!(sent.outcome(), expected, "{content_type}");
    }
}

/// A query of a mebibyte is answered like any other, however it is made up.
#[test]
fn long_requests() {
    let many: Vec<String> = (0..80_000).map(|n| format!("a_{n}=@{n}")).collect();
    let one = format!("a_b={}", "x".repeat(1 << 20));
    for form in [many.join("&"), one] {
        let sent = Sent::post(
            "Bm.X:8080",
            &format!("{form}&SecretId=a&Signature=YWJj&Timestamp=1&Nonce=1"),
        );
        assert!(matches!(sent.outcome(), Err(Fault::BadSignature { .. })));
    }
}
