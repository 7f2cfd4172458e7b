//! An answer for each status, each fault and the document's example.

use super::answer;
use crate::support::{
    SUBMITTED, after, check_golden, finished, ids, leased, queued, queued_as, reported,
    submission_faults,
};
use longrun_dialects::{Fault, Retry, Watched};
use longrun_model::{
    Command, Failure, Finish, FinishStatus, Json, Mix, MixedEnd, Operation, Outcome, Report,
    ResourceResult, ResourceStatus, Resources, Timestamp,
};
use serde_json::Value;

const NAME: &str = "huawei-elb";

/// The name of a golden file, the operation that is answered in it, and what our own client makes of the answer.
pub(crate) type State = (&'static str, Operation, Watched);

/// Operations in every state.
pub(crate) fn states() -> Vec<State> {
    [unfinished_batches(), finished_batches(), lone_operations()].concat()
}

const CPMS: [&str; 3] = ["cpm-1", "cpm-2", "cpm-3"];

fn unfinished_batches() -> Vec<State> {
    use ResourceStatus::{Failed, Running, Succeeded};
    let later = |command| after(batch(&[]), 300, &command);
    vec![
        ("queued", queued(1_000_800_001, &CPMS), Watched::Queued),
        ("running", batch(&[]), running(4)),
        ("running-5", batch(&[Succeeded, Running]), running(5)),
        ("running-6", batch(&[Failed]), running(6)),
        ("running-7", batch(&[Succeeded, Failed]), running(7)),
        ("cancelling", later(Command::Cancel), running(4)),
        ("waiting-again", later(Command::Tick), running(4)),
    ]
}

fn finished_batches() -> Vec<State> {
    use ResourceStatus::{Failed, Succeeded};
    let mixed = [Succeeded, Failed, Succeeded];
    let cancelled = after(queued(6, &CPMS), 300, &Command::Cancel);
    let mut lenient = queued(8, &CPMS);
    lenient.mixed_end = MixedEnd::Succeeded;
    let mut late = queued(7, &CPMS);
    late.deadline_at = Some(SUBMITTED.plus_millis(60_000));
    let expired = after(with(late, &[Succeeded]), 300, &Command::Tick);
    vec![
        ("succeeded", batch(&[Succeeded; 3]), Watched::Succeeded),
        ("failed", batch(&[Failed; 3]), Watched::Failed),
        ("partial", batch(&mixed), Watched::Partial),
        (
            "partial-as-success",
            with(lenient, &mixed),
            Watched::Succeeded,
        ),
        ("cancelled", cancelled, Watched::Failed),
        ("expired", expired, Watched::Partial),
    ]
}

/// Operations on one resource, and operations that name none.
fn lone_operations() -> Vec<State> {
    use ResourceStatus::{Failed, Succeeded};
    let single = || queued(2, &["cpm-1"]);
    let nameless = || leased(queued_as("createELB", 9, &[]));
    let created = |output: &str| {
        let (status, output) = (FinishStatus::Succeeded, Some(Json::from_checked(output)));
        finished(
            nameless(),
            Finish {
                status,
                output,
                error: None,
            },
        )
    };
    let (status, error) = (
        FinishStatus::Failed,
        Some(Failure::new("ELB.1009", "no address is free")),
    );
    let failed = finished(
        nameless(),
        Finish {
            status,
            output: None,
            error,
        },
    );
    let elb = r#"{"elb":{"id":"0b07acf06d243925bc24a0ac7445267a","bandwidth":200}}"#;
    vec![
        ("single-queued", single(), Watched::Queued),
        (
            "single-succeeded",
            with(single(), &[Succeeded]),
            Watched::Succeeded,
        ),
        ("single-failed", with(single(), &[Failed]), Watched::Failed),
        ("nameless-running", nameless(), running(4)),
        ("nameless-succeeded", created(elb), Watched::Succeeded),
        ("nameless-with-a-list", created("[1,2]"), Watched::Succeeded),
        ("nameless-failed", failed, Watched::Failed),
    ]
}

/// Three resources, the first of them with these results.
fn batch(statuses: &[ResourceStatus]) -> Operation {
    with(queued(1_000_800_001, &CPMS), statuses)
}

fn with(operation: Operation, statuses: &[ResourceStatus]) -> Operation {
    let results: Vec<_> = CPMS.into_iter().zip(statuses.iter().copied()).collect();
    reported(leased(operation), &results)
}

fn running(code: u8) -> Watched {
    Watched::Running(Mix::from_code(code).unwrap())
}

/// One fault of every variant, with what our own client is to do about it.
pub(crate) fn faults() -> Vec<(Fault, Retry)> {
    [faults_of_all(), faults_of_submissions()].concat()
}

fn faults_of_submissions() -> Vec<(Fault, Retry)> {
    let of = |(name, fault)| {
        let retry = match name {
            "no-such-resource" => Retry::Unknown,
            "limit-reached" | "rules-too-large" => Retry::Forbidden,
            _ => Retry::Never,
        };
        (fault, retry)
    };
    submission_faults().into_iter().map(of).collect()
}

fn faults_of_all() -> Vec<(Fault, Retry)> {
    use Retry::{Clock, Forbidden, Never, Unknown};
    let text = "SDK-HMAC-SHA256\n20261121T020206Z\nb25362e603ee30f4f25e7858e8a7160f".to_owned();
    let action = "elb:jobs:get";
    let again = Retry::Again { after_millis: None };
    vec![
        (Fault::Malformed("a percent escape is broken"), Never),
        (
            Fault::TooLarge {
                limit_bytes: 1_048_576,
            },
            Never,
        ),
        (Fault::UnknownMethod, Never),
        (Fault::UnknownPath, Never),
        (Fault::UnknownAction("Reboot".to_owned()), Never),
        (Fault::UnknownVersion("v2".to_owned()), Never),
        (Fault::UnknownFormat("YAML".to_owned()), Never),
        (Fault::MissingParameter("job_id".into()), Never),
        (
            Fault::InvalidParameter {
                name: "job_id".into(),
                reason: "it is too short",
            },
            Never,
        ),
        (Fault::MissingCredentials("x-auth-token"), Forbidden),
        (
            Fault::MalformedCredentials("a signed header is missing"),
            Forbidden,
        ),
        (
            Fault::UnknownAlgorithm("SDK-HMAC-SM3".to_owned()),
            Forbidden,
        ),
        (Fault::UnknownKey, Forbidden),
        (Fault::DisabledKey, Forbidden),
        (Fault::LockedKey, Forbidden),
        (Fault::BadSignature { text }, Forbidden),
        (Fault::MalformedTime, Forbidden),
        (
            Fault::Skewed {
                ahead_millis: -3_600_000,
            },
            Clock,
        ),
        (Fault::Replayed, Forbidden),
        (Fault::BadToken, Forbidden),
        (Fault::ExpiredToken, Forbidden),
        (
            Fault::Forbidden {
                action: action.into(),
                explicit: true,
                account: "acme".into(),
            },
            Forbidden,
        ),
        (Fault::WrongProject, Forbidden),
        (Fault::NotFound, Unknown),
        (Fault::Gone, Unknown),
        (
            Fault::Throttled {
                retry_after_millis: 1_500,
            },
            again,
        ),
        (Fault::Unavailable, again),
        (Fault::Internal, again),
    ]
}

/// The golden file of a fault. Exhaustive, so that a new fault cannot be left out.
pub(crate) fn file_of(fault: &Fault) -> &'static str {
    match fault {
        Fault::Malformed(_) => "fault-malformed",
        Fault::TooLarge { .. } => "fault-too-large",
        Fault::UnknownMethod => "fault-unknown-method",
        Fault::UnknownPath => "fault-unknown-path",
        Fault::UnknownAction(_) => "fault-unknown-action",
        Fault::UnknownVersion(_) => "fault-unknown-version",
        Fault::UnknownFormat(_) => "fault-unknown-format",
        Fault::MissingParameter(_) => "fault-missing-parameter",
        Fault::WrongType { .. } => "fault-wrong-type",
        Fault::IdempotencyMismatch => "fault-idempotency-mismatch",
        Fault::NoSuchResource(_) => "fault-no-such-resource",
        Fault::ResourceInUse { .. } => "fault-resource-in-use",
        Fault::LimitReached { .. } => "fault-limit-reached",
        Fault::RulesTooLarge { .. } => "fault-rules-too-large",
        Fault::Busy(_) => "fault-busy",
        Fault::InvalidParameter { .. } => "fault-invalid-parameter",
        Fault::MissingCredentials(_) => "fault-missing-credentials",
        Fault::MalformedCredentials(_) => "fault-malformed-credentials",
        Fault::UnknownAlgorithm(_) => "fault-unknown-algorithm",
        Fault::UnknownKey => "fault-unknown-key",
        Fault::DisabledKey => "fault-disabled-key",
        Fault::LockedKey => "fault-locked-key",
        Fault::BadSignature { .. } => "fault-bad-signature",
        Fault::MalformedTime => "fault-malformed-time",
        Fault::Skewed { .. } => "fault-skewed",
        Fault::Replayed => "fault-replayed",
        Fault::BadToken => "fault-bad-token",
        Fault::ExpiredToken => "fault-expired-token",
        Fault::Forbidden { .. } => "fault-forbidden",
        Fault::WrongProject => "fault-wrong-project",
        Fault::NotFound => "fault-not-found",
        Fault::Gone => "fault-gone",
        Fault::Throttled { .. } => "fault-throttled",
        Fault::Unavailable => "fault-unavailable",
        Fault::Internal => "fault-internal",
    }
}

