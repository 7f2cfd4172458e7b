//! Ways to end: finished, cancelled, out of time, deleted.

use crate::bed::{
    Bed, LEASE, finish, keys, lease_command, operation, progress, release, report, result, results,
    under, wish,
};
use longrun_model::{
    Change, Command, Failure, Finish, FinishStatus, Json, Phase, Refusal, Rejected, Report,
    ResourceStatus, Submission,
};
use longrun_store::{Due, Filter, Refused};

pub(crate) fn a_finish_ends_what_is_open(bed: &mut Bed) {
    for count in [2, 64, 65] {
        for (status, resource, phase) in [
            (
                FinishStatus::Succeeded,
                ResourceStatus::Succeeded,
                Phase::Succeeded,
            ),
            (FinishStatus::Failed, ResourceStatus::Failed, Phase::Partial),
            (
                FinishStatus::Cancelled,
                ResourceStatus::Cancelled,
                Phase::Partial,
            ),
        ] {
            let key = bed.running(count);
            bed.command(key, report(1, vec![result(0, ResourceStatus::Succeeded)]))
                .unwrap();
            bed.command(key, finish(1, status)).unwrap();
            bed.reopen();
            let found = bed.get(key);
            assert_eq!(found.phase, phase, "{status:?} of {count}");
            assert!(
                found
                    .resources
                    .iter()
                    .skip(1)
                    .all(|one| one.status == resource)
            );
            assert_eq!((found.tally.unfinished(), found.lease), (0, None));
        }
    }
}

pub(crate) fn an_operation_without_resources_ends_as_its_finish_says(bed: &mut Bed) {
    for (status, phase) in [
        (FinishStatus::Succeeded, Phase::Succeeded),
        (FinishStatus::Failed, Phase::Failed),
        (FinishStatus::Cancelled, Phase::Cancelled),
    ] {
        let key = bed.running(0);
        bed.command(key, finish(1, status)).unwrap();
        assert_eq!(bed.get(key).phase, phase);
    }
}

pub(crate) fn a_finish_may_bring_results_output_and_error(bed: &mut Bed) {
    let key = bed.running(2);
    let error = Failure::new("Half", "one was left");
    let command = Command::Report(Report {
        fence: 1,
        results: results(0..1, ResourceStatus::Succeeded),
        finish: Some(Finish {
            status: FinishStatus::Failed,
            output: Some(Json::from_checked("{\"done\":1}")),
            error: Some(error.clone()),
        }),
        ..Report::default()
    });
    bed.command(key, command).unwrap();
    bed.reopen();
    let found = bed.get(key);
    assert_eq!(found.phase, Phase::Partial);
    assert_eq!(found.output, Some(Json::from_checked("{\"done\":1}")));
    assert_eq!(found.error.as_ref(), Some(&error));
    assert_eq!(
        found.resources.get(1).unwrap().error.as_deref(),
        Some(&error)
    );
}

pub(crate) fn a_finish_that_contradicts_the_results_is_told_so(bed: &mut Bed) {
    let key = bed.running(1);
    let command = Command::Report(Report {
        fence: 1,
        results: results(0..1, ResourceStatus::Succeeded),
        finish: Some(Finish {
            status: FinishStatus::Failed,
            output: None,
            error: None,
        }),
        ..Report::default()
    });
    let done = bed.command(key, command).unwrap();
    assert_eq!(done.refused[0].reason, Refusal::Contradiction);
    assert_eq!(bed.get(key).phase, Phase::Succeeded, "the results decide");
}

pub(crate) fn cancelling_depends_on_the_phase(bed: &mut Bed) {
    let queued = bed.submit(operation(65));
    assert_eq!(
        bed.command(queued, Command::Cancel)
            .unwrap()
            .operation
            .phase,
        Phase::Cancelled
    );
    assert!(bed.lease(wish(9)).is_empty());

    let running = bed.running(65);
    let asked = bed.command(running, Command::Cancel).unwrap();
    assert_eq!(
        (asked.operation.phase, asked.changed),
        (Phase::Cancelling, true)
    );
    let again = bed.command(running, Command::Cancel).unwrap();
    assert_eq!(
        (again.operation.phase, again.changed),
        (Phase::Cancelling, false)
    );
    let back = bed.command(running, release(1)).unwrap();
    assert_eq!(
        back.operation.phase,
        Phase::Cancelled,
        "it is not to run again"
    );
    assert!(!bed.command(running, Command::Cancel).unwrap().changed);

    let finished = bed.finished(1);
    let late = bed.command(finished, Command::Cancel).unwrap_err();
    assert_eq!(late, Refused::Rejected(Rejected::Ended));
}

pub(crate) fn only_what_has_ended_is_deleted(bed: &mut Bed) {
    for count in [1, 65] {
        let key = bed.submit(operation(count));
        for step in [None, Some(lease_command()), Some(Command::Cancel)] {
            if let Some(command) = step {
                bed.command(key, command).unwrap();
            }
            let early = bed.command(key, Command::Delete).unwrap_err();
            assert_eq!(early, Refused::Rejected(Rejected::NotEnded));
        }
    }
}

