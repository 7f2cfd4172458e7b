//! Stores of earlier schemas with data in them, brought up to date step by step. What a schema adds can be taken away
//! again, which leaves what a program of the one before had written; the texts of stores of the first schema are tried
//! in `file` and `shared`.

use crate::bed::{
    START, finish, key, lease_command, operation, progress, result, under, wish, write,
};
use crate::schema::{Schema, runtime};
use longrun_model::{
    Busy, Exclusive, FinishStatus, Operation, ResourceStatus, Submission, Timestamp,
};
use longrun_store::{
    Filter, LeaseWish, Location, PostgresStore, PutDocument, Sight, SqliteStore, Store, Write,
    check,
};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const NOW: Timestamp = Timestamp::from_millis(START);

/// What takes a store of the latest schema back to an earlier one, and whether there were lines and documents in it.
const POSTGRES: [(i64, &str, bool); 4] = [
    (
        1,
        "ALTER TABLE queue DROP COLUMN project; DROP INDEX operation_live; DROP TABLE document; DROP TABLE place;
        DELETE FROM meta WHERE name IN ('lines', 'state'); UPDATE longrun_schema SET version = 1",
        false,
    ),
    (
        2,
        "ALTER TABLE queue DROP COLUMN project; DROP TABLE document; DROP TABLE place;
        DELETE FROM meta WHERE name IN ('lines', 'state'); UPDATE longrun_schema SET version = 2",
        false,
    ),
    (
        3,
        "ALTER TABLE queue DROP COLUMN project;
        DELETE FROM meta WHERE name = 'state'; UPDATE longrun_schema SET version = 3",
        true,
    ),
    (
        4,
        "ALTER TABLE queue DROP COLUMN project; UPDATE longrun_schema SET version = 4",
        true,
    ),
];
const SQLITE: [(i64, &str, bool); 3] = [
    (
        1,
        "CREATE TABLE old (kind INTEGER NOT NULL, account INTEGER NOT NULL, urgency INTEGER NOT NULL,
            operation INTEGER NOT NULL, PRIMARY KEY (kind, account, urgency, operation)) STRICT, WITHOUT ROWID;
        INSERT INTO old SELECT queue.kind, account.id, queue.urgency, queue.operation
            FROM queue JOIN account ON account.name = queue.account;
        DROP TABLE queue; ALTER TABLE old RENAME TO queue; DROP TABLE live; DROP TABLE turn;
        DROP TABLE document; DROP TABLE place; PRAGMA user_version = 1",
        false,
    ),
    (
        2,
        "CREATE TABLE lane (kind INTEGER NOT NULL, urgency INTEGER NOT NULL, account TEXT NOT NULL,
            operation INTEGER NOT NULL, PRIMARY KEY (kind, urgency, account, operation)) STRICT, WITHOUT ROWID;
        INSERT INTO lane SELECT kind, urgency, account, operation FROM queue;
        DROP TABLE queue; ALTER TABLE lane RENAME TO queue;
        DROP TABLE document; DROP TABLE place; PRAGMA user_version = 2",
        false,
    ),
    (
        3,
        "CREATE TABLE lane (kind INTEGER NOT NULL, urgency INTEGER NOT NULL, account TEXT NOT NULL,
            operation INTEGER NOT NULL, PRIMARY KEY (kind, urgency, account, operation)) STRICT, WITHOUT ROWID;
        INSERT INTO lane SELECT kind, urgency, account, operation FROM queue;
        DROP TABLE queue; ALTER TABLE lane RENAME TO queue;
        PRAGMA user_version = 3",
        true,
    ),
];

fn only(id: &str) -> Submission {
    let exclusive = Exclusive {
        group: "".into(),
        busy: Busy::Queue,
    };
    Submission {
        exclusive: Some(Arc::new(exclusive)),
        ..Submission::new("acme", "line").with_resources([id])
    }
}

/// Makes the document, or puts another one in the place of the `expected` one.
fn put(expected: Option<u64>) -> Write {
    Write::PutDocument(PutDocument {
        name: "d".into(),
        expected,
        body: Some(Box::from(*b"one")),
    })
}

/// Operations in every state, small and large, with a long history, and with lines if there are any yet.
fn fill(runtime: &Runtime, store: &dyn Store, with_lines: bool) {
    let commit = |writes| {
        let committed = runtime.block_on(store.commit(writes, NOW)).unwrap();
        assert!(committed.iter().all(Result::is_ok), "{committed:?}");
    };
    commit(
        [0, 1, 4, 65, 300]
            .map(|count| Write::Submit(operation(count)))
            .into(),
    );
    commit(vec![Write::Submit(Submission {
        project: Some("blue".into()),
        ..operation(1)
    })]);
    commit(vec![Write::Submit(under(operation(2), "again", 1))]);
    commit((2..=5).map(|n| write(key(n), lease_command())).collect());
    commit(vec![write(key(2), finish(1, FinishStatus::Succeeded))]);
    let one = vec![result(7, ResourceStatus::Failed)];
    commit(vec![write(key(5), crate::bed::report(1, one))]);
    for percent in 0..90 {
        commit(vec![write(key(3), progress(1, percent))]);
    }
    if with_lines {
        commit(vec![Write::Submit(only("a")), Write::Submit(only("a"))]);
        commit(vec![put(None)]);
    }
}

