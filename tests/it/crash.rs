//! The server is killed at random moments under load. Nothing that it acknowledged may be missing afterwards, and no
//! aggregate may disagree with its resources.

use crate::api::Api;
use crate::program::Program;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the server is killed.
const KILLS: u64 = 50;
/// Callers that submit, and workers that carry out, at a time.
const SUBMITTERS: usize = 4;
const WORKERS: usize = 4;

/// What the server has acknowledged: of each operation, its key and what was reported of its resources.
#[derive(Default)]
struct Acknowledged {
    operations: HashMap<String, Facts>,
}

#[derive(Default)]
struct Facts {
    task_id: u64,
    results: HashMap<String, String>,
}

type Ledger = Arc<Mutex<Acknowledged>>;

/// Kills the server at random moments; see the module.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = format!("sqlite:{}", folder.path().join("longrun.db").display());
    let ledger = Ledger::default();
    let mut random = fastrand::Rng::with_seed(20_261_121);
    for _ in 0..KILLS {
        let program = Program::start(&store);
        let api = Api::new(&program);
        let load = join_all(
            (0..SUBMITTERS)
                .map(|_| tokio::spawn(submit(api.clone(), Arc::clone(&ledger))))
                .chain((0..WORKERS).map(|_| tokio::spawn(work(api.clone(), Arc::clone(&ledger)))))
                .collect::<Vec<_>>(),
        );
        // The moment of the kill is the test's random input; nothing waits for a time to have passed.
        tokio::time::sleep(Duration::from_millis(random.u64(1..120))).await;
        program.kill();
        load.await;
    }
    let program = Program::start(&store);
    check(&Api::new(&program), &ledger).await;
}

/// Submits until the server is gone.
async fn submit(api: Api, ledger: Ledger) {
    let body = json!({ "kind": "crash", "resources": [{ "id": "a" }, { "id": "b" }, { "id": "c" }, { "id": "d" }] });
    while let Some(operation) = acknowledged(&api, "/api/v1/operations", &body).await {
        let id = text(&operation["id"]);
        let task_id = operation["task_id"]
            .as_u64()
            .expect("a task id is a number");
        let earlier = ledger.lock().expect("nobody panicked").operations.insert(
            id,
            Facts {
                task_id,
                ..Facts::default()
            },
        );
        assert!(earlier.is_none(), "an id was handed out twice: {operation}");
    }
}

/// Carries operations out until the server is gone.
async fn work(api: Api, ledger: Ledger) {
    let wish =
        json!({ "kinds": ["crash"], "max": 4, "lease_ms": 500, "wait_ms": 100, "worker": "crash" });
    while let Some(answer) = acknowledged(&api, "/api/v1/leases", &wish).await {
        for lease in answer["leases"].as_array().expect("leases are a list") {
            if carry_out(&api, &ledger, lease).await.is_none() {
                return;
            }
        }
    }
}

/// Reports one resource after the other.
async fn carry_out(api: &Api, ledger: &Ledger, lease: &Value) -> Option<()> {
    let id = text(&lease["operation"]["id"]);
    for resource in lease["operation"]["resources"]
        .as_array()
        .expect("resources are a list")
    {
        let name = text(&resource["id"]);
        let status = if name == "d" { "failed" } else { "succeeded" };
        let report = json!({ "reports": [{
            "id": id, "fence": lease["fence"], "resources": [{ "id": name, "status": status }],
        }] });
        let answer = acknowledged(api, "/api/v1/leases:report", &report).await?;
        if answer["reports"][0]["accepted"] == json!(true) {
            let mut ledger = ledger.lock().expect("nobody panicked");
            ledger
                .operations
                .entry(id.clone())
                .or_default()
                .results
                .insert(name, status.to_owned());
        }
    }
    Some(())
}

/// The answer to a call, if it came whole and is a success.
async fn acknowledged(api: &Api, path: &str, body: &Value) -> Option<Value> {
    let response = api.send(Method::POST, path, Some(body)).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    response.json().await.ok()
}

/// Holds every operation against what was acknowledged.
async fn check(api: &Api, ledger: &Ledger) {
    let facts = std::mem::take(&mut ledger.lock().expect("nobody panicked").operations);
    assert!(
        facts.len() > 100,
        "the load was too light to prove anything: {} operations",
        facts.len()
    );
    let reported = facts
        .values()
        .filter(|facts| !facts.results.is_empty())
        .count();
    assert!(
        reported > 20,
        "the workers did too little to prove anything: {reported} operations"
    );
    for (id, facts) in facts {
        let operation = api.get(&id).await;
        if facts.task_id != 0 {
            assert_eq!(operation["task_id"], json!(facts.task_id));
        }
        let resources = operation["resources"]
            .as_array()
            .expect("resources are a list");
        for (name, status) in &facts.results {
            let resource = resources
                .iter()
                .find(|resource| resource["id"] == json!(name));
            assert_eq!(
                resource.map(|one| &one["status"]),
                Some(&json!(status)),
                "{operation}"
            );
        }
        check_tally(&operation, resources);
    }
}

/// The tally is what a recount gives, and the status agrees with it.
fn check_tally(operation: &Value, resources: &[Value]) {
    let count = |wanted: &[&str]| {
        resources
            .iter()
            .filter(|one| {
                one["status"]
                    .as_str()
                    .is_some_and(|status| wanted.contains(&status))
            })
            .count()
    };
    let recount = json!({
        "succeeded": count(&["succeeded"]),
        "failed": count(&["failed", "cancelled"]),
        "unfinished": count(&["pending", "running"]),
    });
    assert_eq!(operation["tally"], recount, "{operation}");
    let ended = !matches!(
        operation["status"].as_str(),
        Some("queued" | "running" | "cancelling")
    );
    assert_eq!(ended, count(&["pending", "running"]) == 0, "{operation}");
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id is a text").to_owned()
}
