//! Whether all in a store fits together.

use crate::StoreError;
use crate::archive::{Archive, Contents, Entry, Expected, PAGE_OPERATIONS, Parcel, Rows};
use crate::upkeep::walk::Walk;
use crate::upkeep::{Doing, Location, Step, Tell};
use longrun_model::{Change, Operation, Phase};

/// How many faults are told; more are only counted.
const TOLD_MAX: usize = 100;

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many operations there are.
    pub operations: u64,
    /// How many of them were removed.
    pub removed: u64,
    /// How many resources they have.
    pub resources: u64,
    /// How many events are in their histories.
    pub events: u64,
    /// How many access keys there are.
    pub access_keys: u64,
    /// What is wrong, the first of it.
    pub faults: Vec<String>,
    /// How much is wrong.
    pub faults_total: u64,
}

/// Checks the store there as it is now, whoever has it open: the database's own files, that every operation can be read,
/// that its aggregate is what its resources say, that its history is whole, and that the tables that things are found by
/// say the same.
pub async fn check(location: &Location, tell: Tell<'_>) -> Result<Checked, StoreError> {
    let archive = location.archive().await?;
    let mut checked = Checked::default();
    for fault in archive.faults().await? {
        checked.note(fault);
    }
    let contents = archive.contents().await?;
    let mut check = Check::new(&*archive, &contents);
    let mut done = 0;
    while let Some(entry) = check.next().await? {
        check.look(&entry, &mut checked);
        done += 1;
        if done % u64::from(PAGE_OPERATIONS) == 0 {
            tell(Step {
                doing: Doing::Checking,
                done,
                total: contents.operations,
            });
        }
    }
    check.conclude(&mut checked);
    Ok(checked)
}

/// A check under way.
pub(crate) struct Check<'a> {
    contents: &'a Contents,
    walk: Walk<'a>,
    rows: Rows,
    /// Whether every operation could be read: else nobody knows how many rows there should be.
    all_read: bool,
}

impl<'a> Check<'a> {
    /// A check of `archive`, which has these contents.
    pub(crate) fn new(archive: &'a dyn Archive, contents: &'a Contents) -> Self {
        Self {
            contents,
            walk: Walk::after(archive, 0),
            rows: Rows::default(),
            all_read: true,
        }
    }

    /// The next operation.
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        self.walk.next().await
    }

    /// Notes what is wrong with an operation.
    pub(crate) fn look(&mut self, entry: &Entry, checked: &mut Checked) {
        checked.operations += 1;
        self.rows.add(entry.rows);
        match &entry.parcel {
            Ok(parcel) => {
                checked.removed += u64::from(parcel.operation.removed);
                checked.resources += parcel.operation.resources.iter().len() as u64;
                checked.events += parcel.history.len() as u64;
                let has_live = self.contents.has_live;
                for fault in faults(parcel, entry.rows, has_live) {
                    checked.note(format!("operation {}: {fault}", entry.key.get()));
                }
            }
            Err(error) => {
                self.all_read = false;
                checked.note(error.to_string());
            }
        }
    }

    /// Looks for rows that belong to nothing.
    pub(crate) fn conclude(self, checked: &mut Checked) {
        checked.access_keys = self.contents.access_keys.len() as u64;
        if checked.operations != self.contents.operations {
            checked.note("the operations cannot all be found by their keys".to_owned());
        }
        if !self.all_read {
            return;
        }
        let there = self.contents.rows.named();
        for ((table, right), (_, there)) in self.rows.named().into_iter().zip(there) {
            if there > right {
                let wrong = there - right;
                checked.note(format!(
                    "`{table}` has {wrong} rows that belong to no operation"
                ));
            }
        }
    }
}

impl Checked {
    /// Adds a fault.
    pub(crate) fn note(&mut self, fault: String) {
        self.faults_total += 1;
        if self.faults.len() < TOLD_MAX {
            self.faults.push(fault);
        }
    }
}

