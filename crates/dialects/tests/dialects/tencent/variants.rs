//! What real clients sign and the documents do not say. The texts are written out by hand.

use super::{SECRET_ID, Sent, encoded, signed_get, with_common};
use http::Method;
use longrun_dialects::{Algorithm, Fault, Options, find};

const POLL: [(&str, &str); 2] = [("Action", "DescribeNetTaskResult"), ("taskId", "297")];

/// A request to `host` that carries `more` beside a poll and whose signature is that of `text`, where `{host}` stands
/// for `signed_host` and `{common}` for the common parameters.
fn sent(method: &Method, host: &str, signed_host: &str, more: &[(&str, &str)], text: &str) -> Sent {
    let parameters = with_common(&[&POLL, more].concat());
    let common = format!("Nonce=4711&SecretId={SECRET_ID}&Timestamp=1795226472");
    let text = text.replace(
        "{host}",
        &format!("{signed_host}/v2/index.php?Action=DescribeNetTaskResult"),
    );
    let text = text.replace("{common}", &common);
    let encoded = encoded(&parameters, Algorithm::HmacSha1, &text);
    if method == Method::POST {
        Sent::post(host, &encoded)
    } else {
        Sent::get(host, &encoded)
    }
}

/// What comes of a request to vpc that carries `more` and whose signature is that of `text`.
fn check(method: &Method, more: &[(&str, &str)], text: &str, good: bool) {
    let host = "vpc.api.qcloud.com";
    let outcome = sent(method, host, host, more, text).outcome();
    if good {
        assert_eq!(outcome, Ok(297), "{method} {text}");
    } else {
        let refused = matches!(outcome, Err(Fault::BadSignature { .. }));
        assert!(refused, "{method} {text}: {outcome:?}");
    }
}

#[test]
fn names_with_underscores() {
    let mixed = [("i_0", "1"), ("iB", "2")];
    let leading = [("_a_b", "1"), ("c_d", "2")];
    for (more, text, good) in [
        // Replaced, then sorted: `i.0` before `iB`.
        (mixed, "GET{host}&{common}&i.0=1&iB=2&taskId=297", true),
        // Sorted, then replaced.
        (mixed, "GET{host}&{common}&iB=2&i.0=1&taskId=297", true),
        // Not replaced.
        (mixed, "GET{host}&{common}&iB=2&i_0=1&taskId=297", true),
        // A name that begins with `_` is left as it is, and others are not.
        (leading, "GET{host}&{common}&_a_b=1&c.d=2&taskId=297", true),
        // No client sorts like this.
        (mixed, "GET{host}&{common}&taskId=297&i.0=1&iB=2", false),
    ] {
        check(&Method::GET, &more, text, good);
    }
}

/// A value that looks like a file's name is left out of the text of a POST, and only of that.
#[test]
fn values_that_begin_with_an_at_sign() {
    let (get, post) = (Method::GET, Method::POST);
    let file = [("f", "@x")];
    let both = [("f_1", "@x"), ("g_1", "y")];
    for (method, more, text, good) in [
        (&post, &file[..], "POST{host}&{common}&taskId=297", true),
        (
            &post,
            &file[..],
            "POST{host}&{common}&f=@x&taskId=297",
            true,
        ),
        (&get, &file[..], "GET{host}&{common}&taskId=297", false),
        (&get, &file[..], "GET{host}&{common}&f=@x&taskId=297", true),
        (
            &post,
            &both[..],
            "POST{host}&{common}&g.1=y&taskId=297",
            true,
        ),
    ] {
        check(method, more, text, good);
    }
}

/// Empty values count, and nothing is escaped in the text.
#[test]
fn values_are_signed_as_they_are() {
    check(
        &Method::GET,
        &[("b", "")],
        "GET{host}&{common}&b=&taskId=297",
        true,
    );
    check(
        &Method::POST,
        &[("b", "& =+%北京")],
        "POST{host}&{common}&b=& =+%北京&taskId=297",
        true,
    );
}

/// Without leniency a value that begins with `@` has to be signed like any other.
#[test]
fn a_strict_server_wants_everything_signed() {
    let host = "vpc.api.qcloud.com";
    let strict = Options {
        lenient: false,
        ..Options::default()
    };
    for (text, good) in [
        ("POST{host}&{common}&taskId=297", false),
        ("POST{host}&{common}&f=@x&taskId=297", true),
    ] {
        let sent = sent(&Method::POST, host, host, &[("f", "@x")], text);
        assert_eq!(sent.served(&strict).1.is_ok(), good, "{text}");
    }
}

