//! What the store has acknowledged: the facts that it must keep.

use crate::invariants::{self, Violation};
use crate::trail::Trail;
use longrun_model::{
    Busy, Change, Line, Operation, OperationKey, Report, ResourceId, ResourceStatus, Submission,
    Timestamp,
};
use longrun_store::HistoryEntry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// All that was acknowledged.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) operations: BTreeMap<OperationKey, Known>,
    fences: HashSet<(OperationKey, u64)>,
}

/// What is known of one operation.
pub(crate) struct Known {
    /// What was asked for.
    pub(crate) submission: Submission,
    /// Results of resources that were acknowledged, unless they were opened again since.
    pub(crate) results: BTreeMap<String, ResourceStatus>,
    /// The highest fence that was handed out.
    pub(crate) fence: u64,
    /// Its history.
    pub(crate) trail: Trail,
    /// As it was read last.
    pub(crate) last: Option<Operation>,
    /// Whether its removal was asked for, or its retention can have ended.
    pub(crate) may_be_removed: bool,
}

impl Known {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.removed || last.phase.is_ended())
    }

    /// It is read again, with what has happened to it since.
    pub(crate) fn read(
        &mut self,
        operation: Operation,
        entries: &[HistoryEntry],
    ) -> Result<(), Violation> {
        invariants::check_head(self, &operation)?;
        if !operation.removed {
            for entry in entries {
                self.trail.follow(operation.key, &self.submission, entry)?;
                if let Change::Retried { reopened, .. } = &entry.event.change {
                    for (index, _) in reopened {
                        let resource = &self.submission.resources[*index as usize];
                        self.results.remove(resource.id.as_str());
                    }
                }
            }
            invariants::check_results(self, &operation)?;
        }
        self.last = Some(operation);
        Ok(())
    }

    /// The lines for its resources that it has a place in, from its submission, or from when its time has come.
    fn places(&self) -> impl Iterator<Item = Line<'_>> {
        let placed = self.last.as_ref().is_some_and(|last| {
            !last.phase.is_ended() && (last.fence > 0 || last.not_before.is_none())
        });
        lines(&self.submission).filter(move |_| placed)
    }
}

/// The lines for the resources of what shares none.
fn lines(submission: &Submission) -> impl Iterator<Item = Line<'_>> {
    submission.exclusive.iter().flat_map(|exclusive| {
        let resources = submission.resources.iter();
        resources.map(|one| exclusive.line(&submission.account, one.kind.as_deref(), &one.id))
    })
}

/// Whether a submission is refused if one of its resources is not free.
fn does_not_wait(submission: &Submission, now: Timestamp) -> bool {
    let refuses = |busy| busy == Busy::Refuse;
    submission
        .exclusive
        .as_ref()
        .is_some_and(|exclusive| refuses(exclusive.busy))
        && submission.not_before.is_none_or(|begin| begin <= now)
}

impl Ledger {
    /// An operation was acknowledged.
    pub(crate) fn submitted(
        &mut self,
        key: OperationKey,
        submission: Submission,
        now: Timestamp,
    ) -> Result<(), Violation> {
        if does_not_wait(&submission, now)
            && let Some(line) = lines(&submission).find(|line| self.has_place(*line))
        {
            return Err(Violation::Crowded(key, line.id.to_owned()));
        }
        let trail = Trail::new(&submission);
        let known = Known {
            submission,
            results: BTreeMap::new(),
            fence: 0,
            trail,
            last: None,
            may_be_removed: false,
        };
        self.operations.insert(key, known);
        Ok(())
    }

    /// A submission was refused because of this resource.
    pub(crate) fn refused(
        &self,
        submission: &Submission,
        resource: &ResourceId,
        now: Timestamp,
    ) -> Result<(), Violation> {
        let mut lines = lines(submission).filter(|line| line.id == resource.as_str());
        if does_not_wait(submission, now) && lines.any(|line| self.has_place(line)) {
            Ok(())
        } else {
            Err(Violation::WronglyRefused(resource.as_str().to_owned()))
        }
    }

    fn has_place(&self, line: Line) -> bool {
        let mut known = self.operations.values();
        known.any(|known| known.places().any(|other| other == line))
    }

    /// An operation was handed out, whether or not the worker hears of it.
    pub(crate) fn leased(&mut self, operation: &Operation) -> Result<(), Violation> {
        if !self.fences.insert((operation.key, operation.fence)) {
            return Err(Violation::FenceTwice(operation.key, operation.fence));
        }
        if let Some(known) = self.operations.get_mut(&operation.key) {
            known.fence = known.fence.max(operation.fence);
        }
        Ok(())
    }

    /// A report was accepted; `refused` are the resources that were not.
    pub(crate) fn reported(
        &mut self,
        key: OperationKey,
        report: &Report,
        refused: &HashSet<String>,
        news: bool,
    ) -> Result<(), Violation> {
        let Some(known) = self.operations.get_mut(&key) else {
            return Err(Violation::Lost(key));
        };
        if news && report.fence < known.fence {
            return Err(Violation::StaleTaken(key, report.fence, known.fence));
        }
        for result in &report.results {
            let id = result.id.as_str();
            if result.outcome.status.is_ended() && !refused.contains(id) {
                known
                    .results
                    .entry(id.to_owned())
                    .or_insert(result.outcome.status);
            }
        }
        Ok(())
    }

    /// From its first lease to its end, nobody else has begun with what an operation shares with nobody.
    pub(crate) fn check_alone(&self) -> Result<(), Violation> {
        let mut busy = HashMap::new();
        for (key, known) in &self.operations {
            if known.last.as_ref().is_none_or(|last| last.fence == 0) {
                continue;
            }
            for line in known.places() {
                if let Some(other) = busy.insert(line, *key) {
                    return Err(Violation::Together(other, *key, line.id.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// At `now`, when all who were due have had their tick, nobody is due any more.
    pub(crate) fn check_punctual(&self, now: Timestamp) -> Result<(), Violation> {
        let late = self.operations.iter().find(|(_, known)| {
            let deadline = known.submission.deadline_at.filter(|_| !known.is_over());
            let due_at = known.last.as_ref().and_then(Operation::due_at);
            [deadline, due_at].iter().flatten().any(|due| *due <= now)
        });
        late.map_or(Ok(()), |(key, _)| Err(Violation::Overdue(*key)))
    }

    /// Everything that is known has ended.
    pub(crate) fn check_ended(&self) -> Result<(), Violation> {
        let open = self.operations.iter().find(|(_, known)| !known.is_over());
        open.map_or(Ok(()), |(key, _)| Err(Violation::Stuck(*key)))
    }
}
