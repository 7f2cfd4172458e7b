//! Other servers on the same store.

use crate::setup::{DAY_MILLIS, Gated, TestClock, finish, start_over, submit, until, wish};
use longrun_engine::{Clock, Engine};
use longrun_model::Phase;
use longrun_store::{LeaseWish, Limits, Share, SharedMemory, Sight, Store, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

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
        sight: Sight::All,
        command: finish(fence),
    };
    let committed = store.commit(vec![write], clock.now()).await.unwrap();
    assert!(committed[0].is_ok(), "{committed:?}");
    clock.advance(250);
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting);
    assert_eq!(waited.await.unwrap().unwrap(), Phase::Succeeded);
}

/// A worker that waits at one server for room is called when an operation has ended at another, long before it would look
/// by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_that_another_server_makes_is_used_at_once() {
    let by_kind = Limits {
        kinds: [("reboot".into(), 1)].into(),
        ..Limits::default()
    };
    let share = Share {
        running_max: Some(1),
        ..Share::default()
    };
    let by_account = Limits {
        accounts: [("acme".into(), share)].into(),
        ..Limits::default()
    };
    for limits in [by_kind, by_account] {
        let clock = TestClock::new();
        let store = SharedMemory::first();
        let other = Arc::new(store.another());
        let start = |store: Arc<SharedMemory>| {
            let engine = Engine::start(store, Arc::new(clock.clone()));
            engine.limit(limits.clone());
            Arc::new(engine)
        };
        let (engine, other) = (start(Arc::new(store)), start(other));
        let first = submit(&engine).await;
        let second = submit(&engine).await;
        let wish = LeaseWish {
            length_millis: DAY_MILLIS,
            ..wish()
        };
        let fence = engine.lease(wish.clone(), 0).await.unwrap()[0].fence;
        let waiting = tokio::spawn({
            let other = Arc::clone(&other);
            async move { other.lease(wish, DAY_MILLIS).await }
        });
        until(|| async { clock.is_slept_for(250) }).await;
        engine.command(first, None, finish(fence)).await.unwrap();
        clock.advance(250);
        let waited = tokio::time::timeout(Duration::from_secs(10), waiting);
        let leased = waited.await.unwrap().unwrap().unwrap();
        assert_eq!(leased[0].key, second, "{limits:?}");
    }
}
