//! When to look at the timers again.

use longrun_model::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use tokio::sync::Notify;

/// When the next timer is known to run out.
pub(crate) struct Alarm {
    pub(crate) next: AtomicI64,
    pub(crate) earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            next: AtomicI64::new(i64::MAX),
            earlier: Notify::new(),
        }
    }
}

impl Alarm {
    /// Takes note of a timer.
    pub(crate) fn note(&self, due_at: Timestamp) {
        if self.next.fetch_min(due_at.as_millis(), SeqCst) > due_at.as_millis() {
            self.earlier.notify_one();
        }
    }
}
