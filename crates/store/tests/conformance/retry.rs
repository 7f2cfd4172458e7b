//! Attempts that fail and are followed by others, and operations that wait for their time.

use crate::bed::{Bed, LEASE, keys, lease_command, operation, progress, report, result, wish};
use longrun_model::{
    Change, Command, Failure, Finish, FinishStatus, OperationKey, Phase, Report, ResourceResult,
    ResourceStatus, Retry, RetryScope, Submission,
};
use std::sync::Arc;

fn patient(count: usize, attempts_max: u32, scope: RetryScope) -> Submission {
    let retry = Retry {
        attempts_max,
        pause_first_millis: 1_000,
        pause_max_millis: 1_500,
        codes: vec!["Busy".into()],
        scope,
    };
    Submission {
        retry: Some(Arc::new(retry)),
        ..operation(count)
    }
}

fn busy(index: usize) -> ResourceResult {
    let mut failed = result(index, ResourceStatus::Failed);
    failed.outcome.error = Some(Box::new(Failure::new("Busy", "come again")));
    failed
}

/// Reports with half of the longest pause.
fn told(bed: &Bed, key: OperationKey, fence: u64, results: Vec<ResourceResult>) {
    let report = Report {
        fence,
        results,
        chance: 1 << 31,
        ..Report::default()
    };
    bed.command(key, Command::Report(report)).unwrap();
}

/// However the resources are kept, and whatever of them was loaded for the report that ends the attempt.
pub(crate) fn what_failed_is_open_again_and_the_rest_stays(bed: &mut Bed) {
    for (count, scope) in [
        (3, RetryScope::Failed),
        (130, RetryScope::Failed),
        (130, RetryScope::All),
    ] {
        let key = bed.submit(patient(count, 2, scope));
        bed.command(key, lease_command()).unwrap();
        told(bed, key, 1, vec![busy(1)]);
        assert_eq!(bed.get(key).tally.failed, 1, "so far");
        let others = (0..count).filter(|index| *index != 1);
        let others = others.map(|index| result(index, ResourceStatus::Succeeded));
        told(bed, key, 1, others.collect());
        bed.reopen();
        let found = bed.get(key);
        let open = if scope == RetryScope::All { count } else { 1 };
        assert_eq!(
            (found.phase, found.tally.unfinished() as usize),
            (Phase::Queued, open)
        );
        assert_eq!(found.not_before, Some(bed.instant().plus_millis(500)));
        let again = found.resources.get(1).unwrap();
        assert_eq!(
            (again.status, &again.error),
            (ResourceStatus::Pending, &None)
        );
        let last = bed.history(key, found.version - 1, 1).remove(0);
        let Change::Retried {
            reopened, error, ..
        } = last.event.change
        else {
            panic!("not tried again: {last:?}");
        };
        assert_eq!((reopened.len(), &*error.code), (open, "Busy"));
        bed.now += 500;
        bed.command(key, Command::Tick).unwrap();
        bed.command(key, lease_command()).unwrap();
        told(bed, key, 2, (0..count).map(busy).collect());
        let ended = bed.get(key);
        assert!(ended.phase.is_ended(), "there is no third attempt");
        assert_eq!(ended.error.unwrap().message, "come again".into());
    }
}

pub(crate) fn a_pause_is_a_timer(bed: &mut Bed) {
    let key = bed.submit(patient(1, 3, RetryScope::Failed));
    for pause in [500, 750] {
        let leased = bed.command(key, lease_command()).unwrap().operation;
        told(bed, key, leased.fence, vec![busy(0)]);
        assert_eq!(bed.due(9).next_at, Some(bed.instant().plus_millis(pause)));
        assert!(bed.lease(wish(9)).is_empty(), "it is not its time");
        bed.now += pause;
        assert_eq!(bed.due(9).keys, [key]);
        bed.command(key, Command::Tick).unwrap();
        assert!(bed.due(9).keys.is_empty());
    }
    assert_eq!(keys(&bed.lease(wish(9))), [key.get()]);
}

pub(crate) fn an_attempt_without_resources_is_tried_again(bed: &mut Bed) {
    let key = bed.submit(patient(0, 2, RetryScope::Failed));
    for (fence, phase) in [(1, Phase::Queued), (2, Phase::Failed)] {
        bed.command(key, lease_command()).unwrap();
        let finish = Finish {
            status: FinishStatus::Failed,
            output: None,
            error: Some(Failure {
                retryable: true,
                ..Failure::new("Shaky", "")
            }),
        };
        let report = Report {
            fence,
            finish: Some(finish),
            ..Report::default()
        };
        let ended = bed.command(key, Command::Report(report)).unwrap();
        assert_eq!(ended.operation.phase, phase);
    }
}

/// Work that kills its workers comes to an end too.
pub(crate) fn lost_leases_are_attempts(bed: &mut Bed) {
    let key = bed.submit(patient(65, 2, RetryScope::Failed));
    for (fence, phase) in [(1, Phase::Queued), (2, Phase::Partial)] {
        bed.command(key, lease_command()).unwrap();
        let first = report(fence, vec![result(0, ResourceStatus::Succeeded)]);
        bed.command(key, first).unwrap();
        bed.now += LEASE;
        let ticked = bed.command(key, Command::Tick).unwrap();
        assert_eq!(ticked.operation.phase, phase);
    }
    bed.reopen();
    let ended = bed.get(key);
    assert_eq!(&*ended.error.unwrap().code, "LeaseLost");
    assert_eq!((ended.tally.succeeded, ended.tally.failed), (1, 64));
}

pub(crate) fn a_delayed_operation_waits_for_its_time(bed: &mut Bed) {
    let start = bed.instant();
    let delayed = |millis| Submission {
        not_before: Some(start.plus_millis(millis)),
        ..operation(1)
    };
    let (late, now) = (bed.submit(delayed(100)), bed.submit(delayed(0)));
    bed.reopen();
    assert_eq!(keys(&bed.lease(wish(9))), [now.get()]);
    bed.now += 100;
    assert_eq!(bed.due(9).keys, [late]);
    assert!(bed.command(late, Command::Tick).unwrap().changed);
    bed.command(now, progress(1, 1)).unwrap();
    bed.reopen();
    assert_eq!(keys(&bed.lease(wish(9))), [late.get()]);
    let ready = bed.history(late, 1, 1).remove(0);
    assert_eq!(ready.event.change, Change::Ready);
}

/// Whoever wants it gone need not wait for its time.
pub(crate) fn a_delayed_operation_is_cancelled_at_once(bed: &mut Bed) {
    let key = bed.submit(Submission {
        not_before: Some(bed.instant().plus_millis(100)),
        ..operation(1)
    });
    let cancelled = bed.command(key, Command::Cancel).unwrap().operation;
    assert_eq!(
        (cancelled.phase, cancelled.not_before),
        (Phase::Cancelled, None)
    );
    let kept_until = cancelled.expires_at();
    assert_eq!(bed.due(9).next_at, kept_until);
}
