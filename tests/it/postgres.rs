//! Several servers on one PostgreSQL database: what one commits, the others know, and none is missed that is killed.
//!
//! They run when `LONGRUN_TEST_POSTGRES` names a server whose user may make databases, and say so when they do not.

mod cluster;
mod fire;
mod messages;
mod restore;
mod standby;
mod stopped;

use crate::api::Api;
use crate::program::{KEY_ID, Program, TOKEN};
use crate::waiting::eventually;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// The master key that all servers of a test share.
const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// How long it may take until a server hears of what another one has committed, on a machine that does much else: less
/// than callers wait in any case.
const WAKING: Duration = Duration::from_secs(30);
/// How long a key that was switched off may still be accepted elsewhere.
const SWITCHING_OFF: Duration = Duration::from_secs(5);
/// Callers that submit while a server is killed.
const SUBMITTERS: usize = 8;
/// How many operations are acknowledged before and after.
const ACKNOWLEDGED: usize = 200;

/// A database for one test. It stays until the server is thrown away: connections of a killed server may linger.
pub(crate) struct Database {
    /// Where it is reached.
    pub(crate) url: String,
    folder: TempDir,
}

impl Database {
    /// A new database. None, and a word about it, if the tests were given no server.
    pub(crate) async fn new() -> Option<Self> {
        let Ok(server) = std::env::var("LONGRUN_TEST_POSTGRES") else {
            eprintln!("skipped: LONGRUN_TEST_POSTGRES names no server");
            return None;
        };
        // Not after the process: in a long run the system gives numbers of processes out again.
        let name = format!("it{:032x}", fastrand::u128(..));
        let (client, connection) = tokio_postgres::connect(&server, NoTls)
            .await
            .expect("the server that LONGRUN_TEST_POSTGRES names answers");
        tokio::spawn(connection);
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        client
            .batch_execute(&sql)
            .await
            .expect("its user may make databases");
        let (host, _) = server.rsplit_once('/').expect("it names a database");
        Some(Self::at(format!("{host}/{name}")))
    }

