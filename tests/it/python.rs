//! The Pythons that the tests were given, and the programs of `tests/sdk` that drive clients, unmodified.

use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// The Python that has the packages of `tests/sdk/requirements.txt`. Whoever has none is told so.
pub(crate) fn python() -> Option<OsString> {
    named("LONGRUN_TEST_PYTHON")
}

/// The Python that a variable names. Whoever has none is told so.
pub(crate) fn named(variable: &str) -> Option<OsString> {
    let python = std::env::var_os(variable);
    if python.is_none() {
        eprintln!("skipped: {variable} names no Python");
    }
    python
}

/// Runs a program of `tests/sdk`. The folder of the sources stays as it is.
pub(crate) fn sdk(python: &OsStr, program: &str) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sdk")
        .join(program);
    let mut command = Command::new(python);
    command.arg("-B").arg(program);
    command
}

/// What the clients that a program drives have seen, each by its name.
pub(crate) fn saw(program: &mut Command) -> Vec<(String, Value)> {
    let output = program
        .stderr(Stdio::inherit())
        .output()
        .expect("Python can be run");
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).expect("the answers are text");
    let saw = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("each line is JSON");
        let client = line["client"].as_str().expect("it is a text").to_owned();
        (client, line["saw"].clone())
    });
    saw.collect()
}
