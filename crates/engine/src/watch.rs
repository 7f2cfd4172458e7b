//! Callers that wait until something happens to an operation.

use longrun_model::{Operation, OperationKey, limits};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::sync::watch::{Receiver, Sender};

/// What watchers are told of a change: enough to know whether to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: u64,
    pub(crate) ended: bool,
}

/// What the watchers of one operation were told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    /// The last change, if one was told since they were last told to look by themselves.
    seen: Seen,
    /// How often they were told to look by themselves.
    missed: u64,
}

/// All watchers, by operation.
#[derive(Default)]
pub(crate) struct Watchers {
    watched: Mutex<HashMap<OperationKey, Sender<Told>>>,
    /// Told of everybody who begins to watch.
    begun: Notify,
}

/// One caller's wish to hear of an operation. Dropping it ends the wish.
pub(crate) struct Watcher {
    watchers: Arc<Watchers>,
    key: OperationKey,
    receiver: Option<Receiver<Told>>,
    /// What it was last told: the same is not told twice.
    last: Told,
}

impl Watchers {
    /// Begins to watch. None if as many do as may.
    pub(crate) fn watch(self: &Arc<Self>, key: OperationKey) -> Option<Watcher> {
        let mut watched = self.watched.lock();
        let sender = watched.entry(key).or_default();
        if sender.receiver_count() >= limits::WATCHERS_MAX {
            return None;
        }
        let receiver = sender.subscribe();
        let last = *receiver.borrow();
        self.begun.notify_one();
        Some(Watcher {
            watchers: Arc::clone(self),
            key,
            receiver: Some(receiver),
            last,
        })
    }

    /// Tells the watchers of an operation that it has changed.
    pub(crate) fn publish(&self, operation: &Operation) {
        let seen = Seen {
            version: operation.version,
            ended: operation.phase.is_ended() || operation.removed,
        };
        self.tell(operation.key, seen);
    }

    /// Tells the watchers of an operation what there is to see. Other servers' changes may be heard of after later ones
    /// of this server, and then say nothing new.
    pub(crate) fn tell(&self, key: OperationKey, seen: Seen) {
        if let Some(sender) = self.watched.lock().get(&key) {
            sender.send_if_modified(|told| {
                let is_new = seen.version > told.seen.version;
                if is_new {
                    told.seen = seen;
                }
                is_new
            });
        }
    }

    /// Tells all watchers to look again, as nobody knows what they have missed.
    pub(crate) fn tell_all(&self) {
        for sender in self.watched.lock().values() {
            sender.send_modify(|told| {
                told.seen = Seen::default();
                told.missed += 1;
            });
        }
    }

    /// Waits until somebody begins to watch, unless somebody has since the last time.
    pub(crate) async fn begun(&self) {
        self.begun.notified().await;
    }

    /// How many operations are watched.
    pub(crate) fn count(&self) -> usize {
        self.watched.lock().len()
    }
}

impl Watcher {
    /// Waits until a change that `is_enough` is told, or that one may have been missed, from the beginning of the watch
    /// or the last such change on.
    pub(crate) async fn changed(&mut self, is_enough: impl Fn(Seen) -> bool) {
        let receiver = self.receiver.as_mut().expect("it is taken only on drop");
        let last = self.last;
        let is_news =
            |told: &Told| *told != last && (told.missed != last.missed || is_enough(told.seen));
        // The sender lives for as long as there are receivers, so this cannot fail.
        if let Ok(told) = receiver.wait_for(is_news).await {
            self.last = *told;
        }
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
