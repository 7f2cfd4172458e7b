//! `longrun demo`.

use super::run;
use crate::program::command;
use serde_json::Value;
use std::process::Command;

/// How the digest of the greeting begins, as `sha256sum` gives it.
const DIGEST: &str = "1ab1a2bb8502820a";

const DIALECTS: [&str; 4] = [
    "tencent-bm",
    "tencent-vpc",
    "alibaba-bpstudio",
    "huawei-elb",
];

/// A demonstration, in a folder with two files.
fn demo(folder: &std::path::Path, arguments: &[&str]) -> Command {
    for (name, text) in [("hello.txt", "Hello, world.\n"), ("empty.txt", "")] {
        std::fs::write(folder.join(name), text).expect("the folder can be written to");
    }
    let mut command = command();
    command
        .args(["demo", "--exit", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .current_dir(folder);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_shows_every_state_in_every_dialect() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for arguments in [&[][..], &["hello.txt", "empty.txt"]] {
        let ran = run(demo(folder.path(), arguments), "").await.with_status(0);
        let answers = |dialect| answers(&ran.stdout, dialect);
        let bm: Vec<_> = answers("tencent-bm")
            .iter()
            .map(|it| it["data"]["status"].clone())
            .collect();
        assert_eq!(bm, [4, 5, 7, 3], "{}", ran.stdout);
        let vpc: Vec<_> = answers("tencent-vpc")
            .iter()
            .map(|it| it["data"]["status"].clone())
            .collect();
        assert_eq!(vpc, [2, 2, 2, 1], "{}", ran.stdout);
        for dialect in DIALECTS {
            assert_eq!(answers(dialect).len(), 4, "{dialect}: {}", ran.stdout);
        }
        assert!(ran.stderr.contains(DIGEST), "{}", ran.stderr);
        for name in [
            "LONGRUN_TOKEN",
            "TENCENTCLOUD_SECRET_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "HUAWEICLOUD_SDK_AK",
        ] {
            assert!(
                ran.stdout.contains(&format!("export {name}=")),
                "{name}: {}",
                ran.stdout
            );
        }
        assert!(
            ran.stdout.contains("/api/v1/operations/op-"),
            "{}",
            ran.stdout
        );
    }
}

/// What a dialect answered, in the order of asking. An answer that is too long to be shown whole is null.
fn answers(stdout: &str, dialect: &str) -> Vec<Value> {
    let lines: Vec<_> = stdout.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0].split_whitespace().next() == Some(dialect))
        .map(|pair| serde_json::from_str(pair[1].trim()).unwrap_or_default())
        .collect()
}