#[test]
fn hosts_with_ports_and_aliases() {
    let aliases = vec![
        "vpc.api.qcloud.com".to_owned(),
        "bm.api.cloud.tencent.com".to_owned(),
    ];
    let options = Options {
        host_aliases: aliases,
        ..Options::default()
    };
    for (received, signed, good) in [
        ("127.0.0.1:8080", "127.0.0.1:8080", true),
        ("127.0.0.1:8080", "127.0.0.1", true),
        ("LocalHost:8080", "localhost:8080", true),
        ("LocalHost:8080", "localhost", true),
        ("LocalHost:8080", "LocalHost", true),
        ("127.0.0.1:8080", "vpc.api.qcloud.com", true),
        ("127.0.0.1:8080", "bm.api.cloud.tencent.com", true),
        ("127.0.0.1:8080", "127.0.0.1:8081", false),
        ("127.0.0.1:8080", "cvm.api.qcloud.com", false),
    ] {
        let sent = sent(
            &Method::GET,
            received,
            signed,
            &[],
            "GET{host}&{common}&taskId=297",
        );
        assert_eq!(sent.served(&options).1.is_ok(), good, "{received} {signed}");
    }
}

#[test]
fn signature_methods() {
    let host = "vpc.api.qcloud.com";
    for (named, algorithm, good) in [
        (None, Algorithm::HmacSha1, true),
        (None, Algorithm::HmacSha256, false),
        (Some("HmacSHA256"), Algorithm::HmacSha256, true),
        (Some("HmacSHA256"), Algorithm::HmacSha1, false),
        (Some("HmacSHA1"), Algorithm::HmacSha1, true),
        (Some("hmacsha256"), Algorithm::HmacSha1, true),
        (Some("MD5"), Algorithm::HmacSha1, true),
        (Some(""), Algorithm::HmacSha1, true),
    ] {
        let mut more = POLL.to_vec();
        more.extend(named.map(|name| ("SignatureMethod", name)));
        let parameters = with_common(&more);
        let text = format!("GET{host}/v2/index.php?{}", super::sorted(&parameters));
        let sent = Sent::get(host, &encoded(&parameters, algorithm, &text));
        assert_eq!(sent.outcome().is_ok(), good, "{named:?} {algorithm:?}");
    }
}

/// A nonce may be of any size; what counts is that it is there.
#[test]
fn nonces_are_texts() {
    for nonce in [
        "0",
        "65535",
        "9223372036854775807",
        "123456789012345678901234567890",
        "4e7",
    ] {
        let parameters = [
            &POLL[..],
            &[
                ("SecretId", SECRET_ID),
                ("Timestamp", "1795226472"),
                ("Nonce", nonce),
            ],
        ]
        .concat();
        let text = format!("GETvpc.x/v2/index.php?{}", super::sorted(&parameters));
        let sent = Sent::get("vpc.x", &encoded(&parameters, Algorithm::HmacSha1, &text));
        assert_eq!(sent.outcome(), Ok(297), "{nonce}");
    }
}

/// The query of a POST is ignored; the parameters of a GET may have slipped into its body.
#[test]
fn where_the_parameters_stand() {
    let in_query = signed_get("vpc.x", &POLL);
    let mut in_body = in_query.clone();
    in_body.body = std::mem::take(&mut in_body.query).into_bytes();
    assert_eq!(in_body.outcome(), Ok(297));

    let text = format!(
        "POSTvpc.x/v2/index.php?{}",
        super::sorted(&with_common(&POLL))
    );
    let form = encoded(&with_common(&POLL), Algorithm::HmacSha1, &text);
    let mut posted = Sent::post("vpc.x", &form);
    posted.query = "Action=DescriptionOperationResult&taskId=5&taskId=6&%zz".to_owned();
    assert_eq!(posted.served(&Options::default()), ("tencent-vpc", Ok(297)));
    posted.headers.remove("content-type");
    assert_eq!(posted.outcome(), Ok(297));
}

/// A token is signed like every parameter and handed on.
#[test]
fn temporary_credentials() {
    for (token, expected) in [
        (Some("t0k+en/="), Some("t0k+en/=")),
        (Some(""), None),
        (None, None),
    ] {
        let mut more = POLL.to_vec();
        more.extend(token.map(|token| ("Token", token)));
        let sent = signed_get("vpc.x", &more);
        assert_eq!(sent.outcome(), Ok(297));
        let request = sent.request();
        let call = find(&request, &Options::default())
            .unwrap()
            .parse(&request, &Options::default());
        assert_eq!(call.claim.unwrap().session_token.as_deref(), expected);
    }
}

#[test]
fn the_window_can_be_set() {
    let sent = signed_get("vpc.x", &POLL);
    for (clock_window_millis, good) in [(None, true), (Some(2_000), true), (Some(1_999), false)] {
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
