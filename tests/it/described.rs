//! The description that a server gives of itself: a validator of `OpenAPI` takes it, and real answers are as it says.

use crate::program::{Program, TOKEN};
use crate::python;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_described() {
    let Some(python) = python::python() else {
        return;
    };
    let program = Program::start("memory:");
    let run = python::sdk(&python, "described.py")
        .args([&program.url(), TOKEN])
        .output();
    let ran = run.expect("Python runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let calls: u32 = String::from_utf8_lossy(&ran.stdout)
        .trim()
        .parse()
        .expect("it tells how many calls are described");
    assert!(calls >= 20, "{calls}");
}
