//! What the parts of the engine share.

use crate::Clock;
use crate::alarm::Alarm;
use crate::cache::Cache;
use crate::figures::{Figures, StuckFigures};
use crate::leases::WaitingWorkers;
use crate::line::Commits;
use crate::watch::Watchers;
use futures_util::future::BoxFuture;
use longrun_model::{Account, KindName, Operation, Timestamp};
use longrun_store::{Limits, Store};
use parking_lot::RwLock;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// What the parts of the engine share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) commits: Commits,
    pub(crate) cache: Cache,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) workers: Arc<WaitingWorkers>,
    pub(crate) alarm: Alarm,
    pub(crate) figures: Figures,
    latest: AtomicI64,
    /// What leases are held to.
    pub(crate) limits: RwLock<Limits>,
    /// What was found stuck, and when.
    pub(crate) stuck: tokio::sync::Mutex<Option<(Timestamp, StuckFigures)>>,
    /// Whether nobody is to wait any more.
    pub(crate) ending: watch::Sender<bool>,
    /// Who sees everything.
    pub(crate) observer: OnceLock<Observer>,
}

/// Is shown each operation as a commit has left it, in the order of the commits and before anybody is answered, with
/// those of its resources that the commit needed. It is called on the thread that commits and must not block.
pub type Observer = Box<dyn Fn(&Operation) + Send + Sync>;

impl Shared {
    /// Over this store and this clock.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let is_shared = store.is_shared();
        Self {
            store,
            clock,
            commits: Commits::default(),
            cache: Cache::new(is_shared),
            watchers: Arc::default(),
            workers: Arc::default(),
            alarm: Alarm::default(),
            figures: Figures::default(),
            latest: AtomicI64::new(i64::MIN),
            limits: RwLock::default(),
            stuck: tokio::sync::Mutex::default(),
            ending: watch::Sender::new(false),
            observer: OnceLock::new(),
        }
    }

    /// The time, which never goes back while the program runs.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now().as_millis();
        Timestamp::from_millis(self.latest.fetch_max(now, SeqCst).max(now))
    }

    /// Ends when so much time has passed. The clock says when that is, and not the engine's time: that stands still for
    /// as long as the clock is behind, if somebody has set it back.
    pub(crate) fn sleep(&self, millis: i64) -> BoxFuture<'static, ()> {
        let until = self.clock.now().plus_millis(millis);
        self.clock.sleep_until(until)
    }

    /// Waits until nobody is to wait any more.
    pub(crate) async fn ending(&self) {
        // The sender lives as long as whoever waits here, so this cannot fail.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Shows everybody what a commit has made of an operation.
    pub(crate) fn publish(&self, operation: &Arc<Operation>) {
        self.cache.publish(operation);
        self.watchers.publish(operation);
        self.workers.publish(operation);
        if operation.lease.is_none() {
            self.free(&operation.account, &operation.kind);
        }
        if let Some(observer) = self.observer.get() {
            observer(operation);
        }
        if let Some(due_at) = operation.due_at() {
            self.alarm.note(due_at);
        }
    }
}

impl Shared {
    /// Nobody knows what has happened: nothing that is kept in memory is shown any more, everybody who waits looks by
    /// themselves, and so does whoever lets time pass.
    pub(crate) fn look_again(&self) {
        self.cache.clear();
        self.watchers.tell_all();
        self.workers.pass_on();
        self.alarm.note(self.now());
    }

    /// Calls workers when the end of an operation may have made room: for another one of its kind, whoever's it is, and
    /// for another one of its account, whatever it is.
    pub(crate) fn free(&self, account: &Account, kind: &KindName) {
        let limits = self.limits.read();
        if limits.kinds.contains_key(kind) {
            self.workers.call_for_kind(kind);
        }
        if limits.share(account).running_max.is_some() {
            self.workers.call_for_account(account);
        }
    }
}
