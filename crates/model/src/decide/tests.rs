//! The rules as tables.

use super::*;
use crate::{Json, OperationKey, Retry, RetryScope, Submission, apply};
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_000);

/// An operation with `count` resources in this phase, and with fence 1 if it was ever leased.
fn in_phase(phase: Phase, count: usize) -> Operation {
    let ids = ["a", "b", "c", "d"];
    let submission = Submission::new("acme", "reboot").with_resources(ids.into_iter().take(count));
    let key = OperationKey::new(1).unwrap();
    let mut operation = Operation::submitted(key, submission, NOW);
    let finish = |status| Some(report(&[], Some(status)));
    let commands = match phase {
        Phase::Queued => vec![],
        Phase::Running => vec![Some(lease())],
        Phase::Cancelling => vec![Some(lease()), Some(Command::Cancel)],
        Phase::Succeeded => vec![Some(lease()), finish(FinishStatus::Succeeded)],
        Phase::Failed => vec![Some(lease()), finish(FinishStatus::Failed)],
        Phase::Partial => vec![
            Some(lease()),
            Some(report(&[("a", ResourceStatus::Failed)], None)),
            finish(FinishStatus::Succeeded),
        ],
        Phase::Cancelled => vec![Some(lease()), finish(FinishStatus::Cancelled)],
        Phase::Expired => {
            operation.deadline_at = Some(NOW);
            vec![Some(lease()), Some(Command::Tick)]
        }
    };
    for command in commands.into_iter().flatten() {
        carry_out(&mut operation, &command);
    }
    assert_eq!(operation.phase, phase);
    operation
}

fn carry_out(operation: &mut Operation, command: &Command) -> Vec<RefusedResult> {
    let decided = decide(operation, command, NOW).unwrap();
    for event in &decided.events {
        apply(operation, event);
    }
    decided.refused
}

fn lease() -> Command {
    Command::Lease {
        worker: "w".into(),
        length_millis: 100,
    }
}

fn outcome(status: ResourceStatus) -> Outcome {
    Outcome {
        status,
        output: None,
        error: None,
    }
}

fn report(results: &[(&str, ResourceStatus)], finish: Option<FinishStatus>) -> Command {
    let results = results.iter().map(|(id, status)| ResourceResult {
        id: (*id).into(),
        outcome: outcome(*status),
    });
    Command::Report(Report {
        fence: 1,
        results: results.collect(),
        finish: finish.map(|status| Finish {
            status,
            output: None,
            error: None,
        }),
        ..Report::default()
    })
}

fn release() -> Command {
    Command::Report(Report {
        fence: 1,
        release: true,
        ..Report::default()
    })
}

/// The phase that a command leads to, or why it is rejected.
fn check(operation: &Operation, command: &Command, expected: Result<Phase, Rejected>) {
    let mut after = operation.clone();
    let decided = decide(operation, command, NOW).map(|decided| {
        decided
            .events
            .iter()
            .for_each(|event| apply(&mut after, event));
        after.phase
    });
    assert_eq!(
        decided,
        expected,
        "{command:?} in {}",
        operation.phase.as_str()
    );
}

#[test]
fn what_a_worker_may_do_in_every_phase() {
    use Phase::{Cancelled, Cancelling, Expired, Failed, Partial, Queued, Running, Succeeded};
    let (late, over) = (Err(Rejected::StaleFence), Err(Rejected::Ended));
    let held = Err(Rejected::NotLeasable);
    for (phase, leased, alive, released) in [
        (Queued, Ok(Running), late, late),
        (Running, held, Ok(Running), Ok(Queued)),
        (Cancelling, held, Ok(Cancelling), Ok(Cancelled)),
        (Succeeded, held, over, Ok(Succeeded)),
        (Failed, held, over, Ok(Failed)),
        (Partial, held, over, Ok(Partial)),
        (Cancelled, held, over, Ok(Cancelled)),
        (Expired, held, over, Ok(Expired)),
    ] {
        let operation = in_phase(phase, 2);
        check(&operation, &lease(), leased);
        check(&operation, &Command::Heartbeat { fence: 1 }, alive);
        check(&operation, &release(), released);
    }
}

