//! Kinds of which only one operation may work on a resource at a time, under many submitters and workers.

use crate::api::Api;
use crate::postgres::Database;
use crate::program::{Program, store_in};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const SUBMITTERS: usize = 64;
/// Operations of each submitter.
const EACH: usize = 3;
const WORKERS: usize = 8;
/// Resources there are; every operation names two of them.
const RESOURCES: usize = 12;
const SETTINGS: &str = "
    [kind.reboot]
    one_per_resource = 'queue'
    [kind.resize]
    one_per_resource = 'queue'
    [kind.erase]
    one_per_resource = 'refuse'
";

/// What runs at this moment, as the workers see it.
#[derive(Default)]
struct Running {
    resources: Mutex<HashSet<String>>,
    ended: AtomicUsize,
    operations_max: AtomicUsize,
}

impl Running {
    fn begin(&self, ids: Vec<String>) {
        let mut held = self.resources.lock().expect("nobody panicked");
        for id in ids {
            assert!(held.insert(id.clone()), "two operations run on {id}");
        }
        self.operations_max.fetch_max(held.len() / 2, SeqCst);
    }

    fn end(&self, ids: &[String]) {
        let mut held = self.resources.lock().expect("nobody panicked");
        held.retain(|id| !ids.contains(id));
    }
}

fn settings(folder: &Path) -> String {
    let path = folder.join("longrun.toml");
    std::fs::write(&path, SETTINGS).expect("it can be written to");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_run_on_one_resource_whoever_submits() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let arguments = ["--config", &settings(folder.path())];
    let program = Program::start_with(&store_in(folder.path()), &arguments, "info");
    check(&[Api::new(&program)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_run_on_one_resource_whichever_server_is_asked() {
    let Some(database) = Database::new().await else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let key_file = database.master_key().display().to_string();
    let config = settings(folder.path());
    let arguments = ["--config", &config, "--master-key-file", &key_file];
    // The first one makes the key that all of them know.
    let first = Program::start_with(&database.url, &arguments, "info");
    let second = Program::start_with(&database.url, &arguments, "info");
    check(&[Api::new(&first), Api::new(&second)]).await;
}

async fn check(servers: &[Api]) {
    let running = Running::default();
    let submitters = (0..SUBMITTERS).map(|number| submit(&servers[number % servers.len()], number));
    let workers = (0..WORKERS).map(|number| work(&servers[number % servers.len()], &running));
    tokio::join!(join_all(submitters), join_all(workers));
    assert_eq!(running.ended.into_inner(), SUBMITTERS * EACH);
    let most = running.operations_max.into_inner();
    assert!(most > 1, "others are not held up");
    eprintln!("at the most {most} operations ran at once on {RESOURCES} resources");
    is_refused(&servers[0]).await;
}

async fn submit(api: &Api, number: usize) {
    for count in 0..EACH {
        let first = number % RESOURCES;
        let second = (first + 1 + (number / RESOURCES + count) % (RESOURCES - 1)) % RESOURCES;
        let ids = [first, second].map(|place| format!("cpm-{place}"));
        let kind = ["reboot", "resize"][count % 2];
        api.submit(kind, &[&ids[0], &ids[1]]).await;
    }
}

/// Carries out operations until all have ended. What is leased may not be in anybody else's hands.
async fn work(api: &Api, running: &Running) {
    let wish = json!({
        "kinds": ["reboot", "resize"], "max": 2, "lease_ms": 600_000, "wait_ms": 200, "worker": "w",
    });
    while running.ended.load(SeqCst) < SUBMITTERS * EACH {
        let answer = api.call(Method::POST, "/api/v1/leases", Some(&wish)).await;
        let leases = answer["leases"].as_array().expect("there is a list");
        for lease in leases {
            running.begin(ids(lease));
        }
        for lease in leases {
            tokio::task::yield_now().await;
            // What is reported may be in the next hands before the answer is here.
            let ids = ids(lease);
            running.end(&ids);
            let results: Vec<_> = ids.iter().map(|id| (id.as_str(), "succeeded")).collect();
            api.report(lease, &results, None).await;
            running.ended.fetch_add(1, SeqCst);
        }
    }
}

fn ids(lease: &Value) -> Vec<String> {
    let resources = lease["operation"]["resources"].as_array();
    let resources = resources.expect("there is a list").iter();
    let ids = resources.filter_map(|one| one["id"].as_str());
    ids.map(str::to_owned).collect()
}

async fn is_refused(api: &Api) {
    let first = api.submit("reboot", &["cpm-0", "cpm-1"]).await;
    let body = json!({ "kind": "erase", "resources": [{ "id": "cpm-7" }, { "id": "cpm-1" }] });
    let answer = api.send(Method::POST, "/api/v1/operations", Some(&body));
    let answer = answer.await.expect("the server answers");
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let problem: Value = answer.json().await.expect("it is JSON");
    let expected = format!(
        "another operation works on the resource `cpm-1` (task {})",
        first["task_id"]
    );
    assert_eq!(problem["detail"], expected);
    let waiting = api.submit("resize", &["cpm-0"]).await;
    assert_eq!(
        (&waiting["status"], &waiting["blocked"]),
        (&json!("queued"), &json!(true))
    );
    api.cancel(first["id"].as_str().expect("it is a text"))
        .await;
    let id = waiting["id"].as_str().expect("it is a text");
    let free = api.get_when(id, |found| found["blocked"].is_null()).await;
    assert_eq!(free["status"], "queued");
    api.submit("erase", &["cpm-7", "cpm-1"]).await;
}