#[test]
fn answers_are_those_of_the_golden_files() {
    for (name, operation, _) in states() {
        check_golden(NAME, &format!("{name}.http"), &answer(Ok(&operation)));
    }
    for (fault, _) in faults() {
        check_golden(
            NAME,
            &format!("{}.http", file_of(&fault)),
            &answer(Err(&fault)),
        );
    }
}

/// Ids, kinds and errors of sub-jobs: a resource may have a kind of its own and an output of texts.
#[test]
fn sub_jobs_say_what_their_resources_are() {
    let mut operation = queued_as("createServer", 11, &["a", "b"]);
    operation.resources = Resources::whole(operation.resources.iter().cloned().map(|mut one| {
        one.kind = Some("createSingleServer".into());
        one
    }));
    let operation = report(
        leased(operation),
        "a",
        ResourceStatus::Succeeded,
        r#"{"server_id":"s-1"}"#,
    );
    check_golden(NAME, "sub-jobs-with-kinds.http", &answer(Ok(&operation)));
    let body: Value = serde_json::from_slice(&answer(Ok(&operation)).body).unwrap();
    let sub_jobs = body["entities"]["sub_jobs"].as_array().unwrap();
    let ids: Vec<_> = sub_jobs
        .iter()
        .map(|one| one["job_id"].as_str().unwrap())
        .collect();
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32 && *id != body["job_id"]));
    assert_eq!(
        sub_jobs[0]["entities"],
        serde_json::json!({"server_id": "s-1"})
    );
}

