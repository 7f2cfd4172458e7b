//! The commands that ask a server for something.

use super::{call, client, run, text};
use crate::api::Api;
use crate::program::Program;
use crate::waiting::eventually;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_is_submitted_shown_and_removed() {
    let program = Program::start("memory:");
    let submit = [
        "submit",
        "reboot",
        "--json",
        "--resource",
        "a",
        "--resource",
        "b",
        "--label",
        "team=blue",
        "--input",
        r#"{"force":true}"#,
        "--idempotency-key",
        "once",
    ];
    let submitted = call(&program, &submit).await.with_status(0).json();
    let id = text(&submitted["id"]);
    assert_eq!(submitted["labels"], json!({ "team": "blue" }));
    let again = call(&program, &submit).await.with_status(0).json();
    assert_eq!(again["id"], submitted["id"]);
    let other = call(&program, &["submit", "reboot", "--idempotency-key", "once"]).await;
    assert!(other.stderr.contains("longrun: "), "{other:?}");
    other.with_status(1);

    let got = call(&program, &["get", &id, "--json"]).await.with_status(0);
    assert_eq!(got.json()["status"], json!("queued"));
    let shown = call(&program, &["get", &id]).await.with_status(0).stdout;
    for word in [&*id, "reboot", "queued", "2 unfinished", "RESOURCE"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    call(&program, &["delete", &id]).await.with_status(1);
    let cancelled = call(&program, &["cancel", &id, "--json"])
        .await
        .with_status(0);
    assert_eq!(cancelled.json()["status"], json!("cancelled"));
    let events = call(&program, &["events", &id, "--json"])
        .await
        .with_status(0)
        .json();
    let events = events["events"].as_array().expect("it is a list");
    let types: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["submitted", "ended"], "{events:?}");
    let events = call(&program, &["events", &id]).await.with_status(0).stdout;
    assert!(events.contains("submitted"), "{events}");
    call(&program, &["delete", &id]).await.with_status(0);
    call(&program, &["get", &id]).await.with_status(6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_listed() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    let mut ids = Vec::new();
    for (kind, team) in [("reboot", "blue"), ("reboot", "red"), ("resize", "blue")] {
        let submission = json!({ "kind": kind, "labels": { "team": team } });
        ids.push(text(&api.submit_as(&submission).await["id"]));
    }
    api.cancel(&ids[0]).await;
    // Each line: arguments, and which of the three are listed. The newest comes first.
    for (arguments, expected) in [
        (&[][..], &[2, 1, 0][..]),
        (&["--limit", "2"], &[2, 1]),
        (&["--kind", "reboot"], &[1, 0]),
        (&["--label", "team=blue"], &[2, 0]),
        (&["--label", "team=blue", "--kind", "reboot"], &[0]),
        (&["--status", "cancelled"], &[0]),
        (&["--status", "queued"], &[2, 1]),
        (&["--kind", "nothing"], &[]),
    ] {
        let arguments = [&["list", "--json"], arguments].concat();
        let listed = call(&program, &arguments).await.with_status(0).json();
        let listed = listed["operations"].as_array().expect("it is a list");
        let listed: Vec<_> = listed.iter().map(|one| text(&one["id"])).collect();
        let expected: Vec<_> = expected.iter().map(|index| ids[*index].clone()).collect();
        assert_eq!(listed, expected, "{arguments:?}");
    }
    let table = call(&program, &["list"]).await.with_status(0).stdout;
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("OPERATION"), "{table}");
}

/// The exit status of `submit --wait` says how the operation ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_as_the_operation_does() {
    let program = Program::start("memory:");
    let api = Api::new(&program);
    for (end, results, status) in [
        (
            "succeeded",
            &[("a", "succeeded"), ("b", "succeeded")][..],
            0,
        ),
        ("failed", &[("a", "failed"), ("b", "failed")], 1),
        ("partial", &[("a", "succeeded"), ("b", "failed")], 3),
        ("cancelled", &[], 4),
        ("expired", &[], 6),
    ] {
        let kind = format!("to-be-{end}");
        let mut arguments = vec![
            "submit",
            &kind,
            "--resource",
            "a",
            "--resource",
            "b",
            "--wait",
            "--json",
        ];
        if end == "expired" {
            arguments.extend(["--deadline", "50ms"]);
        }
        let waiting = run(client(&program, &arguments), "");
        let carrying_out = carry_out(&api, &kind, results, end);
        let (waited, ()) = tokio::join!(waiting, carrying_out);
        assert_eq!(waited.json()["status"], json!(end), "{waited:?}");
        waited.with_status(status);
    }
}

/// Brings the one operation of a kind to its end, as soon as it is there.
async fn carry_out(api: &Api, kind: &str, results: &[(&str, &str)], end: &str) {
    let path = format!("/api/v1/operations?kind={kind}");
    let id = eventually("a submission", async || {
        let listed = api.call(reqwest::Method::GET, &path, None).await;
        listed["operations"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    if !results.is_empty() {
        let lease = api.lease(kind).await;
        api.report(&lease, results, None).await;
    } else if end == "cancelled" {
        api.cancel(&id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_has_its_exit_status() {
    let program = Program::start("memory:");
    let nobody = format!("op-{}", "f".repeat(32));
    for (arguments, status) in [
        (&["get", &nobody][..], 6),
        (&["cancel", &nobody], 6),
        (&["events", &nobody], 6),
        (&["delete", &nobody], 6),
        (&["submit", ""], 1),
        (&["submit"], 2),
        (&["submit", "a", "--input", "{"], 2),
        (&["list", "--status", "done"], 2),
        (&["fly"], 2),
    ] {
        let ran = call(&program, arguments).await;
        assert!(
            ran.stdout.is_empty() && !ran.stderr.is_empty(),
            "{arguments:?}: {ran:?}"
        );
        ran.with_status(status);
    }
    let mut stranger = client(&program, &["list"]);
    stranger.env("LONGRUN_TOKEN", "nobody's");
    let ran = run(stranger, "").await.with_status(7);
    assert!(ran.stderr.contains("the token in LONGRUN_TOKEN"), "{ran:?}");
    let mut nameless = client(&program, &["list"]);
    nameless.env_remove("LONGRUN_TOKEN");
    let ran = run(nameless, "").await.with_status(7);
    assert!(ran.stderr.contains("LONGRUN_TOKEN is not set"), "{ran:?}");
    let mut nobody_there = client(&program, &["list"]);
    let gone = Program::start("memory:");
    let (url, address) = (gone.url(), gone.address.to_string());
    gone.kill();
    nobody_there.env("LONGRUN_SERVER", url);
    let ran = run(nobody_there, "").await.with_status(8);
    assert!(ran.stderr.contains(&address), "{ran:?}");
}

/// The input of an operation need not stand on the command line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_comes_from_a_file_or_from_stdin() {
    let program = Program::start("memory:");
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("input.json");
    std::fs::write(&file, "{ \"from\": \"a file\" }\n").expect("the folder can be written to");
    let at_file = format!("@{}", file.display());
    for (argument, stdin, expected) in [
        (&*at_file, "", "a file"),
        ("-", "{\"from\":\"stdin\"}", "stdin"),
        ("{\"from\":\"here\"}", "", "here"),
    ] {
        let arguments = ["submit", "input", "--json", "--input", argument];
        run(client(&program, &arguments), stdin)
            .await
            .with_status(0);
        let lease = Api::new(&program).lease("input").await;
        let input: &Value = &lease["operation"]["input"];
        assert_eq!(*input, json!({ "from": expected }));
    }
}
