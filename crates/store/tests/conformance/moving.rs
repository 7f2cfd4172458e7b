//! Moving a store to another place, checking it, and copying its file.

use crate::bed::{
    START, finish, key, lease_command, operation, progress, report, result, results, under, wish,
    write,
};
use crate::schema::{Schema, runtime};
use longrun_model::{
    Busy, Command, Exclusive, Failure, FinishStatus, Json, Operation, ResourceStatus, Submission,
    Timestamp,
};
use longrun_store::{
    AccessKey, Document, HistoryEntry, Location, MigrateError, PostgresStore, PutDocument,
    SqliteStore, Step, Store, StoreError, User, Write, Written, abandon, backup, check, migrate,
};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(START);
const SECRET: [u8; 16] = [7; 16];
const OTHER_SECRET: [u8; 16] = [8; 16];
/// How many operations there are of each sort, besides the odd ones: more than a page of a move holds.
const MANY: usize = 400;

/// Places for stores, thrown away in the end.
struct Places {
    folder: TempDir,
    schema: Schema,
}

impl Places {
    /// None, and a word about it, if the tests were given no server.
    fn new() -> Option<Self> {
        Some(Self {
            schema: Schema::new()?,
            folder: TempDir::new().unwrap(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> Location {
        Location::File(self.path(name))
    }

    fn database(&self) -> Location {
        Location::Database(Box::new(self.schema.url()))
    }
}

async fn open(location: &Location) -> Result<Box<dyn Store>, StoreError> {
    Ok(match location {
        Location::File(path) => Box::new(SqliteStore::open(path)?),
        Location::Database(url) => Box::new(PostgresStore::open(url).await?),
    })
}

fn silent(_: Step) {}

async fn commit(store: &dyn Store, writes: Vec<Write>) {
    let committed = store.commit(writes, NOW).await.unwrap();
    assert!(committed.iter().all(Result::is_ok), "{committed:?}");
}

/// Puts one of everything into a store.
async fn fill(store: &dyn Store) {
    assert_eq!(store.id_secret(SECRET).await.unwrap(), SECRET);
    let wordy = |account: &str, kind: &str, count: usize, name: &str| {
        Write::Submit(Submission {
            account: account.into(),
            kind: kind.into(),
            project: Some("p".into()),
            labels: vec![("team".into(), "blå".into())],
            input: Some(Json::from_checked("{\"a\":1}")),
            deadline_at: Some(Timestamp::from_millis(START + 500_000)),
            ..under(operation(count), name, 7)
        })
    };
    commit(
        store,
        vec![
            wordy("acme", "reboot", 2, "a"),
            wordy("other\0x", "reboot", 1, "b"),
            wordy("acme", "resize", 0, "c"),
            wordy("zeta", "reboot", 64, "d"),
            wordy("acme", "large", 3_000, "e"),
            wordy("acme", "large", 65, "f"),
            wordy("acme", "reboot", 1, "g"),
        ],
    )
    .await;
    let leases = [1, 3, 5, 6, 7].map(|number| write(key(number), lease_command()));
    commit(store, leases.into()).await;
    let mut broken = result(0, ResourceStatus::Failed);
    broken.outcome.error = Some(Box::new(Failure::new("E", "broken")));
    commit(store, vec![write(key(1), report(1, vec![broken]))]).await;
    let half = results(0..1_500, ResourceStatus::Succeeded);
    commit(store, vec![write(key(5), report(1, half))]).await;
    // More than a part of a history that is moved together.
    for percent in 0..100 {
        let twice = [percent, percent + 1].map(|one| write(key(1), progress(1, one)));
        commit(store, twice.into()).await;
    }
    commit(
        store,
        vec![
            write(key(3), finish(1, FinishStatus::Succeeded)),
            write(key(6), finish(1, FinishStatus::Failed)),
            write(key(7), finish(1, FinishStatus::Failed)),
        ],
    )
    .await;
    let removed = [6, 7].map(|number| write(key(number), Command::Delete));
    commit(store, removed.into()).await;
    let many = (0..MANY).map(|_| Write::Submit(operation(2)));
    commit(store, many.collect()).await;
    commit(store, vec![Write::Lease(wish(2))]).await;
    let alone = |count| {
        Write::Submit(Submission {
            exclusive: Some(Arc::new(Exclusive {
                group: "g".into(),
                busy: Busy::Queue,
            })),
            kind: "alone".into(),
            ..operation(count)
        })
    };
    commit(store, vec![alone(1), alone(2), alone(1)]).await;
    fill_the_rest(store).await;
}

/// Documents and access keys.
async fn fill_the_rest(store: &dyn Store) {
    // More documents than are moved together, one of them removed.
    for number in 0..20 {
        let put = |expected, body: Option<&[u8]>| {
            Write::PutDocument(PutDocument {
                name: format!("d\u{e5}{number}").into(),
                expected,
                body: body.map(Box::from),
            })
        };
        commit(store, vec![put(None, Some(b"one\0"))]).await;
        let body = (number != 3).then_some(&b"two"[..]);
        commit(store, vec![put(Some(1), body)]).await;
    }
    let access_key = |id: &str| AccessKey {
        id: id.into(),
        account: "acme".into(),
        projects: vec!["p".into()],
        project_names: vec![("p".into(), "eu-de".into())],
        user: (id == "k1").then(|| User {
            name: "jane".into(),
            password_hash: "$argon2id$".into(),
        }),
        policy: Some(Json::from_checked("{}")),
        sealed_secret: vec![1; 40],
        token_digest: [2; 32],
        disabled: id == "k2",
        created_at: NOW,
    };
    let access_keys = ["k1", "k2"].map(|id| Write::PutAccessKey(access_key(id)));
    commit(store, access_keys.into()).await;
}

/// All that a store says about its operations and keys.
#[derive(Debug, PartialEq)]
struct Told {
    operations: Vec<(Operation, Vec<HistoryEntry>)>,
    access_keys: Vec<AccessKey>,
    documents: Vec<Option<Document>>,
    secret: [u8; 16],
    due: longrun_store::Due,
}

async fn told(store: &dyn Store) -> Told {
    let mut operations = Vec::new();
    for number in 1.. {
        let Some(operation) = store.get(key(number)).await.unwrap() else {
            break;
        };
        let history = store.history(key(number), 0, usize::MAX).await.unwrap();
        operations.push((operation, history));
    }
    let mut documents = Vec::new();
    for number in 0..20 {
        let name = format!("d\u{e5}{number}");
        documents.push(store.document(&name).await.unwrap());
    }
    let later = Timestamp::from_millis(START + 400_000);
    Told {
        operations,
        documents,
        access_keys: store.access_keys().await.unwrap(),
        secret: store.id_secret(OTHER_SECRET).await.unwrap(),
        due: store.due(later, 10_000).await.unwrap(),
    }
}

async fn leased(store: &dyn Store, max: usize) -> Vec<u64> {
    let written = store.commit(vec![Write::Lease(wish(max))], NOW).await;
    let written = written.unwrap().remove(0).unwrap();
    crate::bed::keys(&crate::bed::leased(written))
}

/// There and back again: each store says the same as the first one, hands out the same operations next, and gives the
/// next key; and nobody can use one that was moved.
#[test]
fn a_store_is_moved_there_and_back() {
    let Some(places) = Places::new() else { return };
    runtime().block_on(async {
        let (first, last) = (places.file("first.db"), places.file("last.db"));
        let database = places.database();
        let store = open(&first).await.unwrap();
        fill(&*store).await;
        let before = told(&*store).await;
        drop(store);
        let steps = AtomicU64::new(0);
        let count = |_: Step| _ = steps.fetch_add(1, SeqCst);
        let there = migrate(&first, &database, OTHER_SECRET, &count);
        let there = there.await.unwrap();
        assert!(steps.load(SeqCst) > 2, "progress is told");
        assert_eq!(there.checked.operations, before.operations.len() as u64);
        assert_eq!((there.checked.removed, there.checked.access_keys), (2, 2));
        assert_eq!((there.idempotency_keys, there.resumed), (5, 0));
        let refused = open(&first).await.err().unwrap().to_string();
        let shown = places.database().to_string();
        assert_eq!(
            refused,
            format!("the store was moved to `{shown}`, and what is here is no longer used")
        );
        let store = open(&places.database()).await.unwrap();
        assert_eq!(told(&*store).await, before);
        drop(store);
        let back = migrate(&database, &last, OTHER_SECRET, &silent);
        let back = back.await.unwrap();
        assert_eq!(back.digest, there.digest, "the same in every database");
        let refused = open(&places.database()).await.err().unwrap();
        assert!(matches!(refused, StoreError::Moved(_)), "{refused}");
        let store = open(&last).await.unwrap();
        assert_eq!(told(&*store).await, before);
        goes_on(&*store, before.operations.len() as u64).await;
        keeps_its_lines(&*store, before.operations.len() as u64).await;
        remembers_documents(&*store).await;
        drop(store);
        let checked = check(&last, &silent).await.unwrap();
        assert_eq!((checked.faults_total, checked.removed), (0, 2));
    });
}

/// The last three operations stand in line for the same resource, and go on one after the other.
async fn keeps_its_lines(store: &dyn Store, last: u64) {
    for number in [last - 2, last - 1, last] {
        let cancel = write(key(number), Command::Cancel);
        let mut written = store.commit(vec![cancel], NOW).await.unwrap();
        let Ok(Written::Commanded { freed, .. }) = written.remove(0) else {
            panic!("{number} was not cancelled");
        };
        let next = crate::bed::keys(&freed);
        assert_eq!(next, (number < last).then_some(number + 1).as_slice());
    }
}

/// A document that was removed before the move is not taken for one that is made anew after it.
async fn remembers_documents(store: &dyn Store) {
    let put = PutDocument {
        name: "d\u{e5}3".into(),
        expected: None,
        body: Some(Box::from(&b"three"[..])),
    };
    commit(store, vec![Write::PutDocument(put)]).await;
    let document = store.document("d\u{e5}3").await.unwrap().unwrap();
    assert_eq!(document.version, 3);
}

/// What was moved goes on: leases in turn, reports under old fences, idempotency keys, and keys that nobody had.
async fn goes_on(store: &dyn Store, last: u64) {
    let [next, ..] = leased(store, 3).await[..] else {
        panic!("somebody waits");
    };
    assert_eq!(next, 4, "the turn after acme's is zeta's");
    let again = Submission {
        account: "acme".into(),
        kind: "reboot".into(),
        ..under(operation(9), "a", 7)
    };
    let new = Write::Submit(operation(1));
    let report = write(
        key(5),
        report(1, results(1_500..3_000, ResourceStatus::Failed)),
    );
    let writes = vec![Write::Submit(again), new, report];
    let mut written = store.commit(writes, NOW).await.unwrap().into_iter();
    let mut next = || written.next().unwrap().unwrap();
    let again = crate::bed::submitted(next());
    assert_eq!((again.operation.key, again.repeated), (key(1), true));
    assert_eq!(
        crate::bed::submitted(next()).operation.key.get(),
        last + 1,
        "no key is given twice"
    );
    let ended = crate::bed::commanded(next()).operation;
    assert_eq!(ended.phase, longrun_model::Phase::Partial);
}

/// A move that is broken off is finished by the same command, and by no other; until then nobody uses either store.
#[test]
fn a_move_that_was_broken_off_goes_on() {
    let Some(places) = Places::new() else { return };
    runtime().block_on(async {
        let first = places.file("first.db");
        let store = open(&first).await.unwrap();
        fill(&*store).await;
        let before = told(&*store).await;
        drop(store);
        // The third page finds no room.
        open_and_close(&places).await;
        places.schema.run_async(
            "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF new.key > 300 THEN RAISE EXCEPTION 'no room'; END IF; RETURN new; END $$;
             CREATE TRIGGER full_up BEFORE INSERT ON operation FOR EACH ROW EXECUTE FUNCTION full_up()",
        ).await;
        let failed = migrate(&first, &places.database(), OTHER_SECRET, &silent).await;
        let Err(MigrateError::Target { source, .. }) = failed else {
            panic!("there was room: {failed:?}");
        };
        assert_eq!(source.to_string(), "could not save new operations");
        for (place, expected) in [(&first, "being moved to"), (&places.database(), "being filled")] {
            let refused = open(place).await.err().unwrap().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
        let other = places.file("other.db");
        drop(open(&other).await.unwrap());
        let refused = migrate(&other, &places.database(), OTHER_SECRET, &silent).await;
        assert!(matches!(refused, Err(MigrateError::OtherSource(_))), "{refused:?}");
        drop(open(&other).await.unwrap());
        places.schema.run_async("DROP TRIGGER full_up ON operation").await;
        let moved = migrate(&first, &places.database(), OTHER_SECRET, &silent).await.unwrap();
        assert_eq!(moved.resumed, 256, "a page was there already");
        let store = open(&places.database()).await.unwrap();
        assert_eq!(told(&*store).await, before);
    });
}

/// Makes the tables, and leaves nothing in them.
async fn open_and_close(places: &Places) {
    drop(open(&places.database()).await.unwrap());
}

#[test]
fn places_that_a_store_cannot_be_moved_to_are_refused() {
    let Some(places) = Places::new() else { return };
    runtime().block_on(async {
        let (first, used) = (places.file("first.db"), places.file("used.db"));
        let store = open(&first).await.unwrap();
        fill(&*store).await;
        let refused = migrate(&first, &used, SECRET, &silent).await.unwrap_err();
        assert!(
            chain(&refused).contains("in use by another process"),
            "{refused}"
        );
        drop(store);
        // A server was started there once, and nothing submitted to it.
        let empty = open(&used).await.unwrap();
        empty.id_secret(SECRET).await.unwrap();
        drop(empty);
        let refused = migrate(&first, &used, SECRET, &silent).await.unwrap_err();
        assert!(matches!(refused, MigrateError::NotEmpty(_)), "{refused}");
        let refused = migrate(&first, &first, SECRET, &silent).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Same(_)), "{refused}");
        // None of this has taken the source from its servers.
        drop(open(&first).await.unwrap());
        let nowhere = Location::Database(Box::new("postgres://u@127.0.0.1:1/d".parse().unwrap()));
        let refused = migrate(&first, &nowhere, SECRET, &silent)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the target `postgres://127.0.0.1:1/d` cannot be filled"
        );
        drop(open(&first).await.unwrap());
    });
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(chain);
    format!("{error}: {}", source.unwrap_or_default())
}

/// A move that is given up gives the source back; one that was finished does not.
#[test]
fn a_move_can_be_given_up_until_it_is_done() {
    let Some(places) = Places::new() else { return };
    runtime().block_on(async {
        let first = places.file("first.db");
        let store = open(&first).await.unwrap();
        fill(&*store).await;
        drop(store);
        alter(
            &places.path("first.db"),
            "UPDATE operation SET head = x'00' WHERE key = 300",
        );
        let failed = migrate(&first, &places.database(), SECRET, &silent)
            .await
            .unwrap_err();
        assert!(
            chain(&failed).contains("the head of operation 300 cannot be read"),
            "{failed}"
        );
        assert!(open(&first).await.is_err());
        abandon(&first).await.unwrap();
        drop(open(&first).await.unwrap());
        let small = places.file("small.db");
        let store = open(&small).await.unwrap();
        commit(&*store, vec![Write::Submit(operation(1))]).await;
        drop(store);
        migrate(&small, &places.file("copy.db"), SECRET, &silent)
            .await
            .unwrap();
        let refused = abandon(&small).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Done { .. }), "{refused}");
    });
}