fn report(operation: Operation, resource: &str, status: ResourceStatus, output: &str) -> Operation {
    let outcome = Outcome {
        status,
        output: Some(Json::from_checked(output)),
        error: None,
    };
    let result = ResourceResult {
        id: resource.into(),
        outcome,
    };
    let report = Report {
        fence: operation.fence,
        results: vec![result],
        ..Report::default()
    };
    after(operation, 2, &Command::Report(report))
}

/// The example of the document: a job that runs and has told already which load balancer it deletes.
#[test]
fn the_seed_is_answered() {
    let mut seed: Value = serde_json::from_str(include_str!(
        "../../../../../testdata/huawei-elb/seed/delete_elb_running.json"
    ))
    .unwrap();
    let mut operation = queued_as("deleteELB", 297, &["ea3e5715b68850a747ec41f335625c08"]);
    operation.created_at = Timestamp::from_millis(1_442_459_138_756);
    let output = r#"{"elb_id":"ea3e5715b68850a747ec41f335625c08"}"#;
    let operation = report(
        leased(operation),
        "ea3e5715b68850a747ec41f335625c08",
        ResourceStatus::Running,
        output,
    );
    seed["job_id"] = ids().text(operation.key).digits().into();
    let found: Value = serde_json::from_slice(&answer(Ok(&operation)).body).unwrap();
    assert_eq!(found, seed);
}
