//! What a command does to an operation.

mod again;
mod decided;
mod lines;

pub use decided::{Decided, Refusal, RefusedResult, Rejected};

use crate::{
    Change, Closing, Command, Event, Failure, Finish, FinishStatus, NewResource, Operation,
    Outcome, Phase, Progress, ReleaseReason, RemovalReason, Report, ResourceId, ResourceResult,
    ResourceStatus, Resources, Tally, Timestamp, apply, limits,
};
use decided::one;
use std::collections::{HashMap, HashSet};

/// Decides what `command` does to `operation` at `now`.
///
/// The resources that [`Command::touch`] names must be loaded.
pub fn decide(
    operation: &Operation,
    command: &Command,
    now: Timestamp,
) -> Result<Decided, Rejected> {
    if operation.removed {
        return Err(Rejected::Removed);
    }
    match command {
        Command::Lease {
            worker,
            length_millis,
        } => {
            if !operation.is_leasable() {
                return Err(Rejected::NotLeasable);
            }
            let fence = operation.fence + 1;
            Ok(one(
                now,
                Change::Leased {
                    worker: worker.clone(),
                    fence,
                    length_millis: *length_millis,
                },
            ))
        }
        Command::Heartbeat { fence } => {
            check_fence(operation, *fence)?;
            Ok(one(now, Change::Extended))
        }
        Command::Report(report) => decide_report(operation, report, now),
        Command::Cancel => decide_cancel(operation, now),
        Command::Delete if operation.phase.is_ended() => Ok(one(
            now,
            Change::Removed {
                reason: RemovalReason::Deleted,
            },
        )),
        Command::Delete => Err(Rejected::NotEnded),
        Command::Hasten => decide_hasten(operation, now),
        Command::ExtendDeadline { millis } => decide_extension(operation, *millis, now),
        Command::Finish(finish) => decide_finish(operation, finish, now),
        Command::Wait { lines } => lines::wait(operation, *lines, now),
        Command::Advance { lines } => lines::advance(operation, *lines, now),
        Command::Tick => Ok(decide_tick(operation, now)),
    }
}

/// Whether `fence` is that of the worker who holds the operation now.
fn check_fence(operation: &Operation, fence: u64) -> Result<(), Rejected> {
    if fence != operation.fence || fence == 0 {
        return Err(Rejected::StaleFence);
    }
    if operation.phase.is_ended() {
        return Err(Rejected::Ended);
    }
    if operation.lease.is_none() {
        Err(Rejected::LeaseLost)
    } else {
        Ok(())
    }
}

fn decide_cancel(operation: &Operation, now: Timestamp) -> Result<Decided, Rejected> {
    match operation.phase {
        Phase::Queued => Ok(one(now, ended_by_cancel(operation))),
        Phase::Running => Ok(one(now, Change::CancelRequested)),
        // It has been asked for already, and asking twice is no error.
        Phase::Cancelling | Phase::Cancelled => Ok(Decided::default()),
        Phase::Succeeded | Phase::Failed | Phase::Partial | Phase::Expired => Err(Rejected::Ended),
    }
}

fn decide_hasten(operation: &Operation, now: Timestamp) -> Result<Decided, Rejected> {
    if operation.phase.is_ended() {
        Err(Rejected::Ended)
    } else if operation.not_before.is_none() {
        Err(Rejected::NotDelayed)
    } else {
        Ok(one(now, Change::Ready))
    }
}

fn decide_extension(
    operation: &Operation,
    millis: i64,
    now: Timestamp,
) -> Result<Decided, Rejected> {
    if operation.phase.is_ended() {
        return Err(Rejected::Ended);
    }
    let deadline_at = operation.deadline_at.ok_or(Rejected::NoDeadline)?;
    let change = Change::DeadlineMoved {
        // What is late already gets all of the time that it is given.
        deadline_at: deadline_at.max(now).plus_millis(millis),
    };
    Ok(one(now, change))
}

fn decide_finish(
    operation: &Operation,
    finish: &Finish,
    now: Timestamp,
) -> Result<Decided, Rejected> {
    if operation.phase.is_ended() {
        return Err(Rejected::Ended);
    }
    let first_failure = operation.error.clone();
    let ending = ending(operation, operation.tally, Some(finish), first_failure);
    Ok(one(now, ending.expect("a finish is an end")))
}