#[test]
fn what_a_caller_may_do_in_every_phase() {
    use Phase::{Cancelled, Cancelling, Expired, Failed, Partial, Queued, Running, Succeeded};
    let (early, over) = (Err(Rejected::NotEnded), Err(Rejected::Ended));
    for (phase, cancelled, deleted) in [
        (Queued, Ok(Cancelled), early),
        (Running, Ok(Cancelling), early),
        (Cancelling, Ok(Cancelling), early),
        (Succeeded, over, Ok(Succeeded)),
        (Failed, over, Ok(Failed)),
        (Partial, over, Ok(Partial)),
        (Cancelled, Ok(Cancelled), Ok(Cancelled)),
        (Expired, over, Ok(Expired)),
    ] {
        let operation = in_phase(phase, 2);
        check(&operation, &Command::Cancel, cancelled);
        check(&operation, &Command::Delete, deleted);
        check(&operation, &Command::Tick, Ok(phase));
    }
}

#[test]
fn nothing_is_left_to_do_with_a_removed_one() {
    let mut operation = in_phase(Phase::Succeeded, 1);
    carry_out(&mut operation, &Command::Delete);
    assert!(operation.removed);
    let heartbeat = Command::Heartbeat { fence: 1 };
    for command in [
        lease(),
        heartbeat,
        release(),
        Command::Cancel,
        Command::Delete,
        Command::Tick,
    ] {
        check(&operation, &command, Err(Rejected::Removed));
    }
}

#[test]
fn fences_tell_who_is_late() {
    for (phase, fence, expected) in [
        (Phase::Queued, 0, Err(Rejected::StaleFence)),
        (Phase::Running, 0, Err(Rejected::StaleFence)),
        (Phase::Running, 1, Ok(Phase::Running)),
        (Phase::Running, 2, Err(Rejected::StaleFence)),
        (Phase::Succeeded, 0, Err(Rejected::StaleFence)),
        (Phase::Succeeded, 1, Err(Rejected::Ended)),
    ] {
        check(&in_phase(phase, 1), &Command::Heartbeat { fence }, expected);
    }
    let mut released = in_phase(Phase::Running, 1);
    carry_out(&mut released, &release());
    check(
        &released,
        &Command::Heartbeat { fence: 1 },
        Err(Rejected::LeaseLost),
    );
}

/// How an operation of three resources ends, by what was reported and how it was finished.
#[test]
fn ends_follow_from_results_and_finish() {
    use FinishStatus as F;
    use Phase::{Cancelled, Failed, Partial, Running, Succeeded};
    let [pending, won, lost, stopped] = [
        None,
        Some(ResourceStatus::Succeeded),
        Some(ResourceStatus::Failed),
        Some(ResourceStatus::Cancelled),
    ];
    for (results, finish, running, cancelling) in [
        ([won, won, pending], None, Running, Phase::Cancelling),
        ([won, won, won], None, Succeeded, Succeeded),
        ([lost, lost, lost], None, Failed, Failed),
        ([stopped, stopped, stopped], None, Cancelled, Cancelled),
        ([won, lost, won], None, Partial, Partial),
        ([won, stopped, won], None, Partial, Cancelled),
        ([lost, stopped, lost], None, Failed, Cancelled),
        (
            [pending, pending, pending],
            Some(F::Succeeded),
            Succeeded,
            Succeeded,
        ),
        ([pending, pending, pending], Some(F::Failed), Failed, Failed),
        (
            [pending, pending, pending],
            Some(F::Cancelled),
            Cancelled,
            Cancelled,
        ),
        ([won, pending, pending], Some(F::Failed), Partial, Partial),
        (
            [won, pending, pending],
            Some(F::Cancelled),
            Partial,
            Cancelled,
        ),
        (
            [lost, pending, pending],
            Some(F::Succeeded),
            Partial,
            Partial,
        ),
        (
            [lost, pending, pending],
            Some(F::Cancelled),
            Failed,
            Cancelled,
        ),
    ] {
        let told: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(results)
            .filter_map(|(id, status)| status.map(|status| (id, status)))
            .collect();
        let command = report(&told, finish);
        check(&in_phase(Running, 3), &command, Ok(running));
        check(&in_phase(Phase::Cancelling, 3), &command, Ok(cancelling));
    }
}

