//! How a server begins and ends.

use super::{run, text};
use crate::api::Api;
use crate::program::{Program, serve, store_in};
use crate::waiting::eventually;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The bytes of a page, and so of a SQLite file without a table.
const PAGE_BYTES: usize = 4_096;
/// Less than the time after which a server closes a connection that asks nothing, and makes room by that.
const UNTIL_OTHERS_LEAVE: Duration = Duration::from_secs(20);

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
    let waiting = wait_for_an_end(&api, &ids[0]).await;
    let status = program.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    // Whoever waited has been answered, and was not cut off.
    let answer = waiting.await.expect("nobody panicked");
    assert_eq!(answer.expect("there is an answer").status(), 200);

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

/// Has somebody wait for the end of an operation, and returns when the server knows of it.
async fn wait_for_an_end(api: &Api, id: &Value) -> JoinHandle<reqwest::Result<Response>> {
    let (caller, id) = (api.clone(), text(id));
    let waiting = tokio::spawn(async move { caller.get_within(&id, 60).await });
    eventually("a watched operation", async || {
        let metrics = api.send(Method::GET, "/metrics", None).await;
        let metrics = metrics.expect("the server answers").text().await;
        let metrics = metrics.expect("metrics are text");
        metrics
            .contains("\nlongrun_watched_operations 1\n")
            .then_some(())
    })
    .await;
    waiting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_end_does_not_keep_its_workers_waiting() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let wish = json!({ "kinds": ["nothing"], "wait_ms": 60_000 });
    let waiting =
        tokio::spawn(async move { api.send(Method::POST, "/api/v1/leases", Some(&wish)).await });
    // Nothing outside shows that a worker waits, so this may come before it does; then nobody takes its call in.
    let status = program.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    if let Ok(answer) = waiting.await.expect("nobody panicked") {
        assert_eq!(answer.status(), 200);
    }
}

/// A shell that lets a process have few files open does not say how many callers there will be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_finds_room_for_more_connections_than_the_shell_gives() {
    let program = Program::start_with_files("memory:", 64);
    let question = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", program.address);
    let mut connections = Vec::new();
    for number in 0..100 {
        let asked = async {
            let mut connection = TcpStream::connect(program.address).await?;
            connection.write_all(question.as_bytes()).await?;
            connection.read_u8().await?;
            Ok::<_, io::Error>(connection)
        };
        let asked = tokio::time::timeout(UNTIL_OTHERS_LEAVE, asked).await;
        let connection = asked.unwrap_or_else(|_| panic!("connection {number} is not answered"));
        connections.push(connection.expect("the server answers"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_serves_one_process() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let program = Program::start(&store);
    let second = run(serve(&store), "").await;
    assert!(
        second.stderr.contains("in use by another process"),
        "{second:?}"
    );
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
    let path = folder.path().join("longrun.db");
    let newer = empty_store(1_000_000);
    std::fs::write(&path, &newer).expect("the folder can be written to");
    let refused = run(serve(&store), "").await;
    for words in ["schema 1000000", "use a newer program"] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    refused.with_status(1);
    let after = std::fs::read(&path).expect("it is there");
    assert_eq!(after, newer, "it was touched");
}

/// A SQLite file of this program, without a table, of some schema. The format is that of the page "Database File
/// Format" of SQLite's documentation.
fn empty_store(schema: u32) -> Vec<u8> {
    let mut file = vec![0; PAGE_BYTES];
    let mut put = |offset: usize, bytes: &[u8]| {
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0, b"SQLite format 3\0");
    put(16, &4_096_u16.to_be_bytes());
    // Versions of the format, and fractions of a page that have only one legal value.
    put(18, &[1, 1, 0, 64, 32, 32]);
    // Changes, pages, and with which of the changes the number of pages is valid.
    put(24, &1_u32.to_be_bytes());
    put(28, &1_u32.to_be_bytes());
    put(92, &1_u32.to_be_bytes());
    // The format of the tables, and UTF-8.
    put(44, &4_u32.to_be_bytes());
    put(56, &1_u32.to_be_bytes());
    put(60, &schema.to_be_bytes());
    put(68, b"LNGR");
    // The table of the tables: a leaf without cells, whose content begins at the end of the page.
    put(100, &[0x0d, 0, 0, 0, 0, 0x10, 0x00, 0]);
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "This is no database.\n".repeat(500)).expect("it is ours");
    for (store, words, status) in [
        (
            format!("sqlite:{}", path.display()),
            "database of another program",
            1,
        ),
        (
            "sqlite:/nowhere/at/all/longrun.db".to_owned(),
            "could not",
            1,
        ),
        (
            "postgres://127.0.0.1:1/longrun".to_owned(),
            "could not connect to the database",
            1,
        ),
        ("mysql://127.0.0.1/longrun".to_owned(), "no store", 2),
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
