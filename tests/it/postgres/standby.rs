//! A database whose primary is lost. Everything that was acknowledged is on its standby, and the servers find it there by
//! themselves once it is promoted.

use super::cluster::Cluster;
use super::{Database, submit, wait_for};
use crate::api::Api;
use crate::waiting::eventually;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Instant;

/// Callers that submit all the while.
const SUBMITTERS: usize = 8;
/// How many operations are acknowledged before the primary is lost, and after.
const ACKNOWLEDGED: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_the_primary() {
    let Some(primary) = Cluster::primary() else {
        return;
    };
    let standby = primary.standby().await;
    let hosts = [&primary, &standby].map(|one| format!("127.0.0.1:{}", one.port));
    let database = Database::at(format!(
        "postgres://postgres@{}/postgres?target_session_attrs=read-write",
        hosts.join(",")
    ));
    let (one, other) = (database.serve(), database.serve());
    let (a, b) = (Api::new(&one), Api::new(&other));
    let held = a.submit("held", &["x", "y"]).await;
    let lease = a.lease("held").await;
    a.report(&lease, &[("x", "succeeded")], None).await;
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU32::new(0));
    let load: Vec<_> = (0..SUBMITTERS)
        .map(|number| {
            let api = if number % 2 == 0 { &a } else { &b };
            let counted = Arc::clone(&count);
            tokio::spawn(submit(api.clone(), number, Arc::clone(&stop), counted))
        })
        .collect();
    wait_for(&count, ACKNOWLEDGED).await;
    primary.kill();
    refused(&a).await;
    standby.promote();
    let promoted = now();
    for api in [&a, &b] {
        let body = json!({ "kind": "after", "resources": [{ "id": "r" }] });
        eventually("a server finds the new primary", async || {
            let sent = api.send(Method::POST, "/api/v1/operations", Some(&body));
            let status = sent.await.expect("the server is there").status();
            status.is_success().then_some(())
        })
        .await;
    }
    eprintln!(
        "both servers took submissions {} ms after the promotion",
        promoted.elapsed().as_millis()
    );
    let before = count.load(SeqCst) as usize;
    wait_for(&count, before + ACKNOWLEDGED).await;
    stop.store(true, SeqCst);
    let mut seen = HashSet::new();
    for submitted in join_all(load).await {
        for (key, id) in submitted.expect("it does not panic") {
            let operation = b.get(&id).await;
            assert_eq!(operation["labels"]["key"], json!(key), "{operation}");
            assert!(seen.insert(id), "an id was handed out twice");
        }
    }
    assert!(seen.len() >= 2 * ACKNOWLEDGED);
    // A lease that was given before goes on, at whichever server.
    b.report(&lease, &[("y", "succeeded")], None).await;
    let ended = a.get(held["id"].as_str().expect("it is a text")).await;
    assert_eq!(ended["status"], json!("succeeded"), "{ended}");
}

/// Waits until a submission is refused, which says that it may be tried again.
pub(super) async fn refused(api: &Api) {
    let body = json!({ "kind": "during" });
    eventually("a submission is refused", async || {
        let sent = api.send(Method::POST, "/api/v1/operations", Some(&body));
        let answer = sent.await.expect("the server is there");
        let status = answer.status();
        let problem: Value = answer.json().await.expect("the answer is JSON");
        (!status.is_success()).then(|| {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
        })
    })
    .await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the servers needed is printed, and nothing hangs on it"
)]
fn now() -> Instant {
    Instant::now()
}
