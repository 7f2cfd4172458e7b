//! The numbers that stand for the words of the model. They are stored: a number never changes its meaning.

use super::Unreadable;
use longrun_model::{
    Busy, MixedEnd, Phase, ReleaseReason, RemovalReason, ResourceStatus, RetryScope,
};

/// The number of a phase.
pub(crate) const fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Queued => 0,
        Phase::Running => 1,
        Phase::Cancelling => 2,
        Phase::Succeeded => 3,
        Phase::Failed => 4,
        Phase::Partial => 5,
        Phase::Cancelled => 6,
        Phase::Expired => 7,
    }
}

/// The phase with this number.
pub(crate) fn phase_of(code: u8) -> Result<Phase, Unreadable> {
    let mut all = Phase::ALL.into_iter();
    all.find(|phase| phase_code(*phase) == code)
        .ok_or(Unreadable)
}

/// The number of a resource's status.
pub(super) const fn status_code(status: ResourceStatus) -> u8 {
    match status {
        ResourceStatus::Pending => 0,
        ResourceStatus::Running => 1,
        ResourceStatus::Succeeded => 2,
        ResourceStatus::Failed => 3,
        ResourceStatus::Cancelled => 4,
    }
}

/// The status with this number.
pub(super) fn status_of(code: u8) -> Result<ResourceStatus, Unreadable> {
    let mut all = ResourceStatus::ALL.into_iter();
    all.find(|status| status_code(*status) == code)
        .ok_or(Unreadable)
}

/// The number of what a mixed end counts as.
pub(super) const fn mixed_end_code(mixed_end: MixedEnd) -> u8 {
    match mixed_end {
        MixedEnd::Failed => 0,
        MixedEnd::Succeeded => 1,
    }
}

/// What a mixed end counts as under this number.
pub(super) const fn mixed_end_of(code: u8) -> Result<MixedEnd, Unreadable> {
    match code {
        0 => Ok(MixedEnd::Failed),
        1 => Ok(MixedEnd::Succeeded),
        _ => Err(Unreadable),
    }
}

/// The number of what is tried again.
pub(super) const fn scope_code(scope: RetryScope) -> u8 {
    match scope {
        RetryScope::Failed => 0,
        RetryScope::All => 1,
    }
}

/// What is tried again under this number.
pub(super) const fn scope_of(code: u8) -> Result<RetryScope, Unreadable> {
    match code {
        0 => Ok(RetryScope::Failed),
        1 => Ok(RetryScope::All),
        _ => Err(Unreadable),
    }
}

/// The number of what becomes of who finds a resource busy.
pub(super) const fn busy_code(busy: Busy) -> u8 {
    match busy {
        Busy::Queue => 0,
        Busy::Refuse => 1,
    }
}

/// What becomes of who finds a resource busy, under this number.
pub(super) const fn busy_of(code: u8) -> Result<Busy, Unreadable> {
    match code {
        0 => Ok(Busy::Queue),
        1 => Ok(Busy::Refuse),
        _ => Err(Unreadable),
    }
}

/// The number of why a lease ended.
pub(super) const fn release_code(reason: ReleaseReason) -> u8 {
    match reason {
        ReleaseReason::HandedBack => 0,
        ReleaseReason::Lost => 1,
    }
}

/// Why a lease ended, under this number.
pub(super) const fn release_of(code: u8) -> Result<ReleaseReason, Unreadable> {
    match code {
        0 => Ok(ReleaseReason::HandedBack),
        1 => Ok(ReleaseReason::Lost),
        _ => Err(Unreadable),
    }
}

/// The number of why a result was deleted.
pub(super) const fn removal_code(reason: RemovalReason) -> u8 {
    match reason {
        RemovalReason::Deleted => 0,
        RemovalReason::Retention => 1,
    }
}

/// Why a result was deleted, under this number.
pub(super) const fn removal_of(code: u8) -> Result<RemovalReason, Unreadable> {
    match code {
        0 => Ok(RemovalReason::Deleted),
        1 => Ok(RemovalReason::Retention),
        _ => Err(Unreadable),
    }
}
