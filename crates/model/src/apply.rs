//! Folding what happened into the state.

use crate::{
    Change, Closing, Event, Failure, Lease, Operation, Outcome, Phase, Progress, ReleaseReason,
    ResourceStatus, Resources, Tally, Timestamp, WorkerName,
};

/// Folds `event` into `operation`. Never fails: `decide` has checked it.
pub fn apply(operation: &mut Operation, event: &Event) {
    let at = event.at;
    match &event.change {
        Change::Submitted => return,
        Change::Extended => {
            extend(operation, at);
            return;
        }
        Change::Advanced { lines } => {
            operation.blocked_by -= lines;
            return;
        }
        Change::Leased {
            worker,
            fence,
            length_millis,
        } => lease(operation, at, worker, *fence, *length_millis),
        Change::Found { resources } => {
            operation.resources.append(resources);
            operation.tally.total = operation.resources.total();
            extend(operation, at);
        }
        Change::Reported { results, progress } => {
            report(operation, results, progress);
            extend(operation, at);
        }
        Change::Released { reason } => release(operation, *reason),
        Change::Retried {
            reopened,
            not_before,
            error: _,
        } => retry(operation, reopened, *not_before),
        Change::Ready => operation.not_before = None,
        Change::Blocked { lines } => operation.blocked_by = *lines,
        Change::Unblocked => operation.blocked_by = 0,
        Change::DeadlineMoved { deadline_at } => operation.deadline_at = Some(*deadline_at),
        Change::CancelRequested => operation.phase = Phase::Cancelling,
        Change::Ended {
            phase,
            closing,
            output,
            error,
        } => {
            close(operation, closing);
            operation.phase = *phase;
            operation.lease = None;
            operation.not_before = None;
            operation.blocked_by = 0;
            operation.ended_at = Some(at);
            operation.output.clone_from(output);
            operation.error.clone_from(error);
        }
        Change::Removed { .. } => remove(operation),
    }
    operation.version += 1;
    operation.updated_at = operation.updated_at.max(at);
}

fn extend(operation: &mut Operation, at: Timestamp) {
    if let Some(lease) = &mut operation.lease {
        // A clock that was set back must not shorten a lease that a worker relies on.
        lease.until = lease.until.max(at.plus_millis(lease.length_millis));
    }
}

fn lease(
    operation: &mut Operation,
    at: Timestamp,
    worker: &WorkerName,
    fence: u64,
    length_millis: i64,
) {
    operation.phase = Phase::Running;
    operation.attempt += 1;
    operation.fence = fence;
    operation.lease = Some(Lease {
        worker: worker.clone(),
        until: at.plus_millis(length_millis),
        length_millis,
    });
    operation.started_at = operation.started_at.or(Some(at));
}

fn report(operation: &mut Operation, results: &[(u32, Outcome)], progress: &Progress) {
    for (index, outcome) in results {
        let resource = operation
            .resources
            .get_mut(*index)
            .expect("decide names only resources that are loaded");
        if resource.status.is_ended() {
            continue;
        }
        resource.status = outcome.status;
        resource.output.clone_from(&outcome.output);
        resource.error.clone_from(&outcome.error);
        count(operation, outcome.status, 1);
        if operation.error.is_none() && outcome.status == ResourceStatus::Failed {
            operation.error = outcome.error.as_deref().cloned();
        }
    }
    if progress.percent.is_some() {
        operation.progress.percent = progress.percent;
    }
    if progress.message.is_some() {
        operation.progress.message.clone_from(&progress.message);
    }
}

fn release(operation: &mut Operation, reason: ReleaseReason) {
    operation.phase = Phase::Queued;
    operation.lease = None;
    if reason == ReleaseReason::HandedBack {
        // Giving back is no try: it does not count against the operation.
        operation.attempt -= 1;
    }
}

/// Opens resources again. All resources are loaded then.
fn retry(
    operation: &mut Operation,
    reopened: &[(u32, Option<Box<Failure>>)],
    not_before: Option<Timestamp>,
) {
    for (index, _) in reopened {
        let resource = operation
            .resources
            .get_mut(*index)
            .expect("decide names only resources that are loaded");
        let Tally {
            succeeded,
            failed,
            cancelled,
            total: _,
        } = &mut operation.tally;
        match resource.status {
            ResourceStatus::Pending | ResourceStatus::Running => (),
            ResourceStatus::Succeeded => *succeeded -= 1,
            ResourceStatus::Failed => *failed -= 1,
            ResourceStatus::Cancelled => *cancelled -= 1,
        }
        resource.status = ResourceStatus::Pending;
        resource.output = None;
        resource.error = None;
    }
    operation.phase = Phase::Queued;
    operation.lease = None;
    operation.not_before = not_before;
    // What went wrong with a resource that is tried again has not gone wrong for good.
    operation.error = operation
        .resources
        .iter()
        .filter(|resource| resource.status == ResourceStatus::Failed)
        .find_map(|resource| resource.error.as_deref().cloned());
}

/// Ends the resources that are still open. All of them are loaded then.
fn close(operation: &mut Operation, closing: &Closing) {
    let open = operation.tally.unfinished();
    if open == 0 {
        return;
    }
    for resource in operation
        .resources
        .iter_mut()
        .filter(|resource| !resource.status.is_ended())
    {
        resource.status = closing.status;
        resource.error = closing.error.clone().map(Box::new);
    }
    count(operation, closing.status, open);
}

fn count(operation: &mut Operation, status: ResourceStatus, more: u32) {
    match status {
        ResourceStatus::Pending | ResourceStatus::Running => (),
        ResourceStatus::Succeeded => operation.tally.succeeded += more,
        ResourceStatus::Failed => operation.tally.failed += more,
        ResourceStatus::Cancelled => operation.tally.cancelled += more,
    }
}

/// Leaves only what tells "was there" from "never was", and whom that may be told: the key, the account, the project,
/// the phase and the tally.
fn remove(operation: &mut Operation) {
    operation.removed = true;
    operation.labels.clear();
    operation.input = None;
    operation.output = None;
    operation.error = None;
    operation.progress = Progress::default();
    operation.exclusive = None;
    operation.resources = Resources::part(operation.resources.total(), Vec::new());
}