#[test]
fn lines_of_a_report_are_judged_one_by_one() {
    use Refusal::{NotAResult, ResourceEnded, UnknownResource};
    use ResourceStatus::{Failed, Pending, Running, Succeeded};
    for (earlier, line, expected) in [
        (None, ("a", Succeeded), None),
        (None, ("a", Running), None),
        (None, ("a", Pending), Some(NotAResult)),
        (None, ("z", Succeeded), Some(UnknownResource)),
        (Some(Running), ("a", Running), None),
        (Some(Running), ("a", Failed), None),
        (Some(Succeeded), ("a", Succeeded), None),
        (Some(Succeeded), ("a", Failed), Some(ResourceEnded)),
        (Some(Succeeded), ("a", Running), Some(ResourceEnded)),
    ] {
        // The same, whether the earlier line came in a report of its own or stands in the same one.
        for together in [false, true] {
            let mut operation = in_phase(Phase::Running, 2);
            let mut lines: Vec<_> = earlier.map(|status| ("a", status)).into_iter().collect();
            if !together {
                carry_out(&mut operation, &report(&lines, None));
                lines.clear();
            }
            lines.push(line);
            let refused = carry_out(&mut operation, &report(&lines, None));
            let reasons: Vec<_> = refused.iter().map(|one| one.reason).collect();
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(
                reasons, expected,
                "{line:?} after {earlier:?}, together: {together}"
            );
        }
    }
}

#[test]
fn a_finish_may_contradict_the_results() {
    use ResourceStatus::{Failed, Succeeded};
    for (results, finish, contradicts, phase) in [
        (
            [Succeeded, Succeeded],
            FinishStatus::Succeeded,
            false,
            Phase::Succeeded,
        ),
        (
            [Succeeded, Succeeded],
            FinishStatus::Failed,
            true,
            Phase::Succeeded,
        ),
        (
            [Succeeded, Succeeded],
            FinishStatus::Cancelled,
            true,
            Phase::Succeeded,
        ),
        (
            [Succeeded, Failed],
            FinishStatus::Succeeded,
            false,
            Phase::Partial,
        ),
        (
            [Failed, Failed],
            FinishStatus::Succeeded,
            true,
            Phase::Failed,
        ),
    ] {
        let mut operation = in_phase(Phase::Running, 2);
        let lines = [("a", results[0]), ("b", results[1])];
        let refused = carry_out(&mut operation, &report(&lines, Some(finish)));
        assert_eq!(!refused.is_empty(), contradicts, "{results:?} {finish:?}");
        assert!(refused.iter().all(|one| one.resource.is_none()));
        assert_eq!(operation.phase, phase, "{results:?} {finish:?}");
    }
}

/// A tick acts on what is due, the deadline before the lease, and exactly on time.
#[test]
fn ticks_are_on_time() {
    let at = |millis| Timestamp::from_millis(millis);
    for (phase, deadline, now, expected) in [
        (Phase::Queued, None, 9_999, Phase::Queued),
        (Phase::Queued, Some(2_000), 1_999, Phase::Queued),
        (Phase::Queued, Some(2_000), 2_000, Phase::Expired),
        (Phase::Running, None, 1_099, Phase::Running),
        (Phase::Running, None, 1_100, Phase::Queued),
        (Phase::Running, Some(1_100), 1_100, Phase::Expired),
        (Phase::Cancelling, None, 1_100, Phase::Cancelled),
        (Phase::Succeeded, Some(1_100), 1_100, Phase::Succeeded),
    ] {
        let mut operation = in_phase(phase, 1);
        operation.deadline_at = deadline.map(at);
        let decided = decide(&operation, &Command::Tick, at(now)).unwrap();
        decided
            .events
            .iter()
            .for_each(|event| apply(&mut operation, event));
        assert_eq!(operation.phase, expected, "{phase:?} at {now}");
    }
}

