//! What has happened to an operation.

use crate::Timestamp;
use crate::{Failure, Json, NewResource, Outcome, Phase, Progress, ResourceStatus, WorkerName};

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub change: Change,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was handed in.
    Submitted,
    /// A worker took it.
    Leased {
        /// Who.
        worker: WorkerName,
        /// The fence of the lease.
        fence: u64,
        /// How long the worker may be silent.
        length_millis: i64,
    },
    /// The worker is alive. Callers cannot see it: it has no number and is not kept.
    Extended,
    /// The work has come upon more resources: they follow those that there were.
    Found {
        /// Which ones.
        resources: Vec<NewResource>,
    },
    /// The worker told results or progress.
    Reported {
        /// The resources that changed, by index.
        results: Vec<(u32, Outcome)>,
        /// What it said of the whole.
        progress: Progress,
    },
    /// The lease ended and the operation waits for another worker.
    Released {
        /// Why.
        reason: ReleaseReason,
    },
    /// The attempt failed and another one may do better: the operation waits again, and with it those of its resources
    /// that are tried again. They had not ended for good; all others have.
    Retried {
        /// The resources that are open again, by index, each with what went wrong with it in this attempt.
        reopened: Vec<(u32, Option<Box<Failure>>)>,
        /// When the next attempt may begin; at once if it does not say.
        not_before: Option<Timestamp>,
        /// Why the attempt failed.
        error: Failure,
    },
    /// Others stand before it in so many of the lines for its resources: it waits for them to end.
    Blocked {
        /// In how many.
        lines: u32,
    },
    /// It has become the first in so many more of the lines, and is not in others. Like [`Change::Extended`], callers
    /// cannot see it.
    Advanced {
        /// In how many.
        lines: u32,
    },
    /// It is the first in all lines for its resources.
    Unblocked,
    /// The time has come at which a worker may have it.
    Ready,
    /// It has another deadline.
    DeadlineMoved {
        /// When.
        deadline_at: Timestamp,
    },
    /// Somebody wants it to stop.
    CancelRequested,
    /// It ended, and with it the resources that were still open.
    Ended {
        /// How.
        phase: Phase,
        /// What becomes of the open resources.
        closing: Closing,
        /// What came out of the whole.
        output: Option<Json>,
        /// Why it did not go well.
        error: Option<Failure>,
    },
    /// Its result is deleted.
    Removed {
        /// Why.
        reason: RemovalReason,
    },
}

/// Why a lease ended before the work did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The worker gave it back.
    HandedBack,
    /// The worker was not heard of in time.
    Lost,
}

/// Why a result was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalReason {
    /// Somebody asked for it.
    Deleted,
    /// It had been kept for as long as was agreed.
    Retention,
}

/// What becomes of the resources that are still open at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Their status.
    pub status: ResourceStatus,
    /// Their error, if they failed.
    pub error: Option<Failure>,
}

impl Change {
    /// Whether callers can see it: then it has a number, moves the version, and is kept in the history.
    pub const fn is_visible(&self) -> bool {
        !matches!(self, Self::Extended | Self::Advanced { .. })
    }
}
