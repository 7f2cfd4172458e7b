//! `longrun worker`, with real commands.

use super::{call, client, text};
use crate::api::Api;
use crate::program::{Program, terminate};
use crate::waiting::end_of;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Stdio};

/// A worker in a process of its own. Dropping it kills it.
struct Worker(Child);

impl Worker {
    /// Starts a worker that runs a script for each resource: `$1` is its id, and `$FOLDER` a folder to meet in.
    fn start(
        program: &Program,
        kind: &str,
        script: &str,
        folder: &Path,
        arguments: &[&str],
    ) -> Self {
        let mut command = client(program, &["worker", "--kind", kind]);
        command
            .args(arguments)
            .args(["--", "sh", "-c", script, "sh", "{}"])
            .env("FOLDER", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("it can be run"))
    }

    /// Asks it to end, waits until it has, and checks that it did so in peace.
    fn terminate(mut self) {
        terminate(&self.0);
        let status = end_of(&mut self.0);
        assert!(status.success(), "{status}");
    }

    /// Ends it as a power cut would.
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        end_of(&mut self.0);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What each resource of an operation came to.
fn statuses(operation: &Value) -> Vec<(String, String)> {
    let resources = operation["resources"].as_array().expect("it is a list");
    resources
        .iter()
        .map(|one| (text(&one["id"]), text(&one["status"])))
        .collect()
}

fn has(operation: &Value, expected: &[(&str, &str)]) -> bool {
    let found = statuses(operation);
    expected
        .iter()
        .all(|(id, status)| found.iter().any(|(a, b)| a == id && b == status))
}

fn types(events: &Value) -> Vec<String> {
    let events = events["events"].as_array().expect("it is a list");
    events.iter().map(|event| text(&event["type"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_run_for_each_resource() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let script = r#"
        input=$(cat)
        if [ "$1" = bad ]; then echo "first words" >&2; echo "the disk is full" >&2; exit 3; fi
        echo "working on $LONGRUN_RESOURCE"
        echo "{\"id\":\"$1\",\"input\":${input:-null},\"kind\":\"$LONGRUN_KIND\"}"
    "#;
    let worker = Worker::start(
        &program,
        "shell",
        script,
        folder.path(),
        &["--concurrency", "3"],
    );
    let submission = json!({ "kind": "shell", "resources": [
        { "id": "one", "input": { "n": 1 } }, { "id": "bad" }, { "id": "two", "input": [2] }, { "id": "none" },
    ] });
    let operation = api.submit_as(&submission).await;
    let id = text(&operation["id"]);
    let ended = api
        .get_when(&id, |operation| !operation["ended_at"].is_null())
        .await;
    assert_eq!(ended["status"], json!("partial"), "{ended}");
    let of = |id: &str| {
        let resources = ended["resources"].as_array().expect("it is a list");
        resources
            .iter()
            .find(|one| one["id"] == id)
            .expect("it is listed")
            .clone()
    };
    for (id, input) in [
        ("one", json!({ "n": 1 })),
        ("two", json!([2])),
        ("none", Value::Null),
    ] {
        let expected = json!({ "id": id, "input": input, "kind": "shell" });
        assert_eq!(
            (&of(id)["status"], &of(id)["output"]),
            (&json!("succeeded"), &expected),
            "{ended}"
        );
    }
    let error = &of("bad")["error"];
    assert_eq!(of("bad")["status"], json!("failed"));
    assert_eq!(error["code"], json!("exit-3"), "{ended}");
    let message = text(&error["message"]);
    assert!(message.ends_with("the disk is full"), "{message}");
    worker.terminate();
}

/// Says who is there, and waits at the gate, unless it is the first of the resources. Without a folder there is no test
/// any more, and nothing to wait for.
const AT_THE_GATE: &str = r#"
    echo "$1 $LONGRUN_ATTEMPT" >> "$FOLDER/log"
    if [ "$1" = a ]; then exit 0; fi
    while [ -d "$FOLDER" ] && [ ! -e "$FOLDER/gate" ]; do sleep 0.01; done
"#;

fn open_gate(folder: &Path) {
    std::fs::write(folder.join("gate"), "").expect("the folder can be written to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_worker_left_open_is_taken_over() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let id = text(&api.submit("gate", &["a", "b", "c"]).await["id"]);
    let start = || {
        Worker::start(
            &program,
            "gate",
            AT_THE_GATE,
            folder.path(),
            &["--lease-ms", "500"],
        )
    };
    let killed = start();
    let midway = [("a", "succeeded"), ("b", "running"), ("c", "pending")];
    api.get_when(&id, |operation| has(operation, &midway)).await;
    killed.kill();
    open_gate(folder.path());
    let heir = start();
    let ended = api
        .get_when(&id, |operation| !operation["ended_at"].is_null())
        .await;
    assert_eq!(ended["status"], json!("succeeded"), "{ended}");
    assert_eq!(ended["attempt"], json!(2), "{ended}");
    let log = std::fs::read_to_string(folder.path().join("log")).expect("there is a log");
    assert_eq!(log, "a 1\nb 1\nb 2\nc 2\n");
    let events = call(&program, &["events", &id, "--json"])
        .await
        .with_status(0)
        .json();
    assert!(
        events.to_string().contains(r#""reason":"lost""#),
        "{events}"
    );
    heir.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_shall_end_finishes_what_runs_and_hands_back_the_rest() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let id = text(&api.submit("gate", &["a", "b", "c"]).await["id"]);
    let mut worker = Worker::start(&program, "gate", AT_THE_GATE, folder.path(), &[]);
    let midway = [("a", "succeeded"), ("b", "running"), ("c", "pending")];
    api.get_when(&id, |operation| has(operation, &midway)).await;
    terminate(&worker.0);
    open_gate(folder.path());
    let status = end_of(&mut worker.0);
    assert!(status.success(), "{status}");
    let left = api.get(&id).await;
    assert_eq!(left["status"], json!("queued"), "{left}");
    let expected = [("a", "succeeded"), ("b", "succeeded"), ("c", "pending")];
    assert!(has(&left, &expected), "{left}");
    let events = call(&program, &["events", &id, "--json"])
        .await
        .with_status(0)
        .json();
    assert_eq!(
        types(&events).last().map(String::as_str),
        Some("released"),
        "{events}"
    );
    assert!(
        events.to_string().contains(r#""reason":"handed_back""#),
        "{events}"
    );
}

/// An operation that is cancelled stops the command that runs for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_operation_stops_its_command() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let id = text(&api.submit("gate", &["a", "b", "c"]).await["id"]);
    let worker = Worker::start(
        &program,
        "gate",
        AT_THE_GATE,
        folder.path(),
        &["--lease-ms", "300"],
    );
    let midway = [("a", "succeeded"), ("b", "running")];
    api.get_when(&id, |operation| has(operation, &midway)).await;
    api.cancel(&id).await;
    let ended = api
        .get_when(&id, |operation| !operation["ended_at"].is_null())
        .await;
    let expected = [("a", "succeeded"), ("b", "cancelled"), ("c", "cancelled")];
    assert!(has(&ended, &expected), "{ended}");
    worker.terminate();
}