#[test]
fn errors_say_what_went_wrong() {
    let told = Failure::new("Told", "by the worker");
    let own = Failure::new("Own", "of the resource");
    for (resource_error, finish_error, code) in [
        (None, None, "OperationFailed"),
        (Some(&own), None, "Own"),
        (None, Some(&told), "Told"),
        (Some(&own), Some(&told), "Told"),
    ] {
        let mut operation = in_phase(Phase::Running, 2);
        let failed = Outcome {
            error: resource_error.cloned().map(Box::new),
            output: Some(Json::from_checked("{}")),
            ..outcome(ResourceStatus::Failed)
        };
        let result = ResourceResult {
            id: "a".into(),
            outcome: failed.clone(),
        };
        let command = Command::Report(Report {
            fence: 1,
            results: vec![result],
            finish: Some(Finish {
                status: FinishStatus::Failed,
                output: None,
                error: finish_error.cloned(),
            }),
            ..Report::default()
        });
        carry_out(&mut operation, &command);
        assert_eq!(&*operation.error.as_ref().unwrap().code, code);
        assert_eq!(operation.resources.get(0).unwrap().output, failed.output);
        let closing = operation.resources.get(1).unwrap().error.as_ref().unwrap();
        let expected = finish_error.map_or("OperationFailed", |error| &error.code);
        assert_eq!(
            &*closing.code, expected,
            "of the resource that was still open"
        );
    }
}

#[test]
fn handing_back_is_no_try_and_losing_is() {
    let mut operation = in_phase(Phase::Running, 1);
    carry_out(&mut operation, &release());
    assert_eq!(operation.attempt, 0);
    carry_out(&mut operation, &lease());
    let lost = decide(&operation, &Command::Tick, NOW.plus_millis(100)).unwrap();
    lost.events
        .iter()
        .for_each(|event| apply(&mut operation, event));
    assert_eq!(
        (operation.phase, operation.attempt, operation.fence),
        (Phase::Queued, 1, 2)
    );
}

fn rule(attempts_max: u32, scope: RetryScope) -> Retry {
    Retry {
        attempts_max,
        pause_first_millis: 1_000,
        pause_max_millis: 10_000,
        codes: vec!["Busy".into()],
        scope,
    }
}

/// What a worker says of one of three resources, by a letter: succeeded, failed, failed in a way that may pass, cancelled,
/// or nothing.
fn said(letters: &str) -> Vec<ResourceResult> {
    let told = ["a", "b", "c"].into_iter().zip(letters.chars());
    told.filter_map(|(id, letter)| {
        let (status, code) = match letter {
            's' => (ResourceStatus::Succeeded, None),
            'f' => (ResourceStatus::Failed, Some("Broken")),
            'b' => (ResourceStatus::Failed, Some("Busy")),
            'c' => (ResourceStatus::Cancelled, None),
            _ => return None,
        };
        let error = code.map(|code| Box::new(Failure::new(code, "")));
        let outcome = Outcome {
            error,
            ..outcome(status)
        };
        Some(ResourceResult {
            id: id.into(),
            outcome,
        })
    })
    .collect()
}

/// How the three resources stand, in the same letters; `-` for open.
fn stands(operation: &Operation) -> String {
    let letter = |resource: &crate::Resource| match resource.status {
        ResourceStatus::Pending | ResourceStatus::Running => '-',
        ResourceStatus::Succeeded => 's',
        ResourceStatus::Failed => 'f',
        ResourceStatus::Cancelled => 'c',
    };
    operation.resources.iter().map(letter).collect()
}

#[test]
fn what_failed_and_may_pass_is_tried_again() {
    use FinishStatus as F;
    use Phase::{Cancelled, Failed, Partial, Queued, Running, Succeeded};
    use RetryScope::{All, Failed as Only};
    for (scope, results, finish, phase, after) in [
        (Only, "ss-", None, Running, "ss-"),
        (Only, "sb-", None, Running, "sf-"),
        (Only, "ssb", None, Queued, "ss-"),
        (Only, "sfb", None, Queued, "sf-"),
        (Only, "scb", None, Queued, "sc-"),
        (Only, "ssf", None, Partial, "ssf"),
        (Only, "sss", None, Succeeded, "sss"),
        (Only, "sb-", Some((F::Succeeded, None)), Queued, "s-s"),
        (Only, "sb-", Some((F::Failed, Some("Busy"))), Queued, "s--"),
        (
            Only,
            "sb-",
            Some((F::Failed, Some("Broken"))),
            Partial,
            "sff",
        ),
        (Only, "sb-", Some((F::Failed, None)), Partial, "sff"),
        (Only, "sb-", Some((F::Cancelled, None)), Partial, "sfc"),
        (
            Only,
            "sss",
            Some((F::Failed, Some("Busy"))),
            Succeeded,
            "sss",
        ),
        (Only, "ccc", None, Cancelled, "ccc"),
        (All, "ssb", None, Queued, "---"),
        (All, "scb", None, Queued, "---"),
        (All, "sfb", None, Partial, "sff"),
        (All, "-b-", Some((F::Succeeded, None)), Queued, "---"),
        (All, "---", Some((F::Failed, Some("Busy"))), Queued, "---"),
        (All, "fff", None, Failed, "fff"),
    ] {
        let mut operation = in_phase(Running, 3);
        operation.retry = Some(Arc::new(rule(2, scope)));
        let finish = finish.map(|(status, code)| Finish {
            status,
            output: None,
            error: code.map(|code| Failure::new(code, "")),
        });
        let command = Command::Report(Report {
            fence: 1,
            results: said(results),
            finish,
            chance: 1 << 31,
            ..Report::default()
        });
        carry_out(&mut operation, &command);
        let found = (operation.phase, &*stands(&operation));
        assert_eq!(found, (phase, after), "{scope:?} {results}");
        let not_before = (phase == Queued).then(|| NOW.plus_millis(500));
        assert_eq!(operation.not_before, not_before, "{scope:?} {results}");
    }
}

