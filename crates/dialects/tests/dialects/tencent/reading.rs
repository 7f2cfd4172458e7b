//! What other servers may answer.

use http::{HeaderMap, header};
use longrun_dialects::{Dialect, Retry, Watched, named};
use longrun_model::{Failure, Mix, ResourceStatus};

fn bm() -> &'static dyn Dialect {
    named("tencent-bm").unwrap()
}

fn vpc() -> &'static dyn Dialect {
    named("tencent-vpc").unwrap()
}

fn running(code: u8) -> Watched {
    Watched::Running(Mix::from_code(code).unwrap())
}

fn unclear(word: &str) -> Watched {
    Watched::Unclear(word.to_owned())
}

/// The examples of the document as printed, with blanks in keys and ids: those at the ends go, those inside stay.
#[test]
fn damage_of_the_documents() {
    for (text, ids) in [
        (
            include_str!("../../../../../testdata/tencent/seed/bm-000-response.printed.json"),
            ["cpm - 3 dw234", "cpm - sdf343x"],
        ),
        (
            include_str!("../../../../../testdata/tencent/seed/bm-000-case.printed.json"),
            ["cpm - 3 dw234", "cpm - sdf343x"],
        ),
        (
            include_str!("../../../../../testdata/tencent/seed/bm-001-example.json"),
            ["cpm-3dw234", "cpm-sdf343x"],
        ),
    ] {
        let observation = bm().read(200, &HeaderMap::new(), text.as_bytes()).unwrap();
        assert_eq!(observation.state, Watched::Succeeded);
        let observed: Vec<_> = observation
            .resources
            .iter()
            .map(|one| (one.id.as_str(), one.status))
            .collect();
        assert_eq!(observed, ids.map(|id| (id, ResourceStatus::Succeeded)));
    }
}

