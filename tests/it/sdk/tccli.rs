//! Tencent's own command line, unmodified: it submits, and asks how that stands.

use crate::api::Api;
use crate::program::{KEY_ID, KEY_SECRET, Program};
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// The program, and where it is to call.
pub(super) struct Tccli<'t> {
    pub(super) program: OsString,
    pub(super) home: &'t Path,
    pub(super) endpoint: String,
    /// The key, and its secret.
    pub(super) key: [&'t str; 2],
}

impl Tccli<'_> {
    /// What a call answers, or the code of its refusal.
    pub(super) fn call(&self, words: &[&str]) -> Result<Value, String> {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .args(["--endpoint", &self.endpoint, "--region", "ap-guangzhou"])
            .args(["--secretId", self.key[0], "--secretKey", self.key[1]])
            .env("HOME", self.home)
            .env("NO_PROXY", "*");
        let output = command.output().expect("the program can be run");
        let [out, error] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        if output.status.success() {
            return Ok(serde_json::from_str(&out).unwrap_or_else(|_| panic!("{words:?}: {out}")));
        }
        let told = format!("{out}{error}");
        let code = told
            .split_once("code:")
            .and_then(|(_, rest)| rest.split_whitespace().next());
        Err(code.map_or(told.clone(), str::to_owned))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_of_the_cloud_submits_and_polls() {
    let Some(program) = std::env::var_os("LONGRUN_TEST_TCCLI") else {
        eprintln!("skipped: LONGRUN_TEST_TCCLI names no tccli of tests/sdk/tccli.txt");
        return;
    };
    check(&program).await;
}

async fn check(program: &OsStr) {
    let home = tempfile::tempdir().expect("there is room for a folder");
    let server = Program::start("memory:");
    let api = Api::new(&server);
    let tccli = Tccli {
        program: program.to_owned(),
        home: home.path(),
        endpoint: server.url(),
        key: [KEY_ID, KEY_SECRET],
    };
    let machines = r#"["cpm-1","cpm-2"]"#;
    let made = tccli.call(&["bm", "RebootDevices", "--InstanceIds", machines]);
    let task_id = made.expect("it is taken")["TaskId"].to_string();
    let poll = || tccli.call(&["bm", "DescribeOperationResult", "--TaskId", &task_id]);
    assert_eq!(poll().expect("it is there")["TaskStatus"], 4);
    let lease = api.lease("tencent-bm.RebootDevice").await;
    let results = [("cpm-1", "succeeded"), ("cpm-2", "failed")];
    api.report(&lease, &results, None).await;
    let told = poll().expect("it is there");
    let machine = |id, status| json!({ "InstanceId": id, "TaskStatus": status });
    let expected = json!([machine("cpm-1", 1), machine("cpm-2", 2)]);
    assert_eq!(told["TaskStatus"], 3);
    assert_eq!(told["SubtaskStatusSet"], expected);

    let made = tccli.call(&["vpc", "DeleteHaVip", "--HaVipId", "havip-1"]);
    let made = made.expect("it is taken");
    let request_id = made["RequestId"].as_str().expect("it is a text");
    let told = tccli.call(&["vpc", "DescribeVpcTaskResult", "--TaskId", request_id]);
    assert_eq!(told.expect("it is there")["Status"], "RUNNING");
    for (words, code) in [
        (
            ["vpc", "DescribeVpcTaskResult", "--TaskId", "none"],
            "ResourceNotFound",
        ),
        (
            [
                "vpc",
                "DeleteServiceTemplate",
                "--ServiceTemplateId",
                "ppm-1",
            ],
            "ResourceNotFound",
        ),
        (
            ["bm", "RebootDevices", "--InstanceIds", "[]"],
            "MissingParameter",
        ),
    ] {
        let refused = tccli.call(&words).expect_err("it is refused");
        assert_eq!(refused, code, "{words:?}");
    }
}