fn decide_tick(operation: &Operation, now: Timestamp) -> Decided {
    let passed = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
    if operation.phase.is_ended() {
        if passed(operation.expires_at()) {
            return one(
                now,
                Change::Removed {
                    reason: RemovalReason::Retention,
                },
            );
        }
    } else if passed(operation.deadline_at) {
        return one(now, ended_by_deadline());
    } else if passed(operation.lease.as_ref().map(|lease| lease.until)) {
        return one(now, lost(operation));
    } else if passed(operation.not_before) {
        return one(now, Change::Ready);
    }
    Decided::default()
}

fn decide_report(
    operation: &Operation,
    report: &Report,
    now: Timestamp,
) -> Result<Decided, Rejected> {
    match check_fence(operation, report.fence) {
        Ok(()) => (),
        Err(Rejected::Ended) if is_repeated(operation, report) => return Ok(Decided::default()),
        Err(rejected) => return Err(rejected),
    }
    let (found, surplus) = found(operation, report, now);
    let grown = found.as_ref().map(|event| {
        let mut grown = operation.clone();
        apply(&mut grown, event);
        grown
    });
    let operation = grown.as_ref().unwrap_or(operation);
    let (mut results, mut refused) = read_results(&operation.resources, &report.results);
    refused.extend(surplus);
    let tally = counted(operation.tally, &results);
    let first_failure = operation.error.clone().or_else(|| first_failure(&results));
    let again = again::decide(operation, report, &results, tally, now);
    let mut events = Vec::from_iter(found);
    if let Some(again) = &again {
        results.extend(again.ended_well.iter().cloned());
    }
    if !results.is_empty() || report.progress != Progress::default() {
        let change = Change::Reported {
            results,
            progress: report.progress.clone(),
        };
        events.push(Event { at: now, change });
    }
    if let Some(finish) = &report.finish
        && contradicts(tally, finish)
    {
        refused.push(RefusedResult {
            resource: None,
            reason: Refusal::Contradiction,
        });
    }
    if let Some(again) = again {
        let change = again.change;
        events.push(Event { at: now, change });
    } else if let Some(change) = ending(operation, tally, report.finish.as_ref(), first_failure) {
        events.push(Event { at: now, change });
    } else if report.release {
        let change = let_go(operation, ReleaseReason::HandedBack);
        events.push(Event { at: now, change });
    } else if events.is_empty() {
        // Nothing new, but the worker is alive.
        events.push(Event {
            at: now,
            change: Change::Extended,
        });
    }
    Ok(Decided { events, refused })
}

/// The resources of a report that the operation does not have yet, and those that are more than it may have.
fn found(
    operation: &Operation,
    report: &Report,
    now: Timestamp,
) -> (Option<Event>, Vec<RefusedResult>) {
    if report.found.is_empty() {
        return (None, Vec::new());
    }
    let mut known: HashSet<&ResourceId> = operation.resources.iter().map(|one| &one.id).collect();
    let new = report.found.iter().filter(|one| known.insert(&one.id));
    let mut resources: Vec<NewResource> = new.cloned().collect();
    let room = limits::RESOURCES_MAX - operation.resources.total() as usize;
    let surplus = resources.split_off(room.min(resources.len()));
    let refused = surplus.into_iter().map(|one| RefusedResult {
        resource: Some(one.id),
        reason: Refusal::TooManyResources,
    });
    let event = (!resources.is_empty()).then_some(Event {
        at: now,
        change: Change::Found { resources },
    });
    (event, refused.collect())
}

/// Whether every result is what is recorded already: the worker did not hear our answer, and that is no error.
fn is_repeated(operation: &Operation, report: &Report) -> bool {
    let (news, refused) = read_results(&operation.resources, &report.results);
    let finish_agrees = report
        .finish
        .as_ref()
        .is_none_or(|finish| match operation.phase {
            Phase::Succeeded => finish.status == FinishStatus::Succeeded,
            Phase::Failed => finish.status == FinishStatus::Failed,
            Phase::Cancelled => finish.status == FinishStatus::Cancelled,
            Phase::Partial => true,
            Phase::Expired => finish.status == FinishStatus::Expired,
            Phase::Queued | Phase::Running | Phase::Cancelling => false,
        });
    finish_agrees && news.is_empty() && refused.is_empty()
}

