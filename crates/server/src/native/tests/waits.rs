//! Calls that wait.

use super::*;
use futures_util::FutureExt;
use std::time::Duration;

/// Lets others go on until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// A wait that is far longer than any test: whoever has to sit it out hangs.
const LONG: &str = "wait=60";

#[tokio::test]
async fn a_get_waits_for_the_end() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let waiting = bench
        .get(format!("/api/v1/operations/{id}"))
        .header("prefer", LONG)
        .send();
    let working = async {
        until(|| bench.app.engine.watched() == 1).await;
        let (_, fence) = bench.lease("k").await;
        bench
            .report(json!({"id": id, "fence": fence, "progress": 10}))
            .await;
        bench
            .report(json!({"id": id, "fence": fence, "finish": {"status": "succeeded"}}))
            .await;
    };
    let (answer, ()) = tokio::join!(waiting, working);
    assert_eq!(
        (answer.status, answer.at("/status")),
        (StatusCode::OK, json!("succeeded"))
    );
    assert_eq!(bench.app.engine.watched(), 0);
    let again = bench
        .get(format!("/api/v1/operations/{id}"))
        .header("prefer", LONG)
        .send()
        .await;
    assert_eq!(
        again.at("/status"),
        "succeeded",
        "what has ended is not waited for"
    );
}

#[tokio::test]
async fn a_get_waits_for_a_change() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let path = |since: u64| format!("/api/v1/operations/{id}?since={since}");
    let past = bench.get(path(0)).header("prefer", LONG).send().await;
    assert_eq!(past.at("/version"), 1, "it has changed since then already");
    assert_eq!(
        bench.get(path(1)).send().await.at("/version"),
        1,
        "nobody said to wait"
    );
    let waiting = bench.get(path(1)).header("prefer", LONG).send();
    let working = async {
        until(|| bench.app.engine.watched() == 1).await;
        bench.lease("k").await;
    };
    let (answer, ()) = tokio::join!(waiting, working);
    assert_eq!(
        (answer.at("/version"), answer.at("/status")),
        (json!(2), json!("running"))
    );
}

#[tokio::test]
async fn a_wait_can_be_in_vain() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let answer = bench
        .get(format!("/api/v1/operations/{id}"))
        .header("prefer", "wait=0")
        .send()
        .await;
    assert_eq!(
        (answer.status, answer.at("/status")),
        (StatusCode::OK, json!("queued"))
    );
    let submission = json!({"kind": "k"});
    let answer = bench
        .post("/api/v1/operations", &submission)
        .header("prefer", "wait=0")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_submit_waits_for_the_end() {
    let bench = Bench::new().await;
    let submission = json!({"kind": "k"});
    let waiting = bench
        .post("/api/v1/operations", &submission)
        .header("prefer", LONG)
        .send();
    let working = async {
        until(|| bench.app.engine.watched() == 1).await;
        let (id, fence) = bench.lease("k").await;
        let finish = json!({"status": "failed", "error": {"code": "E"}});
        bench
            .report(json!({"id": id, "fence": fence, "finish": finish}))
            .await;
    };
    let (answer, ()) = tokio::join!(waiting, working);
    assert_eq!(
        (answer.status, answer.at("/status")),
        (StatusCode::OK, json!("failed"))
    );
    assert_eq!(
        answer.at("/error"),
        json!({"code": "E", "message": "", "retryable": false})
    );
    assert!(answer.header("location").is_some());
}

/// Dropping the call, which is what the server does when a client goes, ends the watch.
#[tokio::test]
async fn a_client_that_goes_is_not_waited_for() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let mut waiting = Box::pin(
        bench
            .get(format!("/api/v1/operations/{id}"))
            .header("prefer", LONG)
            .send(),
    );
    while bench.app.engine.watched() == 0 {
        assert!((&mut waiting).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(waiting);
    assert_eq!(bench.app.engine.watched(), 0);
}

#[tokio::test]
async fn a_worker_waits_for_work() {
    let bench = Bench::new().await;
    let wish = json!({"kinds": ["k"], "wait_ms": 60_000});
    let mut waiting = Box::pin(bench.post("/api/v1/leases", &wish).send());
    assert!((&mut waiting).now_or_never().is_none());
    let submitting = async {
        bench.submit(json!({"kind": "other"})).await;
        bench.submit(json!({"kind": "k"})).await
    };
    let (answer, id) = tokio::join!(waiting, submitting);
    assert_eq!(answer.text_at("/leases/0/operation/id"), id);
}

/// A key that is switched off while its caller waits gets no answer any more.
#[tokio::test]
async fn a_key_is_looked_at_again_after_a_wait() {
    let bench = Bench::new().await;
    let made = bench
        .post("/api/v1/keys", &json!({"id": "waiter"}))
        .send()
        .await;
    let token = made.text_at("/token");
    let id = bench.submit(json!({"kind": "k"})).await;
    let waiting = bench
        .get(format!("/api/v1/operations/{id}"))
        .token(&token)
        .header("prefer", LONG)
        .send();
    let switching = async {
        until(|| bench.app.engine.watched() == 1).await;
        bench
            .call("POST", "/api/v1/keys/waiter:disable")
            .send()
            .await;
        bench
            .call("POST", format!("/api/v1/operations/{id}:cancel"))
            .send()
            .await;
    };
    let (answer, ()) = tokio::join!(waiting, switching);
    assert_eq!(answer.problem(), (401, "unauthenticated".into()));
}

/// No wait is longer than a minute, whatever is asked for.
#[tokio::test(start_paused = true)]
async fn waits_are_capped() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let path = format!("/api/v1/operations/{id}");
    let waiting = bench.get(path).header("prefer", "wait=86400").send();
    let answer = tokio::time::timeout(Duration::from_secs(61), waiting).await;
    assert_eq!(
        answer.expect("it ends within the cap").at("/status"),
        "queued"
    );
}