#[test]
fn the_last_attempt_ends_it_with_its_error() {
    let mut operation = in_phase(Phase::Running, 2);
    operation.retry = Some(Arc::new(rule(2, RetryScope::Failed)));
    let failed = |fence, message: &str| {
        let error = Some(Box::new(Failure::new("Busy", message)));
        let outcome = Outcome {
            error,
            ..outcome(ResourceStatus::Failed)
        };
        let result = ResourceResult {
            id: "b".into(),
            outcome,
        };
        Command::Report(Report {
            fence,
            results: vec![result],
            ..Report::default()
        })
    };
    carry_out(
        &mut operation,
        &report(&[("a", ResourceStatus::Succeeded)], None),
    );
    carry_out(&mut operation, &failed(1, "first"));
    assert_eq!((operation.phase, operation.attempt), (Phase::Queued, 1));
    assert_eq!(operation.error, None);
    carry_out(&mut operation, &lease());
    carry_out(&mut operation, &failed(2, "last"));
    assert_eq!(operation.phase, Phase::Partial);
    assert_eq!(&*operation.error.unwrap().message, "last");
}

/// Without a rule a lost lease is followed by the next one for ever; with one, it is an attempt like any other.
#[test]
fn lost_leases_count_as_attempts() {
    for (attempts_max, phase, expected) in [
        (None, Phase::Running, Phase::Queued),
        (Some(2), Phase::Running, Phase::Queued),
        (Some(1), Phase::Running, Phase::Failed),
        (Some(1), Phase::Cancelling, Phase::Cancelled),
    ] {
        let mut operation = in_phase(phase, 2);
        operation.retry = attempts_max.map(|max| Arc::new(rule(max, RetryScope::Failed)));
        let lost = decide(&operation, &Command::Tick, NOW.plus_millis(100)).unwrap();
        lost.events
            .iter()
            .for_each(|event| apply(&mut operation, event));
        assert_eq!(operation.phase, expected, "{attempts_max:?} {phase:?}");
        let code = operation.error.map(|error| error.code);
        assert_eq!(
            code.as_deref() == Some("LeaseLost"),
            expected == Phase::Failed
        );
    }
}

#[test]
fn an_operation_waits_for_its_time() {
    for (not_before, waits) in [(None, false), (Some(1_000), false), (Some(1_001), true)] {
        let submission = Submission {
            not_before: not_before.map(Timestamp::from_millis),
            ..Submission::new("acme", "reboot")
        };
        let key = OperationKey::new(1).unwrap();
        let mut operation = Operation::submitted(key, submission, NOW);
        assert_eq!(operation.is_leasable(), !waits);
        assert_eq!(operation.due_at().is_some(), waits);
        let ready = decide(&operation, &Command::Tick, NOW.plus_millis(1)).unwrap();
        assert_eq!(ready.events.len(), usize::from(waits));
        ready
            .events
            .iter()
            .for_each(|event| apply(&mut operation, event));
        assert!(operation.is_leasable());
    }
}