/// Servers that run on a database while it is moved away make no commit any more, and say why.
#[test]
fn running_servers_are_shut_out_of_a_database_that_is_moved() {
    let Some(places) = Places::new() else { return };
    runtime().block_on(async {
        let servers = [
            open(&places.database()).await.unwrap(),
            open(&places.database()).await.unwrap(),
        ];
        fill(&*servers[0]).await;
        commit(&*servers[1], vec![Write::Submit(operation(1))]).await;
        migrate(&places.database(), &places.file("x.db"), SECRET, &silent)
            .await
            .unwrap();
        for server in &servers {
            let refused = server.commit(vec![Write::Submit(operation(1))], NOW).await;
            let refused = refused.unwrap_err();
            assert!(matches!(refused, StoreError::Moved(_)), "{refused}");
        }
    });
}

/// Each damage that could be done to a file is found.
#[test]
fn a_check_finds_what_does_not_fit() {
    let folder = TempDir::new().unwrap();
    let sound = folder.path().join("sound.db");
    runtime().block_on(async {
        let store = SqliteStore::open(&sound).unwrap();
        fill(&store).await;
        let checked = check(&Location::File(sound.clone()), &silent)
            .await
            .unwrap();
        assert_eq!(checked.faults, Vec::<String>::new());
        drop(store);
        let path = folder.path().join("damaged.db");
        for (damage, fault) in DAMAGES {
            std::fs::copy(&sound, &path).unwrap();
            alter(&path, damage);
            let checked = check(&Location::File(path.clone()), &silent).await.unwrap();
            let found = checked.faults.iter().any(|one| one.contains(fault));
            assert!(found, "{damage}: {:?}", checked.faults);
        }
    });
}

