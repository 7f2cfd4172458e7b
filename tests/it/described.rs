//! The description that a server gives of itself: a validator of `OpenAPI` takes it, and real answers are as it says.

use crate::program::{Program, TOKEN};
use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_described() {
    let Some(python) = std::env::var_os("LONGRUN_TEST_PYTHON") else {
        eprintln!("skipped: LONGRUN_TEST_PYTHON names no Python");
        return;
    };
    let program = Program::start("memory:");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/described.py");
    let run = tokio::process::Command::new(python)
        .arg(script)
        .args([&program.url(), TOKEN])
        .output();
    let ran = run.await.expect("Python runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let calls: u32 = String::from_utf8_lossy(&ran.stdout)
        .trim()
        .parse()
        .expect("it tells how many calls are described");
    assert!(calls >= 20, "{calls}");
}