#[test]
fn what_an_operator_may_do_in_every_phase() {
    use Phase::{Cancelled, Cancelling, Expired, Failed, Partial, Queued, Running, Succeeded};
    let (over, none) = (Err(Rejected::Ended), Err(Rejected::NoDeadline));
    let idle = Err(Rejected::NotDelayed);
    for (phase, hastened, extended, finished) in [
        (Queued, idle, none, Ok(Succeeded)),
        (Running, idle, none, Ok(Succeeded)),
        (Cancelling, idle, none, Ok(Succeeded)),
        (Succeeded, over, over, over),
        (Failed, over, over, over),
        (Partial, over, over, over),
        (Cancelled, over, over, over),
        (Expired, over, over, over),
    ] {
        let operation = in_phase(phase, 2);
        let finish = Finish {
            status: FinishStatus::Succeeded,
            output: None,
            error: None,
        };
        check(&operation, &Command::Hasten, hastened);
        check(&operation, &Command::ExtendDeadline { millis: 1 }, extended);
        check(&operation, &Command::Finish(finish), finished);
    }
}

#[test]
fn a_deadline_moves_from_where_it_is_or_from_now() {
    for (deadline, expected) in [(500, 1_010), (1_000, 1_010), (2_000, 2_010)] {
        let mut operation = in_phase(Phase::Running, 1);
        operation.deadline_at = Some(Timestamp::from_millis(deadline));
        carry_out(&mut operation, &Command::ExtendDeadline { millis: 10 });
        let expected = Timestamp::from_millis(expected);
        assert_eq!(operation.deadline_at, Some(expected));
    }
}

#[test]
fn whoever_is_in_a_hurry_need_not_wait() {
    let mut operation = in_phase(Phase::Queued, 1);
    operation.not_before = Some(NOW.plus_millis(500));
    carry_out(&mut operation, &Command::Hasten);
    assert!(operation.is_leasable());
}

/// An operation that waits for its resources is leased by nobody until others stand before it in no line any more.
#[test]
fn what_is_blocked_waits_until_the_last_line_is_free() {
    let mut operation = in_phase(Phase::Queued, 3);
    let version = operation.version;
    for (command, blocked_by, leasable, seen) in [
        (Command::Wait { lines: 3 }, 3, false, 1),
        (Command::Wait { lines: 3 }, 3, false, 1),
        (Command::Advance { lines: 1 }, 2, false, 1),
        (Command::Advance { lines: 0 }, 2, false, 1),
        (Command::Advance { lines: 2 }, 0, true, 2),
        (Command::Advance { lines: 1 }, 0, true, 2),
    ] {
        carry_out(&mut operation, &command);
        assert_eq!(operation.blocked_by, blocked_by, "{command:?}");
        assert_eq!(operation.is_leasable(), leasable, "{command:?}");
        assert_eq!(operation.version, version + seen, "{command:?}");
        let leased = decide(&operation, &lease(), NOW);
        assert_eq!(leased.is_ok(), leasable, "{command:?}");
    }
}

/// What has ended waits for nothing, and what runs does not begin to.
#[test]
fn only_what_is_queued_can_be_blocked() {
    for phase in Phase::ALL {
        let operation = in_phase(phase, 2);
        let waits = decide(&operation, &Command::Wait { lines: 1 }, NOW);
        assert_eq!(waits.is_ok(), phase == Phase::Queued, "{phase:?}");
        let advances = decide(&operation, &Command::Advance { lines: 1 }, NOW);
        assert_eq!(advances.is_err(), phase.is_ended(), "{phase:?}");
    }
    let mut operation = in_phase(Phase::Queued, 2);
    carry_out(&mut operation, &Command::Wait { lines: 1 });
    carry_out(&mut operation, &Command::Cancel);
    assert_eq!(
        (operation.phase, operation.blocked_by),
        (Phase::Cancelled, 0)
    );
}

#[test]
fn a_place_is_held_from_the_time_to_begin_to_the_end() {
    let exclusive = crate::Exclusive {
        group: "".into(),
        busy: crate::Busy::Queue,
    };
    for phase in Phase::ALL {
        let mut operation = in_phase(phase, 2);
        assert!(!operation.holds_place(), "not exclusive");
        operation.exclusive = Some(Arc::new(exclusive.clone()));
        assert_eq!(operation.holds_place(), !phase.is_ended(), "{phase:?}");
        operation.not_before = Some(NOW);
        let had_worker = operation.fence > 0;
        assert_eq!(operation.holds_place(), had_worker && !phase.is_ended());
    }
}