/// Statements that do harm, and what is said about it.
const DAMAGES: [(&str, &str); 18] = [
    (
        "DELETE FROM queue WHERE operation = 4",
        "operation 4: `queue` has 0 right rows",
    ),
    (
        "UPDATE queue SET urgency = 3 WHERE operation = 4",
        "operation 4: `queue` has 0 right rows",
    ),
    (
        "UPDATE queue SET project = 'other', inside = 1 WHERE operation = 4",
        "operation 4: `queue` has 0 right rows",
    ),
    (
        "INSERT INTO queue VALUES (1, 9, 'acme', 0, 1, NULL)",
        "`queue` has 1 rows that belong to no operation",
    ),
    (
        "DELETE FROM timer WHERE operation = 3",
        "operation 3: `timer` has 0 right rows",
    ),
    (
        "UPDATE timer SET due = due + 1 WHERE operation = 1",
        "operation 1: `timer` has 0 right rows",
    ),
    (
        "INSERT INTO timer VALUES (1, 99999)",
        "`timer` has 1 rows that belong to no operation",
    ),
    (
        "DELETE FROM live WHERE operation = 1",
        "operation 1: `live` has 0 right rows",
    ),
    (
        "INSERT INTO live VALUES (3)",
        "`live` has 1 rows that belong to no operation",
    ),
    (
        "DELETE FROM member WHERE operation = 5 AND name = 'r7'",
        "operation 5: `member` has 2999 right rows",
    ),
    (
        "UPDATE member SET position = 1 WHERE operation = 5 AND name = 'r7'",
        "operation 5: `member` has 2999",
    ),
    (
        "DELETE FROM chunk WHERE key >> 11 = 5 AND key & 2047 = 3",
        "a resource of operation 5 cannot be read",
    ),
    (
        "DELETE FROM history WHERE operation = 1",
        "operation 1: its history is not whole",
    ),
    (
        "INSERT INTO history VALUES (6, 1, x'')",
        "operation 6: `history` has 1 right rows of it, and should have 0",
    ),
    (
        "UPDATE operation SET phase = 4 WHERE key = 1",
        "of operation 1 cannot be read",
    ),
    (
        "UPDATE operation SET phase = 7 WHERE key = 3",
        "operation 3: its status is not the one that its history tells",
    ),
    (
        "UPDATE operation SET resources = x'01' WHERE key = 4",
        "a resource of operation 4 cannot be read",
    ),
    (
        "UPDATE idempotency SET operation = 6 WHERE operation = 1",
        "operation 6: its idempotency key is not its own",
    ),
];

