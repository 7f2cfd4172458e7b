//! What to run, and what is told of it.

use crate::bug::Bug;
use longrun_model::{Change, Phase, ReleaseReason};
use longrun_store::HistoryEntry;

/// What to run on, how long, and with which bug.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The store.
    pub store: StoreKind,
    /// Steps of chaos.
    pub steps: usize,
    /// The bug that is planted.
    pub bug: Option<Bug>,
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In memory.
    Memory,
    /// A file, opened anew at every start of the server.
    Sqlite,
    /// In memory, with two servers on it.
    Shared,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            store: StoreKind::Memory,
            steps: 250,
            bug: None,
        }
    }
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Operations that were submitted.
    pub submitted: usize,
    /// Submissions that were refused, since a resource was not free.
    pub held_off: usize,
    /// Operations that ended, all of them.
    pub ended: usize,
    /// Those of them that their deadline ended.
    pub expired: usize,
    /// Leases that were given.
    pub leases: usize,
    /// Leases that were lost.
    pub lost: usize,
    /// Attempts that failed and were followed by another one.
    pub retried: usize,
    /// Operations that waited in line for a resource, and got it.
    pub unblocked: usize,
    /// Reports and heartbeats that were refused.
    pub refused: usize,
    /// Starts of servers after their first.
    pub restarts: usize,
    /// Callers that went before they were answered.
    pub abandoned: usize,
    /// Leases that were given back, by a worker or since it had gone.
    pub handed_back: usize,
    /// Waits that ended with something to tell.
    pub woken: usize,
    /// Times that a store has failed.
    pub faults: usize,
    /// Who has done what, and in which order, as a number.
    pub trail: u64,
}

impl Story {
    /// Counts what is told.
    pub(crate) fn tell(&mut self, entries: &[HistoryEntry]) {
        for entry in entries {
            match &entry.event.change {
                Change::Released { reason } => {
                    self.lost += usize::from(*reason == ReleaseReason::Lost);
                    self.handed_back += usize::from(*reason == ReleaseReason::HandedBack);
                }
                Change::Retried { .. } => self.retried += 1,
                Change::Unblocked => self.unblocked += 1,
                Change::Ended { phase, .. } => {
                    self.expired += usize::from(*phase == Phase::Expired);
                }
                Change::Submitted
                | Change::Leased { .. }
                | Change::Extended
                | Change::Found { .. }
                | Change::Reported { .. }
                | Change::Blocked { .. }
                | Change::Advanced { .. }
                | Change::Ready
                | Change::DeadlineMoved { .. }
                | Change::CancelRequested
                | Change::Removed { .. } => (),
            }
        }
    }
}
