//! Operations in every state, and faults of every sort.

use crate::support::{
    SUBMITTED, after, finished, leased, queued, queued_as, reported, submission_faults,
};
use longrun_dialects::{Fault, Watched};
use longrun_model::{
    Command, Failure, Finish, FinishStatus, Json, Mix, MixedEnd, Operation, Phase, Progress,
    Report, ResourceStatus,
};

const OK: ResourceStatus = ResourceStatus::Succeeded;
const BAD: ResourceStatus = ResourceStatus::Failed;

/// The name of a golden file, an operation, and what a client makes of the answer about it.
pub(crate) type State = (&'static str, Operation, Watched);

/// An operation in every state.
pub(crate) fn states() -> Vec<State> {
    [live(), ended_well(), ended_badly(), stopped()].concat()
}

#[test]
fn every_phase_has_a_state() {
    for phase in Phase::ALL {
        let has_phase = |(_, operation, _): &State| operation.phase == phase;
        assert!(states().iter().any(has_phase), "{phase:?}");
    }
}

/// The same after a report of the worker who holds it.
pub(crate) fn report(operation: Operation, report: Report) -> Operation {
    let fence = operation.fence;
    after(operation, 2, &Command::Report(Report { fence, ..report }))
}

/// The end of an operation.
pub(crate) fn finish(status: FinishStatus, output: Option<&str>) -> Finish {
    let failure = || Failure::new("DiskFull", "no space is left");
    Finish {
        status,
        output: output.map(Json::from_checked),
        error: (status == FinishStatus::Failed).then(failure),
    }
}

fn running(resources: &[&str]) -> Operation {
    leased(queued(297, resources))
}

/// Two resources, as far as they are known.
fn pair(results: &[(&str, ResourceStatus)]) -> Operation {
    reported(running(&["i-1", "i-2"]), results)
}

fn live() -> Vec<State> {
    let progress = Progress {
        percent: Some(40),
        message: Some("copying <1> & \"2\"\n".into()),
    };
    let told = Report {
        progress,
        ..Report::default()
    };
    let triple = reported(running(&["a", "b", "c"]), &[("a", OK), ("b", BAD)]);
    let lost = after(running(&["i-1"]), 20, &Command::Tick);
    let cancelling = after(pair(&[("i-1", OK)]), 2, &Command::Cancel);
    let unfinished = || Watched::Running(Mix::UNFINISHED);
    vec![
        ("queued", queued(297, &["i-1", "i-2"]), Watched::Queued),
        ("running-4", report(running(&["i-1"]), told), unfinished()),
        ("running-5", pair(&[("i-1", OK)]), unfinished()),
        ("running-6", pair(&[("i-1", BAD)]), unfinished()),
        ("running-7", triple, unfinished()),
        ("retrying", lost, unfinished()),
        ("cancelling", cancelling, unfinished()),
    ]
}

fn ended_well() -> Vec<State> {
    let succeeded = |output| finish(FinishStatus::Succeeded, output);
    let whole = finished(running(&["i-1"]), succeeded(Some(r#"{"n":1}"#)));
    let plain = finished(leased(queued_as("copy", 297, &[])), succeeded(None));
    let each = pair(&[("i-1", OK), ("i-2", OK)]);
    vec![
        ("succeeded", whole, Watched::Succeeded),
        ("succeeded-each", each, Watched::Succeeded),
        ("succeeded-plain", plain, Watched::Succeeded),
    ]
}

fn ended_badly() -> Vec<State> {
    let failed = finish(FinishStatus::Failed, Some("[1]"));
    let lenient = Operation {
        mixed_end: MixedEnd::Succeeded,
        ..running(&["i-1", "i-2"])
    };
    let lenient = reported(lenient, &[("i-1", OK), ("i-2", BAD)]);
    let all = pair(&[("i-1", BAD), ("i-2", BAD)]);
    let mixed = pair(&[("i-1", OK), ("i-2", BAD)]);
    vec![
        ("failed", all, Watched::Failed),
        (
            "failed-plain",
            finished(running(&[]), failed),
            Watched::Failed,
        ),
        ("partial", mixed, Watched::Partial),
        ("partial-lenient", lenient, Watched::Partial),
    ]
}

fn stopped() -> Vec<State> {
    let cancelling = after(pair(&[("i-1", OK)]), 2, &Command::Cancel);
    let cancelled = finished(cancelling, finish(FinishStatus::Cancelled, None));
    let at_once = after(queued(297, &["i-1"]), 1, &Command::Cancel);
    let due = Operation {
        deadline_at: Some(SUBMITTED.plus_millis(4_000)),
        ..pair(&[("i-1", OK)])
    };
    let expired = after(due, 4, &Command::Tick);
    vec![
        ("cancelled", cancelled, Watched::Partial),
        ("cancelled-queued", at_once, Watched::Failed),
        ("expired", expired, Watched::Partial),
    ]
}

/// The name of a golden file, and a fault.
pub(crate) type Named = (&'static str, Fault);

/// A fault of every sort.
pub(crate) fn faults() -> Vec<Named> {
    [
        request_faults(),
        submission_faults(),
        caller_faults(),
        server_faults(),
    ]
    .concat()
}

fn request_faults() -> Vec<Named> {
    let too_large = Fault::TooLarge {
        limit_bytes: 1_048_576,
    };
    let invalid = Fault::InvalidParameter {
        name: "a<b".into(),
        reason: "it has two values",
    };
    let action = "ExecuteOperationASync".to_owned();
    let version = "2014-05-26".to_owned();
    vec![
        ("malformed", Fault::Malformed("a percent escape is broken")),
        ("too-large", too_large),
        ("unknown-method", Fault::UnknownMethod),
        ("unknown-path", Fault::UnknownPath),
        ("unknown-action", Fault::UnknownAction(action)),
        ("unknown-version", Fault::UnknownVersion(version)),
        ("unknown-format", Fault::UnknownFormat("YAML".to_owned())),
        (
            "missing-parameter",
            Fault::MissingParameter("OperationId".into()),
        ),
        ("invalid-parameter", invalid),
    ]
}

fn caller_faults() -> Vec<Named> {
    let forbidden = |explicit| Fault::Forbidden {
        action: "bpstudio:GetExecuteOperationResult".into(),
        explicit,
        account: "acme".into(),
    };
    let skewed = Fault::Skewed {
        ahead_millis: -3_600_000,
    };
    let mismatch = Fault::BadSignature {
        text: "GET&%2F&A%3D1".to_owned(),
    };
    let malformed = Fault::MalformedCredentials("SignedHeaders is empty");
    let algorithm = Fault::UnknownAlgorithm("ACS3-HMAC-SM3".to_owned());
    vec![
        (
            "missing-credentials",
            Fault::MissingCredentials("Signature"),
        ),
        ("malformed-credentials", malformed),
        ("unknown-algorithm", algorithm),
        ("unknown-key", Fault::UnknownKey),
        ("disabled-key", Fault::DisabledKey),
        ("locked-key", Fault::LockedKey),
        ("bad-signature", mismatch),
        ("malformed-time", Fault::MalformedTime),
        ("skewed", skewed),
        ("replayed", Fault::Replayed),
        ("bad-token", Fault::BadToken),
        ("expired-token", Fault::ExpiredToken),
        ("forbidden", forbidden(false)),
        ("forbidden-explicitly", forbidden(true)),
        ("wrong-project", Fault::WrongProject),
    ]
}

fn server_faults() -> Vec<Named> {
    let throttled = Fault::Throttled {
        retry_after_millis: 1_500,
    };
    vec![
        ("not-found", Fault::NotFound),
        ("gone", Fault::Gone),
        ("throttled", throttled),
        ("unavailable", Fault::Unavailable),
        ("internal", Fault::Internal),
    ]
}
