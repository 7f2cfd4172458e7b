//! Answers, byte for byte.

use crate::support::{
    self, SUBMITTED, after, check_golden, finished, ids, leased, lent, queued, queued_as, reported,
};
use longrun_dialects::{Dialect, Fault, Format, Frame, Question, Reply, named};
use longrun_model::{
    Command, Failure, Finish, FinishStatus, Json, MixedEnd, Operation, Report, ResourceStatus,
};
use serde_json::Value;

/// An operation in some state with the status that each dialect has for it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) operation: Operation,
    pub(crate) bm: u8,
    pub(crate) vpc: u8,
}

fn case(name: &'static str, operation: Operation, bm: u8, vpc: u8) -> Case {
    Case {
        name,
        operation,
        bm,
        vpc,
    }
}

fn finish(status: FinishStatus, output: Option<&str>, error: Option<Failure>) -> Finish {
    Finish {
        status,
        output: output.map(Json::from_checked),
        error,
    }
}

fn machines() -> Operation {
    queued(1_000_800_001, &["cpm-1", "cpm-2", "cpm-3"])
}

fn running(results: &[ResourceStatus]) -> Operation {
    let named = ["cpm-1", "cpm-2", "cpm-3"]
        .into_iter()
        .zip(results.iter().copied());
    reported(leased(machines()), &named.collect::<Vec<_>>())
}

/// One operation for every state that callers can tell apart.
pub(crate) fn cases() -> Vec<Case> {
    [with_machines(), alone()].into_iter().flatten().collect()
}

fn with_machines() -> Vec<Case> {
    use ResourceStatus::{Cancelled, Failed, Running, Succeeded};
    let release = Command::Report(Report {
        fence: 1,
        release: true,
        ..Report::default()
    });
    let mut expiring = running(&[Succeeded, Running]);
    expiring.deadline_at = Some(SUBMITTED.plus_millis(10_000));
    let mut forgiven = leased(machines());
    forgiven.mixed_end = MixedEnd::Succeeded;
    let forgiven = reported(
        forgiven,
        &[
            ("cpm-1", Succeeded),
            ("cpm-2", Failed),
            ("cpm-3", Succeeded),
        ],
    );
    vec![
        case("queued", machines(), 4, 2),
        case("running", leased(machines()), 4, 2),
        case("retrying", after(running(&[Succeeded]), 4, &release), 5, 2),
        case("running-5", running(&[Succeeded, Running]), 5, 2),
        case("running-6", running(&[Failed, Running]), 6, 2),
        case("running-7", running(&[Succeeded, Failed]), 7, 2),
        case(
            "cancelling",
            after(running(&[Succeeded]), 4, &Command::Cancel),
            5,
            2,
        ),
        case(
            "succeeded",
            running(&[Succeeded, Succeeded, Succeeded]),
            1,
            0,
        ),
        case("failed", running(&[Failed, Failed, Failed]), 2, 1),
        case("partial", running(&[Succeeded, Failed, Succeeded]), 3, 1),
        case("partial-counted-as-success", forgiven, 3, 0),
        case("cancelled", after(machines(), 4, &Command::Cancel), 2, 1),
        case(
            "cancelled-late",
            running(&[Succeeded, Cancelled, Cancelled]),
            3,
            1,
        ),
        case("expired", after(expiring, 10, &Command::Tick), 3, 1),
    ]
}

