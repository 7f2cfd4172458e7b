//! What is indexed about an operation, the same in every store: when to look at it, and where it waits.

use longrun_model::limits::PRIORITY_MAX;
use longrun_model::{Operation, Phase, Timestamp};

/// What is indexed about an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    /// When its timer runs out.
    pub(crate) due_at: Option<Timestamp>,
    /// Whether it waits for a worker.
    pub(crate) waiting: bool,
    /// Whether a worker holds it.
    pub(crate) held: bool,
    /// Whether it has not ended.
    pub(crate) live: bool,
}

impl Indexed {
    /// What is to be indexed about `operation`.
    pub(crate) fn of(operation: &Operation) -> Self {
        Self {
            due_at: operation.due_at(),
            waiting: !operation.removed && operation.is_leasable(),
            held: is_held(operation.phase),
            live: !operation.phase.is_ended(),
        }
    }
}

/// Whether a worker holds an operation in this phase.
pub(crate) const fn is_held(phase: Phase) -> bool {
    match phase {
        Phase::Running | Phase::Cancelling => true,
        Phase::Queued
        | Phase::Succeeded
        | Phase::Failed
        | Phase::Partial
        | Phase::Cancelled
        | Phase::Expired => false,
    }
}

/// How urgent a priority is: 0 for the highest.
pub(crate) fn urgency(priority: u8) -> u8 {
    PRIORITY_MAX.saturating_sub(priority)
}
