//! How a server begins and ends.

use super::run;
use crate::api::Api;
use crate::program::{Program, serve, store_in};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Seek, SeekFrom, Write};

/// Where the number of the schema stands in a SQLite file.
const SCHEMA_OFFSET: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_end_finishes_and_leaves_its_store_whole() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let program = Program::start(&store);
    let api = Api::new(&program);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(api.submit("kept", &["a", "b"]).await["id"].clone());
    }
    let lease = api.lease("kept").await;
    api.report(&lease, &[("a", "succeeded")], None).await;
    // Somebody waits for work that will not come, and somebody else for an end.
    let wish = json!({ "kinds": ["nothing"], "wait_ms": 60_000 });
    let asking = tokio::spawn({
        let api = api.clone();
        async move { api.send(Method::POST, "/api/v1/leases", Some(&wish)).await }
    });
    crate::waiting::eventually("the call's arrival", async || {
        // The call has no trace before its answer but the one in the log and in the figures; a second one of ours on
        // the same connection pool is served after it was taken in.
        api.get(ids[0].as_str().expect("it is a text")).await;
        Some(())
    })
    .await;
    let status = program.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    // Its call was either answered or never taken in; it does not hang.
    drop(asking.await.expect("nobody panicked"));

    let program = Program::start(&store);
    let api = Api::new(&program);
    for id in &ids {
        let operation = api.get(id.as_str().expect("it is a text")).await;
        let running = *id == lease["operation"]["id"];
        let expected = if running { "running" } else { "queued" };
        assert_eq!(operation["status"], json!(expected), "{operation}");
    }
    // The lease is as good as before.
    let end = api.report(&lease, &[("b", "succeeded")], None).await;
    assert_eq!(end["status"], json!("succeeded"), "{end}");
    assert!(program.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_serves_one_process() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let program = Program::start(&store);
    let second = run(serve(&store), "").await;
    assert!(second.stderr.contains("in use by another process"), "{second:?}");
    second.with_status(1);
    let operation = Api::new(&program).submit("still-here", &[]).await;
    assert_eq!(operation["status"], json!("queued"));
    assert!(program.terminate().success());
    // And the next one after it.
    assert!(Program::start(&store).terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    assert!(Program::start(&store).terminate().success());
    let path = folder.path().join("longrun.db");
    let before = std::fs::read(&path).expect("there is a store");
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).expect("it is ours");
    file.seek(SeekFrom::Start(SCHEMA_OFFSET)).expect("it is long enough");
    file.write_all(&1_000_000_u32.to_be_bytes()).expect("it can be written to");
    drop(file);
    let newer = std::fs::read(&path).expect("there is a store");
    assert_ne!(before, newer);
    let refused = run(serve(&store), "").await;
    for words in ["schema 1000000", "use a newer program"] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    refused.with_status(1);
    assert_eq!(std::fs::read(&path).expect("there is a store"), newer, "it was touched");
    std::fs::write(&path, before).expect("it is ours");
    assert!(Program::start(&store).terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "This is no database.\n".repeat(500)).expect("it is ours");
    for (store, words, status) in [
        (format!("sqlite:{}", path.display()), "database of another program", 1),
        ("sqlite:/nowhere/at/all/longrun.db".to_owned(), "could not", 1),
        ("postgres://localhost/longrun".to_owned(), "no store", 2),
    ] {
        let refused = run(serve(&store), "").await;
        assert!(refused.stderr.contains(words), "{refused:?}");
        refused.with_status(status);
    }
}

/// A server answers as soon as it says that it listens, and says when it is ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_tells_whether_it_is_well() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = api.call(Method::GET, path, None).await;
        // Neither is JSON.
        assert_eq!(answer, Value::Null, "{path}");
    }
    assert!(program.terminate().success());
}
