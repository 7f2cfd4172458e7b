//! What the tests of all dialects share: operations in every state, and golden files.

use longrun_dialects::{Catalogue, Fault, Lent, OperationRef, Reply, RequestId, Wish};
use longrun_model::{
    Command, Failure, Finish, Ids, Json, Operation, OperationKey, Outcome, Report, ResourceResult,
    ResourceStatus, Submission, Timestamp, apply, decide,
};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// The instant at which every operation of the tests is submitted: 2026-11-21T02:02:06.123Z.
pub(crate) const SUBMITTED: Timestamp = Timestamp::from_millis(1_795_226_526_123);

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(Catalogue::built_in);

/// The operation that is asked for.
pub(crate) fn polled(wish: Wish<'_>) -> OperationRef<'_> {
    match wish {
        Wish::Poll { operation, .. } => operation,
        Wish::Submit(order) | Wish::Manage(order) => panic!("{order:?} is no poll"),
    }
}

/// What can be wrong with a submission besides what can be wrong with any request, each with the name of its golden
/// file.
pub(crate) fn submission_faults() -> Vec<(&'static str, Fault)> {
    let name = "InstanceIds".into();
    let expected = "a list of texts";
    let (id, by) = ("ppm-i0836656".into(), "sg-b2qce888".into());
    let (what, max) = ("members of a template", 20);
    let rules = Fault::RulesTooLarge {
        id: "sg-b2qce888".into(),
        size: 101,
        max: 100,
    };
    vec![
        ("wrong-type", Fault::WrongType { name, expected }),
        ("idempotency-mismatch", Fault::IdempotencyMismatch),
        ("no-such-resource", Fault::NoSuchResource("ppm-1".into())),
        ("resource-in-use", Fault::ResourceInUse { id, by }),
        ("limit-reached", Fault::LimitReached { what, max }),
        ("rules-too-large", rules),
        ("busy", Fault::Busy("ppm-1".into())),
    ]
}

/// The ids that the tests know keys by.
pub(crate) fn ids() -> Ids {
    Ids::new([7; 16])
}

/// What the edge lends, with a fixed request id.
pub(crate) fn lent(ids: &Ids) -> Lent<'_> {
    Lent {
        ids,
        request_id: RequestId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        now: SUBMITTED.plus_millis(5_000),
        catalogue: &CATALOGUE,
        followed: None,
    }
}

/// An operation that is queued.
pub(crate) fn queued(key: u64, resources: &[&str]) -> Operation {
    queued_as("reboot", key, resources)
}

/// An operation of this kind that is queued.
pub(crate) fn queued_as(kind: &str, key: u64, resources: &[&str]) -> Operation {
    let submission = Submission::new("acme", kind).with_resources(resources.iter().copied());
    Operation::submitted(
        OperationKey::new(key).unwrap(),
        submission.clone(),
        SUBMITTED,
    )
}

/// The same after `command`, `seconds` after it was submitted.
pub(crate) fn after(mut operation: Operation, seconds: i64, command: &Command) -> Operation {
    let now = SUBMITTED.plus_millis(seconds * 1_000);
    for event in decide(&operation, command, now)
        .expect("the command is accepted")
        .events
    {
        apply(&mut operation, &event);
    }
    operation
}

/// The same, taken by a worker one second after it was submitted.
pub(crate) fn leased(operation: Operation) -> Operation {
    after(
        operation,
        1,
        &Command::Lease {
            worker: "w1".into(),
            length_millis: 15_000,
        },
    )
}

/// The same, with these results reported two seconds after it was submitted.
pub(crate) fn reported(operation: Operation, results: &[(&str, ResourceStatus)]) -> Operation {
    let results = results.iter().map(|(id, status)| ResourceResult {
        id: (*id).into(),
        outcome: outcome(*status),
    });
    let report = Report {
        fence: operation.fence,
        results: results.collect(),
        ..Report::default()
    };
    after(operation, 2, &Command::Report(report))
}

/// The same, finished three seconds after it was submitted.
pub(crate) fn finished(operation: Operation, finish: Finish) -> Operation {
    let report = Report {
        fence: operation.fence,
        finish: Some(finish),
        ..Report::default()
    };
    after(operation, 3, &Command::Report(report))
}

fn outcome(status: ResourceStatus) -> Outcome {
    let output =
        (status == ResourceStatus::Succeeded).then(|| Json::from_checked(r#"{"ok":true}"#));
    let error = (status == ResourceStatus::Failed)
        .then(|| Box::new(Failure::new("DiskFull", "no space is left on the device")));
    Outcome {
        status,
        output,
        error,
    }
}

/// Compares the body of `reply` with the golden file of this name, whole; with `UPDATE_GOLDEN=1` it writes the file.
pub(crate) fn check_golden(dialect: &str, name: &str, reply: &Reply) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(dialect)
        .join("wire")
        .join(name);
    let mut text = format!("{} {}\n", reply.status, reply.content_type);
    for (name, value) in &reply.headers {
        writeln!(
            text,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        )
        .expect("a text takes all");
    }
    writeln!(
        text,
        "
{}",
        String::from_utf8_lossy(&reply.body)
    )
    .expect("a text takes all");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, expected, "{dialect}/{name}");
}
