//! A database that is stopped, or stands still, for a while under load: requests are refused at once after a short queue
//! and say that they may be tried again, nothing that was acknowledged is lost, and the service resumes by itself.

use super::cluster::Cluster;
use super::standby::refused;
use super::{Database, submit, wait_for};
use crate::api::Api;
use crate::bad_input::{now, poll, wire};
use crate::waiting::eventually;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use tokio_postgres::NoTls;

/// Callers that submit all the while.
const SUBMITTERS: usize = 8;
/// How many operations are acknowledged before the database fails, and after.
const ACKNOWLEDGED: usize = 100;
/// How many submissions are refused while it does not answer.
const REFUSED: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_may_be_stopped_and_started_again() {
    check(Cluster::kill, Cluster::run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_may_stand_still() {
    check(Cluster::freeze, Cluster::thaw).await;
}

/// Whoever runs the database lets the servers have no connection any more, and then again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_may_run_out() {
    let Some(database) = Database::new().await else {
        return;
    };
    let (server, name) = database.url.rsplit_once('/').expect("it names a database");
    let (_, host) = server.rsplit_once('@').expect("it names a user");
    let (client, connection) = tokio_postgres::connect(&database.url, NoTls)
        .await
        .expect("the server answers");
    tokio::spawn(connection);
    let run = async |sql: String| client.batch_execute(&sql).await.expect(&sql);
    run(format!(
        "CREATE ROLE {name}_few LOGIN; ALTER DATABASE {name} OWNER TO {name}_few"
    ))
    .await;
    let theirs = Database::at(format!(
        "postgres://{name}_few@{host}/{name}?pool_wait_ms=250"
    ));
    let program = theirs.serve();
    let api = Api::new(&program);
    let id = api.submit("before", &[]).await["id"].clone();
    run(format!("ALTER ROLE {name}_few CONNECTION LIMIT 0")).await;
    // Those that are open would go on.
    run(format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}_few'"
    ))
    .await;
    for _ in 0..REFUSED {
        refused(&api).await;
    }
    run(format!("ALTER ROLE {name}_few CONNECTION LIMIT -1")).await;
    resumed(&api).await;
    let found = api.get(id.as_str().expect("it is a text")).await;
    assert_eq!(found["status"], json!("queued"));
}

/// Waits until a submission is taken.
async fn resumed(api: &Api) {
    let body = json!({ "kind": "after" });
    eventually("the service resumes", async || {
        let sent = api.send(Method::POST, "/api/v1/operations", Some(&body));
        let status = sent.await.expect("the server is there").status();
        status.is_success().then_some(())
    })
    .await;
}

async fn check(fail: fn(&Cluster), mend: fn(&Cluster)) {
    let Some(cluster) = Cluster::primary() else {
        return;
    };
    let database = Database::at(format!("{}?timeout_ms=500&pool_wait_ms=250", cluster.url()));
    let program = database.serve();
    let api = Api::new(&program);
    let held = api.submit("held", &["x", "y"]).await;
    let lease = api.lease("held").await;
    api.report(&lease, &[("x", "succeeded")], None).await;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let load: Vec<_> = (0..SUBMITTERS)
        .map(|number| {
            let counted: Arc<AtomicU32> = Arc::clone(&count);
            tokio::spawn(submit(api.clone(), number, Arc::clone(&stop), counted))
        })
        .collect();
    wait_for(&count, ACKNOWLEDGED).await;
    fail(&cluster);
    for _ in 0..REFUSED {
        refused(&api).await;
    }
    // In a cloud's own words, too: its SDK tries again.
    let id = held["task_id"].to_string();
    let host = program.address.to_string();
    let message = poll("tencent-bm", &host, &id, now());
    let answer = wire::exchange(program.address, &message).await;
    let body = answer.expect("there is an answer").body;
    assert!(body.contains("\"code\":6000"), "{body}");
    mend(&cluster);
    resumed(&api).await;
    let before = count.load(SeqCst) as usize;
    wait_for(&count, before + ACKNOWLEDGED).await;
    stop.store(true, SeqCst);
    let mut seen = HashSet::new();
    for submitted in join_all(load).await {
        for (key, id) in submitted.expect("it does not panic") {
            let operation = api.get(&id).await;
            assert_eq!(operation["labels"]["key"], json!(key), "{operation}");
            assert!(seen.insert(id), "an id was handed out twice");
        }
    }
    assert!(seen.len() >= 2 * ACKNOWLEDGED);
    api.report(&lease, &[("y", "succeeded")], None).await;
}