/// The results that say something new, by index, and those that are wrong.
fn read_results(
    resources: &Resources,
    results: &[ResourceResult],
) -> (Vec<(u32, Outcome)>, Vec<RefusedResult>) {
    let mut news: Vec<(u32, Outcome)> = Vec::with_capacity(results.len());
    let mut refused = Vec::new();
    let index_of = finder(resources, results.len());
    let mut place: HashMap<u32, usize> = HashMap::new();
    for ResourceResult { id, outcome } in results {
        let Some(index) = index_of(id) else {
            refused.push(RefusedResult {
                resource: Some(id.clone()),
                reason: Refusal::UnknownResource,
            });
            continue;
        };
        let known = place.get(&index).map(|place| &news[*place].1);
        match judge(known, resources.get(index), outcome) {
            Verdict::New => match place.get(&index) {
                Some(place) => news[*place].1 = outcome.clone(),
                None => {
                    // With a single result there is nothing to find again.
                    if results.len() > 1 {
                        place.insert(index, news.len());
                    }
                    news.push((index, outcome.clone()));
                }
            },
            Verdict::Known => (),
            Verdict::Wrong(reason) => refused.push(RefusedResult {
                resource: Some(id.clone()),
                reason,
            }),
        }
    }
    (news, refused)
}

enum Verdict {
    New,
    Known,
    Wrong(Refusal),
}

/// Whether `outcome` adds to what an earlier line of the same report or the resource itself says.
fn judge(
    earlier: Option<&Outcome>,
    resource: Option<&crate::Resource>,
    outcome: &Outcome,
) -> Verdict {
    let recorded = earlier.map(|one| (one.status, &one.output, &one.error));
    let Some((status, output, error)) =
        recorded.or(resource.map(|one| (one.status, &one.output, &one.error)))
    else {
        return Verdict::Wrong(Refusal::UnknownResource);
    };
    let same = status == outcome.status && *output == outcome.output && *error == outcome.error;
    if outcome.status == ResourceStatus::Pending {
        Verdict::Wrong(Refusal::NotAResult)
    } else if same {
        Verdict::Known
    } else if status.is_ended() {
        Verdict::Wrong(Refusal::ResourceEnded)
    } else {
        Verdict::New
    }
}

/// Finds resources by id: few by looking, many through a map that is built once.
fn finder(resources: &Resources, wanted: usize) -> impl Fn(&ResourceId) -> Option<u32> {
    let loaded = resources.indexed();
    let map: Option<HashMap<&ResourceId, u32>> = (wanted * loaded.len() > 256).then(|| {
        loaded
            .iter()
            .map(|(index, one)| (&one.id, *index))
            .collect()
    });
    move |id| match &map {
        Some(map) => map.get(id).copied(),
        None => loaded
            .iter()
            .find(|(_, one)| one.id == *id)
            .map(|(index, _)| *index),
    }
}

fn counted(mut tally: Tally, results: &[(u32, Outcome)]) -> Tally {
    for (_, outcome) in results {
        match outcome.status {
            ResourceStatus::Pending | ResourceStatus::Running => (),
            ResourceStatus::Succeeded => tally.succeeded += 1,
            ResourceStatus::Failed => tally.failed += 1,
            ResourceStatus::Cancelled => tally.cancelled += 1,
        }
    }
    tally
}

fn first_failure(results: &[(u32, Outcome)]) -> Option<Failure> {
    let failed = results
        .iter()
        .find(|(_, outcome)| outcome.status == ResourceStatus::Failed);
    failed.and_then(|(_, outcome)| outcome.error.as_deref().cloned())
}

/// Whether the resources have all ended and none of them as the finish says.
fn contradicts(tally: Tally, finish: &Finish) -> bool {
    tally.total > 0
        && tally.unfinished() == 0
        && match finish.status {
            FinishStatus::Succeeded => tally.succeeded == 0,
            FinishStatus::Failed => tally.failed == 0,
            FinishStatus::Cancelled => tally.cancelled == 0,
            FinishStatus::Expired => false,
        }
}

