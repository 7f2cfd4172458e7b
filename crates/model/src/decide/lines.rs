//! Waiting in the lines for resources that are not shared.

use super::decided::{Decided, Rejected, one};
use crate::{Change, Operation, Phase, Timestamp};

/// Decides what becomes of an operation that stands behind others in so many lines.
pub(super) fn wait(operation: &Operation, lines: u32, now: Timestamp) -> Result<Decided, Rejected> {
    if operation.phase.is_ended() {
        Err(Rejected::Ended)
    } else if operation.phase != Phase::Queued {
        Err(Rejected::NotLeasable)
    } else if lines == operation.blocked_by {
        Ok(Decided::default())
    } else {
        Ok(one(now, Change::Blocked { lines }))
    }
}

/// Decides what becomes of one that is the first in so many more of them.
pub(super) fn advance(
    operation: &Operation,
    lines: u32,
    now: Timestamp,
) -> Result<Decided, Rejected> {
    if operation.phase.is_ended() {
        Err(Rejected::Ended)
    } else if lines == 0 || operation.blocked_by == 0 {
        Ok(Decided::default())
    } else if lines < operation.blocked_by {
        Ok(one(now, Change::Advanced { lines }))
    } else {
        Ok(one(now, Change::Unblocked))
    }
}
