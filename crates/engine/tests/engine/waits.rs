//! Callers and workers who wait.

use crate::setup::{Gated, finish, start, start_over, submit, until, wish};
use futures_util::future::join_all;
use longrun_engine::Engine;
use longrun_model::Phase;
use longrun_store::Limits;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

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