fn alone() -> Vec<Case> {
    let task = || leased(queued_as("query", 297, &[]));
    let referenced = Failure::new("29258", "ppm-i0836656 does not exist");
    let full = Failure::new("DiskFull", "no space is left on the device");
    let failed = |error, output| finished(task(), finish(FinishStatus::Failed, output, error));
    let succeeded = |output| finished(task(), finish(FinishStatus::Succeeded, output, None));
    vec![
        case("alone-queued", queued(297, &[]), 4, 2),
        case("alone-running", task(), 4, 2),
        case("alone-succeeded", succeeded(None), 1, 0),
        case(
            "alone-succeeded-object",
            succeeded(Some(r#"{"total":4,"detail":[]}"#)),
            1,
            0,
        ),
        case("alone-succeeded-array", succeeded(Some("[4]")), 1, 0),
        case("alone-succeeded-null", succeeded(Some("null")), 1, 0),
        case(
            "alone-failed-number",
            failed(Some(referenced), Some("[1]")),
            2,
            1,
        ),
        case("alone-failed-word", failed(Some(full), None), 2, 1),
        case("alone-failed", failed(None, None), 2, 1),
    ]
}

/// What `dialect` answers.
pub(crate) fn answer(dialect: &dyn Dialect, outcome: Result<&Operation, &Fault>) -> Reply {
    let frame = Frame {
        action: "".into(),
        question: Question::Poll,
        format: Format::Json,
        host: "127.0.0.1",
    };
    let ids = ids();
    dialect.answer(&frame, &lent(&ids), outcome)
}

#[test]
fn every_state() {
    for Case {
        name,
        operation,
        bm,
        vpc,
    } in cases()
    {
        for (dialect, folder, status) in [("tencent-bm", "bm", bm), ("tencent-vpc", "vpc", vpc)] {
            let reply = answer(named(dialect).unwrap(), Ok(&operation));
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["data"]["status"], status, "{dialect} {name}");
            check_golden("tencent", &format!("{folder}/{name}.txt"), &reply);
        }
    }
}

/// The name of a fault's golden file. A new fault does not compile until it has one.
pub(crate) fn name_of(fault: &Fault) -> &'static str {
    match fault {
        Fault::Malformed(_) => "malformed",
        Fault::TooLarge { .. } => "too-large",
        Fault::UnknownMethod => "unknown-method",
        Fault::UnknownPath => "unknown-path",
        Fault::UnknownAction(_) => "unknown-action",
        Fault::UnknownVersion(_) => "unknown-version",
        Fault::UnknownFormat(_) => "unknown-format",
        Fault::MissingParameter(_) => "missing-parameter",
        Fault::WrongType { .. } => "wrong-type",
        Fault::IdempotencyMismatch => "idempotency-mismatch",
        Fault::NoSuchResource(_) => "no-such-resource",
        Fault::ResourceInUse { .. } => "resource-in-use",
        Fault::LimitReached { .. } => "limit-reached",
        Fault::RulesTooLarge { .. } => "rules-too-large",
        Fault::Busy(_) => "busy",
        Fault::InvalidParameter { .. } => "invalid-parameter",
        Fault::MissingCredentials(_) => "missing-credentials",
        Fault::MalformedCredentials(_) => "malformed-credentials",
        Fault::UnknownAlgorithm(_) => "unknown-algorithm",
        Fault::UnknownKey => "unknown-key",
        Fault::DisabledKey => "disabled-key",
        Fault::LockedKey => "locked-key",
        Fault::BadSignature { .. } => "bad-signature",
        Fault::MalformedTime => "malformed-time",
        Fault::Skewed { .. } => "skewed",
        Fault::Replayed => "replayed",
        Fault::BadToken => "bad-token",
        Fault::ExpiredToken => "expired-token",
        Fault::Forbidden { .. } => "forbidden",
        Fault::WrongProject => "wrong-project",
        Fault::NotFound => "not-found",
        Fault::Gone => "gone",
        Fault::Throttled { .. } => "throttled",
        Fault::Unavailable => "unavailable",
        Fault::Internal => "internal",
    }
}

/// Every fault, with the public code and the module codes of bm and vpc.
pub(crate) fn faults() -> Vec<(Fault, i64, &'static str, &'static str)> {
    [request_faults(), submission_faults(), caller_faults()].concat()
}

fn request_faults() -> Vec<(Fault, i64, &'static str, &'static str)> {
    let invalid = Fault::InvalidParameter {
        name: "taskId".into(),
        reason: "it is out of range",
    };
    vec![
        (
            Fault::Malformed("a percent escape is broken"),
            4_000,
            "",
            "",
        ),
        (
            Fault::TooLarge {
                limit_bytes: 1_048_576,
            },
            4_000,
            "",
            "",
        ),
        (Fault::UnknownMethod, 4_600, "", ""),
        (Fault::UnknownPath, 6_100, "", ""),
        (Fault::UnknownAction("Nothing\"<".to_owned()), 6_100, "", ""),
        (Fault::UnknownVersion("1999".to_owned()), 6_100, "", ""),
        (Fault::UnknownFormat("yaml".to_owned()), 4_000, "", ""),
        (
            Fault::MissingParameter("taskId".into()),
            4_000,
            "(10001)",
            "(9003)",
        ),
        (invalid, 4_000, "(10001)", "(9003)"),
    ]
}

fn submission_faults() -> Vec<(Fault, i64, &'static str, &'static str)> {
    let codes = [
        (4_000, "(10001)", "(9003)"),
        (4_000, "(10001)", "(9003)"),
        (5_000, "", "(29258)"),
        (5_100, "(12002)", "(9003)"),
        (5_100, "", "(29260)"),
        (5_100, "", "(29259)"),
        (5_100, "(12002)", "(9005)"),
    ];
    let faults = support::submission_faults().into_iter().zip(codes);
    faults
        .map(|((_, fault), (code, bm, vpc))| (fault, code, bm, vpc))
        .collect()
}

