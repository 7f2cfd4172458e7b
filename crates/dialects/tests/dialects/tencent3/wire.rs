//! Answers, byte for byte.

use super::dialects;
use crate::support::{check_golden, ids, lent};
use crate::tencent::wire::{Case, cases, faults, name_of};
use longrun_dialects::{Dialect, Fault, Format, Frame, Question, Reply};
use longrun_model::{Failure, Operation};
use serde_json::{Value, json};

pub(crate) const BY_REQUEST: &str = "vpc:DescribeVpcTaskResult";
pub(crate) const BY_NUMBER: &str = "vpc:DescribeTaskResult";

/// What `dialect` answers to whoever asked for `action`.
pub(crate) fn answer(
    dialect: &dyn Dialect,
    action: &'static str,
    outcome: Result<&Operation, &Fault>,
) -> Reply {
    let frame = Frame {
        action: action.into(),
        question: Question::Poll,
        format: Format::Json,
        host: "127.0.0.1",
    };
    let ids = ids();
    dialect.answer(&frame, &lent(&ids), outcome)
}

/// What stands in `Response`, after a look at what the vendor's clients insist on.
fn response(reply: &Reply) -> Value {
    assert_eq!(
        (reply.status, reply.content_type),
        (200, "application/json")
    );
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    let response = body["Response"].take();
    assert_eq!(
        response["RequestId"],
        "01234567-89ab-4def-8123-456789abcdef"
    );
    response
}

/// The word for a status of API 2.0.
pub(crate) fn word(code: u8) -> &'static str {
    ["SUCCESS", "FAILED", "RUNNING"][usize::from(code)]
}

#[test]
fn every_state() {
    let [bm, vpc] = dialects();
    for Case {
        name,
        operation,
        bm: set,
        vpc: code,
    } in cases()
    {
        let file = |folder| format!("{folder}/{name}.txt");
        let reply = answer(bm, "", Ok(&operation));
        assert_eq!(response(&reply)["TaskStatus"], set, "{name}");
        check_golden("tencent", &file("bm3"), &reply);

        let reply = answer(vpc, BY_REQUEST, Ok(&operation));
        assert_eq!(response(&reply)["Status"], word(code), "{name}");
        check_golden("tencent", &file("vpc3"), &reply);

        let reply = answer(vpc, BY_NUMBER, Ok(&operation));
        let mut told = response(&reply);
        told.as_object_mut().unwrap().remove("RequestId");
        let expected = json!({ "TaskId": operation.key.get(), "Result": word(code) });
        assert_eq!(told, expected, "{name}");
        check_golden("tencent", &file("vpc3/by-number"), &reply);
    }
}

/// The code of each fault. Both products have the same ones.
fn code(fault: &Fault) -> &'static str {
    match name_of(fault) {
        "malformed"
        | "unknown-format"
        | "malformed-time"
        | "wrong-type"
        | "idempotency-mismatch" => "InvalidParameter",
        "too-large" => "RequestSizeLimitExceeded",
        "unknown-method" => "UnsupportedProtocol",
        "unknown-path" | "unknown-action" => "InvalidAction",
        "unknown-version" => "NoSuchVersion",
        "missing-parameter" | "missing-credentials" => "MissingParameter",
        "resource-in-use" | "busy" => "ResourceInUse",
        "limit-reached" | "rules-too-large" => "LimitExceeded",
        "invalid-parameter" => "InvalidParameterValue",
        "malformed-credentials" | "unknown-algorithm" => "AuthFailure.InvalidAuthorization",
        "unknown-key" | "disabled-key" | "locked-key" => "AuthFailure.SecretIdNotFound",
        "bad-signature" => "AuthFailure.SignatureFailure",
        "skewed" | "replayed" => "AuthFailure.SignatureExpire",
        "bad-token" | "expired-token" => "AuthFailure.TokenFailure",
        "forbidden" | "wrong-project" => "AuthFailure.UnauthorizedOperation",
        "not-found" | "gone" | "no-such-resource" => "ResourceNotFound",
        "throttled" => "RequestLimitExceeded",
        "unavailable" | "internal" => "InternalError",
        other => panic!("{other} has no code"),
    }
}

#[test]
fn every_fault() {
    for (fault, ..) in faults() {
        let replies = dialects().map(|dialect| answer(dialect, BY_REQUEST, Err(&fault)));
        assert_eq!(replies[0], replies[1], "{fault}");
        let error = &response(&replies[0])["Error"];
        assert_eq!(error["Code"], code(&fault), "{fault}");
        assert!(
            error["Message"]
                .as_str()
                .unwrap()
                .starts_with(&fault.to_string())
        );
        check_golden(
            "tencent",
            &format!("api3/fault-{}.txt", name_of(&fault)),
            &replies[0],
        );
    }
}

/// An operation that was deleted and one that never was have one code and two messages.
#[test]
fn gone_is_told_in_words() {
    let [bm, _] = dialects();
    let message = |fault| response(&answer(bm, "", Err(&fault)))["Error"]["Message"].take();
    assert_ne!(message(Fault::Gone), message(Fault::NotFound));
}

/// While it runs, the first failure of a resource is no reason to say that the whole has failed.
#[test]
fn failures_are_told_at_the_end() {
    let [_, vpc] = dialects();
    for Case {
        name,
        mut operation,
        vpc: code,
        ..
    } in cases()
    {
        operation.error = Some(Failure::new("DiskFull", "no space is left"));
        operation.output = None;
        let told = response(&answer(vpc, BY_REQUEST, Ok(&operation)));
        let expected = if code == 1 {
            "DiskFull: no space is left"
        } else {
            ""
        };
        assert_eq!(told["Output"], expected, "{name}");
    }
}
