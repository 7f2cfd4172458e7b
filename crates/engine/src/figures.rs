//! What the engine counts about itself.

use longrun_model::Stuck;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Figures {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) failed_commits: AtomicU64,
    pub(crate) stale_fences: AtomicU64,
    pub(crate) late_calls: AtomicU64,
    pub(crate) leases_lost: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) cache_misses: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Commits that succeeded: each is one flush of the disk.
    pub commits: u64,
    /// Writes in them.
    pub writes: u64,
    /// Commits that failed.
    pub failed_commits: u64,
    /// Heartbeats and reports that came with an old fence.
    pub stale_fences: u64,
    /// Heartbeats and reports that came after the lease or the operation had ended.
    pub late_calls: u64,
    /// Leases that ended because the worker was not heard of.
    pub leases_lost: u64,
    /// Attempts that failed and are followed by another one.
    pub retries: u64,
    /// Reads that needed no store.
    pub cache_hits: u64,
    /// Reads that did.
    pub cache_misses: u64,
}

/// How many operations are stuck, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StuckFigures([u64; Stuck::ALL.len()]);

impl StuckFigures {
    /// How many are, for this reason.
    pub const fn of(&self, reason: Stuck) -> u64 {
        self.0[Self::place(reason)]
    }

    pub(crate) fn count(&mut self, reason: Stuck) {
        self.0[Self::place(reason)] += 1;
    }

    const fn place(reason: Stuck) -> usize {
        match reason {
            Stuck::Queued => 0,
            Stuck::Silent => 1,
            Stuck::Retrying => 2,
        }
    }
}

impl Figures {
    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            commits: self.commits.load(Relaxed),
            writes: self.writes.load(Relaxed),
            failed_commits: self.failed_commits.load(Relaxed),
            stale_fences: self.stale_fences.load(Relaxed),
            late_calls: self.late_calls.load(Relaxed),
            leases_lost: self.leases_lost.load(Relaxed),
            retries: self.retries.load(Relaxed),
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Relaxed);
}
