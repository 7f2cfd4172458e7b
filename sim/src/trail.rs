//! What an operation's history tells, retold: an account of leases, attempts and results that is kept by simpler rules
//! than those of the model, and that the operation must agree with.

use crate::invariants::Violation;
use longrun_model::{
    Change, Operation, OperationKey, Phase, ReleaseReason, ResourceStatus, RetryScope, Submission,
    Timestamp,
};
use longrun_store::HistoryEntry;

/// The history of one operation, as far as it was read.
pub(crate) struct Trail {
    /// The number of the last event.
    pub(crate) number: u64,
    statuses: Vec<ResourceStatus>,
    leases: u64,
    attempts: u32,
    held: bool,
    waits_until: Option<Timestamp>,
}

impl Trail {
    /// That of an operation of which nothing was read yet.
    pub(crate) fn new(submission: &Submission) -> Self {
        Self {
            number: 0,
            statuses: vec![ResourceStatus::Pending; submission.resources.len()],
            leases: 0,
            attempts: 0,
            held: false,
            waits_until: None,
        }
    }

    /// How the resource with this index stands.
    pub(crate) fn status(&self, index: u32) -> Option<ResourceStatus> {
        self.statuses.get(index as usize).copied()
    }

    /// How many attempts there were, and how many leases.
    pub(crate) fn counts(&self) -> (u32, u64) {
        (self.attempts, self.leases)
    }

    /// Goes on by one event.
    pub(crate) fn follow(
        &mut self,
        key: OperationKey,
        submission: &Submission,
        entry: &HistoryEntry,
    ) -> Result<(), Violation> {
        if entry.number != self.number + 1 {
            return Err(Violation::History(key));
        }
        self.number = entry.number;
        let at = entry.event.at;
        match &entry.event.change {
            Change::Submitted => self.waits_until = submission.not_before.filter(|it| *it > at),
            Change::Leased { .. } => return self.lease(key, submission),
            Change::Reported { results, .. } => {
                for (index, outcome) in results {
                    self.end_one(*index, outcome.status);
                }
            }
            Change::Released { reason } => {
                if !self.held {
                    return Err(Violation::Leases(key));
                }
                self.held = false;
                // Giving back is no try.
                self.attempts -= u32::from(*reason == ReleaseReason::HandedBack);
            }
            Change::Retried {
                reopened,
                not_before,
                ..
            } => {
                self.waits_until = *not_before;
                let reopened = reopened.iter().map(|(index, _)| *index);
                return self.retry(key, submission, reopened);
            }
            Change::Ready => {
                if self.waits_until.is_none_or(|until| at < until) {
                    return Err(Violation::TooEarly(key));
                }
                self.waits_until = None;
            }
            Change::Ended { phase, closing, .. } => {
                self.held = false;
                let deadline = submission.deadline_at;
                if *phase == Phase::Expired && deadline.is_none_or(|deadline| at < deadline) {
                    return Err(Violation::ExpiredEarly(key));
                }
                for status in self.statuses.iter_mut().filter(|one| !one.is_ended()) {
                    *status = closing.status;
                }
            }
            Change::Extended
            | Change::Found { .. }
            | Change::Blocked { .. }
            | Change::Advanced { .. }
            | Change::Unblocked
            | Change::DeadlineMoved { .. }
            | Change::CancelRequested
            | Change::Removed { .. } => (),
        }
        Ok(())
    }

    fn lease(&mut self, key: OperationKey, submission: &Submission) -> Result<(), Violation> {
        if self.held {
            return Err(Violation::Leases(key));
        }
        if self.waits_until.is_some() {
            return Err(Violation::TooEarly(key));
        }
        self.held = true;
        self.leases += 1;
        self.attempts += 1;
        match &submission.retry {
            Some(rule) if self.attempts > rule.attempts_max => {
                Err(Violation::Attempts(key, self.attempts))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn end_one(&mut self, index: u32, status: ResourceStatus) {
        let known = &mut self.statuses[index as usize];
        if !known.is_ended() {
            *known = status;
        }
    }

    /// The attempt ends and another one is to follow.
    fn retry(
        &mut self,
        key: OperationKey,
        submission: &Submission,
        reopened: impl Iterator<Item = u32>,
    ) -> Result<(), Violation> {
        if !self.held {
            return Err(Violation::Leases(key));
        }
        self.held = false;
        let scope = submission.retry.as_ref().map(|rule| rule.scope);
        for index in reopened {
            let status = &mut self.statuses[index as usize];
            if *status == ResourceStatus::Succeeded && scope != Some(RetryScope::All) {
                return Err(Violation::SucceededAgain(key, index));
            }
            *status = ResourceStatus::Pending;
        }
        Ok(())
    }

    /// Holds the operation against it.
    pub(crate) fn agrees(&self, operation: &Operation) -> Result<(), Violation> {
        let key = operation.key;
        if self.number != operation.version {
            return Err(Violation::History(key));
        }
        let told = (operation.attempt, operation.fence);
        if told != self.counts() {
            return Err(Violation::AttemptCount(key, told, self.counts()));
        }
        for (index, resource) in operation.resources.indexed() {
            let status = self.status(*index);
            if status != Some(resource.status) {
                let id = resource.id.as_str().to_owned();
                return Err(match status {
                    Some(status) if status.is_ended() && !resource.status.is_ended() => {
                        Violation::Reopened(key, id)
                    }
                    Some(_) | None => Violation::Untold(key, id),
                });
            }
        }
        Ok(())
    }
}
