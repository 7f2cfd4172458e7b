//! `longrun wait` and `get`: against the real server in every dialect, and against stubs that check signatures by code
//! of their own and play the odd and damaged answers of real clouds.

mod credentials;
mod odd;
mod refusals;
mod server;
mod stub;
mod stubs;
mod terminal;

pub(crate) use stub::Stub;

use crate::program::{KEY_ID, KEY_SECRET, PROJECT, TOKEN, binary};
use crate::waiting::PATIENCE;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where a wait runs: a home of its own, and nothing of the caller's environment.
pub(crate) struct Place {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Place {
    /// One without any credentials.
    fn bare() -> Self {
        Self {
            home: tempfile::tempdir().expect("there is room for a folder"),
            variables: Vec::new(),
        }
    }

    /// One with the key of the tests for every cloud.
    pub(crate) fn with_keys() -> Self {
        let mut place = Self::bare();
        for (name, value) in [
            ("LONGRUN_TOKEN", TOKEN),
            ("TENCENTCLOUD_SECRET_ID", KEY_ID),
            ("TENCENTCLOUD_SECRET_KEY", KEY_SECRET),
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY_ID),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY_SECRET),
            ("HUAWEICLOUD_SDK_AK", KEY_ID),
            ("HUAWEICLOUD_SDK_SK", KEY_SECRET),
            ("HUAWEICLOUD_SDK_PROJECT_ID", PROJECT),
        ] {
            place.set(name, value);
        }
        place
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    /// Writes a file of its home.
    fn write(&self, path: &str, text: &str) {
        let path = self.home.path().join(path);
        let folder = path.parent().expect("it stands in a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(path, text).expect("the folder can be written to");
    }

    /// The program, with these arguments.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.in_its_environment(Command::new(binary()));
        command.args(arguments);
        command
    }

    /// A program that sees nothing but this place.
    fn in_its_environment(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let ending = command.kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, ending)
            .await
            .unwrap_or_else(|_| panic!("{arguments:?} does not end"))
            .expect("it can be run");
        let ran = Ran {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        for secret in [KEY_SECRET, TOKEN] {
            let told = ran.stdout.contains(secret) || ran.stderr.contains(secret);
            assert!(!told, "a secret is told: {ran:?}");
        }
        ran
    }
}

/// How a command went.
#[derive(Debug)]
pub(crate) struct Ran {
    status: Option<i32>,
    stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The same, if it ended as it should have.
    pub(crate) fn with_status(self, expected: i32) -> Self {
        assert_eq!(self.status, Some(expected), "{self:?}");
        self
    }

    /// What was told on stdout, as JSON lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}")))
            .collect()
    }

    /// The ends that were told, by target.
    fn ends(&self) -> BTreeMap<String, Value> {
        let lines = self.lines();
        let ends = lines.into_iter().filter(|line| line["event"] == "end");
        ends.map(|line| (text(&line["target"]), line)).collect()
    }

    /// What was told of a target before its end, and of its troubles, in order.
    fn story(&self, target: &str) -> Vec<(String, String)> {
        let lines = self.lines();
        let of_target = lines.iter().filter(|line| line["target"] == target);
        of_target
            .map(|line| {
                let said = if line["event"] == "trouble" {
                    "message"
                } else {
                    "status"
                };
                (
                    text(&line["event"]),
                    line[said].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
