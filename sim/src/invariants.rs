//! What must hold after every step, whatever happens.

use crate::ledger::Known;
use longrun_model::{Operation, OperationKey, Resource, ResourceStatus, Tally};
use longrun_store::{HistoryEntry, StoreError};

/// An invariant that did not hold.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// What had been acknowledged is not there.
    #[error("operation {0} was acknowledged and is gone")]
    Lost(OperationKey),
    /// A result that had been acknowledged is not there, or is another one.
    #[error("operation {0}: the result of `{1}` was acknowledged and is not there")]
    LostResult(OperationKey, String),
    /// An operation that had ended has changed.
    #[error("operation {0} had ended and has changed")]
    EndedChanged(OperationKey),
    /// The version went back, or stayed while something changed.
    #[error("operation {0}: the version did not grow")]
    Version(OperationKey),
    /// The fence went back.
    #[error("operation {0}: the fence went back")]
    Fence(OperationKey),
    /// Two workers hold one fence.
    #[error("operation {0}: fence {1} was handed out twice")]
    FenceTwice(OperationKey, u64),
    /// A lease began before the one before had ended, or one ended that nobody had.
    #[error("operation {0}: its leases do not follow each other")]
    Leases(OperationKey),
    /// A worker that had been succeeded was heard.
    #[error("operation {0}: a report with fence {1} was taken after fence {2} was given")]
    StaleTaken(OperationKey, u64, u64),
    /// An operation was handed or shown to somebody for whom it does not exist.
    #[error("operation {0} was shown to somebody for whom it does not exist")]
    Trespass(OperationKey),
    /// The tally disagrees with a recount.
    #[error("operation {0}: the tally is {1:?}, a recount gives {2:?}")]
    Tally(OperationKey, Tally, Tally),
    /// The state disagrees with the resources.
    #[error("operation {0} has ended and has open resources, or the other way round")]
    Ending(OperationKey),
    /// The history has a gap, or goes on after the end.
    #[error("operation {0}: the history is not numbered from 1 to its version")]
    History(OperationKey),
    /// The history tells something else of a resource.
    #[error("operation {0}: the history does not tell how `{1}` stands")]
    Untold(OperationKey, String),
    /// A resource had ended and is open, and no attempt has ended in between.
    #[error("operation {0}: `{1}` had ended and is open again within an attempt")]
    Reopened(OperationKey, String),
    /// A resource that had succeeded is tried again, where only what failed is.
    #[error("operation {0}: resource number {1} had succeeded and is tried again")]
    SucceededAgain(OperationKey, u32),
    /// There are more attempts than its rule allows.
    #[error("operation {0} has had {1} attempts, more than it may")]
    Attempts(OperationKey, u32),
    /// Its attempts and leases are not those in its history.
    #[error("operation {0} tells of {1:?} attempts and leases, its history of {2:?}")]
    AttemptCount(OperationKey, (u32, u64), (u32, u64)),
    /// It was begun before its time, or before the pause between attempts was over.
    #[error("operation {0} was begun before its time")]
    TooEarly(OperationKey),
    /// It expired before its deadline.
    #[error("operation {0} expired before its deadline")]
    ExpiredEarly(OperationKey),
    /// A timer has passed and nothing came of it.
    #[error("operation {0} was due, and nothing happened")]
    Overdue(OperationKey),
    /// Two operations work on what they may not share.
    #[error("operations {0} and {1} work on `{2}` at the same time")]
    Together(OperationKey, OperationKey, String),
    /// A submission was to be refused, and waits.
    #[error("operation {0} was not refused, and `{1}` was not free")]
    Crowded(OperationKey, String),
    /// A submission was refused without a reason.
    #[error(
        "a submission was refused because of `{0}`, which it could have waited for or was free"
    )]
    WronglyRefused(String),
    /// One submission has made two operations.
    #[error("operation {0} was made by a submission that had made another one")]
    Twice(OperationKey),
    /// More run at once than may.
    #[error("operation {0} runs, and so many others that it should not")]
    OverLimit(OperationKey),
    /// A caller was told of a commit that was not made, or that another caller was told of.
    #[error("operation {0}: a caller was told what no commit has done for it")]
    NotCommitted(OperationKey),
    /// A caller was shown what had been acknowledged to be otherwise.
    #[error("operation {0} was shown as it had been before")]
    StaleRead(OperationKey),
    /// A caller has no answer, and nothing more will happen.
    #[error("`{0}` is not answered")]
    Unanswered(String),
    /// A caller waits for what has happened.
    #[error("`{0}` waits for what has happened")]
    Asleep(String),
    /// A worker waits, and there is something for it to do.
    #[error("operation {0} waits for a worker, and `{1}` for work")]
    Idle(OperationKey, String),
    /// A wait has ended with nothing to tell before its time was over.
    #[error("`{0}` ended with nothing to tell before its time was over")]
    Early(String),
    /// A wait goes on when its time is over.
    #[error("`{0}` goes on waiting")]
    Overlong(String),
    /// A worker that has gone holds what it has never heard of.
    #[error("operation {0} was not given back, though the worker had gone before it was answered")]
    Unreturned(OperationKey),
    /// Nothing passes, and there is no end of doing.
    #[error("after {0} steps at one instant there is still something to do")]
    Restless(usize),
    /// After the chaos, something did not end.
    #[error("operation {0} does not end")]
    Stuck(OperationKey),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Holds `operation`, as it is read now, against how it was before.
