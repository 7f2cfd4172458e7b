//! Workers, each with a clock of its own: they believe to hold what they were handed, for as long as that clock says.

use crate::clock::Clock;
use crate::network::Message;
use fastrand::Rng;
use longrun_model::{Operation, OperationKey};
use std::sync::Arc;

/// How long a lease lasts.
pub(crate) const LEASE_MILLIS: i64 = 15_000;

/// A worker.
pub(crate) struct Worker {
    pub(crate) clock: Clock,
    /// Whether it sends heartbeats when its clock says that it is time to.
    pub(crate) beats: bool,
    held: Vec<Held>,
}

/// An operation that a worker believes to hold.
struct Held {
    operation: Arc<Operation>,
    /// When the next heartbeat is to be sent, by the worker's clock.
    beat_at: i64,
    /// When the lease ends that was last asked for, by the worker's clock.
    over_at: i64,
}

impl Worker {
    /// One that has nothing yet.
    pub(crate) fn new(clock: Clock, beats: bool) -> Self {
        Self {
            clock,
            beats,
            held: Vec::new(),
        }
    }

    /// It is handed operations.
    pub(crate) fn take(&mut self, leased: Vec<Arc<Operation>>) {
        let now = self.clock.shows();
        self.held.extend(leased.into_iter().map(|operation| Held {
            operation,
            beat_at: now + LEASE_MILLIS / 3,
            over_at: now + LEASE_MILLIS,
        }));
    }

    /// One of those that it believes to hold.
    pub(crate) fn any(&self, random: &mut Rng) -> Option<Arc<Operation>> {
        let held = random.choice(self.held.iter())?;
        Some(Arc::clone(&held.operation))
    }

    /// It learns that it does not hold this one any more.
    pub(crate) fn forget(&mut self, key: OperationKey) {
        self.held.retain(|held| held.operation.key != key);
    }

    /// It dies, and another takes its place.
    pub(crate) fn forget_all(&mut self) {
        self.held.clear();
    }

    /// The heartbeats that are due by its clock. What it must have lost by that clock it gives up; now and then it does
    /// not look.
    pub(crate) fn beat(&mut self, random: &mut Rng) -> Vec<Message> {
        let now = self.clock.shows();
        if !self.beats || random.u8(..8) == 0 {
            return Vec::new();
        }
        self.held.retain(|held| held.over_at > now);
        let due = self.held.iter_mut().filter(|held| held.beat_at <= now);
        due.map(|held| {
            held.beat_at = now + LEASE_MILLIS / 3;
            held.over_at = now + LEASE_MILLIS;
            Message::Heartbeat {
                key: held.operation.key,
                fence: held.operation.fence,
            }
        })
        .collect()
    }
}
