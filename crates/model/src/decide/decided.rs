//! What a command leads to, or why it leads to nothing.

use crate::{Change, Event, ResourceId, Timestamp};

/// What a command leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// What happens, in order. May be nothing.
    pub events: Vec<Event>,
    /// The parts of a report that change nothing because they are wrong.
    pub refused: Vec<RefusedResult>,
}

/// One result out of a report that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedResult {
    /// The resource it named; none if it was the finish.
    pub resource: Option<ResourceId>,
    /// Why.
    pub reason: Refusal,
}

/// Why one result out of a report is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The operation has no such resource.
    #[error("the operation has no such resource")]
    UnknownResource,
    /// It has ended otherwise already.
    #[error("the resource has ended with another result")]
    ResourceEnded,
    /// A resource cannot go back to waiting.
    #[error("a resource cannot be reported as pending")]
    NotAResult,
    /// The operation has as many resources as it may have.
    #[error("the operation cannot have more resources")]
    TooManyResources,
    /// The finish says other than the resources do.
    #[error("the finish contradicts the results of the resources")]
    Contradiction,
}

/// Why a command changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Its result has been deleted.
    #[error("the operation has been deleted")]
    Removed,
    /// It has ended.
    #[error("the operation has ended")]
    Ended,
    /// It has not ended.
    #[error("the operation has not ended")]
    NotEnded,
    /// Another worker holds it or it waits for none.
    #[error("the operation is not waiting for a worker")]
    NotLeasable,
    /// It does not wait for its time.
    #[error("the operation does not wait for its time")]
    NotDelayed,
    /// It has no deadline.
    #[error("the operation has no deadline")]
    NoDeadline,
    /// A later lease was given, or this one never was.
    #[error("the fence is not the current one")]
    StaleFence,
    /// The lease has ended and nobody has it now.
    #[error("the lease has ended")]
    LeaseLost,
}

/// One thing that happens, and no more.
pub(super) fn one(at: Timestamp, change: Change) -> Decided {
    Decided {
        events: vec![Event { at, change }],
        refused: Vec::new(),
    }
}
