//! A wait in a terminal, and one that somebody leaves.

use super::Place;
use super::stub::{Stub, script};
use crate::python;
use crate::waiting::PATIENCE;
use serde_json::Value;
use std::process::Stdio;

/// Runs the program in a pseudo-terminal: what it drew, and how it ended.
async fn in_terminal(place: &Place, before: &[&str], arguments: &[&str]) -> Option<(String, i64)> {
    let program = place.command(arguments);
    let mut command = tokio::process::Command::new(python::python()?);
    command
        .arg("-B")
        .arg(script("terminal.py"))
        .args(before)
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("it ends")
        .expect("Python can be run");
    let told: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let drawn = told["drawn"].as_str().expect("it is a text").to_owned();
    Some((drawn, told["status"].as_i64().expect("it is a number")))
}

#[tokio::test]
async fn bars_are_drawn_for_targets_and_resources() {
    let Some(stub) = Stub::start("tencent") else {
        return;
    };
    let place = Place::with_keys();
    let arguments = [
        "wait",
        "--endpoint",
        &stub.url,
        "tencent-bm:1",
        "tencent-bm:4",
    ];
    let Some((drawn, status)) = in_terminal(&place, &[], &arguments).await else {
        return;
    };
    assert_eq!(status, 1, "{drawn}");
    assert!(drawn.contains("\u{1b}["), "nothing moves: {drawn:?}");
    assert!(
        drawn.contains("█") && drawn.contains("1/2") && drawn.contains("2/2"),
        "{drawn:?}"
    );
    // What stands in the table at the end is no proof of what was drawn before.
    let (bars, table) = drawn.split_once("TARGET").expect("there is a table");
    for words in ["tencent-bm:1 ", "tencent-bm:4 ", "cpm-1", "cpm-2"] {
        assert!(bars.contains(words), "{words}: {bars:?}");
    }
    assert!(table.contains("tencent-bm:1  succeeded"), "{table:?}");
}

/// Ctrl-C ends the wait, not the task: what to type to go on is told, with what is left.
#[tokio::test]
async fn leaving_is_clean() {
    let Some(stub) = Stub::start("tencent") else {
        return;
    };
    let place = Place::with_keys();
    let arguments = [
        "wait",
        "--endpoint",
        &stub.url,
        "tencent-bm:4",
        "tencent-bm:10",
    ];
    let before = ["--interrupt-after", "failed"];
    let Some((drawn, status)) = in_terminal(&place, &before, &arguments).await else {
        return;
    };
    assert_eq!(status, 130, "{drawn}");
    let line = format!("longrun wait --endpoint {} tencent-bm:10", stub.url);
    assert!(drawn.contains(&line), "{line}\n{drawn}");
}
