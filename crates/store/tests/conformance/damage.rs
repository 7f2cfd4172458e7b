//! A file whose blobs are damaged: errors, never a panic, and nothing that spreads.

use crate::bed::{
    START, finish, key, lease_command, operation, progress, report, results, under, wish, write,
};
use longrun_model::{Command, FinishStatus, ResourceStatus, Submission, Timestamp};
use longrun_store::{Filter, SqliteStore, Store, StoreError, Write};
use proptest::prelude::*;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The blobs there are: table, column, and the column that says whose they are.
const BLOBS: [(&str, &str); 6] = [
    ("operation", "head"),
    ("operation", "events"),
    ("operation", "resources"),
    ("chunk", "resources"),
    ("history", "events"),
    ("access_key", "record"),
];

/// A closed store that holds one operation of every sort. It is made once, and copied.
fn filled() -> (TempDir, PathBuf) {
    static FILLED: OnceLock<Vec<u8>> = OnceLock::new();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("longrun.db");
    let bytes = FILLED.get_or_init(|| {
        fill(&path);
        std::fs::read(&path).unwrap()
    });
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn fill(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    let runtime = runtime();
    let commit = |writes| {
        let now = Timestamp::from_millis(START);
        runtime.block_on(store.commit(writes, now)).unwrap();
    };
    let wordy = |(number, count): (u64, usize)| Submission {
        labels: vec![("team".into(), "blue".into())],
        deadline_at: Some(Timestamp::from_millis(START + 5)),
        ..under(operation(count), &format!("k{number}"), 1)
    };
    let counts = (1..).zip([4, 0, 65, 4, 130]);
    commit(counts.map(|one| Write::Submit(wordy(one))).collect());
    for (number, count) in [(1, 4), (2, 0), (3, 65)] {
        let key = key(number);
        commit(vec![write(key, lease_command())]);
        let half = results(0..count / 2, ResourceStatus::Failed);
        commit(vec![write(key, report(1, half))]);
        for percent in 0..60 {
            commit(vec![write(key, progress(1, percent))]);
        }
    }
    commit(vec![write(key(1), finish(1, FinishStatus::Succeeded))]);
    let access_key = longrun_store::AccessKey {
        id: "k".into(),
        account: "acme".into(),
        projects: vec!["p".into()],
        project_names: Vec::new(),
        user: None,
        policy: None,
        sealed_secret: vec![1; 40],
        token_digest: [2; 32],
        disabled: false,
        created_at: Timestamp::from_millis(0),
    };
    commit(vec![Write::PutAccessKey(access_key)]);
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Puts `damage` on every blob of a column.
fn spoil(path: &Path, (table, column): (&str, &str), damage: impl Fn(&mut Vec<u8>)) {
    let connection = Connection::open(path).unwrap();
    let condition = format!("FROM {table} WHERE {column} IS NOT NULL");
    let key = if table == "history" {
        "operation * 1000 + last"
    } else if table == "access_key" {
        "id"
    } else {
        "key"
    };
    let rows: Vec<(rusqlite::types::Value, Vec<u8>)> = connection
        .prepare(&format!("SELECT {key}, {column} {condition}"))
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (id, mut blob) in rows {
        damage(&mut blob);
        let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
        connection.execute(&sql, (id, blob)).unwrap();
    }
}

/// Does everything that reads, and says what went wrong. Only errors are allowed.
fn use_all(path: &Path) -> Vec<StoreError> {
    let store = SqliteStore::open(path).unwrap();
    let runtime = runtime();
    let mut errors = Vec::new();
    for number in 1..=5 {
        errors.extend(runtime.block_on(store.get(key(number))).err());
        errors.extend(runtime.block_on(store.history(key(number), 0, 99)).err());
    }
    for account in [None, Some("acme".into())] {
        let filter = Filter {
            account,
            limit: 9,
            ..Filter::default()
        };
        errors.extend(runtime.block_on(store.list(filter)).err());
    }
    errors.extend(runtime.block_on(store.access_keys()).err());
    let now = Timestamp::from_millis(START + 1);
    let resubmit = Write::Submit(under(operation(130), "k5", 1));
    let mut writes = vec![resubmit, Write::Lease(wish(9))];
    for number in 1..=5 {
        let some = results([1, 2, 3, 64, 129], ResourceStatus::Succeeded);
        writes.push(write(key(number), report(1, some)));
        writes.push(write(
            key(number),
            report(1, results(0..130, ResourceStatus::Failed)),
        ));
        writes.push(write(key(number), Command::Cancel));
        writes.push(write(key(number), finish(1, FinishStatus::Cancelled)));
        writes.push(write(key(number), Command::Delete));
    }
    for write in writes {
        errors.extend(runtime.block_on(store.commit(vec![write], now)).err());
    }
    errors
}

#[test]
fn sound_blobs_give_no_error() {
    let (_folder, path) = filled();
    let errors = use_all(&path);
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_blob_of_another_format_is_unreadable() {
    for blob in BLOBS {
        let (_folder, path) = filled();
        spoil(&path, blob, |blob| {
            if let Some(format) = blob.first_mut() {
                *format += 1;
            }
        });
        let errors = use_all(&path);
        assert!(!errors.is_empty(), "{blob:?}");
        for error in errors {
            let told = matches!(
                error,
                StoreError::Unreadable { .. } | StoreError::UnreadableAccessKey(_)
            );
            assert!(told, "{blob:?}: {error}");
        }
    }
}

#[test]
fn a_blob_that_is_cut_off_or_too_long_is_unreadable() {
    for blob in BLOBS {
        for longer in [false, true] {
            let (_folder, path) = filled();
            spoil(&path, blob, |blob| {
                if longer {
                    blob.push(77);
                } else {
                    blob.pop();
                }
            });
            assert!(!use_all(&path).is_empty(), "{blob:?}, longer: {longer}");
        }
    }
}

#[test]
fn a_tally_that_the_resources_do_not_bear_out_is_unreadable() {
    let (_folder, path) = filled();
    let connection = Connection::open(&path).unwrap();
    // The resources of an operation that waits stand beside the head of one that has ended.
    connection
        .execute_batch(
            "UPDATE operation SET resources =
                (SELECT resources FROM operation WHERE key = 4) WHERE key = 1",
        )
        .unwrap();
    drop(connection);
    let errors = use_all(&path);
    let told = |error: &StoreError| matches!(error, StoreError::Unreadable { key: 1, .. });
    assert!(!errors.is_empty() && errors.iter().all(told), "{errors:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes there are, and whatever still happens to be readable: no panic.
    #[test]
    fn random_bytes_never_panic(
        blob in prop::sample::select(&BLOBS[..]),
        garbage in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_folder, path) = filled();
        spoil(&path, blob, |blob| {
            if let Some(garbage) = &garbage {
                blob.truncate(1);
                blob.extend(garbage);
            }
            for (index, flip) in &flips {
                if !blob.is_empty() {
                    let place = index.index(blob.len());
                    blob[place] ^= flip;
                }
            }
        });
        use_all(&path);
    }
}
