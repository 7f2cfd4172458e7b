//! How fast the SQLite store is, beside bare SQLite that inserts rows of the same size.
//!
//! `cargo bench -p longrun-store` prints rates and sizes; a number after `--` says how many operations to store.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
#![expect(clippy::print_stdout, reason = "its numbers are for people")]
#![expect(
    clippy::unwrap_used,
    reason = "there is nobody to tell but the terminal"
)]

use longrun_model::{
    Command, Finish, FinishStatus, Json, Operation, OperationKey, Outcome, Report, ResourceResult,
    ResourceStatus, Submission, Timestamp,
};
use longrun_store::{LeaseWish, Sight, SqliteStore, Store, Write, Written};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Writes in one commit.
const GROUP: usize = 256;
/// Operations, unless the command line says otherwise.
const OPERATIONS: usize = 200_000;
/// Resources of the one large operation, and of a report on it.
const LARGE: usize = 100_000;
const REPORT: usize = 1_000;

fn main() {
    // `cargo test --all-targets` runs this program too, and without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let count = std::env::args().find_map(|argument| argument.parse().ok());
    let count = count.unwrap_or(OPERATIONS) / GROUP * GROUP;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("longrun.db");
    let bench = Bench {
        store: SqliteStore::open(&path).unwrap(),
        runtime: Builder::new_current_thread().build().unwrap(),
    };
    bench.submits(count);
    bench.carries_out(count);
    bench.reads(count);
    drop(bench);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!(
        "bytes on disk per finished operation: {}",
        bytes / count as u64
    );
    large(&folder.path().join("large.db"));
    bare(&folder.path().join("bare.db"), count);
}

struct Bench {
    store: SqliteStore,
    runtime: Runtime,
}

impl Bench {
    fn commit(&self, writes: Vec<Write>) -> Vec<Written> {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let results = self.runtime.block_on(self.store.commit(writes, now));
        results.unwrap().into_iter().map(Result::unwrap).collect()
    }

    fn submits(&self, count: usize) {
        let submission = Submission {
            project: Some("0123456789abcdef0123456789abcdef".into()),
            ..Submission::new("acme", "reboot").with_resources([
                "cpm-a1b2c3",
                "cpm-d4e5f6",
                "cpm-g7h8i9",
                "cpm-j0k1l2",
            ])
        };
        let began = Instant::now();
        for _ in 0..count / GROUP {
            let writes = (0..GROUP).map(|_| Write::Submit(submission.clone()));
            self.commit(writes.collect());
        }
        rate("submits", count, began);
    }

    /// Leases, reports and finishes all that was submitted, one command each.
    fn carries_out(&self, count: usize) {
        let began = Instant::now();
        for _ in 0..count / GROUP {
            let wish = LeaseWish {
                sight: Sight::All,
                kinds: vec!["reboot".into()],
                max: GROUP,
                worker: "worker-1".into(),
                length_millis: 30_000,
            };
            let mut written = self.commit(vec![Write::Lease(wish)]);
            let Some(Written::Leased(leased)) = written.pop() else {
                panic!("a lease answers with what was leased");
            };
            self.commit(leased.iter().map(halfway).collect());
            self.commit(leased.iter().map(finished).collect());
        }
        rate("lease + report + finish", count, began);
    }

    fn reads(&self, count: usize) {
        let began = Instant::now();
        let mut key = 1;
        for _ in 0..count {
            // A stride that is coprime to the count visits everything, and nothing twice in a row on a page.
            key = (key + 7_919) % count as u64;
            let found = self.store.get(OperationKey::new(key + 1).unwrap());
            assert!(self.runtime.block_on(found).unwrap().is_some());
        }
        rate("reads", count, began);
    }
}

fn halfway(operation: &Arc<Operation>) -> Write {
    let results = operation.resources.iter().map(|resource| ResourceResult {
        id: resource.id.clone(),
        outcome: Outcome {
            status: ResourceStatus::Running,
            output: None,
            error: None,
        },
    });
    write(operation, results.take(2).collect(), None)
}

