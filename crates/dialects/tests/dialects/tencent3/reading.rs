//! What other servers may answer.

use super::dialects;
use http::{HeaderMap, header};
use longrun_dialects::{Retry, Watched};
use longrun_model::{Failure, Mix, ResourceStatus};

fn running(code: u8) -> Watched {
    Watched::Running(Mix::from_code(code).unwrap())
}

fn unclear(word: &str) -> Watched {
    Watched::Unclear(word.to_owned())
}

#[test]
fn states_of_bare_metal() {
    let [bm, _] = dialects();
    for (response, expected) in [
        (
            r#"{"TaskStatus":1,"SubtaskStatusSet":null}"#,
            Watched::Succeeded,
        ),
        (r#"{"TaskStatus":"2","RequestId":"r"}"#, Watched::Failed),
        (r#"{" TaskStatus ":3}"#, Watched::Partial),
        (r#"{"TaskStatus":7,"SubtaskStatusSet":{}}"#, running(7)),
        (r#"{"TaskStatus":8}"#, unclear("8")),
        (r#"{"TaskStatus":null}"#, unclear("")),
        (
            r#"{"SubtaskStatusSet":[{"InstanceId":"a","TaskStatus":1},{"InstanceId":"b","TaskStatus":6}]}"#,
            running(7),
        ),
        (
            r#"{"SubtaskStatusSet":[{"InstanceId":"a"},7,{"TaskStatus":1}]}"#,
            running(4),
        ),
        ("{}", unclear("")),
    ] {
        let body = format!(r#"{{"Response":{response}}}"#);
        let observation = bm.read(200, &HeaderMap::new(), body.as_bytes()).unwrap();
        assert_eq!(observation.state, expected, "{response}");
    }
}

#[test]
fn states_of_vpc() {
    let [_, vpc] = dialects();
    for (response, expected) in [
        (
            r#"{"Status":"SUCCESS","Output":"","Result":[]}"#,
            Watched::Succeeded,
        ),
        (r#"{"Status":"FAILED","Result":null}"#, Watched::Failed),
        (r#"{"Status":" RUNNING "}"#, running(4)),
        (r#"{"TaskId":7,"Result":"SUCCESS"}"#, Watched::Succeeded),
        (r#"{"TaskId":7,"Result":"FAILED"}"#, Watched::Failed),
        (r#"{"Result":"running"}"#, running(4)),
        (r#"{"Status":"PENDING"}"#, unclear("PENDING")),
        (r#"{"Status":0}"#, unclear("0")),
        (
            r#"{"Result":[{"ResourceId":"a","Status":"SUCCESS"}]}"#,
            unclear(""),
        ),
        ("{}", unclear("")),
    ] {
        let body = format!(r#"{{"Response":{response}}}"#);
        let observation = vpc.read(200, &HeaderMap::new(), body.as_bytes()).unwrap();
        assert_eq!(observation.state, expected, "{response}");
    }
}

#[test]
fn details_of_vpc() {
    let [_, vpc] = dialects();
    let read = |response: &str| {
        let body = format!("\u{feff}{{\"Response\":{response}}}");
        vpc.read(200, &HeaderMap::new(), body.as_bytes()).unwrap()
    };
    let failed = read(
        r#"{"Status":"FAILED","Output":"eni-1 is in use","Result":[{"ResourceId":"eni-1","Status":"FAILED"},
            {"ResourceId":"eni-2","Status":"SUCCESS"},{"ResourceId":"eni-3","Status":"?"},{"Status":"SUCCESS"},1]}"#,
    );
    assert_eq!(
        failed.error,
        Some(Failure::new("FAILED", "eni-1 is in use"))
    );
    assert_eq!(failed.message.as_deref(), Some("eni-1 is in use"));
    let resources: Vec<_> = failed
        .resources
        .iter()
        .map(|one| (one.id.as_str(), one.status))
        .collect();
    let expected = [
        ("eni-1", ResourceStatus::Failed),
        ("eni-2", ResourceStatus::Succeeded),
        ("eni-3", ResourceStatus::Running),
    ];
    assert_eq!(resources, expected);

    let succeeded = read(r#"{"Status":"SUCCESS","Output":"{ \"a\" : [1, 2] }"}"#);
    assert_eq!(succeeded.output.unwrap().as_str(), r#"{"a":[1,2]}"#);
    assert_eq!((succeeded.message, succeeded.error), (None, None));
    let told = read(r#"{"Status":"RUNNING","Output":"half done"}"#);
    assert_eq!(
        (told.output, told.message.as_deref()),
        (None, Some("half done"))
    );
}

#[test]
fn refusals() {
    let again = Retry::Again { after_millis: None };
    for (status, body, code, retry) in [
        (
            200,
            r#"{"Response":{"Error":{"Code":"ResourceNotFound","Message":"no"},"RequestId":"r"}}"#,
            "ResourceNotFound",
            Retry::Unknown,
        ),
        (
            500,
            r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"no"}}}"#,
            "AuthFailure.SignatureExpire",
            Retry::Clock,
        ),
        (
            200,
            r#"{"Response":{"Error":"odd","TaskStatus":1}}"#,
            "",
            again,
        ),
        (200, r#"{"Response":[]}"#, "", again),
        (200, r#"{"code":0}"#, "", again),
        (200, "<html>", "", again),
        (200, "", "", again),
        (502, "<html>", "HTTP 502", again),
        (429, "", "HTTP 429", again),
        (403, "", "HTTP 403", Retry::Forbidden),
        (404, "", "HTTP 404", Retry::Never),
        (
            404,
            r#"{"Response":{"TaskStatus":1,"Status":"SUCCESS"}}"#,
            "HTTP 404",
            Retry::Never,
        ),
    ] {
        for dialect in dialects() {
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
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, "3".parse().unwrap())]);
    let error = dialects()[0].read(503, &headers, b"").unwrap_err();
    assert_eq!(
        error.retry,
        Retry::Again {
            after_millis: Some(3_000)
        }
    );
}

/// What the server refuses with, the client understands.
#[test]
fn our_own_refusals() {
    use longrun_dialects::Fault;
    let again = Retry::Again { after_millis: None };
    for (fault, expected) in [
        (Fault::NotFound, Retry::Unknown),
        (Fault::Gone, Retry::Unknown),
        (Fault::Skewed { ahead_millis: 1 }, Retry::Clock),
        (Fault::UnknownKey, Retry::Forbidden),
        (
            Fault::BadSignature {
                text: String::new(),
            },
            Retry::Forbidden,
        ),
        (Fault::WrongProject, Retry::Forbidden),
        (Fault::Unavailable, again),
        (
            Fault::Throttled {
                retry_after_millis: 1,
            },
            again,
        ),
        (Fault::UnknownAction(String::new()), Retry::Never),
    ] {
        for dialect in dialects() {
            let reply = super::wire::answer(dialect, "", Err(&fault));
            let error = dialect
                .read(200, &HeaderMap::new(), &reply.body)
                .unwrap_err();
            assert_eq!(error.retry, expected, "{fault}");
        }
    }
}