/// A removed operation is known to have been there, and nothing else is left of it.
pub(crate) fn a_removed_operation_leaves_a_tombstone(bed: &mut Bed) {
    for count in [1, 64, 65, 1_000] {
        let submission = Submission {
            labels: vec![("team".into(), "blue".into())],
            input: Some(Json::from_checked("1")),
            project: Some("p1".into()),
            ..under(operation(count), &format!("k{count}"), 1)
        };
        let key = bed.submit(submission);
        bed.command(key, lease_command()).unwrap();
        // A history so long that it cannot all stand in one place.
        for percent in 0..100 {
            bed.command(key, progress(1, percent)).unwrap();
        }
        bed.command(key, Command::Cancel).unwrap();
        bed.command(key, release(1)).unwrap();
        assert!(bed.command(key, Command::Delete).unwrap().changed);
        bed.reopen();
        let found = bed.get(key);
        assert!(found.removed && found.labels.is_empty() && found.input.is_none());
        // Whom it may be told that it was there.
        assert_eq!(found.project, Some("p1".into()));
        assert_eq!(
            (found.phase, found.tally.cancelled as usize),
            (Phase::Cancelled, count)
        );
        assert_eq!(found.resources.iter().len(), 0);
        assert_eq!(bed.history(key, 0, 9), []);
        for command in [
            Command::Cancel,
            Command::Delete,
            Command::Tick,
            lease_command(),
        ] {
            let gone = bed.command(key, command).unwrap_err();
            assert_eq!(gone, Refused::Rejected(Rejected::Removed));
        }
    }
    assert_eq!(bed.due(9), Due::default());
    let listed = bed.list(Filter {
        limit: 9,
        ..Filter::default()
    });
    assert_eq!(listed.operations, []);
}

pub(crate) fn a_lost_lease_is_given_to_another(bed: &mut Bed) {
    for count in [1, 65] {
        let key = bed.running(count);
        bed.now += LEASE - 1;
        assert_eq!(bed.due(9).keys, []);
        assert!(
            !bed.command(key, Command::Tick).unwrap().changed,
            "it is early"
        );
        bed.now += 1;
        bed.reopen();
        assert_eq!(bed.due(9).keys, [key]);
        let ticked = bed.command(key, Command::Tick).unwrap();
        assert_eq!(ticked.operation.phase, Phase::Queued);
        assert_eq!(ticked.operation.attempt, 1, "a lost worker has tried");
        assert_eq!(bed.due(9).keys, []);
        assert_eq!(keys(&bed.lease(wish(9))), [key.get()]);
        bed.command(key, finish(2, FinishStatus::Succeeded))
            .unwrap();
    }
}

pub(crate) fn a_lost_lease_ends_what_was_to_stop(bed: &mut Bed) {
    let key = bed.running(2);
    bed.command(key, Command::Cancel).unwrap();
    bed.now += LEASE;
    let ticked = bed.command(key, Command::Tick).unwrap();
    assert_eq!(ticked.operation.phase, Phase::Cancelled);
}

pub(crate) fn a_deadline_ends_what_nobody_finishes(bed: &mut Bed) {
    for count in [0, 2, 65] {
        for leased in [false, true] {
            let deadline = bed.instant().plus_millis(LEASE / 2);
            let key = bed.submit(Submission {
                deadline_at: Some(deadline),
                retention_millis: 1_000_000,
                ..operation(count)
            });
            if leased {
                bed.command(key, lease_command()).unwrap();
            }
            bed.now += LEASE / 2;
            assert_eq!(bed.due(9).keys, [key]);
            let ticked = bed.command(key, Command::Tick).unwrap().operation;
            assert_eq!(
                (ticked.phase, ticked.tally.failed as usize),
                (Phase::Expired, count)
            );
            bed.reopen();
            let found = bed.get(key);
            assert_eq!(
                found.error.as_ref().unwrap().code.as_ref(),
                "DeadlineExceeded"
            );
            assert!(
                found
                    .resources
                    .iter()
                    .all(|one| one.error == found.error.clone().map(Box::new))
            );
            assert_eq!(bed.due(9).keys, []);
        }
    }
}

pub(crate) fn retention_removes_what_has_ended(bed: &mut Bed) {
    let key = bed.submit(Submission {
        retention_millis: 500,
        ..operation(1)
    });
    bed.command(key, Command::Cancel).unwrap();
    bed.now += 499;
    assert_eq!(bed.due(9).next_at, Some(bed.instant().plus_millis(1)));
    bed.now += 1;
    bed.command(key, Command::Tick).unwrap();
    assert!(bed.get(key).removed);
    assert_eq!(bed.due(9), Due::default());
}

/// What an operator does in place of a worker, whoever holds the operation.
pub(crate) fn an_operator_ends_what_is_open(bed: &mut Bed) {
    for count in [0, 3, 65] {
        let key = bed.running(count);
        if count > 0 {
            let failed = vec![result(1, ResourceStatus::Failed)];
            bed.command(key, report(1, failed)).unwrap();
        }
        let finish = Finish {
            status: FinishStatus::Succeeded,
            output: None,
            error: None,
        };
        bed.command(key, Command::Finish(finish)).unwrap();
        bed.reopen();
        let ended = bed.get(key);
        let failed = u32::from(count > 0);
        assert_eq!(ended.tally.failed, failed);
        assert_eq!(ended.phase == Phase::Succeeded, failed == 0);
        let late = bed.command(key, Command::Heartbeat { fence: 1 });
        assert_eq!(late.unwrap_err(), Refused::Rejected(Rejected::Ended));
    }
}

pub(crate) fn a_deadline_that_moves_is_a_timer(bed: &mut Bed) {
    let start = bed.instant();
    let key = bed.submit(Submission {
        deadline_at: Some(start.plus_millis(100)),
        ..operation(1)
    });
    bed.command(key, Command::ExtendDeadline { millis: 50 })
        .unwrap();
    bed.reopen();
    let moved = start.plus_millis(150);
    assert_eq!(bed.due(9).next_at, Some(moved));
    let last = bed.history(key, 1, 9).remove(0).event.change;
    assert_eq!(last, Change::DeadlineMoved { deadline_at: moved });
}