fn finished(operation: &Arc<Operation>) -> Write {
    let results = operation.resources.iter().map(|resource| ResourceResult {
        id: resource.id.clone(),
        outcome: Outcome {
            status: ResourceStatus::Succeeded,
            output: Some(Json::from_checked(r#"{"exit":0,"ms":1234}"#)),
            error: None,
        },
    });
    let finish = Finish {
        status: FinishStatus::Succeeded,
        output: None,
        error: None,
    };
    write(operation, results.collect(), Some(finish))
}

fn write(operation: &Operation, results: Vec<ResourceResult>, finish: Option<Finish>) -> Write {
    Write::Command {
        key: operation.key,
        sight: Sight::All,
        command: Command::Report(Report {
            fence: operation.fence,
            results,
            finish,
            ..Report::default()
        }),
    }
}

/// One operation with very many resources, reported a thousand at a time.
fn large(path: &Path) {
    let bench = Bench {
        store: SqliteStore::open(path).unwrap(),
        runtime: Builder::new_current_thread().build().unwrap(),
    };
    let ids: Vec<String> = (0..LARGE).map(|index| format!("cpm-{index:06}")).collect();
    let submission =
        Submission::new("acme", "reboot").with_resources(ids.iter().map(String::as_str));
    let began = Instant::now();
    bench.commit(vec![Write::Submit(submission)]);
    println!("one submit of {LARGE} resources: {:?}", began.elapsed());
    let key = OperationKey::new(1).unwrap();
    let lease = Command::Lease {
        worker: "worker-1".into(),
        length_millis: 30_000,
    };
    let began = Instant::now();
    bench.commit(vec![Write::Command {
        key,
        sight: Sight::All,
        command: lease,
    }]);
    println!("its lease: {:?}", began.elapsed());
    for (number, batch) in ids.chunks(REPORT).enumerate() {
        let results = batch.iter().map(|id| ResourceResult {
            id: id.as_str().into(),
            outcome: Outcome {
                status: ResourceStatus::Succeeded,
                output: Some(Json::from_checked(r#"{"exit":0,"ms":1234}"#)),
                error: None,
            },
        });
        let command = Command::Report(Report {
            fence: 1,
            results: results.collect(),
            ..Report::default()
        });
        let began = Instant::now();
        bench.commit(vec![Write::Command {
            key,
            sight: Sight::All,
            command,
        }]);
        if number % 33 == 0 {
            println!("its report number {number}: {:?}", began.elapsed());
        }
    }
}

/// What SQLite does by itself with the rows of a submission: the operation, its account's index, its place in the queue.
fn bare(path: &Path, count: usize) {
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -65536;
             CREATE TABLE operation (key INTEGER PRIMARY KEY, account INTEGER, body BLOB);
             CREATE INDEX of_account ON operation (account);
             CREATE TABLE queue (kind INTEGER, account INTEGER, urgency INTEGER,
                 operation INTEGER, PRIMARY KEY (kind, account, urgency, operation))
                 WITHOUT ROWID;",
        )
        .unwrap();
    let body = [7_u8; 160];
    let began = Instant::now();
    for group in 0..count / GROUP {
        let transaction = connection.transaction().unwrap();
        for place in 0..GROUP {
            let key = i64::try_from(group * GROUP + place + 1).unwrap();
            transaction
                .prepare_cached("INSERT INTO operation VALUES (?1, 1, ?2)")
                .and_then(|mut statement| statement.execute(params![key, body]))
                .unwrap();
            transaction
                .prepare_cached("INSERT INTO queue VALUES (1, 1, 9, ?1)")
                .and_then(|mut statement| statement.execute([key]))
                .unwrap();
        }
        transaction.commit().unwrap();
    }
    rate("bare SQLite, rows of a submit", count, began);
}

fn rate(what: &str, count: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate is for people")]
    let rate = count as f64 / seconds;
    println!("{what}: {rate:.0}/s");
}
