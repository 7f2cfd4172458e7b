//! A copy of a database that is taken while submissions run, and put back into another one.

use super::{Database, submit, wait_for};
use crate::api::Api;
use crate::cli::run;
use crate::program::command;
use futures_util::future::join_all;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

/// Callers that submit all the while.
const SUBMITTERS: usize = 4;
/// How many operations are acknowledged before the copy is begun.
const ACKNOWLEDGED: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_taken_under_load_is_a_whole_store() {
    let (Some(database), Some(copy), Some(programs)) = (
        Database::new().await,
        Database::new().await,
        std::env::var_os("LONGRUN_TEST_POSTGRES_PROGRAMS").map(PathBuf::from),
    ) else {
        return;
    };
    let program = database.serve();
    let api = Api::new(&program);
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let load: Vec<_> = (0..SUBMITTERS)
        .map(|number| {
            let counted: Arc<AtomicU32> = Arc::clone(&count);
            tokio::spawn(submit(api.clone(), number, Arc::clone(&stop), counted))
        })
        .collect();
    wait_for(&count, ACKNOWLEDGED).await;
    let early = api.submit("early", &["r"]).await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let dump = folder.path().join("longrun.dump");
    let mut take = Command::new(programs.join("pg_dump"));
    take.args(["--format=custom", "--file"]).arg(&dump);
    take.arg(&database.url);
    run(take, "").await.with_status(0);
    wait_for(&count, count.load(SeqCst) as usize + 20).await;
    stop.store(true, SeqCst);
    let last = join_all(load).await.into_iter().map(Result::unwrap);
    let all: usize = last.map(|acknowledged| acknowledged.len()).sum();
    drop(program);
    let mut put = Command::new(programs.join("pg_restore"));
    put.args(["--exit-on-error", "--dbname", &copy.url])
        .arg(&dump);
    run(put, "").await.with_status(0);
    let mut check = command();
    check.args(["check", "--json", "--store", &copy.url]);
    let checked = run(check, "").await.with_status(0).json();
    assert_eq!(checked["faults"], json!([]));
    let kept = checked["operations"].as_u64().expect("it is a number");
    assert!(
        kept > ACKNOWLEDGED as u64 && kept <= all as u64 + 1,
        "{kept} of {all}"
    );
    // The servers of the copy have the master key of the first.
    std::fs::copy(database.master_key(), copy.master_key()).expect("it can be copied");
    let program = copy.serve();
    let api = Api::new(&program);
    let id = early["id"].as_str().expect("it is a text");
    assert_eq!(api.get(id).await, early);
    let new = api.submit("late", &["r"]).await;
    assert!(new["task_id"].as_u64() > early["task_id"].as_u64());
}