/// The same for a database, as far as its tables are others.
#[test]
fn a_check_of_a_database_finds_what_does_not_fit() {
    let Some(places) = Places::new() else { return };
    runtime().block_on(async {
        let store = open(&places.database()).await.unwrap();
        fill(&*store).await;
        let faults = async || check(&places.database(), &silent).await.unwrap().faults;
        assert_eq!(faults().await, Vec::<String>::new());
        for (damage, fault, repair) in DATABASE_DAMAGES {
            places.schema.run_async(damage).await;
            let found = faults().await;
            assert!(
                found.iter().any(|one| one.contains(fault)),
                "{damage}: {found:?}"
            );
            places.schema.run_async(repair).await;
            assert_eq!(faults().await, Vec::<String>::new(), "{repair}");
        }
    });
}

/// Statements that do harm, what is said about it, and how it is undone.
const DATABASE_DAMAGES: [(&str, &str, &str); 6] = [
    (
        "UPDATE queue SET urgency = 3 WHERE operation = 4",
        "operation 4: `queue` has 0 right rows",
        "UPDATE queue SET urgency = 9 WHERE operation = 4",
    ),
    (
        "INSERT INTO timer VALUES (99999, 1)",
        "`timer` has 1 rows that belong to no operation",
        "DELETE FROM timer WHERE operation = 99999",
    ),
    (
        "UPDATE timer SET due = due + 1 WHERE operation = 1",
        "operation 1: `timer` has 0 right rows",
        "UPDATE timer SET due = due - 1 WHERE operation = 1",
    ),
    (
        "UPDATE member SET position = 8 WHERE operation = 5 AND name = 'r7'",
        "operation 5: `member` has 2999 right rows",
        "UPDATE member SET position = 7 WHERE operation = 5 AND name = 'r7'",
    ),
    (
        "UPDATE operation SET phase = 7 WHERE key = 1",
        "of operation 1 cannot be read",
        "UPDATE operation SET phase = 1 WHERE key = 1",
    ),
    (
        "UPDATE chunk SET number = 90 WHERE operation = 5 AND number = 3",
        "a resource of operation 5 cannot be read",
        "UPDATE chunk SET number = 3 WHERE operation = 5 AND number = 90",
    ),
];

