//! Commands and timers.

use crate::setup::{Gated, START, finish, start, start_over, submission, submit, until, wish};
use futures_util::future::join_all;
use longrun_engine::EngineError;
use longrun_model::{Account, Command, OperationKey, Phase, Rejected, Submission};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

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