fn caller_faults() -> Vec<(Fault, i64, &'static str, &'static str)> {
    let forbidden = Fault::Forbidden {
        action: "vpc:DescribeNetTaskResult".into(),
        explicit: true,
        account: "acme".into(),
    };
    vec![
        (Fault::MissingCredentials("SecretId"), 4_100, "", ""),
        (
            Fault::MalformedCredentials("`Signature` is not base64"),
            4_100,
            "",
            "",
        ),
        (Fault::UnknownAlgorithm("MD5".to_owned()), 4_100, "", ""),
        (Fault::UnknownKey, 4_104, "", ""),
        (Fault::DisabledKey, 4_100, "", ""),
        (Fault::LockedKey, 4_100, "", ""),
        (
            Fault::BadSignature {
                text: "GETbm.x/v2/index.php?a=北京".to_owned(),
            },
            4_100,
            "",
            "",
        ),
        (Fault::MalformedTime, 4_000, "", ""),
        (
            Fault::Skewed {
                ahead_millis: -301_000,
            },
            4_500,
            "",
            "",
        ),
        (Fault::Replayed, 4_500, "", ""),
        (Fault::BadToken, 4_105, "", ""),
        (Fault::ExpiredToken, 4_105, "", ""),
        (forbidden, 4_101, "", "(29254)"),
        (Fault::WrongProject, 4_103, "", ""),
        (Fault::NotFound, 5_000, "", ""),
        (Fault::Gone, 5_000, "", ""),
        (
            Fault::Throttled {
                retry_after_millis: 1_000,
            },
            4_400,
            "",
            "",
        ),
        (Fault::Unavailable, 6_000, "(9001)", "(9005)"),
        (Fault::Internal, 6_000, "(9001)", "(29257)"),
    ]
}

#[test]
fn every_fault() {
    for (fault, code, bm, vpc) in faults() {
        for (dialect, folder, module) in [("tencent-bm", "bm", bm), ("tencent-vpc", "vpc", vpc)] {
            let reply = answer(named(dialect).unwrap(), Err(&fault));
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["code"], code, "{dialect} {fault}");
            let message = body["message"].as_str().unwrap();
            assert!(
                message.starts_with(&format!("{module}the ")) || message.starts_with(module),
                "{message}"
            );
            assert_eq!(message.starts_with('('), !module.is_empty(), "{message}");
            check_golden(
                "tencent",
                &format!("{folder}/fault-{}.txt", name_of(&fault)),
                &reply,
            );
        }
    }
}

/// The text that was signed helps whoever writes a signer; a mebibyte of it does not.
#[test]
fn a_long_text_is_told_in_part() {
    let fault = Fault::BadSignature {
        text: "北".repeat(1 << 20),
    };
    let reply = answer(named("tencent-bm").unwrap(), Err(&fault));
    assert!(reply.body.len() < 10_000);
}

/// The examples of the documents, repaired: blanks taken out of keys and ids, a brace added at the end.
fn seed(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/tencent/seed/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{name}.json")).unwrap()).unwrap()
}

/// The bare-metal examples leave `codeDesc` out, and it is always sent.
#[test]
fn the_examples_of_bare_metal() {
    let operation = reported(
        leased(queued(1_000_800_001, &["cpm-3dw234", "cpm-sdf343x"])),
        &[
            ("cpm-3dw234", ResourceStatus::Succeeded),
            ("cpm-sdf343x", ResourceStatus::Succeeded),
        ],
    );
    let reply = answer(named("tencent-bm").unwrap(), Ok(&operation));
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        body.as_object_mut().unwrap().remove("codeDesc"),
        Some("Success".into())
    );
    for name in ["bm-000-response", "bm-000-case", "bm-001-example"] {
        assert_eq!(body, seed(name), "{name}");
    }
}

#[test]
fn the_example_of_vpc() {
    let expected = seed("vpc-003-step2");
    let found = expected["data"]["data"].to_string();
    let task = leased(queued_as("DescribeServiceInstances", 297, &[]));
    let operation = finished(task, finish(FinishStatus::Succeeded, Some(&found), None));
    let reply = answer(named("tencent-vpc").unwrap(), Ok(&operation));
    assert_eq!(
        serde_json::from_slice::<Value>(&reply.body).unwrap(),
        expected
    );
}

/// A query fills up while it runs, and what it has found so far is told.
#[test]
fn a_query_that_runs() {
    let mut task = leased(queued_as("DescribeServiceInstances", 297, &[]));
    task.output = Some(Json::from_checked(r#"{"total":1,"detail":[]}"#));
    let reply = answer(named("tencent-vpc").unwrap(), Ok(&task));
    check_golden("tencent", "vpc/alone-running-object.txt", &reply);
}
