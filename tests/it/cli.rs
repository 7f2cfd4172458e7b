//! The program from the command line: what it prints, how it ends, and what happens when it is told to.

mod commands;
mod demo;
mod keys;
mod life;
mod secrets;
mod worker;

use crate::program::{Program, TOKEN, command};
use crate::waiting::PATIENCE;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

/// How a command went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same, if it ended as it should have.
    pub(crate) fn with_status(self, expected: i32) -> Self {
        assert_eq!(self.status, Some(expected), "{self:?}");
        self
    }
}

/// Runs a command of the program to its end.
pub(crate) async fn run(mut command: std::process::Command, input: &str) -> Ran {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let name = format!("{command:?}");
    let running = async move {
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().expect("it can be run");
        let mut stdin = child.stdin.take().expect("it is piped");
        // Who needs no input may be gone by now.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child
            .wait_with_output()
            .await
            .expect("it can be waited for")
    };
    let output = tokio::time::timeout(PATIENCE, running)
        .await
        .unwrap_or_else(|_| panic!("{name} does not end"));
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command that talks to a server, with the token of the tests.
fn client(program: &Program, arguments: &[&str]) -> std::process::Command {
    let mut command = command();
    command
        .args(arguments)
        .env("LONGRUN_SERVER", program.url())
        .env("LONGRUN_TOKEN", TOKEN);
    command
}

/// Runs a command that talks to a server.
pub(crate) async fn call(program: &Program, arguments: &[&str]) -> Ran {
    run(client(program, arguments), "").await
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