pub(crate) fn check_head(known: &Known, operation: &Operation) -> Result<(), Violation> {
    let key = operation.key;
    if operation.removed {
        return if known.may_be_removed {
            Ok(())
        } else {
            Err(Violation::Lost(key))
        };
    }
    check_tally(operation)?;
    if operation.fence < known.fence {
        return Err(Violation::Fence(key));
    }
    let Some(last) = &known.last else {
        return Ok(());
    };
    if last.phase.is_ended() && last != operation {
        return Err(Violation::EndedChanged(key));
    }
    let changed = last.phase != operation.phase || last.tally != operation.tally;
    if operation.version < last.version || (changed && operation.version == last.version) {
        return Err(Violation::Version(key));
    }
    Ok(())
}

/// Holds the resources of `operation` against what was acknowledged and against its history up to now.
pub(crate) fn check_results(known: &Known, operation: &Operation) -> Result<(), Violation> {
    let told = known.trail.agrees(operation);
    if let Err(Violation::Reopened(..)) = told {
        return told;
    }
    for (id, status) in &known.results {
        let found = operation.resources.iter().find(|one| one.id.as_str() == id);
        if found.is_none_or(|one| one.status != *status) {
            return Err(Violation::LostResult(operation.key, id.clone()));
        }
    }
    told
}

fn check_tally(operation: &Operation) -> Result<(), Violation> {
    let count = |status| {
        let same = |one: &&Resource| one.status == status;
        u32::try_from(operation.resources.iter().filter(same).count()).unwrap_or(u32::MAX)
    };
    let recount = Tally {
        total: operation.resources.total(),
        succeeded: count(ResourceStatus::Succeeded),
        failed: count(ResourceStatus::Failed),
        cancelled: count(ResourceStatus::Cancelled),
    };
    if recount != operation.tally {
        return Err(Violation::Tally(operation.key, operation.tally, recount));
    }
    if recount.total > 0 && operation.phase.is_ended() != (recount.unfinished() == 0) {
        return Err(Violation::Ending(operation.key));
    }
    Ok(())
}

/// The history, read as a whole, is numbered without a gap, up to the version.
pub(crate) fn check_history(
    operation: &Operation,
    history: &[HistoryEntry],
) -> Result<(), Violation> {
    let numbers = history.iter().map(|entry| entry.number);
    if operation.removed || numbers.eq(1..=operation.version) {
        Ok(())
    } else {
        Err(Violation::History(operation.key))
    }
}
