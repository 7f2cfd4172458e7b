//! `longrun emulate` from outside: the program, the examples, pytest.

use crate::program::{KEY_ID, KEY_SECRET, PROJECT, TOKEN, binary, command};
use crate::python;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An emulator in a process of its own. Dropping it kills it.
pub(crate) struct Emulator {
    child: Child,
    pub(crate) url: String,
}

impl Emulator {
    /// Starts one with a scenario and further arguments.
    pub(crate) fn start(scenario: &Path, arguments: &[&OsStr]) -> Self {
        let mut child = command()
            .args(["emulate", "--listen", "127.0.0.1:0"])
            .arg(scenario)
            .args(arguments)
            .env("LONGRUN_DEV_KEY", format!("{KEY_ID}:{KEY_SECRET}"))
            .env("LONGRUN_DEV_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program was built");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let first = lines
            .next()
            .expect("it prints its address")
            .expect("it is text");
        let url = first
            .trim_start_matches("export LONGRUN_SERVER=")
            .to_owned();
        // The rest is to be read, or it could not be written. The thread ends with the program.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, wrong) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{wrong}");
    said
}

/// What an unmodified SDK is told by an example.
fn poll(python: &OsString, emulator: &Emulator, arguments: &[&str]) -> Value {
    let home = tempfile::tempdir().expect("there is room for a folder");
    let told = run(python::sdk(python, "poll.py")
        .args(arguments)
        .env("HOME", home.path())
        .env("LONGRUN_HTTP", &emulator.url)
        .env("LONGRUN_KEY_ID", KEY_ID)
        .env("LONGRUN_KEY_SECRET", KEY_SECRET)
        .env("LONGRUN_TOKEN", TOKEN)
        .env("LONGRUN_PROJECT", PROJECT));
    serde_json::from_str(&told).expect("it is JSON")
}

/// The vendors' SDKs, as they are, poll the clouds' own examples.
#[test]
fn unmodified_sdks_are_told_what_the_examples_say() {
    let Some(python) = python::python() else {
        return;
    };
    let job = "4010b39b4fd3d5ff014fd943bac41619";
    for (example, client, id, path, expected) in [
        (
            "tencent-bm.toml",
            "tencentcloud-bm",
            "1000800001",
            "/answer/TaskStatus",
            json!(1),
        ),
        (
            "alibaba-bpstudio.toml",
            "bpstudio-v3",
            "op_xxxxxxxx",
            "/answer/body/Data/Status",
            json!("SUCCESS"),
        ),
        (
            "huawei-elb.toml",
            "keystone-token",
            job,
            "/answer/begin_time",
            json!("2015-09-17T03:05:38.756Z"),
        ),
        (
            "huawei-elb.toml",
            "huawei-ecs",
            job,
            "/answer/job_type",
            json!("deleteELB"),
        ),
    ] {
        let emulator = Emulator::start(&root().join("examples").join(example), &[]);
        let told = poll(&python, &emulator, &[client, id]);
        assert_eq!(told.pointer(path), Some(&expected), "{client}: {told}");
    }
}

#[test]
fn pytest_has_a_fixture() {
    let Some(python) = python::named("LONGRUN_TEST_PYTEST") else {
        return;
    };
    run(Command::new(python)
        .args(["-B", "-W", "error", "-m", "pytest", "-q"])
        .args(["-p", "longrun.pytest_plugin", "-p", "no:cacheprovider"])
        .arg("--longrun-binary")
        .arg(binary())
        .arg(root().join("tests/python/test_emulator.py"))
        .env("PYTHONPATH", root().join("clients/python/src")));
}

/// What is printed for editors is a schema, and every scenario that is shipped can be read.
#[test]
fn the_schema_and_the_examples_are_whole() {
    let schema: Value = serde_json::from_str(&run(command().args(["emulate", "--schema"])))
        .expect("a schema is JSON");
    for key in [
        "seed",
        "clock",
        "key",
        "operation",
        "rule",
        "fault",
        "first_task_id",
        "shelf",
    ] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
    for example in std::fs::read_dir(root().join("examples")).expect("it is there") {
        let path = example.expect("it can be read").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let printed = run(command().args(["emulate", "--print"]).arg(&path));
            assert!(printed.contains("title = "), "{}", path.display());
        }
    }
}
