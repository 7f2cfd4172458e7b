//! Watching an operation: with a client of server-sent events that knows nothing of us, and with our own command.

use crate::api::Api;
use crate::cli::call;
use crate::program::{Program, TOKEN, store_in};
use crate::python;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

/// The lines that `watch.py` prints while it watches this operation.
fn watch(python: &std::ffi::OsStr, program: &Program, id: &str) -> Receiver<String> {
    let url = format!("{}/api/v1/operations/{id}/events", program.url());
    let mut child = python::sdk(python, "watch.py")
        .args([&url, TOKEN])
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            // A test that has ended already does not listen.
            let _ = sender.send(line);
        }
        let _ = child.wait();
    });
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_heard_once_whatever_becomes_of_the_server() {
    let Some(python) = python::python() else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let program = Program::start(&store);
    let api = Api::new(&program);
    let submitted = api.submit("k", &["a", "b"]).await;
    let id = submitted["id"].as_str().expect("it is a text").to_owned();
    let heard = watch(&python, &program, &id);
    assert_eq!(heard.recv().as_deref(), Ok("1 submitted"));
    let lease = api.lease("k").await;
    assert_eq!(heard.recv().as_deref(), Ok("2 leased"));
    let address = program.address;
    program.kill();
    let program = Program::start_at(&store, address);
    let api = Api::new(&program);
    api.report(&lease, &[("a", "succeeded")], None).await;
    assert_eq!(heard.recv().as_deref(), Ok("3 reported"));
    assert!(program.terminate().success(), "a stream holds no server up");
    let program = Program::start_at(&store, address);
    let api = Api::new(&program);
    api.report(&lease, &[("b", "succeeded")], None).await;
    let rest: Vec<_> = heard.iter().collect();
    assert_eq!(rest, ["4 reported", "5 ended"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_follows_to_the_end() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let submitted = api.submit("k", &["a"]).await;
    let id = submitted["id"].as_str().expect("it is a text").to_owned();
    let arguments = ["events", "--follow", "--json", &id];
    let working = async {
        let lease = api.lease("k").await;
        api.report(&lease, &[("a", "failed")], None).await;
    };
    let (followed, ()) = tokio::join!(call(&program, &arguments), working);
    let followed = followed.with_status(0);
    let events = followed.stdout.lines().map(|line| {
        let event: Value = serde_json::from_str(line).expect("each line is JSON");
        format!("{} {}", event["number"], event["type"])
    });
    let events: Vec<_> = events.collect();
    assert_eq!(
        events,
        [
            r#"1 "submitted""#,
            r#"2 "leased""#,
            r#"3 "reported""#,
            r#"4 "ended""#
        ]
    );
    let shown = call(&program, &["events", "-f", &id]).await.with_status(0);
    assert_eq!(shown.stdout.lines().count(), 4, "{shown:?}");
    call(&program, &["events", "-f", "op-0"])
        .await
        .with_status(6);
}
