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
    for words in ["tencent-bm:1  ", "tencent-bm:4  ", "cpm-1", "cpm-2"] {
        assert!(bars.contains(words), "{words}: {bars:?}");
    }
    assert!(table.contains("tencent-bm:1  succeeded"), "{table:?}");
}

/// The lines that were drawn, without what moves the cursor.
fn lines(drawn: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = drawn.chars().peekable();
    while let Some(char) = rest.next() {
        let last = lines.last_mut().expect("there is one");
        match char {
            // A sequence begins with a bracket and ends with a letter.
            '\u{1b}' => {
                let is_over = |it: &char| it.is_ascii_alphabetic();
                let _ = rest.by_ref().find(is_over);
            }
            '\r' | '\n' => lines.push(String::new()),
            char => last.push(char),
        }
    }
    lines
}

/// A line that is longer than the terminal is wide would move all below it.
#[tokio::test]
async fn nothing_is_drawn_beyond_a_narrow_terminal() {
    let Some(stub) = Stub::start("tencent3") else {
        return;
    };
    let place = Place::with_keys();
    let arguments = [
        "wait",
        "--endpoint",
        &stub.url,
        "tencent-vpc3:481e9b6e-81d1-4859-b8cf-000000000001",
        "tencent-vpc3:481e9b6e-81d1-4859-b8cf-000000000002",
        "tencent-bm3:2",
    ];
    let size = ["--size", "24x40"];
    let Some((drawn, status)) = in_terminal(&place, &size, &arguments).await else {
        return;
    };
    assert_eq!(status, 1, "{drawn}");
    let (bars, table) = drawn.split_once("TARGET").expect("there is a table");
    // Full lines follow each other without a break: each name begins one.
    for line in lines(bars) {
        let mut begins = line.match_indices("tencent-");
        let is_begin = |(at, _)| line[..at].chars().count().is_multiple_of(40);
        assert!(begins.all(is_begin), "{line:?}");
    }
    // Names lose their middles, and bars that have no room leave their numbers.
    for words in ["tencent-v…0000000002", "3/3 partial", "cpm-2"] {
        assert!(bars.contains(words), "{words}: {bars}");
    }
    assert!(!bars.contains('█'), "{bars}");
    let whole = "tencent-vpc3:481e9b6e-81d1-4859-b8cf-000000000002  failed";
    assert!(table.contains(whole), "{table}");
}

/// Where there is no room for all targets, those that end go up, and the first line tells how many there are.
#[tokio::test]
async fn a_crowd_of_targets_is_counted() {
    let Some(stub) = Stub::start("tencent3") else {
        return;
    };
    let place = Place::with_keys();
    let targets = ["1", "2", "3", "4", "5", "6", "8", "9"];
    let targets = targets.map(|id| format!("tencent-bm3:{id}"));
    let mut arguments = vec!["wait", "--endpoint", &stub.url];
    arguments.extend(targets.iter().map(String::as_str));
    let size = ["--size", "6x120"];
    let Some((drawn, status)) = in_terminal(&place, &size, &arguments).await else {
        return;
    };
    assert_eq!(status, 1, "{drawn}");
    let (bars, _) = drawn.split_once("TARGET").expect("there is a table");
    let lines = lines(bars);
    let has = |words: &str| lines.iter().any(|line| line.trim_end().starts_with(words));
    for words in [
        "8 targets",
        "tencent-bm3:1  succeeded",
        "tencent-bm3:2  partial",
        "tencent-bm3:4  failed",
        "tencent-bm3:5  unknown: it is not known there",
        "tencent-bm3:9  unreachable: asking again is of no use: UnsupportedRegion",
    ] {
        assert!(has(words), "{words}: {lines:#?}");
    }
    assert!(bars.contains("2 succeeded, 6 failed"), "{bars}");
}

/// What has no row of its own is counted.
#[tokio::test]
async fn resources_without_a_row_are_counted() {
    let Some(stub) = Stub::start("tencent") else {
        return;
    };
    let place = Place::with_keys();
    let arguments = ["wait", "--endpoint", &stub.url, "tencent-bm:2"];
    let size = ["--size", "5x120"];
    let Some((drawn, status)) = in_terminal(&place, &size, &arguments).await else {
        return;
    };
    assert_eq!(status, 3, "{drawn}");
    let (bars, _) = drawn.split_once("TARGET").expect("there is a table");
    assert!(bars.contains("cpm-1"), "{bars}");
    assert!(bars.contains("2 more: 1 succeeded, 1 failed"), "{bars}");
    assert!(!bars.contains("cpm-3"), "{bars}");
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
