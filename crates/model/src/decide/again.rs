//! Whether an attempt that has failed is followed by another one, and with which resources.

use crate::{
    Change, Failure, FinishStatus, Operation, Outcome, Report, ResourceStatus, Retry, RetryScope,
    Tally, Timestamp,
};
use std::collections::HashMap;

/// What leads to another attempt.
pub(super) struct Again {
    /// The open resources that end well with this attempt.
    pub(super) ended_well: Vec<(u32, Outcome)>,
    /// The way back into the queue.
    pub(super) change: Change,
}

/// How the resources stand at the end of an attempt, by index.
#[derive(Default)]
struct Standing {
    open: Vec<u32>,
    failed: Vec<(u32, Option<Box<Failure>>)>,
    others: Vec<u32>,
}

/// What leads to another attempt, if `report` ends this one and the next may do better. All resources are loaded then.
pub(super) fn decide(
    operation: &Operation,
    report: &Report,
    results: &[(u32, Outcome)],
    tally: Tally,
    now: Timestamp,
) -> Option<Again> {
    let rule = operation.retry.as_deref()?;
    let finish = report.finish.as_ref();
    let is_end = finish.is_some() || (tally.total > 0 && tally.unfinished() == 0);
    if !is_end || !operation.may_retry() {
        return None;
    }
    let mut standing = standing(operation, results);
    let mut ended_well = Vec::new();
    let mut told = None;
    match finish.map(|finish| finish.status) {
        None => (),
        Some(FinishStatus::Succeeded) => {
            if rule.scope == RetryScope::Failed {
                ended_well.extend(standing.open.iter().map(|index| (*index, success())));
            }
            standing.others.append(&mut standing.open);
        }
        // The worker knows best: what it calls a failure for good is one.
        Some(FinishStatus::Failed) => {
            let error = finish.and_then(|finish| finish.error.as_ref());
            let error = error.filter(|error| rule.covers(error))?;
            let open = standing.open.drain(..);
            let failures = open.map(|index| (index, Some(Box::new(error.clone()))));
            standing.failed.extend(failures);
            told = Some(error);
        }
        Some(FinishStatus::Cancelled | FinishStatus::Expired) => return None,
    }
    let mut errors = standing
        .failed
        .iter()
        .filter_map(|(_, error)| error.as_deref());
    let first = errors.find(|error| rule.covers(error));
    let has_failed = tally.total == 0 || first.is_some();
    let error = told.or(first).filter(|_| has_failed)?.clone();
    let reopened = reopened(standing, rule)?;
    let pause = rule.pause_millis(operation.attempt, report.chance);
    let change = Change::Retried {
        reopened,
        not_before: (pause > 0).then(|| now.plus_millis(pause)),
        error,
    };
    Some(Again { ended_well, change })
}

fn standing(operation: &Operation, results: &[(u32, Outcome)]) -> Standing {
    let news: HashMap<u32, &Outcome> = results
        .iter()
        .map(|(index, outcome)| (*index, outcome))
        .collect();
    let mut standing = Standing::default();
    for (index, resource) in operation.resources.indexed() {
        let (status, error) = match news.get(index) {
            Some(outcome) => (outcome.status, &outcome.error),
            None => (resource.status, &resource.error),
        };
        match status {
            ResourceStatus::Pending | ResourceStatus::Running => standing.open.push(*index),
            ResourceStatus::Failed => standing.failed.push((*index, error.clone())),
            ResourceStatus::Succeeded | ResourceStatus::Cancelled => standing.others.push(*index),
        }
    }
    standing
}

/// The resources that are tried again. None if the rule asks for all of them and some cannot do better.
fn reopened(standing: Standing, rule: &Retry) -> Option<Vec<(u32, Option<Box<Failure>>)>> {
    let Standing {
        open,
        mut failed,
        others,
    } = standing;
    let may_do_better =
        |error: &Option<Box<Failure>>| error.as_deref().is_some_and(|error| rule.covers(error));
    match rule.scope {
        RetryScope::Failed => {
            failed.retain(|(_, error)| may_do_better(error));
        }
        RetryScope::All if failed.iter().all(|(_, error)| may_do_better(error)) => {
            let untouched = open.into_iter().chain(others);
            failed.extend(untouched.map(|index| (index, None)));
        }
        RetryScope::All => return None,
    }
    failed.sort_unstable_by_key(|(index, _)| *index);
    Some(failed)
}

fn success() -> Outcome {
    Outcome {
        status: ResourceStatus::Succeeded,
        output: None,
        error: None,
    }
}
