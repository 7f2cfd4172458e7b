//! What holds for an operation whatever it is asked, in whatever order.

use longrun_model::{
    Change, Command, Event, Failure, Finish, FinishStatus, Json, NewResource, Operation,
    OperationKey, Outcome, Phase, Progress, RefusedResult, Rejected, Report, ResourceResult,
    ResourceStatus, Resources, Retry, RetryScope, Submission, Tally, Timestamp, apply, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

const START: i64 = 1_000_000;
const LEASE: i64 = 1_000;
const RETENTION: i64 = 5_000;

/// A command, how far its fence lies from the operation's, and how much time passes before it.
#[derive(Clone, Debug)]
struct Step {
    pause: i64,
    ahead: i64,
    command: Command,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let status = prop::sample::select(&ResourceStatus::ALL[..]);
    (status, any::<bool>(), failure()).prop_map(|(status, output, error)| Outcome {
        status,
        output: output.then(|| Json::from_checked("1")),
        error: error.map(Box::new),
    })
}

fn failure() -> impl Strategy<Value = Option<Failure>> {
    let failure = (prop::sample::select(&["E", "Busy"][..]), any::<bool>());
    let failure = failure.prop_map(|(code, retryable)| Failure {
        retryable,
        ..Failure::new(code, "broken")
    });
    prop::option::of(failure)
}

fn retry() -> impl Strategy<Value = Retry> {
    let scope = prop::sample::select(&[RetryScope::Failed, RetryScope::All][..]);
    (1..4_u32, scope).prop_map(|(attempts_max, scope)| Retry {
        attempts_max,
        pause_first_millis: LEASE,
        pause_max_millis: LEASE,
        codes: vec!["Busy".into()],
        scope,
    })
}

fn finish() -> impl Strategy<Value = Finish> {
    let statuses = [
        FinishStatus::Succeeded,
        FinishStatus::Failed,
        FinishStatus::Cancelled,
        FinishStatus::Expired,
    ];
    (prop::sample::select(statuses.to_vec()), failure()).prop_map(|(status, error)| Finish {
        status,
        output: error.is_some().then(|| Json::from_checked("[]")),
        error,
    })
}

fn report() -> impl Strategy<Value = Report> {
    // One id too many, so that some reports name what is not there.
    let result = (0..7_usize, outcome()).prop_map(|(index, outcome)| ResourceResult {
        id: format!("r{index}").into(),
        outcome,
    });
    let finish = prop::option::weighted(0.2, finish());
    let percent = prop::option::of(0..=100_u8);
    let found = (0..9_usize).prop_map(|index| NewResource {
        id: format!("r{index}").into(),
        kind: None,
        input: None,
    });
    (
        vec(found, 0..2),
        vec(result, 0..5),
        finish,
        percent,
        prop::bool::weighted(0.2),
        prop::sample::select(&[0, 1 << 31, u32::MAX][..]),
    )
        .prop_map(
            |(found, results, finish, percent, release, chance)| Report {
                fence: 0,
                found,
                results,
                progress: Progress {
                    percent,
                    message: None,
                },
                finish,
                release,
                chance,
            },
        )
}

fn command() -> impl Strategy<Value = Command> {
    let lease = Command::Lease {
        worker: "w".into(),
        length_millis: LEASE,
    };
    prop_oneof![
        4 => Just(lease),
        1 => Just(Command::Heartbeat { fence: 0 }),
        8 => report().prop_map(Command::Report),
        1 => Just(Command::Cancel),
        1 => Just(Command::Delete),
        1 => Just(Command::Hasten),
        1 => (0..3_u32).prop_map(|lines| Command::Wait { lines }),
        1 => (0..3_u32).prop_map(|lines| Command::Advance { lines }),
        1 => Just(Command::ExtendDeadline { millis: LEASE }),
        1 => finish().prop_map(Command::Finish),
        3 => Just(Command::Tick),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Exactly on a lease's end, on the deadline and on retention: random instants would miss them. A clock may go back.
    let pauses = [0, 0, 1, LEASE / 2, LEASE - 1, LEASE, RETENTION, -50];
    let ahead = prop_oneof![1 => -1..0_i64, 12 => 0..1_i64, 1 => 1..2_i64];
    let step = (prop::sample::select(pauses.to_vec()), ahead, command());
    let step = step.prop_map(|(pause, ahead, command)| Step {
        pause,
        ahead,
        command,
    });
    vec(step, 1..40)
}

fn operation() -> impl Strategy<Value = Operation> {
    let deadline = prop::option::weighted(0.5, prop::sample::select(vec![0, LEASE, 3 * LEASE]));
    let start = prop::option::weighted(0.3, prop::sample::select(vec![-1, 0, 1, LEASE]));
    let retry = prop::option::weighted(0.7, retry());
    (0..7_usize, deadline, start, retry).prop_map(|(count, deadline, start, retry)| {
        let ids: Vec<String> = (0..count).map(|index| format!("r{index}")).collect();
        let submission = Submission {
            not_before: start.map(|after| Timestamp::from_millis(START + after)),
            retry: retry.map(Arc::new),
            deadline_at: deadline.map(|after| Timestamp::from_millis(START + after)),
            retention_millis: RETENTION,
            ..Submission::new("acme", "reboot").with_resources(ids.iter().map(String::as_str))
        };
        let key = OperationKey::new(1).expect("1 is a key");
        Operation::submitted(key, submission, Timestamp::from_millis(START))
    })
}

/// The command with the fence that lies `ahead` of the operation's own.
fn fenced(operation: &Operation, step: &Step) -> Command {
    let fence = operation.fence.saturating_add_signed(step.ahead);
    match step.command.clone() {
        Command::Heartbeat { .. } => Command::Heartbeat { fence },
        Command::Report(report) => Command::Report(Report { fence, ..report }),
        command @ (Command::Lease { .. }
        | Command::Cancel
        | Command::Delete
        | Command::Hasten
        | Command::Wait { .. }
        | Command::Advance { .. }
        | Command::ExtendDeadline { .. }
        | Command::Finish(_)
        | Command::Tick) => command,
    }
}

/// Carries out `steps`, and shows each of them to `check`: before, command, what was decided, after, and when.
fn walk(
    mut operation: Operation,
    steps: &[Step],
    mut check: impl FnMut(&Operation, &Command, &Result<Vec<Event>, Rejected>, &Operation, Timestamp),
) -> (Operation, Timestamp) {
    let mut now = Timestamp::from_millis(START);
    for step in steps {
        now = now.plus_millis(step.pause);
        let command = fenced(&operation, step);
        let before = operation.clone();
        let decided = decide(&operation, &command, now).map(|decided| decided.events);
        for event in decided.iter().flatten() {
            apply(&mut operation, event);
        }
        check(&before, &command, &decided, &operation, now);
    }
    (operation, now)
}

/// The resources that another attempt opens again.
fn reopened(decided: &Result<Vec<Event>, Rejected>) -> Vec<u32> {
    let changes = decided.iter().flatten().map(|event| &event.change);
    let reopened = changes.flat_map(|change| match change {
        Change::Retried { reopened, .. } => reopened.as_slice(),
        Change::Submitted
        | Change::Leased { .. }
        | Change::Extended
        | Change::Found { .. }
        | Change::Reported { .. }
        | Change::Released { .. }
        | Change::Blocked { .. }
        | Change::Advanced { .. }
        | Change::Unblocked
        | Change::Ready
        | Change::DeadlineMoved { .. }
        | Change::CancelRequested
        | Change::Ended { .. }
        | Change::Removed { .. } => &[],
    });
    reopened.map(|(index, _)| *index).collect()
}

fn recount(operation: &Operation) -> Tally {
    let mut tally = Tally::default();
    for resource in operation.resources.iter() {
        tally.total += 1;
        match resource.status {
            ResourceStatus::Pending | ResourceStatus::Running => (),
            ResourceStatus::Succeeded => tally.succeeded += 1,
            ResourceStatus::Failed => tally.failed += 1,
            ResourceStatus::Cancelled => tally.cancelled += 1,
        }
    }
    tally
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tally_equals_a_recount(operation in operation(), steps in steps()) {
        walk(operation, &steps, |_, _, _, after, _| {
            if !after.removed {
                assert_eq!(after.tally, recount(after));
            }
            if after.phase.is_ended() {
                assert_eq!(after.tally.unfinished(), 0);
            }
        });
    }

    #[test]
    fn what_has_ended_never_changes(operation in operation(), steps in steps()) {
        walk(operation, &steps, |before, _, decided, after, _| {
            let reopened = reopened(decided);
            for (index, was) in before.resources.indexed() {
                // What is tried again had not ended for good. No other event opens anything.
                let is = after.resources.get(*index);
                let stays = is.is_none() || is == Some(was);
                assert!(stays || !was.status.is_ended() || reopened.contains(index), "{was:?} became {is:?}");
            }
            if before.phase.is_ended() && !after.removed {
                assert_eq!(before, after);
            }
            if after.removed {
                assert_eq!((before.phase, before.tally), (after.phase, after.tally));
            }
        });
    }

    #[test]
    fn versions_only_grow_and_by_what_is_seen(operation in operation(), steps in steps()) {
        walk(operation, &steps, |before, _, decided, after, _| {
            let seen = decided.iter().flatten().filter(|event| event.change.is_visible());
            assert_eq!(after.version, before.version + seen.count() as u64);
            assert!(after.fence >= before.fence);
            assert!(after.updated_at >= before.updated_at);
            if after.version == before.version {
                let lease = after.lease.clone();
                let blocked_by = after.blocked_by;
                assert_eq!(after.is_leasable(), before.is_leasable());
                let expected = Operation { lease, blocked_by, ..before.clone() };
                assert_eq!(*after, expected, "only the lease and the lines are unseen");
            }
        });
    }

    #[test]
    fn another_fence_changes_nothing(operation in operation(), steps in steps()) {
        walk(operation, &steps, |before, command, decided, after, _| {
            let shown = match command {
                Command::Heartbeat { fence } => Some(*fence),
                Command::Report(report) => Some(report.fence),
                Command::Lease { .. }
                | Command::Cancel
                | Command::Delete
                | Command::Hasten
                | Command::Wait { .. }
                | Command::Advance { .. }
                | Command::ExtendDeadline { .. }
                | Command::Finish(_)
                | Command::Tick => None,
            };
            if shown.is_some_and(|fence| fence != before.fence || fence == 0) {
                let expected = if before.removed { Rejected::Removed } else { Rejected::StaleFence };
                assert_eq!(decided.as_ref().err(), Some(&expected));
                assert_eq!(before, after);
            }
        });
    }

    #[test]
    fn a_lease_is_held_exactly_while_it_runs(operation in operation(), steps in steps()) {
        walk(operation, &steps, |_, _, _, after, _| {
            let runs = matches!(after.phase, Phase::Running | Phase::Cancelling);
            assert_eq!(after.lease.is_some(), runs);
            assert_eq!(after.ended_at.is_some(), after.phase.is_ended());
            assert!(!runs || after.attempt > 0);
        });
    }

    /// An operation waits for its time or for a worker, and there are no more attempts than its kind allows.
    #[test]
    fn attempts_are_bounded_and_begin_on_time(operation in operation(), steps in steps()) {
        walk(operation, &steps, |before, command, decided, after, now| {
            let retried = decided.iter().flatten().any(|event| matches!(event.change, Change::Retried { .. }));
            if let Some(retry) = &after.retry {
                assert!(after.attempt <= retry.attempts_max);
                assert!(!retried || before.attempt < retry.attempts_max);
            } else {
                assert!(!retried);
            }
            if matches!(command, Command::Lease { .. }) && decided.is_ok() {
                assert_eq!(before.not_before, None);
            }
            assert!(after.not_before.is_none() || after.phase == Phase::Queued);
            let hastened = *command == Command::Hasten;
            if before.not_before.is_some() && after.not_before.is_none() && after.phase == Phase::Queued && !hastened {
                assert!(before.not_before <= Some(now));
            }
        });
    }

    #[test]
    fn everything_ends_once_its_deadline_ticks(operation in operation(), steps in steps()) {
        let (operation, now) = walk(operation, &steps, |_, command, _, after, now| {
            let passed = after.deadline_at.is_some_and(|deadline| deadline <= now);
            assert!(!passed || *command != Command::Tick || after.phase.is_ended());
        });
        if let Some(deadline) = operation.deadline_at {
            let tick = Step { pause: 0, ahead: 0, command: Command::Tick };
            let late = deadline.millis_since(now).max(0);
            let steps = [Step { pause: now.millis_since(Timestamp::from_millis(START)) + late, ..tick }];
            let (ended, _) = walk(operation, &steps, |_, _, _, _, _| ());
            prop_assert!(ended.phase.is_ended());
        }
    }

    /// A tick at the instant that an operation says it is due does something, so that no timer runs out in vain.
    #[test]
    fn a_tick_when_due_does_something(operation in operation(), steps in steps()) {
        walk(operation, &steps, |_, _, _, after, now| {
            let Some(due_at) = after.due_at() else { return };
            let early = decide(after, &Command::Tick, due_at.plus_millis(-1));
            assert_eq!(early.map(|decided| decided.events), Ok(Vec::new()));
            let decided = decide(after, &Command::Tick, due_at.max(now));
            assert!(decided.is_ok_and(|decided| !decided.events.is_empty()));
        });
    }

    /// A store may load only what a command says it needs.
    #[test]
    fn what_a_command_touches_is_enough(operation in operation(), steps in steps()) {
        walk(operation, &steps, |before, command, _, _, now| {
            let part = loaded_for(before, command);
            let whole = decide(before, command, now);
            assert_eq!(decide(&part, command, now), whole);
            let (mut part, mut all) = (part, before.clone());
            for event in whole.iter().flat_map(|decided| &decided.events) {
                apply(&mut part, event);
                apply(&mut all, event);
            }
            for (index, resource) in part.resources.indexed() {
                assert_eq!(all.resources.get(*index), Some(resource));
            }
            part.resources = all.resources.clone();
            assert_eq!(part, all);
        });
    }

    /// A worker that did not hear the answer says the same again: nothing changes, and nothing is wrong that was not.
    #[test]
    fn a_report_can_be_repeated(operation in operation(), steps in steps()) {
        walk(operation, &steps, |before, command, decided, after, now| {
            let Command::Report(report) = command else { return };
            let moves = report.finish.is_some() || report.release || report.progress != Progress::default();
            let refused = |operation: &Operation| -> Vec<RefusedResult> {
                decide(operation, command, now).map(|decided| decided.refused).unwrap_or_default()
            };
            if decided.is_err() || moves || before.phase.is_ended() || !refused(before).is_empty() {
                return;
            }
            let again = decide(after, command, now);
            let unseen = again.is_ok_and(|again| {
                again.refused.is_empty() && again.events.iter().all(|event| !event.change.is_visible())
            });
            // Two lines about one resource are one change the first time; the earlier of them contradicts it then.
            let mut ids: Vec<_> = report.results.iter().map(|result| &result.id).collect();
            ids.sort();
            ids.dedup();
            assert!(unseen || ids.len() < report.results.len());
        });
    }
}

/// The operation with just those resources that the command says it needs.
fn loaded_for(operation: &Operation, command: &Command) -> Operation {
    use longrun_model::Touch;
    let wanted = |id: &longrun_model::ResourceId| match command.touch_on(operation) {
        Touch::Head => false,
        Touch::Named(results) => results.iter().any(|result| result.id == *id),
        Touch::All => true,
    };
    let loaded = operation.resources.indexed().iter();
    let loaded = loaded.filter(|(_, resource)| wanted(&resource.id)).cloned();
    let resources = Resources::part(operation.resources.total(), loaded.collect());
    Operation {
        resources,
        ..operation.clone()
    }
}