    /// The one at `url`, and a master key for its servers.
    fn at(url: String) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        std::fs::write(folder.path().join("master.key"), MASTER_KEY).expect("it can be written to");
        Self { url, folder }
    }

    /// The file with the master key that its servers share.
    pub(crate) fn master_key(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    fn serve(&self) -> Program {
        let key_file = self.master_key().display().to_string();
        Program::start_with(&self.url, &["--master-key-file", &key_file], "info")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_are_one_service() {
    let Some(database) = Database::new().await else {
        return;
    };
    let (one, other) = (database.serve(), database.serve());
    let (a, b) = (Api::new(&one), Api::new(&other));
    let id = text(&a.submit("reboot", &["x", "y"]).await["id"]);
    assert_eq!(
        b.get(&id).await["status"],
        json!("queued"),
        "ids are the same everywhere"
    );
    let waiting = tokio::spawn({
        let (b, id) = (b.clone(), id.clone());
        async move { b.get_within(&id, 60).await }
    });
    let lease = a.lease("reboot").await;
    // What is leased at one may be reported at the other.
    b.report(&lease, &[("x", "succeeded")], None).await;
    assert_eq!(a.get(&id).await["tally"]["succeeded"], json!(1));
    a.report(&lease, &[("y", "succeeded")], None).await;
    let woken = within(WAKING, "the wait at the other server ends", waiting).await;
    let ended: Value = woken
        .expect("the wait does not panic")
        .expect("the server answers")
        .json()
        .await
        .expect("the answer is JSON");
    assert_eq!(ended["status"], json!("succeeded"));
    // What is removed at one is gone at the other, which has shown it before and keeps it in memory.
    assert_eq!(b.get(&id).await["status"], json!("succeeded"));
    a.delete(&id).await;
    eventually("a removed result is gone everywhere", async || {
        let path = format!("/api/v1/operations/{id}");
        let answer = b.send(Method::GET, &path, None).await.expect("it answers");
        (answer.status() == StatusCode::GONE).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_waits_at_one_server_gets_what_is_submitted_at_another() {
    let Some(database) = Database::new().await else {
        return;
    };
    let (one, other) = (database.serve(), database.serve());
    let (a, b) = (Api::new(&one), Api::new(&other));
    let waiting = tokio::spawn(async move {
        let body = json!({ "kinds": ["k"], "max": 1, "lease_ms": 60_000, "wait_ms": 60_000, "worker": "w" });
        b.call(Method::POST, "/api/v1/leases", Some(&body)).await
    });
    let id = text(&a.submit("k", &[]).await["id"]);
    let answer = within(WAKING, "the worker is called", waiting)
        .await
        .expect("it does not panic");
    assert_eq!(answer["leases"][0]["operation"]["id"], json!(id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_switched_off_is_refused_everywhere() {
    let Some(database) = Database::new().await else {
        return;
    };
    let (one, other) = (database.serve(), database.serve());
    let (a, b) = (Api::new(&one), Api::new(&other));
    let key = a
        .add_key(&json!({ "id": "AKSHARED", "account": "dev" }))
        .await;
    let token = text(&key["token"]);
    assert_ne!(token, TOKEN);
    let theirs = b.with_token(&token);
    let list = async || {
        let answer = theirs.send(Method::GET, "/api/v1/operations", None).await;
        answer.expect("it answers").status()
    };
    eventually("a new key is known everywhere", async || {
        (list().await == StatusCode::OK).then_some(())
    })
    .await;
    a.call(Method::POST, "/api/v1/keys/AKSHARED:disable", None)
        .await;
    let refused = eventually("a key is refused", async || {
        (list().await == StatusCode::UNAUTHORIZED).then_some(())
    });
    within(
        SWITCHING_OFF,
        "a key that is switched off is refused",
        refused,
    )
    .await;
}

/// Each server counts the calls of a key for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_by_each_server() {
    const CALLS: usize = 3;
    let Some(database) = Database::new().await else {
        return;
    };
    let settings = database.folder.path().join("longrun.toml");
    let text = format!("[key.{KEY_ID}]\ncalls_max = {CALLS}\nper_ms = 3_600_000\n");
    std::fs::write(&settings, text).expect("it can be written to");
    let (key_file, settings) = (database.master_key(), settings.display().to_string());
    let key_file = key_file.display().to_string();
    let arguments = ["--master-key-file", &key_file, "--config", &settings];
    let servers = [(); 2].map(|()| Program::start_with(&database.url, &arguments, "info"));
    for server in &servers {
        let api = Api::new(server);
        for call in 0..=CALLS {
            let answer = api.send(Method::GET, "/api/v1/operations", None).await;
            let status = answer.expect("it answers").status();
            let expected = if call < CALLS {
                StatusCode::OK
            } else {
                StatusCode::TOO_MANY_REQUESTS
            };
            assert_eq!(status, expected, "call {call}");
        }
    }
}

/// One of two servers is killed under load: what either acknowledged is there, once, and the other goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_one_server_is_killed() {
    let Some(database) = Database::new().await else {
        return;
    };
    let (one, other) = (database.serve(), database.serve());
    let (a, b) = (Api::new(&one), Api::new(&other));
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
    one.kill();
    let before = count.load(SeqCst) as usize;
    wait_for(&count, before + ACKNOWLEDGED).await;
    stop.store(true, SeqCst);
    let mut seen = std::collections::HashSet::new();
    for submitted in join_all(load).await {
        for (key, id) in submitted.expect("it does not panic") {
            let operation = b.get(&id).await;
            assert_eq!(operation["labels"]["key"], json!(key), "{operation}");
            assert!(seen.insert(id), "an id was handed out twice");
        }
    }
    assert!(seen.len() >= 2 * ACKNOWLEDGED);
}

/// Submits until it is told to stop, or its server is gone: what was acknowledged.
async fn submit(
    api: Api,
    number: usize,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU32>,
) -> Vec<(String, String)> {
    let mut acknowledged = Vec::new();
    while !stop.load(SeqCst) {
        let key = format!("{number}-{}", acknowledged.len());
        let body =
            json!({ "kind": "load", "labels": { "key": key }, "resources": [{ "id": "r" }] });
        let Ok(answer) = api
            .send(Method::POST, "/api/v1/operations", Some(&body))
            .await
        else {
            break;
        };
        if !answer.status().is_success() {
            continue;
        }
        let Ok(operation) = answer.json::<Value>().await else {
            break;
        };
        count.fetch_add(1, SeqCst);
        acknowledged.push((key, text(&operation["id"])));
    }
    acknowledged
}

/// What comes of `wanted`, which must not take longer than this.
async fn within<T>(limit: Duration, what: &str, wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, wanted)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {limit:?}"))
}

async fn wait_for(count: &AtomicU32, wanted: usize) {
    eventually("enough is acknowledged", async || {
        (count.load(SeqCst) as usize >= wanted).then_some(())
    })
    .await;
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