#[test]
fn states_of_bare_metal() {
    for (data, expected) in [
        (r#"{"status":1}"#, Watched::Succeeded),
        (r#"{"status":"2"}"#, Watched::Failed),
        (r#"{"status":" 3 "}"#, Watched::Partial),
        (r#"{"status":4}"#, running(4)),
        (r#"{"status":5,"instanceIds":[]}"#, running(5)),
        (r#"{"status":6,"instanceIds":null}"#, running(6)),
        (r#"{"status":7,"instanceIds":{}}"#, running(7)),
        (r#"{"status":0}"#, unclear("0")),
        (r#"{"status":8}"#, unclear("8")),
        (r#"{"status":-1}"#, unclear("-1")),
        (r#"{"status":1.5}"#, unclear("1.5")),
        (
            r#"{"status":18446744073709551616}"#,
            unclear("18446744073709551616"),
        ),
        (r#"{"status":"done"}"#, unclear("done")),
        (r#"{"status":null}"#, unclear("")),
        (r#"{"status":[1]}"#, unclear("")),
        ("{}", unclear("")),
        ("[]", unclear("")),
        ("null", unclear("")),
        (
            r#"{"instanceIds":[{"instanceId":"a","status":1},{"instanceId":"b","status":4}]}"#,
            running(5),
        ),
        (
            r#"{"resourceIds":[{"instanceId":"a","status":1},{"instanceId":"b","status":2}]}"#,
            Watched::Partial,
        ),
    ] {
        let body = format!(r#"{{"code":"0","message":"OK","data":{data}}}"#);
        let observation = bm().read(200, &HeaderMap::new(), body.as_bytes()).unwrap();
        assert_eq!(observation.state, expected, "{data}");
    }
}

#[test]
fn machines() {
    use ResourceStatus::{Failed, Running, Succeeded};
    for (listed, expected) in [
        (
            r#""instanceIds":[{"instanceId":" a ","status":"1"}]"#,
            vec![("a", Succeeded)],
        ),
        (
            r#""resourceIds":[{"instanceId":"a","status":2}]"#,
            vec![("a", Failed)],
        ),
        (
            r#""resourceIds":[{"instanceId":"x","status":2}],"instanceIds":[{"instanceId":"a","status":4}]"#,
            vec![("a", Running)],
        ),
        (
            r#""instanceIds":[{"instanceId":"a","status":3},{"instanceId":"b","status":5},{"instanceId":"c","status":9}]"#,
            vec![("a", Failed), ("b", Running), ("c", Running)],
        ),
        (
            r#""instanceIds":[{"status":1},7,"x",null,{"instanceId":12}]"#,
            vec![("12", Running)],
        ),
    ] {
        let body = format!(r#"{{"code":0,"data":{{"status":7,{listed}}}}}"#);
        let observation = bm().read(200, &HeaderMap::new(), body.as_bytes()).unwrap();
        let observed: Vec<_> = observation
            .resources
            .iter()
            .map(|one| (one.id.as_str(), one.status))
            .collect();
        assert_eq!(observed, expected, "{listed}");
    }
}

#[test]
fn states_of_vpc() {
    for (data, expected) in [
        (r#"{"status":0}"#, Watched::Succeeded),
        (r#"{"status ":" 0 "}"#, Watched::Succeeded),
        (r#"{"status":1,"output":[]}"#, Watched::Failed),
        (
            r#"{"status":2,"output":{"code":0,"message":"OK"}}"#,
            running(4),
        ),
        (r#"{"status":3}"#, unclear("3")),
        (r#"{"status":"RUNNING"}"#, unclear("RUNNING")),
        ("[]", unclear("")),
    ] {
        let body = format!(
            "\u{feff}{{\"code\":0,\"message\":\"\",\"codeDesc\":\"Success\",\"data\":{data}}}"
        );
        let observation = vpc().read(200, &HeaderMap::new(), body.as_bytes()).unwrap();
        assert_eq!(observation.state, expected, "{data}");
        assert_eq!(observation.message, None, "{data}");
    }
}

/// What a query has found keeps its order and its numbers.
#[test]
fn results_of_vpc() {
    let text = include_str!("../../../../../testdata/tencent/seed/vpc-003-step2.json");
    let observation = vpc().read(200, &HeaderMap::new(), text.as_bytes()).unwrap();
    assert_eq!(observation.state, Watched::Succeeded);
    let output = observation.output.unwrap();
    assert!(output.as_str().starts_with(
        r#"{"total":4,"detail":[{"region":"ca","type":"sg","id":"sg-b2qce888","name":"北美"},"#
    ));

    let failed = br#"{"code":0,"data":{"status":1,"output":{"code":29258,"message":"gone"},"data":[1.50, 12345678901234567890123]}}"#;
    let observation = vpc().read(200, &HeaderMap::new(), failed).unwrap();
    assert_eq!(observation.error, Some(Failure::new("29258", "gone")));
    assert_eq!(observation.message.as_deref(), Some("gone"));
    assert_eq!(
        observation.output.unwrap().as_str(),
        "[1.50,12345678901234567890123]"
    );
}

#[test]
fn errors() {
    let again = Retry::Again { after_millis: None };
    for (status, body, code, retry) in [
        (
            200,
            r#"{"code":4100,"message":"no","codeDesc":"AuthFailure"}"#,
            "4100",
            Retry::Forbidden,
        ),
        (
            200,
            r#"{"code":"5000","message":"no"}"#,
            "5000",
            Retry::Unknown,
        ),
        (
            200,
            r#"{"code":4000,"message":"(10001)no"}"#,
            "4000",
            Retry::Unknown,
        ),
        (200, r#"{"code ":4500}"#, "4500", Retry::Clock),
        (
            200,
            r#"{"code":9001,"message":"InternalError.DbError"}"#,
            "9001",
            again,
        ),
        (500, r#"{"code":6000,"message":"(9001)"}"#, "6000", again),
        (404, r#"{"code":5000}"#, "5000", Retry::Unknown),
        (500, r#"{"code":0,"data":{"status":1}}"#, "HTTP 500", again),
        (429, "slow down", "HTTP 429", again),
        (502, "<html>", "HTTP 502", again),
        (403, "", "HTTP 403", Retry::Forbidden),
        (404, "<html>", "HTTP 404", Retry::Never),
        (302, "", "HTTP 302", Retry::Never),
        (200, "", "", again),
        (200, "<html>", "", again),
        (200, "[]", "", again),
        (200, "{}", "", again),
        (200, r#"{"code":0,"data":{"status":1"#, "", again),
        (200, r#"{"code":null,"data":{"status":1}}"#, "", again),
    ] {
        for dialect in [bm(), vpc()] {
            let error = dialect
                .read(status, &HeaderMap::new(), body.as_bytes())
                .unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.retry),
                (code, retry),
                "{status} {body}"
            );
        }
    }
}

/// A body that is nested ten thousand deep, or is no text, tells nothing.
#[test]
fn hostile_answers() {
    let deep = format!(r#"{{"code":{}}}"#, "[".repeat(10_000) + &"]".repeat(10_000));
    let inside = format!(
        r#"{{"code":0,"data":{{"status":{}}}}}"#,
        "[".repeat(10_000) + &"]".repeat(10_000)
    );
    for dialect in [bm(), vpc()] {
        assert!(
            dialect
                .read(200, &HeaderMap::new(), deep.as_bytes())
                .is_err()
        );
        assert!(
            dialect
                .read(200, &HeaderMap::new(), b"{\"code\":0,\"m\":\"\xff\"}")
                .is_err()
        );
        let observation = dialect
            .read(200, &HeaderMap::new(), inside.as_bytes())
            .unwrap();
        assert_eq!(observation.state, unclear(""));
    }
}

#[test]
fn a_gateway_in_between_may_say_when_to_come_again() {
    let headers = |text: &str| HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
    for (text, after_millis) in [
        ("7", Some(7_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("soon", None),
    ] {
        let error = bm().read(503, &headers(text), b"").unwrap_err();
        assert_eq!(error.retry, Retry::Again { after_millis }, "{text}");
    }
}
