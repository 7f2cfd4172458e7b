//! Callers that wait until something happens to an operation.

use longrun_model::{Operation, OperationKey, limits};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch::{Receiver, Sender};

/// What watchers are told of a change: enough to know whether to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: u64,
    pub(crate) ended: bool,
}

/// All watchers, by operation.
#[derive(Default)]
pub(crate) struct Watchers {
    watched: Mutex<HashMap<OperationKey, Sender<Seen>>>,
}

/// One caller's wish to hear of an operation. Dropping it ends the wish.
pub(crate) struct Watcher {
    watchers: Arc<Watchers>,
    key: OperationKey,
    receiver: Option<Receiver<Seen>>,
}

impl Watchers {
    /// Begins to watch. None if as many do as may.
    pub(crate) fn watch(self: &Arc<Self>, key: OperationKey) -> Option<Watcher> {
        let mut watched = self.watched.lock();
        let sender = watched.entry(key).or_default();
        if sender.receiver_count() >= limits::WATCHERS_MAX {
            return None;
        }
        let receiver = Some(sender.subscribe());
        Some(Watcher {
            watchers: Arc::clone(self),
            key,
            receiver,
        })
    }

    /// Tells the watchers of an operation that it has changed.
    pub(crate) fn publish(&self, operation: &Operation) {
        let watched = self.watched.lock();
        if let Some(sender) = watched.get(&operation.key) {
            let seen = Seen {
                version: operation.version,
                ended: operation.phase.is_ended() || operation.removed,
            };
            sender.send_replace(seen);
        }
    }

    /// How many operations are watched.
    pub(crate) fn count(&self) -> usize {
        self.watched.lock().len()
    }
}

impl Watcher {
    /// Waits until a change that `is_enough` is published, from the beginning of the watch on.
    pub(crate) async fn changed(&mut self, is_enough: impl Fn(Seen) -> bool) {
        let receiver = self.receiver.as_mut().expect("it is taken only on drop");
        // The sender lives for as long as there are receivers, so this cannot fail.
        let _ = receiver.wait_for(|seen| is_enough(*seen)).await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut watched = self.watchers.watched.lock();
        drop(self.receiver.take());
        if watched
            .get(&self.key)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            watched.remove(&self.key);
        }
    }
}
