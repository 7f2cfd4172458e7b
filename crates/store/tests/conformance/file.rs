//! The file of the SQLite store: whose it is, who may open it, and what is refused.

use crate::bed::{START, key, operation};
use longrun_model::{Phase, Timestamp};
use longrun_store::{PutDocument, SqliteStore, Store, StoreError, Write};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("longrun.db");
    (folder, path)
}

/// A lock belongs to one opening of the lock file, so that a second store in this process is to the first what a second
/// process would be.
#[test]
fn a_second_opening_is_refused() {
    let (_folder, path) = folder();
    let first = SqliteStore::open(&path).unwrap();
    let second = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
    assert!(second.to_string().contains("in use by another process"));
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn a_second_opening_through_a_link_is_refused() {
    let (folder, path) = folder();
    let _first = SqliteStore::open(&path).unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let second = SqliteStore::open(&link).unwrap_err();
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
}

#[test]
fn a_newer_file_is_refused() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    alter(&path, "PRAGMA user_version = 99");
    let refused = SqliteStore::open(&path).unwrap_err();
    let StoreError::Newer { found: 99, known } = refused else {
        panic!("not refused as newer: {refused}");
    };
    alter(&path, &format!("PRAGMA user_version = {known}"));
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    alter(&path, "CREATE TABLE theirs (x)");
    let before = std::fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    for text in ["short", &"this is no database at all\n".repeat(400)] {
        std::fs::write(&path, text).unwrap();
        let refused = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let (_folder, path) = folder();
    std::fs::write(&path, "").unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_missing_folder_is_told() {
    let (folder, _) = folder();
    let refused = SqliteStore::open(&folder.path().join("no/longrun.db")).unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused}");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let refused = SqliteStore::open(&inner).unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused}");
}

/// Reads go on while a commit is being made, and see the state before it.
#[test]
fn a_reader_does_not_wait_for_a_writer() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let now = Timestamp::from_millis(START);
    let submit = || vec![Write::Submit(operation(65))];
    runtime.block_on(store.commit(submit(), now)).unwrap();
    let mut other = Connection::open(&path).unwrap();
    let transaction = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    transaction.execute("DELETE FROM operation", []).unwrap();
    let found = runtime.block_on(store.get(key(1))).unwrap();
    assert!(found.unwrap().resources.is_whole());
    transaction.rollback().unwrap();
}

/// A commit that the database refuses leaves nothing behind, and the next one is none the worse.
#[test]
fn a_failed_commit_is_undone() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let now = Timestamp::from_millis(START);
    let submit = |kind: &str| {
        Write::Submit(longrun_model::Submission {
            kind: kind.into(),
            ..operation(1)
        })
    };
    alter(
        &path,
        "CREATE TRIGGER full BEFORE INSERT ON queue WHEN new.operation = 2
         BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    let writes = vec![submit("first"), submit("second")];
    let failed = runtime.block_on(store.commit(writes, now)).unwrap_err();
    assert!(matches!(failed, StoreError::Database { .. }), "{failed}");
    assert_eq!(runtime.block_on(store.get(key(1))).unwrap(), None);
    alter(&path, "DROP TRIGGER full");
    // The kinds get the numbers that the failed commit had given to others.
    let writes = vec![submit("second"), submit("third"), submit("first")];
    runtime.block_on(store.commit(writes, now)).unwrap();
    for (number, kind) in [(1, "second"), (2, "third"), (3, "first")] {
        let found = runtime.block_on(store.get(key(number))).unwrap().unwrap();
        assert_eq!(found.kind.as_str(), kind);
    }
}

fn alter(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn at_rest_the_file_alone_is_the_whole_store() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let log_bytes = || {
        std::fs::metadata(path.with_extension("db-wal"))
            .unwrap()
            .len()
    };
    let writes = vec![Write::Submit(operation(1))];
    let now = Timestamp::from_millis(START);
    runtime.block_on(store.commit(writes, now)).unwrap();
    assert!(log_bytes() > 0);
    runtime.block_on(store.rest()).unwrap();
    assert_eq!(log_bytes(), 0);
}

/// The file of a program that knew only the first schema goes on where that one stopped. The text is a real file's.
#[test]
fn a_file_of_the_first_schema_is_brought_up_to_date() {
    let (_folder, path) = folder();
    alter(&path, include_str!("schema_1.sql"));
    let store = SqliteStore::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let get = |number| runtime.block_on(store.get(key(number))).unwrap().unwrap();
    let running = get(1);
    assert_eq!((running.phase, running.tally.failed), (Phase::Running, 1));
    assert_eq!((&running.retry, running.not_before), (&None, None));
    let lease = running.lease.as_ref().unwrap();
    assert_eq!(lease.until, Timestamp::from_millis(START + 10_000));
    assert_eq!(get(3).phase, Phase::Succeeded);
    let history = runtime.block_on(store.history(key(3), 0, 9)).unwrap();
    assert_eq!(history.len(), 4);
    let now = Timestamp::from_millis(START + 1);
    let wishes = (0..3).map(|_| Write::Lease(crate::bed::wish(1)));
    let leased = runtime
        .block_on(store.commit(wishes.collect(), now))
        .unwrap();
    let leased = leased
        .into_iter()
        .map(|one| crate::bed::keys(&crate::bed::leased(one.unwrap())));
    assert_eq!(leased.collect::<Vec<_>>(), [vec![2], vec![4], vec![]]);
}

/// What the third schema adds can be taken away again, which leaves what a program of the second had written.
#[test]
fn a_file_of_the_second_schema_is_brought_up_to_date() {
    let (_folder, path) = folder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let open = || SqliteStore::open(&path).unwrap();
    let now = Timestamp::from_millis(START);
    let commit = |store: &SqliteStore, writes| runtime.block_on(store.commit(writes, now)).unwrap();
    let counts = [0, 4, 65].map(|count| Write::Submit(operation(count)));
    commit(&open(), counts.into());
    alter(
        &path,
        "DROP TABLE document; DROP TABLE place; PRAGMA user_version = 2",
    );
    let store = open();
    for (number, count) in [(1, 0), (2, 4), (3, 65)] {
        let found = runtime.block_on(store.get(key(number))).unwrap().unwrap();
        assert_eq!(found.resources.iter().count(), count);
    }
    let put = PutDocument {
        name: "d".into(),
        expected: None,
        body: Some(Box::from(*b"one")),
    };
    commit(&store, vec![Write::PutDocument(put)]);
    let found = runtime.block_on(store.document("d")).unwrap();
    assert_eq!(found.map(|one| one.version), Some(1));
}
