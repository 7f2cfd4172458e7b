//! The engine over the memory store, on a clock that the test moves.

#![expect(
    clippy::unwrap_used,
    reason = "this is a program of tests, and clippy takes what tests share for no test"
)]

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use longrun_engine::{Clock, Engine, EngineError};
use longrun_model::{
    Account, Command, Finish, FinishStatus, OperationKey, Phase, Rejected, Report, Submission,
    Timestamp,
};
use longrun_store::{
    AccessKey, Changes, Committed, Cursor, Due, Filter, HistoryEntry, LeaseWish, Limits,
    MemoryStore, Page, Store, StoreError, Write,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::watch;

const START: Timestamp = Timestamp::from_millis(1_000_000);
/// Longer than any test lets its clock run on.
const DAY_MILLIS: i64 = 86_400_000;

/// A clock that stands still until the test moves it, and knows until when somebody has ever slept.
#[derive(Clone)]
struct TestClock(watch::Sender<Timestamp>, Arc<Mutex<Vec<Timestamp>>>);

impl TestClock {
    fn new() -> Self {
        Self(watch::Sender::new(START), Arc::default())
    }

    fn advance(&self, millis: i64) {
        self.0.send_modify(|now| *now = now.plus_millis(millis));
    }

    /// Whether somebody sleeps, and for no more than so long.
    fn is_slept_for(&self, millis: i64) -> bool {
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

fn start() -> (Arc<Engine>, TestClock) {
    start_over(MemoryStore::default())
}

fn start_over(store: impl Store) -> (Arc<Engine>, TestClock) {
    let clock = TestClock::new();
    (
        Arc::new(Engine::start(Arc::new(store), Arc::new(clock.clone()))),
        clock,
    )
}

fn submission() -> Submission {
    Submission::new("acme", "reboot").with_resources(["a", "b"])
}

fn wish() -> LeaseWish {
    LeaseWish {
        account: None,
        kinds: vec!["reboot".into()],
        max: 1,
        worker: "w1".into(),
        length_millis: 15_000,
    }
}

fn finish(fence: u64) -> Command {
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

async fn submit(engine: &Engine) -> OperationKey {
    engine.submit(submission()).await.unwrap().operation.key
}

/// Waits until `condition` holds; what it waits for happens on other threads.
async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let reached = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached)
        .await
        .expect("the condition holds before long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_goes_its_way() {
    let (engine, _clock) = start();
    let key = submit(&engine).await;
    assert_eq!(engine.get(key, None).await.unwrap().phase, Phase::Queued);
    let leased = engine.lease(wish(), 0).await.unwrap();
    assert_eq!(
        leased
            .iter()
            .map(|operation| operation.key)
            .collect::<Vec<_>>(),
        [key]
    );
    assert_eq!(engine.get(key, None).await.unwrap().phase, Phase::Running);
    assert!(
        engine.lease(wish(), 0).await.unwrap().is_empty(),
        "it is taken"
    );
    engine
        .command(key, None, finish(leased[0].fence))
        .await
        .unwrap();
    let ended = engine.get(key, None).await.unwrap();
    assert_eq!((ended.phase, ended.tally.succeeded), (Phase::Succeeded, 2));
    let history = engine.history(key, 0, 100).await.unwrap();
    assert_eq!(
        history.iter().map(|entry| entry.number).collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_sees_only_its_own() {
    let (engine, _clock) = start();
    let key = submit(&engine).await;
    let (own, other) = (Account::from("acme"), Account::from("other"));
    assert!(engine.get(key, Some(&own)).await.is_ok());
    assert_eq!(
        engine.get(key, Some(&other)).await.err(),
        Some(EngineError::NotFound)
    );
    assert_eq!(
        engine
            .command(key, Some(other), Command::Cancel)
            .await
            .err(),
        Some(EngineError::NotFound)
    );
    let unknown = OperationKey::new(999).unwrap();
    assert_eq!(
        engine.get(unknown, None).await.err(),
        Some(EngineError::NotFound)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_hear_of_the_end() {
    let (engine, _clock) = start();
    let key = submit(&engine).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.wait_for_end(key, None, 60_000).await })
        })
        .collect();
    until(|| async { engine.watched() == 1 }).await;
    let fence = engine.lease(wish(), 0).await.unwrap()[0].fence;
    engine.command(key, None, finish(fence)).await.unwrap();
    for waited in join_all(waiting).await {
        assert_eq!(waited.unwrap().unwrap().phase, Phase::Succeeded);
    }
    until(|| async { engine.watched() == 0 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_hear_of_a_change_and_of_the_time() {
    let (engine, clock) = start();
    let key = submit(&engine).await;
    let changed = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.wait_for_change(key, None, 60_000, 1).await }
    });
    until(|| async { engine.watched() == 1 }).await;
    engine.lease(wish(), 0).await.unwrap();
    assert_eq!(changed.await.unwrap().unwrap().version, 2);
    let waiting = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.wait_for_end(key, None, 5_000).await }
    });
    until(|| async { engine.watched() == 1 }).await;
    clock.advance(5_000);
    assert_eq!(
        waiting.await.unwrap().unwrap().phase,
        Phase::Running,
        "the wait is over, the work is not"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_worker_is_called() {
    let (engine, _clock) = start();
    let working = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.lease(wish(), 60_000).await }
    });
    let commits = || engine.figures().snapshot().commits;
    // One look before it waits, one after it has joined those who wait.
    until(|| async { commits() >= 2 }).await;
    let key = submit(&engine).await;
    assert_eq!(working.await.unwrap().unwrap()[0].key, key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_that_has_gone_was_handed_is_given_back() {
    let gate = Arc::new(Mutex::new(()));
    let store = Gated::new(&gate);
    let begun = Arc::clone(&store.begun);
    let (engine, _clock) = start_over(store);
    let key = submit(&engine).await;
    let held = gate.lock_arc();
    let lease = |engine: Arc<Engine>| tokio::spawn(async move { engine.lease(wish(), 0).await });
    // Held up in a commit, or waiting for it: neither is heard.
    let leasing = [lease(Arc::clone(&engine)), lease(Arc::clone(&engine))];
    until(|| async { begun.load(SeqCst) + engine.waiting() == 3 }).await;
    for leasing in leasing {
        leasing.abort();
        assert!(leasing.await.is_err(), "the worker has gone");
    }
    drop(held);
    until(|| async {
        let operation = engine.get(key, None).await.unwrap();
        operation.phase == Phase::Queued && operation.fence >= 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_end_when_they_are_told_to() {
    let (engine, _clock) = start();
    let key = submit(&engine).await;
    engine.lease(wish(), 0).await.unwrap();
    let waiting = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.wait_for_end(key, None, 60_000).await }
    });
    let working = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.lease(wish(), 60_000).await }
    });
    until(|| async { engine.watched() == 1 }).await;
    engine.end_waits();
    assert_eq!(waiting.await.unwrap().unwrap().phase, Phase::Running);
    assert!(working.await.unwrap().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lease_is_leased_again_and_the_late_worker_refused() {
    let (engine, clock) = start();
    let key = submit(&engine).await;
    let first = engine.lease(wish(), 0).await.unwrap()[0].fence;
    clock.advance(15_000);
    until(|| async { engine.get(key, None).await.unwrap().phase == Phase::Queued }).await;
    assert_eq!(
        engine
            .command(key, None, Command::Heartbeat { fence: first })
            .await
            .err(),
        Some(EngineError::Rejected(Rejected::LeaseLost))
    );
    let second = engine.lease(wish(), 0).await.unwrap()[0].fence;
    assert_eq!(
        engine.command(key, None, finish(first)).await.err(),
        Some(EngineError::Rejected(Rejected::StaleFence))
    );
    engine.command(key, None, finish(second)).await.unwrap();
    assert_eq!(engine.figures().snapshot().stale_fences, 1);
    // The ticker counts after everybody can see what it did.
    until(|| async { engine.figures().snapshot().leases_lost == 1 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_keep_a_lease() {
    let (engine, clock) = start();
    let key = submit(&engine).await;
    let fence = engine.lease(wish(), 0).await.unwrap()[0].fence;
    for _ in 0..5 {
        clock.advance(10_000);
        engine
            .command(key, None, Command::Heartbeat { fence })
            .await
            .unwrap();
    }
    assert_eq!(engine.get(key, None).await.unwrap().phase, Phase::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_and_retention_pass() {
    let (engine, clock) = start();
    let mut submission = submission();
    submission.deadline_at = Some(START.plus_millis(1_000));
    submission.retention_millis = 5_000;
    let key = engine.submit(submission).await.unwrap().operation.key;
    clock.advance(1_000);
    until(|| async { engine.get(key, None).await.unwrap().phase == Phase::Expired }).await;
    clock.advance(4_999);
    assert!(engine.get(key, None).await.is_ok());
    clock.advance(1);
    // From that moment on, whether or not the tick has come yet.
    assert_eq!(engine.get(key, None).await.err(), Some(EngineError::Gone));
    until(|| async { engine.history(key, 0, 1).await.unwrap().is_empty() }).await;
    assert_eq!(engine.get(key, None).await.err(), Some(EngineError::Gone));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_gone_at_once() {
    let (engine, _clock) = start();
    let key = submit(&engine).await;
    assert_eq!(
        engine.command(key, None, Command::Delete).await.err(),
        Some(EngineError::Rejected(Rejected::NotEnded))
    );
    engine.command(key, None, Command::Cancel).await.unwrap();
    engine.command(key, None, Command::Delete).await.unwrap();
    assert_eq!(engine.get(key, None).await.err(), Some(EngineError::Gone));
    assert_eq!(
        engine.command(key, None, Command::Delete).await.err(),
        Some(EngineError::Gone)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_commits_what_waits_and_takes_no_more() {
    let (engine, _clock) = start();
    let submitted = submit(&engine).await;
    let stopping = Arc::clone(&engine);
    tokio::task::spawn_blocking(move || stopping.stop())
        .await
        .unwrap();
    assert_eq!(
        engine.submit(submission()).await.err(),
        Some(EngineError::Unavailable)
    );
    assert!(engine.get(submitted, None).await.is_ok());
}

/// While one commit is held up, all that comes meanwhile waits for the next one, and that takes it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_grow_while_a_flush_is_slow() {
    let gate = Arc::new(Mutex::new(()));
    let store = Gated::new(&gate);
    let begun = Arc::clone(&store.begun);
    let (engine, _clock) = start_over(store);
    let held = gate.lock_arc();
    let submitted: Vec<_> = (0..500)
        .map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.submit(submission()).await })
        })
        .collect();
    until(|| async { begun.load(SeqCst) + engine.waiting() == 500 }).await;
    drop(held);
    for submitted in join_all(submitted).await {
        submitted.unwrap().unwrap();
    }
    let figures = engine.figures().snapshot();
    assert_eq!(figures.writes, 500);
    assert!(
        figures.commits <= 2,
        "one that was held up, and one for all the others, not {}",
        figures.commits
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_is_told_and_nothing_happened() {
    let (engine, _clock) = start_over(Gated {
        broken: true,
        ..Gated::new(&Arc::default())
    });
    assert_eq!(
        engine.submit(submission()).await.err(),
        Some(EngineError::Unavailable)
    );
    let first = OperationKey::new(1).unwrap();
    assert_eq!(
        engine.get(first, None).await.err(),
        Some(EngineError::NotFound)
    );
    assert_eq!(engine.figures().snapshot().failed_commits, 1);
}

/// A store whose commits wait for a gate, or fail.
struct Gated {
    store: Arc<MemoryStore>,
    gate: Arc<Mutex<()>>,
    broken: bool,
    /// Writes whose commit has begun.
    begun: Arc<AtomicUsize>,
    /// Operations that were read.
    read: Arc<AtomicUsize>,
    /// How often it was asked what other servers have done; none if there are none.
    looks: Option<Arc<AtomicUsize>>,
    /// How often its timers were read.
    timers: Arc<AtomicUsize>,
}

impl Gated {
    fn new(gate: &Arc<Mutex<()>>) -> Self {
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
    fn commit(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
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

    fn limit(&self, limits: Limits) {
        self.store.limit(limits);
    }

    fn get(
        &self,
        key: OperationKey,
    ) -> BoxFuture<'_, Result<Option<longrun_model::Operation>, StoreError>> {
        self.read.fetch_add(1, SeqCst);
        self.store.get(key)
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.store.list(filter)
    }

    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<HistoryEntry>, StoreError>> {
        self.store.history(key, after, limit)
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        self.timers.fetch_add(1, SeqCst);
        self.store.due(now, limit)
    }

    fn document(
        &self,
        name: &str,
    ) -> BoxFuture<'_, Result<Option<longrun_store::Document>, StoreError>> {
        self.store.document(name)
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, StoreError>> {
        self.store.access_keys()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        self.store.id_secret(proposal)
    }

    fn is_shared(&self) -> bool {
        self.looks.is_some()
    }

    /// Whoever asks knows as little after each look as before the first one, and must reckon with having missed all.
    fn changes(&self, _since: Cursor) -> BoxFuture<'_, Result<Changes, StoreError>> {
        let looks = self.looks.as_ref().expect("it is asked if it is shared");
        looks.fetch_add(1, SeqCst);
        std::future::ready(Ok(Changes::default())).boxed()
    }
}

/// Under load every commit sets timers. The store is asked when one runs out, the earliest first, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_are_read_when_one_runs_out() {
    let gated = Gated::new(&Arc::default());
    let timers = Arc::clone(&gated.timers);
    let (engine, clock) = start_over(gated);
    until(|| async { clock.is_slept_for(60_000) }).await;
    let mut earliest = None;
    for deadline_millis in [5_000, 9_000, 3_000, 4_000, 50_000].repeat(20) {
        let submission = Submission {
            deadline_at: Some(START.plus_millis(deadline_millis)),
            ..submission()
        };
        let key = engine.submit(submission).await.unwrap().operation.key;
        if deadline_millis == 3_000 {
            earliest.get_or_insert(key);
        }
    }
    assert_eq!(timers.load(SeqCst), 1);
    clock.advance(3_000);
    let ended = || async { engine.get(earliest.unwrap(), None).await.unwrap().phase };
    until(|| async { ended().await == Phase::Expired }).await;
    assert_eq!(timers.load(SeqCst), 2);
}

/// Whoever waits while nobody knows what other servers have done looks once, and goes on waiting for what was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_of_others_ends_no_wait() {
    let gated = Gated {
        looks: Some(Arc::default()),
        ..Gated::new(&Arc::default())
    };
    let (looks, read) = (gated.looks.clone().unwrap(), Arc::clone(&gated.read));
    let (engine, clock) = start_over(gated);
    let key = submit(&engine).await;
    let wish = LeaseWish {
        length_millis: DAY_MILLIS,
        ..wish()
    };
    let fence = engine.lease(wish, 0).await.unwrap()[0].fence;
    let waits = [false, true].map(|for_order| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            if for_order {
                let leases = [(key, fence)];
                engine.wait_for_order(&leases, DAY_MILLIS).await.unwrap();
            } else {
                engine.wait_for_end(key, None, DAY_MILLIS).await.unwrap();
            }
            engine.get(key, None).await.unwrap().phase
        })
    });
    // One looks twice before it waits, the other once.
    until(|| async { read.load(SeqCst) >= 3 }).await;
    for _ in 0..3 {
        let (looked, seen) = (looks.load(SeqCst), read.load(SeqCst));
        until(|| async {
            clock.advance(80);
            looks.load(SeqCst) > looked
        })
        .await;
        until(|| async { read.load(SeqCst) >= seen + 2 }).await;
    }
    engine.command(key, None, finish(fence)).await.unwrap();
    for waited in waits {
        assert_eq!(waited.await.unwrap(), Phase::Succeeded);
    }
    let (looks, read) = (looks.load(SeqCst), read.load(SeqCst));
    assert!(read <= 10 + 2 * looks, "{looks} looks and {read} reads");
}

/// Somebody waits at one server for what another server ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_commits_ends_a_wait_within_a_quarter_of_a_second() {
    let gated = Gated {
        looks: Some(Arc::default()),
        ..Gated::new(&Arc::default())
    };
    let store = Arc::clone(&gated.store);
    let (engine, clock) = start_over(gated);
    let key = submit(&engine).await;
    let wish = LeaseWish {
        length_millis: DAY_MILLIS,
        ..wish()
    };
    let fence = engine.lease(wish, 0).await.unwrap()[0].fence;
    let waiting = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move {
            engine.wait_for_end(key, None, DAY_MILLIS).await.unwrap();
            engine.get(key, None).await.unwrap().phase
        }
    });
    until(|| async { clock.is_slept_for(250) }).await;
    let write = Write::Command {
        key,
        account: None,
        command: finish(fence),
    };
    let committed = store.commit(vec![write], clock.now()).await.unwrap();
    assert!(committed[0].is_ok(), "{committed:?}");
    clock.advance(250);
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting);
    assert_eq!(waited.await.unwrap().unwrap(), Phase::Succeeded);
}

/// A worker that waits while as many run as may hears at once that one has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_that_is_made_is_used_at_once() {
    let (engine, _clock) = start();
    engine.limit(Limits {
        kinds: [("reboot".into(), 1)].into(),
        ..Limits::default()
    });
    let first = submit(&engine).await;
    let second = submit(&engine).await;
    let leased = engine.lease(wish(), 0).await.unwrap();
    assert_eq!(leased[0].key, first);
    let waiting = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.lease(wish(), 60_000).await }
    });
    tokio::task::yield_now().await;
    assert!(engine.lease(wish(), 0).await.unwrap().is_empty());
    engine.command(first, None, finish(1)).await.unwrap();
    // The clock stands still: the worker cannot have looked by itself.
    let leased = tokio::time::timeout(Duration::from_secs(10), waiting);
    let leased = leased.await.unwrap().unwrap().unwrap();
    assert_eq!(leased[0].key, second);
}
