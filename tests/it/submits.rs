//! Operations that the clouds' own clients, unmodified, submit in their own words and then ask about. The server carries
//! them out by itself.

use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program, TOKEN};
use crate::python;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::Path;

const SETTINGS: &str = r#"
[kind."alibaba-bpstudio.ExecuteOperation"]
executor = { command = ["sh", "-c", "echo '{\"done\":true}'"] }
[kind.rebootServer]
executor = { command = ["sh", "-c", "test $LONGRUN_RESOURCE != s-2"] }
[kind.startServer]
executor = { command = ["true"] }
[kind.stopServer]
executor = { command = ["true"] }
[kind.deleteServer]
executor = { command = ["true"] }
[kind.createELB]
executor = { command = ["true"] }
[kind.deleteELB]
executor = { command = ["true"] }
[kind.addMember]
executor = { command = ["true"] }
[kind.removeMember]
executor = { command = ["true"] }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmodified_clients_submit_and_wait() {
    let Some(python) = python::python() else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let program = serve(folder.path());
    let caller = Caller {
        server: program.url(),
        key: [KEY_ID, KEY_SECRET],
        token: TOKEN,
    };
    caller.check(&python, folder.path());
}

/// A server that carries out what the clients submit.
pub(crate) fn serve(folder: &Path) -> Program {
    let settings = folder.join("executors.toml");
    std::fs::write(&settings, SETTINGS).expect("it can be written");
    let settings = settings.to_str().expect("it is text");
    Program::start_with("memory:", &["--config", settings], "info")
}

/// Whom the clients call, and what they show.
pub(crate) struct Caller<'t> {
    pub(crate) server: String,
    pub(crate) key: [&'t str; 2],
    pub(crate) token: &'t str,
}

impl Caller<'_> {
    /// Has all clients submit and wait, and compares what they saw.
    pub(crate) fn check(&self, python: &OsStr, home: &Path) {
        let mut clients = python::sdk(python, "submits.py");
        clients
            .env("HOME", home)
            .env("LONGRUN_SERVER", &self.server)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", self.key[0])
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", self.key[1])
            .env("HUAWEICLOUD_SDK_AK", self.key[0])
            .env("HUAWEICLOUD_SDK_SK", self.key[1])
            .env("LONGRUN_TOKEN", self.token)
            .env("HUAWEICLOUD_SDK_PROJECT_ID", PROJECT);
        let saw = python::saw(&mut clients);
        let expected: Vec<_> = [classic_elb(), ecs()]
            .into_iter()
            .chain(bpstudio())
            .collect();
        assert_eq!(saw, expected);
    }
}

fn classic_elb() -> (String, Value) {
    let jobs = ["createELB", "addMember", "removeMember", "deleteELB"];
    let jobs = jobs.map(|kind| format!("{kind} SUCCESS"));
    let saw = json!([jobs, ["s-1"], [true, true], []]);
    ("classic elb".to_owned(), saw)
}

/// One server of the first batch fails. A single server stands in the entities itself.
fn ecs() -> (String, Value) {
    let both = |word: &str, second: &str| {
        let part = format!("{word}SingleServer");
        json!([
            format!("{part} s-1 SUCCESS"),
            format!("{part} s-2 {second}")
        ])
    };
    let jobs = json!([
        ["rebootServer FAIL", null, both("reboot", "FAIL")],
        ["startServer SUCCESS", null, both("start", "SUCCESS")],
        ["stopServer SUCCESS", "s-1", []],
        ["deleteServer SUCCESS", null, both("delete", "SUCCESS")],
    ]);
    ("ecs".to_owned(), json!([jobs, "ELB.1001"]))
}

fn bpstudio() -> impl Iterator<Item = (String, Value)> {
    let arguments = r#"{"success":true,"message":"","attributes":{"instances":{"i-1":{"status":"Success","message":"","output":{"done":true}}}}}"#;
    let one = [
        ("async", json!([200, true, "SUCCESS", arguments])),
        ("sync", json!(["SUCCESS", arguments])),
        ("token", json!([true, "IdempotentParameterMismatch"])),
        ("missing", json!("MissingOperation")),
    ];
    ["V3", "V1"].into_iter().flat_map(move |version| {
        one.clone()
            .map(|(case, saw)| (format!("bpstudio {version}, {case}"), saw))
    })
}