/// All operations with their resources, and how long their histories are.
fn all(runtime: &Runtime, store: &dyn Store) -> Vec<(Operation, usize)> {
    let all = runtime.block_on(async {
        let filter = Filter {
            limit: 99,
            ..Filter::default()
        };
        let page = store.list(filter).await.unwrap();
        let mut all = Vec::new();
        for found in page.operations {
            let operation = store.get(found.key).await.unwrap().unwrap();
            let events = store.history(found.key, 0, 999).await.unwrap();
            all.push((operation, events.len()));
        }
        all
    });
    assert!(all.len() >= 7, "there is data in it");
    all
}

/// What was there is there, and what is new can be used.
fn check_all(
    (runtime, store): (&Runtime, &dyn Store),
    before: &[(Operation, usize)],
    with_lines: bool,
    name: &str,
) {
    assert_eq!(all(runtime, store), before, "{name}");
    let commit = |writes| runtime.block_on(store.commit(writes, NOW)).unwrap();
    let again = commit(vec![Write::Submit(under(operation(2), "again", 1))]);
    let again = crate::bed::submitted(again.into_iter().next().unwrap().unwrap());
    assert_eq!(
        (again.repeated, again.operation.key),
        (true, key(7)),
        "{name}"
    );
    for (project, expected) in [("green", &[1, 7][..]), ("blue", &[6])] {
        let wish = LeaseWish {
            sight: Sight::Projects("acme".into(), [project.into()].into()),
            ..wish(99)
        };
        let leased = commit(vec![Write::Lease(wish)]);
        let leased = crate::bed::leased(leased.into_iter().next().unwrap().unwrap());
        assert_eq!(crate::bed::keys(&leased), expected, "{name}, {project}");
    }
    let writes = vec![put(with_lines.then_some(1)), Write::Submit(only("a"))];
    let next = commit(writes);
    assert!(next.iter().all(Result::is_ok), "{name}: {next:?}");
    let found = runtime.block_on(store.document("d")).unwrap();
    let version = if with_lines { 2 } else { 1 };
    assert_eq!(found.map(|one| one.version), Some(version), "{name}");
    let line = crate::bed::submitted(next.into_iter().nth(1).unwrap().unwrap()).operation;
    assert_eq!(line.key.get(), if with_lines { 10 } else { 8 }, "{name}");
    assert_eq!(line.blocked_by, u32::from(with_lines), "{name}");
}

fn is_sound(runtime: &Runtime, location: &Location, name: &str) {
    let checked = runtime.block_on(check(location, &|_| ())).unwrap();
    assert_eq!(checked.faults, Vec::<String>::new(), "{name}");
}

#[test]
fn a_database_of_each_schema_is_brought_up_to_date() {
    for (number, back, with_lines) in POSTGRES {
        let Some(schema) = Schema::new() else { return };
        let (runtime, name) = (runtime(), format!("schema {number}"));
        let open = || {
            runtime
                .block_on(PostgresStore::open(&schema.url()))
                .unwrap()
        };
        let store = open();
        fill(&runtime, &store, with_lines);
        let before = all(&runtime, &store);
        drop(store);
        schema.run(back);
        let location = Location::Database(Box::new(schema.url()));
        let refused = runtime.block_on(check(&location, &|_| ())).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains(&format!("its schema is {number}, ")),
            "{refused}"
        );
        let store = open();
        is_sound(&runtime, &location, &name);
        check_all((&runtime, &store), &before, with_lines, &name);
        is_sound(&runtime, &location, &name);
    }
}

#[test]
fn a_file_of_each_schema_is_brought_up_to_date() {
    for (number, back, with_lines) in SQLITE {
        let folder = TempDir::new().unwrap();
        let runtime = runtime();
        let (path, name) = (folder.path().join("s.db"), format!("schema {number}"));
        let store = SqliteStore::open(&path).unwrap();
        fill(&runtime, &store, with_lines);
        let before = all(&runtime, &store);
        drop(store);
        alter(&path, back);
        let location = Location::File(path.clone());
        let refused = runtime.block_on(check(&location, &|_| ())).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains(&format!("its schema is {number}, ")),
            "{refused}"
        );
        let store = SqliteStore::open(&path).unwrap();
        check_all((&runtime, &store), &before, with_lines, &name);
        drop(store);
        is_sound(&runtime, &location, &name);
    }
}

fn alter(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
