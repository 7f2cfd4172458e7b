//! Workers that wait for something to do.
//!
//! One operation that becomes free wakes one worker, not all of them. A worker that is woken and then gone passes the
//! call on, and each looks by itself from time to time, so that no operation waits because a call was lost.

use longrun_model::{Account, KindName, Operation};
use longrun_store::LeaseWish;
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use tokio::sync::Notify;

/// The workers that wait, longest first.
#[derive(Default)]
pub(crate) struct WaitingWorkers {
    waiting: Mutex<VecDeque<Arc<Waiting>>>,
    /// Told of everybody who joins.
    joined: Notify,
}

struct Waiting {
    account: Option<Account>,
    kinds: Vec<KindName>,
    called: AtomicBool,
    notify: Notify,
}

/// A worker's place among those who wait. Dropping it gives the place up.
pub(crate) struct WaitingWorker {
    workers: Arc<WaitingWorkers>,
    waiting: Arc<Waiting>,
    /// Whether it has been called, and it is not known yet what it finds.
    follows: bool,
}

impl Waiting {
    fn would_take(&self, account: &Account, kind: &KindName) -> bool {
        self.kinds.contains(kind) && self.account.as_ref().is_none_or(|own| own == account)
    }

    /// Calls the worker; false if it has been called already.
    fn call(&self) -> bool {
        let first = !self.called.swap(true, AcqRel);
        if first {
            self.notify.notify_one();
        }
        first
    }
}

impl WaitingWorkers {
    /// Joins those who wait.
    pub(crate) fn join(self: &Arc<Self>, wish: &LeaseWish) -> WaitingWorker {
        let waiting = Arc::new(Waiting {
            account: wish.account.clone(),
            kinds: wish.kinds.clone(),
            called: AtomicBool::new(false),
            notify: Notify::new(),
        });
        self.waiting.lock().push_back(Arc::clone(&waiting));
        self.joined.notify_one();
        WaitingWorker {
            workers: Arc::clone(self),
            waiting,
            follows: false,
        }
    }

    /// Calls the worker that has waited longest for such an operation.
    pub(crate) fn publish(&self, operation: &Operation) {
        if operation.removed || !operation.is_leasable() {
            return;
        }
        self.call(&operation.account, &operation.kind);
    }

    /// Calls the worker that has waited longest for operations of this account and kind.
    pub(crate) fn call(&self, account: &Account, kind: &KindName) {
        let waiting = self.waiting.lock();
        waiting
            .iter()
            .find(|one| one.would_take(account, kind) && one.call());
    }

    /// Calls workers when there may be room for one more operation of this kind: one for each account.
    pub(crate) fn call_for_kind(&self, kind: &KindName) {
        let mut accounts = HashSet::new();
        for one in self.waiting.lock().iter() {
            let account = one.account.as_ref();
            if one.kinds.contains(kind) && !accounts.contains(&account) && one.call() {
                accounts.insert(account);
            }
        }
    }

    /// Calls workers when there may be room for one more operation of this account: one for each kind.
    pub(crate) fn call_for_account(&self, account: &Account) {
        let mut kinds = HashSet::new();
        for one in self.waiting.lock().iter() {
            let serves = one.account.as_ref().is_none_or(|own| own == account);
            if serves && one.kinds.iter().any(|kind| !kinds.contains(kind)) && one.call() {
                kinds.extend(&one.kinds);
            }
        }
    }

    /// How many workers wait.
    pub(crate) fn count(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Waits until a worker joins, unless one has since the last time.
    pub(crate) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// Passes on a call that nobody followed. Which operation it was for is not known: every worker may look.
    pub(crate) fn pass_on(&self) {
        for one in self.waiting.lock().iter() {
            one.call();
        }
    }
}

impl WaitingWorker {
    /// Waits to be called.
    pub(crate) async fn called(&self) {
        self.waiting.notify.notified().await;
    }

    /// Says that the call is being followed: the next operation may call again.
    pub(crate) fn follow(&mut self) {
        self.follows |= self.waiting.called.swap(false, AcqRel);
    }

    /// Says that it was found out whether there is something to do.
    pub(crate) fn followed(&mut self) {
        self.follows = false;
    }
}

impl Drop for WaitingWorker {
    fn drop(&mut self) {
        self.workers
            .waiting
            .lock()
            .retain(|one| !Arc::ptr_eq(one, &self.waiting));
        if self.waiting.called.swap(false, AcqRel) || self.follows {
            self.workers.pass_on();
        }
    }
}
