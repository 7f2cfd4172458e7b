//! What callers hand in and what workers tell, as chance will have it.

use fastrand::Rng;
use longrun_model::{
    Busy, Exclusive, Failure, Finish, FinishStatus, Idempotency, Operation, Outcome, Report,
    ResourceResult, ResourceStatus, Retry, RetryScope, Submission, Timestamp,
};
use longrun_store::{Limits, Share, Sight};
use std::sync::Arc;

/// The kinds of operations: those that are tried once, those that are tried again, and those that share no resource.
pub(crate) const KINDS: [&str; 3] = ["once", "again", "alone"];
/// How many operations of a kind, and of an account, may run at once.
pub(crate) fn limits() -> Limits {
    let share = Share {
        running_max: Some(4),
        ..Share::default()
    };
    Limits {
        kinds: [("again".into(), 2)].into(),
        accounts: [("acme".into(), share)].into(),
        ..Limits::default()
    }
}

/// The accounts, and the projects in each.
const ACCOUNTS: [&str; 2] = ["acme", "globex"];
const PROJECTS: [&str; 2] = ["blue", "red"];

/// What somebody sees: one in two sees everything, the others an account or some of its projects.
pub(crate) fn sight(random: &mut Rng) -> Sight {
    let account = ACCOUNTS[random.usize(..ACCOUNTS.len())].into();
    match random.u8(..8) {
        0..=3 => Sight::All,
        4 => Sight::Account(account),
        5..=7 => {
            let own = PROJECTS.iter().filter(|_| random.bool());
            Sight::Projects(account, own.map(|one| (*one).into()).collect())
        }
        8.. => unreachable!("eight numbers are below eight"),
    }
}

/// The code of failures that are tried again.
const PASSING: &str = "Busy";

/// An operation to be made when the server's clock shows `now`. No other one is called `name`.
pub(crate) fn submission(random: &mut Rng, name: u64, now: i64, retention_max: i64) -> Submission {
    let kind = KINDS[random.usize(..KINDS.len())];
    let account = ACCOUNTS[random.usize(..ACCOUNTS.len())];
    let mut names = ["a", "b", "c", "d", "e"];
    random.shuffle(&mut names);
    let count = random.usize(..=names.len());
    let mut submission =
        Submission::new(account, kind).with_resources(names[..count].iter().copied());
    submission.priority = random.u8(..=9);
    let project = random.usize(..=PROJECTS.len());
    submission.project = PROJECTS.get(project).map(|one| (*one).into());
    submission.labels = vec![("name".into(), name.to_string().into())];
    if random.bool() {
        submission.idempotency = Some(Idempotency {
            key: name.to_string().into(),
            digest: u128::from(name).to_be_bytes(),
        });
    }
    if random.u8(..3) == 0 {
        let deadline = now + random.i64(1..60_000);
        submission.deadline_at = Some(Timestamp::from_millis(deadline));
    }
    if random.u8(..5) == 0 {
        // Some have a time that has passed already, and need not wait.
        let begin = now + random.i64(-1_000..30_000);
        submission.not_before = Some(Timestamp::from_millis(begin));
    }
    submission.retention_millis = random.i64(60_000..retention_max);
    let alone = kind == "alone";
    if kind == "again" || (alone && random.u8(..3) != 0) {
        submission.retry = Some(Arc::new(retry(random)));
    }
    if alone {
        submission.exclusive = Some(Arc::new(exclusive(random)));
    }
    submission
}

fn retry(random: &mut Rng) -> Retry {
    let pause_first_millis = random.i64(0..4_000);
    Retry {
        attempts_max: random.u32(1..=4),
        pause_first_millis,
        pause_max_millis: 3 * pause_first_millis,
        codes: vec![PASSING.into()],
        scope: [RetryScope::Failed, RetryScope::All][random.usize(..2)],
    }
}

fn exclusive(random: &mut Rng) -> Exclusive {
    Exclusive {
        group: ["disk", "net"][random.usize(..2)].into(),
        busy: [Busy::Queue, Busy::Queue, Busy::Refuse][random.usize(..3)],
    }
}

/// What the holder of `operation` tells: some results, and now and then the end.
pub(crate) fn report(random: &mut Rng, operation: &Operation) -> Report {
    let mut results = Vec::new();
    for resource in operation.resources.iter() {
        if random.bool() {
            results.push(ResourceResult {
                id: resource.id.clone(),
                outcome: outcome(random),
            });
        }
    }
    let finish = (random.u8(..4) == 0).then(|| finish(random));
    Report {
        fence: operation.fence,
        results,
        finish,
        release: random.u8(..12) == 0,
        chance: random.u32(..),
        ..Report::default()
    }
}

/// What somebody tells of an operation that is not theirs, with a fence that they made up.
pub(crate) fn lie(random: &mut Rng) -> Report {
    Report {
        fence: random.u64(..4),
        results: vec![ResourceResult {
            id: "a".into(),
            outcome: outcome(random),
        }],
        ..Report::default()
    }
}

fn outcome(random: &mut Rng) -> Outcome {
    let status = match random.u8(..6) {
        0 => ResourceStatus::Running,
        1 | 2 => ResourceStatus::Failed,
        3 => ResourceStatus::Cancelled,
        _ => ResourceStatus::Succeeded,
    };
    let failed = status == ResourceStatus::Failed;
    Outcome {
        status,
        output: None,
        error: failed.then(|| Box::new(failure(random))),
    }
}

/// A failure: one that is tried again by its code, one that says so itself, or one for good.
fn failure(random: &mut Rng) -> Failure {
    let code = [PASSING, PASSING, "Sim"][random.usize(..3)];
    Failure {
        retryable: random.u8(..4) == 0,
        ..Failure::new(code, "it did not work out")
    }
}

fn finish(random: &mut Rng) -> Finish {
    let all = [
        FinishStatus::Succeeded,
        FinishStatus::Failed,
        FinishStatus::Cancelled,
    ];
    let status = all[random.usize(..all.len())];
    let failed = status == FinishStatus::Failed;
    Finish {
        status,
        output: None,
        error: failed.then(|| failure(random)),
    }
}
