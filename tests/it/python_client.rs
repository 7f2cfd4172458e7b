//! The Python package of `clients/python` against the real program. The cases themselves are Python's, in
//! `tests/python/cases.py`.

use crate::api::Api;
use crate::program::{Program, TOKEN, terminate};
use crate::python;
use crate::waiting::end_of;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The longest example that the README may have.
const EXAMPLE_LINES_MAX: usize = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A Python that finds the package and the server, unless there is none on this machine.
fn python(program: &Program) -> Option<Command> {
    let python = python::python()?;
    let mut command = Command::new(python);
    // The folder of the sources stays as it is. What is only warned about elsewhere fails here.
    command
        .args(["-B", "-W", "error"])
        .env("PYTHONPATH", root().join("clients/python/src"))
        .env("LONGRUN_SERVER", program.url())
        .env("LONGRUN_TOKEN", TOKEN);
    Some(command)
}

fn cases() -> OsString {
    root().join("tests/python/cases.py").into()
}

/// Runs one case on a server of its own.
fn check(case: &str) {
    let mut program = Program::start("memory:");
    let Some(mut python) = python(&program) else {
        return;
    };
    let output = python.arg(cases()).arg(case).output();
    let output = output.expect("Python can be run");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{case}: {}\n{words}",
        output.status
    );
    program.check_unharmed(case);
}

macro_rules! cases {
    ($($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                check(stringify!($case));
            }
        )*

        /// A case that nobody runs proves nothing.
        #[test]
        fn every_case_is_run() {
            let script = std::fs::read_to_string(cases()).expect("it is there");
            let marks = script.lines().filter(|line| matches!(*line, "@case" | "@async_case"));
            // The one more is run below.
            assert_eq!(marks.count(), [$(stringify!($case)),*].len() + 1);
        }
    };
}

cases! {
    calls
    async_calls
    errors
    each_resource
    whole_operation
    concurrency
    heartbeats
    cancelling
    lost_leases
    stopping
    in_a_loop
}

/// A Python program that runs. Dropping it kills it.
struct Running(Child);

impl Running {
    fn start(mut python: Command) -> Self {
        let python = python.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(python.spawn().expect("Python can be run"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether its resources stand so.
fn stand(operation: &Value, expected: &str) -> bool {
    let resources = operation["resources"].as_array().expect("it is a list");
    let words = resources.iter().map(|one| {
        let word = |name: &str| one[name].as_str().expect("it is a text").to_owned();
        format!("{}={}", word("id"), word("status"))
    });
    words.collect::<Vec<_>>().join(" ") == expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_a_worker_in_peace() {
    let program = Program::start("memory:");
    let Some(mut python) = python(&program) else {
        return;
    };
    let api = Api::new(&program);
    python
        .arg(cases())
        .arg("until_a_signal")
        .stderr(Stdio::piped());
    let mut worker = Running::start(python);
    let submitted = api.submit("signal", &["a", "b", "c"]).await;
    let id = submitted["id"].as_str().expect("it is a text").to_owned();
    api.get_when(&id, |it| stand(it, "a=succeeded b=running c=pending"))
        .await;
    terminate(&worker.0);
    let log = worker.0.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("taking no more")));
    let mut gate = worker.0.stdin.take().expect("it is piped");
    writeln!(gate, "go on").expect("it reads");
    let status = end_of(&mut worker.0);
    assert!(status.success(), "{status}");
    let left = api.get(&id).await;
    assert!(stand(&left, "a=succeeded b=succeeded c=pending"), "{left}");
    assert_eq!(left["status"], json!("queued"), "{left}");
}

/// The examples of the README are short, and do what they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_readme_work() {
    let text = std::fs::read_to_string(root().join("clients/python/README.md"));
    let text = text.expect("it is there");
    let examples = text.split("```python\n").skip(1);
    let examples: Vec<_> = examples
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    for example in &examples {
        let lines = example.lines().count();
        assert!(lines <= EXAMPLE_LINES_MAX, "{lines} lines:\n{example}");
    }
    let program = Program::start("memory:");
    let (workers, callers) = examples.split_at(2);
    let mut running = Vec::new();
    for example in workers {
        let Some(mut python) = python(&program) else {
            return;
        };
        python.arg("-c").arg(example);
        running.push(Running::start(python));
    }
    for (example, expected) in callers.iter().zip(["cpm-7 succeeded", "succeeded {'by'"]) {
        let mut python = python(&program).expect("it was there a moment ago");
        let output = python
            .arg("-c")
            .arg(example)
            .output()
            .expect("it can be run");
        let words = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{example}\n{complaint}");
        assert!(words.contains(expected), "{example}\n{words}");
    }
    for mut worker in running {
        terminate(&worker.0);
        assert!(end_of(&mut worker.0).success());
    }
}