/// The copy of a file that is written to all the while has everything that was there when it was begun, and fits together.
#[test]
fn a_copy_is_taken_while_the_store_is_written_to() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("longrun.db");
    let store = SqliteStore::open(&path).unwrap();
    runtime().block_on(fill(&store));
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = runtime();
            while !stop.load(SeqCst) {
                let writes = (0..20).map(|_| Write::Submit(operation(3))).collect();
                runtime.block_on(commit(&store, writes));
                count.fetch_add(20, SeqCst);
            }
        });
        for round in 0..5 {
            let copy = folder.path().join(format!("copy{round}.db"));
            let acknowledged = count.load(SeqCst);
            let bytes = backup(&path, &copy).unwrap();
            assert_eq!(std::fs::metadata(&copy).unwrap().len(), bytes);
            let location = Location::File(copy.clone());
            let checked = runtime().block_on(check(&location, &silent)).unwrap();
            assert_eq!(checked.faults, Vec::<String>::new());
            assert!(checked.operations >= 7 + MANY as u64 + acknowledged);
            restored(&copy, checked.operations);
        }
        stop.store(true, SeqCst);
    });
    let refused = backup(&path, &folder.path().join("copy0.db")).unwrap_err();
    assert!(matches!(refused, StoreError::Exists(_)), "{refused}");
    let refused = backup(&folder.path().join("none.db"), &path.with_extension("x")).unwrap_err();
    assert_eq!(refused.to_string(), "could not open the store file");
    assert!(backup(&path, &folder.path().join("no/copy.db")).is_err());
    let left = std::fs::read_dir(folder.path()).unwrap();
    let names = left.map(|one| one.unwrap().file_name().into_string().unwrap());
    assert!(
        names
            .collect::<Vec<_>>()
            .iter()
            .all(|name| !name.contains("part"))
    );
}

/// A server goes on with a copy where the store was when the copy was taken.
fn restored(copy: &Path, operations: u64) {
    let store = SqliteStore::open(copy).unwrap();
    runtime().block_on(async {
        let written = store.commit(vec![Write::Submit(operation(1))], NOW).await;
        let written = written.unwrap().remove(0).unwrap();
        let new = crate::bed::submitted(written).operation;
        assert_eq!(new.key.get(), operations + 1);
        assert_eq!(store.id_secret(OTHER_SECRET).await.unwrap(), SECRET);
    });
}

fn alter(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