/// The end of the operation, if this report brings it: the finish was told, or the last resource has ended.
fn ending(
    operation: &Operation,
    tally: Tally,
    finish: Option<&Finish>,
    first_failure: Option<Failure>,
) -> Option<Change> {
    if finish.is_none() && (tally.total == 0 || tally.unfinished() > 0) {
        return None;
    }
    let status = finish.map_or(FinishStatus::Succeeded, |finish| finish.status);
    let told = finish.and_then(|finish| finish.error.clone());
    let phase = final_phase(operation.phase, tally, status);
    let error = match phase {
        Phase::Succeeded => None,
        Phase::Cancelled => told.or_else(|| Some(cancelled())),
        Phase::Queued
        | Phase::Running
        | Phase::Cancelling
        | Phase::Failed
        | Phase::Partial
        | Phase::Expired => told
            .clone()
            .or(first_failure)
            .or_else(|| Some(unexplained())),
    };
    let fails = status.resource_status() == ResourceStatus::Failed;
    let closing_error = fails.then(|| {
        finish
            .and_then(|finish| finish.error.clone())
            .unwrap_or_else(unexplained)
    });
    let closing = Closing {
        status: status.resource_status(),
        error: closing_error,
    };
    Some(Change::Ended {
        phase,
        closing,
        output: finish.and_then(|finish| finish.output.clone()),
        error,
    })
}

/// How an operation ends whose open resources end with `status`.
fn final_phase(before: Phase, tally: Tally, status: FinishStatus) -> Phase {
    if tally.total == 0 {
        return match status {
            FinishStatus::Succeeded => Phase::Succeeded,
            FinishStatus::Failed => Phase::Failed,
            FinishStatus::Cancelled => Phase::Cancelled,
            FinishStatus::Expired => Phase::Expired,
        };
    }
    let mut end = tally;
    match status {
        FinishStatus::Expired => return Phase::Expired,
        FinishStatus::Succeeded => end.succeeded += tally.unfinished(),
        FinishStatus::Failed => end.failed += tally.unfinished(),
        FinishStatus::Cancelled => end.cancelled += tally.unfinished(),
    }
    if end.succeeded == end.total {
        Phase::Succeeded
    } else if end.cancelled == end.total || (before == Phase::Cancelling && end.cancelled > 0) {
        Phase::Cancelled
    } else if end.succeeded == 0 {
        Phase::Failed
    } else {
        Phase::Partial
    }
}

/// The worker no longer holds it: another may take it, unless it was to stop anyway.
fn let_go(operation: &Operation, reason: ReleaseReason) -> Change {
    if operation.phase == Phase::Cancelling {
        ended_by_cancel(operation)
    } else {
        Change::Released { reason }
    }
}

/// The worker was not heard of in time: another may take it, unless there have been as many attempts as there may be.
fn lost(operation: &Operation) -> Change {
    if operation.has_attempts_left() || operation.phase == Phase::Cancelling {
        return let_go(operation, ReleaseReason::Lost);
    }
    let error = Failure::new(
        "LeaseLost",
        "the worker of the last attempt was not heard of in time",
    );
    Change::Ended {
        phase: final_phase(operation.phase, operation.tally, FinishStatus::Failed),
        closing: Closing {
            status: ResourceStatus::Failed,
            error: Some(error.clone()),
        },
        output: None,
        error: Some(error),
    }
}

fn ended_by_cancel(operation: &Operation) -> Change {
    Change::Ended {
        phase: Phase::Cancelled,
        closing: Closing {
            status: ResourceStatus::Cancelled,
            error: None,
        },
        output: operation.output.clone(),
        error: Some(cancelled()),
    }
}

fn ended_by_deadline() -> Change {
    let error = Failure::new(
        "DeadlineExceeded",
        "the deadline passed before the work was done",
    );
    Change::Ended {
        phase: Phase::Expired,
        closing: Closing {
            status: ResourceStatus::Failed,
            error: Some(error.clone()),
        },
        output: None,
        error: Some(error),
    }
}

fn cancelled() -> Failure {
    Failure::new("Cancelled", "the operation was cancelled on request")
}

fn unexplained() -> Failure {
    Failure::new("OperationFailed", "the worker gave no reason")
}

#[cfg(test)]
mod tests;
