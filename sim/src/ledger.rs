//! What stores have acknowledged: the facts that they must keep, and that callers are told.

use crate::invariants::{self, Violation};
use crate::trail::Trail;
use longrun_model::{
    Account, Busy, Change, KindName, Line, Operation, OperationKey, Report, ResourceId,
    ResourceStatus, Submission, Timestamp,
};
use longrun_store::{HistoryEntry, Limits};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// All that was acknowledged.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) operations: BTreeMap<OperationKey, Known>,
    fences: HashSet<(OperationKey, u64)>,
    /// The operation that a submission has made, by what distinguishes it from all others.
    made: HashMap<Box<str>, OperationKey>,
    /// What writes have left of operations, and how many: each is told to one caller.
    answers: HashMap<*const Operation, (Arc<Operation>, usize)>,
}

/// Which commit, by whom, and when.
#[derive(Clone, Copy, Default)]
pub(crate) struct Written {
    pub(crate) commit: u64,
    pub(crate) server: usize,
    /// How much time had truly passed.
    pub(crate) at: i64,
}

/// What is known of one operation.
pub(crate) struct Known {
    /// What was asked for.
    pub(crate) submission: Submission,
    /// Results of resources that were acknowledged, unless they were opened again since.
    pub(crate) results: BTreeMap<String, ResourceStatus>,
    /// The highest fence that was handed out.
    pub(crate) fence: u64,
    /// As the last write has left it, with some of its resources.
    stands: Option<Arc<Operation>>,
    /// The version that somebody has been told of, or could have been.
    pub(crate) acknowledged: u64,
    /// The last commit that it was part of.
    pub(crate) written: Written,
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

    /// This has happened to it since.
    pub(crate) fn follow(
        &mut self,
        key: OperationKey,
        entries: &[HistoryEntry],
    ) -> Result<(), Violation> {
        for entry in entries {
            self.trail.follow(key, &self.submission, entry)?;
            if let Change::Retried { reopened, .. } = &entry.event.change {
                for (index, _) in reopened {
                    let resource = &self.submission.resources[*index as usize];
                    self.results.remove(resource.id.as_str());
                }
            }
        }
        Ok(())
    }

    /// It is read again.
    pub(crate) fn read(&mut self, operation: Operation) -> Result<(), Violation> {
        invariants::check_head(self, &operation)?;
        if !operation.removed {
            invariants::check_results(self, &operation)?;
        }
        self.last = Some(operation);
        Ok(())
    }

    /// The lines for its resources that it has a place in, from its submission, or from when its time has come.
    fn places(&self) -> impl Iterator<Item = Line<'_>> {
        let placed = self.stands.as_ref().is_some_and(|one| {
            !one.phase.is_ended() && (one.fence > 0 || one.not_before.is_none())
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

/// What distinguishes a submission from all others.
pub(crate) fn name(submission: &Submission) -> &str {
    let label = submission.labels.first();
    label.map_or("", |(_, name)| name)
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
    /// A submission has made an operation.
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
        self.know_once(key, &submission)?;
        let trail = Trail::new(&submission);
        let known = Known {
            submission,
            results: BTreeMap::new(),
            fence: 0,
            stands: None,
            acknowledged: 0,
            written: Written::default(),
            trail,
            last: None,
            may_be_removed: false,
        };
        self.operations.insert(key, known);
        Ok(())
    }

    /// A submission that came again was told of the operation that it has made.
    pub(crate) fn repeated(
        &self,
        key: OperationKey,
        submission: &Submission,
    ) -> Result<(), Violation> {
        let made = self.made.get(name(submission));
        if made == Some(&key) {
            Ok(())
        } else {
            Err(Violation::Twice(key))
        }
    }

    /// One submission makes one operation, unless that was removed since.
    fn know_once(&mut self, key: OperationKey, submission: &Submission) -> Result<(), Violation> {
        let before = self.made.insert(name(submission).into(), key);
        let before = before.and_then(|key| self.operations.get(&key));
        let is_gone = |known: &Known| known.last.as_ref().is_some_and(|last| last.removed);
        if before.is_some_and(|known| !is_gone(known)) {
            return Err(Violation::Twice(key));
        }
        Ok(())
    }

    /// A write has left an operation like this, and one caller may be told so. If it only repeats what was done before,
    /// its server does not tell it to anybody else.
    pub(crate) fn written(&mut self, operation: &Arc<Operation>, written: Option<Written>) {
        let answer = self.answers.entry(Arc::as_ptr(operation));
        answer.or_insert_with(|| (Arc::clone(operation), 0)).1 += 1;
        if let Some(known) = self.operations.get_mut(&operation.key) {
            known.stands = Some(Arc::clone(operation));
            known.written = written.unwrap_or(known.written);
        }
    }

    /// A caller is told what a write has left of an operation.
    pub(crate) fn told(&mut self, operation: &Arc<Operation>) -> Result<(), Violation> {
        if let Some(known) = self.operations.get_mut(&operation.key) {
            known.acknowledged = known.acknowledged.max(operation.version);
        }
        match self.answers.get_mut(&Arc::as_ptr(operation)) {
            Some((_, left @ 1..)) => {
                *left -= 1;
                Ok(())
            }
            Some(_) | None => Err(Violation::NotCommitted(operation.key)),
        }
    }

    /// Nothing is under way: whatever has happened can be seen.
    pub(crate) fn settle(&mut self) {
        for known in self.operations.values_mut() {
            known.acknowledged = known.last.as_ref().map_or(0, |last| last.version);
        }
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
            if known.stands.as_ref().is_none_or(|one| one.fence == 0) {
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

    /// No more of them run than may, by kind and by account.
    pub(crate) fn check_limits(&self, limits: &Limits) -> Result<(), Violation> {
        let mut kinds: HashMap<&KindName, u32> = HashMap::new();
        let mut accounts: HashMap<&Account, u32> = HashMap::new();
        for (key, last) in self.running() {
            let of_kind = kinds.entry(&last.kind).or_default();
            *of_kind += 1;
            let of_account = accounts.entry(&last.account).or_default();
            *of_account += 1;
            let kind_max = limits.kinds.get(&last.kind);
            let account_max = limits.share(&last.account).running_max;
            if kind_max.is_some_and(|max| *of_kind > *max)
                || account_max.is_some_and(|max| *of_account > max)
            {
                return Err(Violation::OverLimit(*key));
            }
        }
        Ok(())
    }

    /// Whether one more operation like this may run.
    pub(crate) fn has_room(&self, limits: &Limits, operation: &Operation) -> bool {
        let count = |same: &dyn Fn(&Operation) -> bool| {
            u32::try_from(self.running().filter(|(_, one)| same(one)).count()).unwrap_or(u32::MAX)
        };
        let kind_max = limits.kinds.get(&operation.kind);
        let account_max = limits.share(&operation.account).running_max;
        kind_max.is_none_or(|max| count(&|one| one.kind == operation.kind) < *max)
            && account_max.is_none_or(|max| count(&|one| one.account == operation.account) < max)
    }

    /// The operations that somebody holds.
    fn running(&self) -> impl Iterator<Item = (&OperationKey, &Operation)> {
        let operations = self.operations.iter();
        let last = operations.filter_map(|(key, known)| Some((key, known.last.as_ref()?)));
        last.filter(|(_, last)| last.lease.is_some())
    }

    /// Everything that is known has ended.
    pub(crate) fn check_ended(&self) -> Result<(), Violation> {
        let open = self.operations.iter().find(|(_, known)| !known.is_over());
        open.map_or(Ok(()), |(key, _)| Err(Violation::Stuck(*key)))
    }
}
