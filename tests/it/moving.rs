//! Stores that are moved, copied and checked from the command line.

use crate::api::Api;
use crate::bad_input::{now, poll, wire};
use crate::cli::run;
use crate::postgres::Database;
use crate::program::{Program, command, store_in};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// How many operations there are that nothing was done about, and how many are submitted in one call.
const MANY: usize = 6_000;
const BATCH: usize = 500;
/// How many resources a large one has.
const LARGE: usize = 1_500;
/// The dialects, and the name of the id that each takes.
const DIALECTS: [(&str, &str); 4] = [
    ("tencent-bm", "task_id"),
    ("tencent-vpc", "task_id"),
    ("alibaba-bpstudio", "id"),
    ("huawei-elb", "job_id"),
];

/// A store is moved from a file to a database, the move is killed in its midst and finished by the same command, and back:
/// each time everything answers as before, in every dialect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_answers_the_same_after_a_move_that_was_killed() {
    let Some(database) = Database::new().await else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (first, last) = (
        store_in(folder.path()),
        format!("sqlite:{}", folder.path().join("last.db").display()),
    );
    let key = database.master_key().display().to_string();
    let start = |store: &str| Program::start_with(store, &["--master-key-file", &key], "info");
    let program = start(&first);
    let ids = fill(&Api::new(&program)).await;
    let before = answers(&program, &ids).await;
    assert!(program.terminate().success());

    kill_in_the_midst(&first, &database.url);
    for (store, words) in [
        (&first, "is being moved to"),
        (&database.url, "is not whole"),
    ] {
        let mut serve = crate::program::serve(store);
        serve.args(["--master-key-file", &key]);
        let refused = run(serve, "").await.with_status(1);
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    let moved = migrate(&first, &database.url).await;
    let resumed = moved["resumed"].as_u64().expect("it is a number");
    let all = moved["operations"].as_u64().expect("it is a number");
    assert!(resumed > 0 && resumed < all, "{resumed} of {all}");
    let program = start(&database.url);
    same(&before, &answers(&program, &ids).await);
    let api = Api::new(&program);
    let new = api.submit("new", &["x"]).await;
    assert!(new["task_id"].as_u64() > Some(all), "{new}");
    api.delete(text(&api.cancel(text(&new["id"])).await["id"]))
        .await;
    let ids: Vec<Value> = ids;
    let before = answers(&program, &ids).await;
    assert!(program.terminate().success());

    let back = migrate(&database.url, &last).await;
    assert_eq!(back["faults"], json!([]));
    let program = start(&last);
    same(&before, &answers(&program, &ids).await);
    let again = Api::new(&program).submit_under("once", &once()).await;
    let again: Value = again.expect("it answers").json().await.expect("it is JSON");
    assert!(ids.iter().any(|one| one["id"] == again["id"]), "{again}");
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

fn once() -> Value {
    json!({ "kind": "once", "resources": [{ "id": "a", "input": { "n": 1 } }], "labels": { "t": "ü" } })
}

/// Makes one of every sort and many of one: those that are worth asking about.
async fn fill(api: &Api) -> Vec<Value> {
    let mut ids = Vec::new();
    let names: Vec<String> = (0..LARGE).map(|number| format!("r{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for kind in ["partly", "good", "bad", "mixed"] {
        ids.push(api.submit(kind, &["a", "b"]).await);
        let lease = api.lease(kind).await;
        let results: &[(&str, &str)] = match kind {
            "partly" => &[("a", "succeeded")],
            "good" => &[("a", "succeeded"), ("b", "succeeded")],
            "bad" => &[("a", "failed"), ("b", "failed")],
            _ => &[("a", "failed"), ("b", "succeeded")],
        };
        api.report(&lease, results, None).await;
    }
    ids.push(api.submit("large", &names).await);
    let lease = api.lease("large").await;
    let half: Vec<_> = names
        .iter()
        .step_by(2)
        .map(|name| (*name, "succeeded"))
        .collect();
    api.report(&lease, &half, None).await;
    ids.push(api.submit("cancelled", &["a"]).await);
    api.cancel(text(&ids[5]["id"])).await;
    ids.push(api.submit("deleted", &["a"]).await);
    api.cancel(text(&ids[6]["id"])).await;
    api.delete(text(&ids[6]["id"])).await;
    let kept = api.submit_under("once", &once()).await;
    ids.push(kept.expect("it answers").json().await.expect("it is JSON"));
    let batch = vec![json!({ "kind": "many", "resources": [{ "id": "x" }] }); BATCH];
    let batch = json!({ "operations": batch });
    for _ in 0..MANY / BATCH {
        let path = "/api/v1/operations:batch";
        let answer = api.call(Method::POST, path, Some(&batch)).await;
        let operations = answer["operations"].as_array().expect("it is a list");
        ids.push(operations[0].clone());
    }
    ids
}

/// What is answered about each operation, natively and in every dialect, and about all of them.
async fn answers(program: &Program, ids: &[Value]) -> Vec<(String, u16, Value)> {
    let api = Api::new(program);
    let mut answers = Vec::new();
    let mut paths = vec![
        "/api/v1/operations?page_size=100".to_owned(),
        "/api/v1/operations?status=running".to_owned(),
        "/api/v1/operations?status=failed".to_owned(),
        "/api/v1/keys".to_owned(),
    ];
    for operation in ids {
        let path = format!("/api/v1/operations/{}", text(&operation["id"]));
        paths.push(format!("{path}/resources?page_size=1000"));
        paths.push(format!("{path}/events"));
        paths.push(path);
    }
    for path in paths {
        let answer = api.send(Method::GET, &path, None).await;
        let answer = answer.expect("the server answers");
        let status = answer.status().as_u16();
        let body = answer.text().await.expect("it has a body");
        answers.push((path, status, comparable(&body)));
    }
    let host = program.address.to_string();
    for operation in ids {
        for (dialect, name) in DIALECTS {
            let id = &operation[name];
            let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            let message = poll(dialect, &host, &id, now());
            let answer = wire::exchange(program.address, &message).await;
            let answer = answer.expect("there is an answer");
            answers.push((
                format!("{dialect} {id}"),
                answer.status,
                comparable(&answer.body),
            ));
        }
    }
    answers
}

/// An answer without what is another one each time: the number of the request, and the sealed places of pages.
fn comparable(body: &str) -> Value {
    let mut value = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
    if let Value::Object(fields) = &mut value {
        for name in [
            "RequestId",
            "requestId",
            "request_id",
            "next_page_token",
            "instance",
            "HostId",
        ] {
            fields.remove(name);
        }
    }
    value
}

fn same(before: &[(String, u16, Value)], after: &[(String, u16, Value)]) {
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(after) {
        assert_eq!(one, other);
    }
}

/// Begins to move a store, and kills that as soon as something is copied.
fn kill_in_the_midst(from: &str, to: &str) {
    let mut child = command()
        .args(["migrate", "--from", from, "--to", to])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let stderr = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let copied = lines.find(|line| line.contains("copied"));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(copied.is_some(), "something was copied before it ended");
}

async fn migrate(from: &str, to: &str) -> Value {
    let mut migrate = command();
    migrate.args(["migrate", "--json", "--from", from, "--to", to]);
    run(migrate, "").await.with_status(0).json()
}

/// A copy of a file that was taken while submissions ran has every operation that was acknowledged before it was begun, fits
/// together, and serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_load_is_a_whole_store() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let program = Program::start(&store);
    let api = Api::new(&program);
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged: Arc<Mutex<Vec<Value>>> = Arc::default();
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (api, stop, acknowledged) =
                (api.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let operation = api.submit("load", &["a", "b"]).await;
                    acknowledged
                        .lock()
                        .expect("nobody panicked")
                        .push(operation);
                }
            })
        })
        .collect();
    crate::waiting::eventually("some are acknowledged", async || {
        (acknowledged.lock().expect("nobody panicked").len() > 200).then_some(())
    })
    .await;
    let early = acknowledged.lock().expect("nobody panicked").clone();
    let copy = folder.path().join("copy").join("longrun.db");
    std::fs::create_dir(folder.path().join("copy")).expect("it can be made");
    backup(&store, &copy, 0).await;
    backup(&store, &copy, 1).await;
    stop.store(true, SeqCst);
    join_all(load).await;
    let mut check = command();
    check.args(["check", "--json", "--store", &store]);
    let running = run(check, "").await.with_status(0).json();
    assert_eq!(running["faults"], json!([]));
    assert!(program.terminate().success());

    let copied = store_in(copy.parent().expect("it is in a folder"));
    let mut check = command();
    check.args(["check", "--json", "--store", &copied]);
    let checked = run(check, "").await.with_status(0).json();
    assert!(
        checked["operations"].as_u64() >= Some(early.len() as u64),
        "{checked}"
    );
    let key = folder.path().join("longrun.db.key").display().to_string();
    let program = Program::start_with(&copied, &["--master-key-file", &key], "info");
    let api = Api::new(&program);
    for operation in &early {
        assert_eq!(api.get(text(&operation["id"])).await, *operation);
    }
}

async fn backup(store: &str, copy: &Path, status: i32) {
    let mut backup = command();
    backup.arg("backup").arg(copy).args(["--store", store]);
    run(backup, "").await.with_status(status);
}
