//! A clock that tests move, a store that they hold up, and what they do all the time.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_engine::{Clock, Engine};
use longrun_model::{Command, Finish, FinishStatus, OperationKey, Report, Submission, Timestamp};
use longrun_store::{
    Changes, Committed, Cursor, Due, LeaseWish, MemoryStore, Sight, Store, StoreError, StoreFuture,
    Write, pass_on,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::watch;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000);
/// Longer than any test lets its clock run on.
pub(crate) const DAY_MILLIS: i64 = 86_400_000;

/// A clock that stands still until the test moves it, and knows until when somebody has ever slept.
#[derive(Clone)]
pub(crate) struct TestClock(watch::Sender<Timestamp>, Arc<Mutex<Vec<Timestamp>>>);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(START), Arc::default())
    }

    pub(crate) fn advance(&self, millis: i64) {
        self.0.send_modify(|now| *now = now.plus_millis(millis));
    }

    /// Whether somebody sleeps, and for no more than so long.
    pub(crate) fn is_slept_for(&self, millis: i64) -> bool {
        let now = self.now();
        let soon = now.plus_millis(1)..=now.plus_millis(millis);
        self.1.lock().iter().any(|instant| soon.contains(instant))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        let mut moved = self.0.subscribe();
        self.1.lock().push(instant);
        async move {
            // The clock outlives the engine that sleeps on it, or nobody cares any more.
            let _ = moved.wait_for(|now| *now >= instant).await;
        }
        .boxed()
    }
}

pub(crate) fn start() -> (Arc<Engine>, TestClock) {
    start_over(MemoryStore::default())
}

pub(crate) fn start_over(store: impl Store) -> (Arc<Engine>, TestClock) {
    let clock = TestClock::new();
    (
        Arc::new(Engine::start(Arc::new(store), Arc::new(clock.clone()))),
        clock,
    )
}

pub(crate) fn submission() -> Submission {
    Submission::new("acme", "reboot").with_resources(["a", "b"])
}

pub(crate) fn wish() -> LeaseWish {
    LeaseWish {
        sight: Sight::All,
        kinds: vec!["reboot".into()],
        max: 1,
        worker: "w1".into(),
        length_millis: 15_000,
    }
}

pub(crate) fn finish(fence: u64) -> Command {
    let finish = Finish {
        status: FinishStatus::Succeeded,
        output: None,
        error: None,
    };
    Command::Report(Report {
        fence,
        finish: Some(finish),
        ..Report::default()
    })
}

pub(crate) async fn submit(engine: &Engine) -> OperationKey {
    engine.submit(submission()).await.unwrap().operation.key
}

/// Waits until `condition` holds; what it waits for happens on other threads.
pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let reached = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached)
        .await
        .expect("the condition holds before long");
}

/// A store whose commits wait for a gate, or fail.
pub(crate) struct Gated {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) gate: Arc<Mutex<()>>,
    pub(crate) broken: bool,
    /// Writes whose commit has begun.
    pub(crate) begun: Arc<AtomicUsize>,
    /// Operations that were read.
    pub(crate) read: Arc<AtomicUsize>,
    /// How often it was asked what other servers have done; none if there are none.
    pub(crate) looks: Option<Arc<AtomicUsize>>,
    /// How often its timers were read.
    pub(crate) timers: Arc<AtomicUsize>,
}

impl Gated {
    pub(crate) fn new(gate: &Arc<Mutex<()>>) -> Self {
        Self {
            store: Arc::default(),
            gate: Arc::clone(gate),
            broken: false,
            begun: Arc::default(),
            read: Arc::default(),
            looks: None,
            timers: Arc::default(),
        }
    }
}

impl Store for Gated {
    fn commit(&self, writes: Vec<Write>, now: Timestamp) -> StoreFuture<'_, Committed> {
        self.begun.fetch_add(writes.len(), SeqCst);
        let _open = self.gate.lock();
        if self.broken {
            let error = StoreError::Database {
                doing: "commit",
                source: "the disk is full".into(),
            };
            return std::future::ready(Err(error)).boxed();
        }
        self.store.commit(writes, now)
    }

    fn get(&self, key: OperationKey) -> StoreFuture<'_, Option<longrun_model::Operation>> {
        self.read.fetch_add(1, SeqCst);
        self.store.get(key)
    }

    fn due(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, Due> {
        self.timers.fetch_add(1, SeqCst);
        self.store.due(now, limit)
    }

    fn is_shared(&self) -> bool {
        self.looks.is_some()
    }

    /// Whoever asks knows as little after each look as before the first one, and must reckon with having missed all.
    fn changes(&self, _since: Cursor) -> StoreFuture<'_, Changes> {
        let looks = self.looks.as_ref().expect("it is asked if it is shared");
        looks.fetch_add(1, SeqCst);
        std::future::ready(Ok(Changes::default())).boxed()
    }

    pass_on!(store: limit, list, history, document, access_keys, id_secret);
}