/// What is wrong with one operation.
fn faults(parcel: &Parcel, found: Rows, has_live: bool) -> Vec<String> {
    let operation = &parcel.operation;
    let expected = Expected::of(operation).rows(operation, found, has_live);
    let mut faults: Vec<String> = expected
        .named()
        .into_iter()
        .zip(found.named())
        .filter(|((_, expected), (_, found))| expected != found)
        .map(|((table, expected), (_, found))| {
            format!("`{table}` has {found} right rows of it, and should have {expected}")
        })
        .collect();
    if !phase_agrees(operation) {
        faults.push("its status is not what its resources say".to_owned());
    }
    if !operation.removed && told_end(parcel) != Some(operation.phase).filter(|it| it.is_ended()) {
        faults.push("its status is not the one that its history tells".to_owned());
    }
    if !history_is_whole(parcel) {
        faults.push("its history is not whole".to_owned());
    }
    if let Some(idempotent) = &parcel.idempotent
        && (operation.removed || idempotent.account != operation.account)
    {
        faults.push("its idempotency key is not its own".to_owned());
    }
    faults
}

/// Whether the phase of an operation is one that its resources allow.
fn phase_agrees(operation: &Operation) -> bool {
    let tally = operation.tally;
    if tally.total == 0 {
        return true;
    }
    let has_ended = tally.unfinished() == 0;
    match operation.phase {
        Phase::Queued | Phase::Running | Phase::Cancelling => !has_ended,
        Phase::Succeeded => tally.succeeded == tally.total,
        Phase::Failed => has_ended && tally.succeeded == 0,
        Phase::Partial => has_ended && tally.succeeded > 0 && tally.succeeded < tally.total,
        Phase::Cancelled => has_ended && tally.cancelled > 0,
        Phase::Expired => has_ended,
    }
}

/// How the operation has ended, by its history.
fn told_end(parcel: &Parcel) -> Option<Phase> {
    let mut changes = parcel.history.iter().rev().map(|entry| &entry.event.change);
    changes.find_map(|change| {
        if let Change::Ended { phase, .. } = change {
            Some(*phase)
        } else {
            None
        }
    })
}

/// Whether each version of an operation has its event.
fn history_is_whole(parcel: &Parcel) -> bool {
    if parcel.operation.removed {
        return parcel.history.is_empty();
    }
    let numbers = parcel.history.iter().map(|entry| entry.number);
    numbers.eq(1..=parcel.operation.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_model::{OperationKey, Submission, Tally, Timestamp};

    #[test]
    fn phases_are_held_against_the_resources() {
        let key = OperationKey::new(1).unwrap();
        let submission = Submission::new("a", "k");
        let mut operation = Operation::submitted(key, submission, Timestamp::from_millis(0));
        for (phase, (succeeded, failed, cancelled, unfinished), agrees) in [
            (Phase::Queued, (0, 0, 0, 2), true),
            (Phase::Running, (1, 0, 0, 0), false),
            (Phase::Cancelling, (1, 1, 0, 1), true),
            (Phase::Succeeded, (2, 0, 0, 0), true),
            (Phase::Succeeded, (2, 1, 0, 0), false),
            (Phase::Failed, (0, 1, 0, 0), true),
            (Phase::Failed, (1, 1, 0, 0), false),
            (Phase::Partial, (1, 1, 0, 0), true),
            (Phase::Partial, (1, 1, 0, 1), false),
            (Phase::Partial, (2, 0, 0, 0), false),
            (Phase::Cancelled, (1, 0, 1, 0), true),
            (Phase::Cancelled, (1, 0, 0, 0), false),
            (Phase::Expired, (1, 1, 0, 0), true),
            (Phase::Expired, (1, 1, 0, 1), false),
            (Phase::Failed, (0, 0, 0, 0), true),
        ] {
            operation.phase = phase;
            operation.tally = Tally {
                total: succeeded + failed + cancelled + unfinished,
                succeeded,
                failed,
                cancelled,
            };
            assert_eq!(phase_agrees(&operation), agrees, "{operation:?}");
        }
    }
}
