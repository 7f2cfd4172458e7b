//! What only a store that several servers share can do, and what its database can do to it.

use crate::bed::{START, finish, key, lease_command, operation, submitted, under, wish, write};
use crate::schema::{Schema, runtime};
use futures_util::future::{join, join_all};
use longrun_model::{
    Busy, Command, Exclusive, FinishStatus, Operation, OperationKey, Phase, Submission, Timestamp,
};
use longrun_store::{
    Changes, Cursor, Filter, PostgresStore, PutDocument, Refused, Store, StoreError, Write, Written,
};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const NOW: Timestamp = Timestamp::from_millis(START);

/// Two servers on one schema. None if the tests were given no server.
async fn two(schema: &Schema) -> [PostgresStore; 2] {
    let (one, other) = join(open(schema, ""), open(schema, "")).await;
    [one.unwrap(), other.unwrap()]
}

async fn open(schema: &Schema, parameters: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&schema.url_with(parameters)).await
}

/// Runs a test that needs a server, if there is one.
fn with_schema(test: impl AsyncFnOnce(&Schema)) {
    if let Some(schema) = Schema::new() {
        runtime().block_on(test(&schema));
    }
}

async fn commit(store: &PostgresStore, writes: Vec<Write>) -> Vec<Written> {
    let committed = store.commit(writes, NOW).await.unwrap();
    committed.into_iter().map(Result::unwrap).collect()
}

async fn submit(store: &PostgresStore, count: usize) -> Vec<OperationKey> {
    let writes = (0..count).map(|_| Write::Submit(operation(1))).collect();
    let written = commit(store, writes).await;
    let keys = written.into_iter().map(|one| submitted(one).operation.key);
    keys.collect()
}

async fn lease(store: &PostgresStore, max: usize) -> Vec<Arc<Operation>> {
    let written = commit(store, vec![Write::Lease(wish(max))]).await;
    crate::bed::leased(written.into_iter().next().unwrap())
}

/// Servers that start at once make the tables once, and give each operation a key of its own.
#[test]
fn servers_may_start_and_submit_at_once() {
    with_schema(async |schema| {
        let stores = join_all((0..4).map(|_| open(schema, ""))).await;
        let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
        let keys = join_all(stores.iter().map(async |store| {
            let mut keys = Vec::new();
            for _ in 0..10 {
                keys.extend(submit(store, 7).await);
            }
            keys
        }));
        let keys: Vec<_> = keys.await.into_iter().flatten().collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 4 * 70);
    });
}

/// An operation is handed out once, however many servers hand out at the same time; and none is left.
#[test]
fn servers_hand_out_each_operation_once() {
    for isolation in ["read-committed", "serializable"] {
        with_schema(async |schema| {
            let parameters = format!("isolation={isolation}");
            let stores = join_all((0..3).map(|_| open(schema, &parameters))).await;
            let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
            let submitted = submit(&stores[0], 120).await;
            let leased = join_all(stores.iter().map(async |store| {
                let mut leased = Vec::new();
                let mut empty = 0;
                while empty < 3 {
                    let more = lease(store, 4).await;
                    empty += usize::from(more.is_empty());
                    leased.extend(more.iter().map(|one| one.key));
                }
                leased
            }));
            let mut leased: Vec<_> = leased.await.into_iter().flatten().collect();
            leased.sort_unstable();
            assert_eq!(leased, submitted, "{isolation}");
        });
    }
}

/// Two servers are given the same submission at the same time: one makes the operation, the other finds it.
#[test]
fn an_idempotency_key_holds_across_servers() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        for round in 0..20 {
            let writes = || {
                let names = ["a", "b", "c"].map(|name| format!("{name}{round}"));
                names.map(|name| Write::Submit(under(operation(2), &name, 1)))
            };
            let mut reversed = writes();
            reversed.reverse();
            let (found, backwards) = join(
                commit(&one, writes().into()),
                commit(&other, reversed.into()),
            )
            .await;
            let both = found.into_iter().zip(backwards.into_iter().rev());
            for (one, other) in both.map(|(one, other)| (submitted(one), submitted(other))) {
                assert_eq!(one.operation.key, other.operation.key);
                assert_ne!(one.repeated, other.repeated, "one of them made it");
            }
        }
    });
}

/// Three servers submit, hand out and end operations that do not share their resources: at no time do two run on one of
/// them, none is forgotten in a line, and servers do not wait for each other in a circle.
#[test]
fn lines_hold_across_servers() {
    for isolation in ["read-committed", "serializable"] {
        with_schema(async |schema| {
            let parameters = format!("isolation={isolation}");
            let stores = join_all((0..3).map(|_| open(schema, &parameters))).await;
            let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
            let running = std::cell::RefCell::new(HashSet::new());
            let ended = std::cell::Cell::new(0);
            let all = 3 * 12 * 3;
            let servers = stores.iter().zip(0_usize..).map(async |(store, server)| {
                let mut round = 0;
                while ended.get() < all {
                    if round < 12 {
                        let writes = (0..3).map(|one| {
                            let (first, step) = ((server + round) % 6, 1 + (one + round) % 5);
                            let ids = [first, (first + step) % 6].map(|id| format!("m{id}"));
                            Write::Submit(alone(&ids))
                        });
                        commit(store, writes.collect()).await;
                    }
                    round += 1;
                    assert!(round < 2_000, "{isolation}: operations are left in lines");
                    let leased = lease(store, 3).await;
                    for id in leased.iter().flat_map(|one| one.resources.iter()) {
                        assert!(running.borrow_mut().insert(id.id.clone()), "{isolation}");
                    }
                    for operation in leased {
                        for resource in operation.resources.iter() {
                            running.borrow_mut().remove(&resource.id);
                        }
                        let end = finish(operation.fence, FinishStatus::Succeeded);
                        commit(store, vec![write(operation.key, end)]).await;
                        ended.set(ended.get() + 1);
                    }
                }
            });
            join_all(servers).await;
            let client = schema.connect().await;
            let left = format!("SELECT count(*) FROM {}.place", schema.name());
            let left: i64 = client.query_one(&left, &[]).await.unwrap().get(0);
            assert_eq!((ended.get(), left), (all, 0), "{isolation}");
        });
    }
}

/// A submission that does not share these resources.
fn alone(ids: &[String]) -> Submission {
    let exclusive = Exclusive {
        group: "".into(),
        busy: Busy::Queue,
    };
    Submission {
        exclusive: Some(Arc::new(exclusive)),
        ..Submission::new("acme", "reboot").with_resources(ids.iter().map(String::as_str))
    }
}

/// Servers that change the same document at the same time, or make it, do it one after the other: none is overwritten
/// unseen.
#[test]
fn a_document_is_changed_by_one_server_at_a_time() {
    for isolation in ["read-committed", "serializable"] {
        with_schema(async |schema| {
            let parameters = format!("isolation={isolation}");
            let stores = join_all((0..3).map(|_| open(schema, &parameters))).await;
            let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
            let changes = join_all(stores.iter().map(async |store| {
                let mut done = 0_u64;
                while done < 20 {
                    let seen = store.document("d").await.unwrap();
                    let count = seen.as_ref().map_or(0, |seen| number(&seen.body));
                    let put = PutDocument {
                        name: "d".into(),
                        expected: seen.map(|seen| seen.version),
                        body: Some((count + 1).to_string().into_bytes().into()),
                    };
                    let committed = store.commit(vec![Write::PutDocument(put)], NOW).await;
                    match committed.unwrap().remove(0) {
                        Ok(_) => done += 1,
                        Err(refused) => assert_eq!(refused, Refused::DocumentChanged),
                    }
                }
            }));
            changes.await;
            let last = stores[0].document("d").await.unwrap().unwrap();
            assert_eq!((last.version, number(&last.body)), (60, 60), "{isolation}");
        });
    }
}

fn number(body: &[u8]) -> u64 {
    std::str::from_utf8(body).unwrap().parse().unwrap()
}

/// Servers that change the same operations in opposite orders neither stop each other nor lose a change.
#[test]
fn commits_that_cross_are_all_made() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        let keys = submit(&one, 20).await;
        let leases = keys.iter().map(|key| write(*key, lease_command()));
        commit(&one, leases.collect()).await;
        for percent in 0..10 {
            let reports = |add: u8| {
                keys.iter()
                    .map(move |key| write(*key, crate::bed::progress(1, percent * 2 + add)))
            };
            let backwards = reports(1).rev().collect();
            join(
                commit(&one, reports(0).collect()),
                commit(&other, backwards),
            )
            .await;
        }
        for key in keys {
            let version = one.get(key).await.unwrap().unwrap().version;
            assert_eq!(version, 22, "each report is a version");
        }
    });
}

async fn changes(store: &PostgresStore, since: Cursor) -> Changes {
    store.changes(since).await.unwrap()
}

/// A server hears of what another has done, of each commit once, and not of its own.
#[test]
fn the_feed_tells_what_others_have_done() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        submit(&one, 1).await;
        let begun = changes(&other, Cursor::default()).await;
        assert!(
            begun.changed.is_empty(),
            "what was before is read from the store"
        );
        let key = submit(&one, 1).await[0];
        let heard = changes(&other, begun.cursor).await;
        assert!(
            heard.changed.is_empty(),
            "nobody can have asked about a new one"
        );
        let [queued] = &heard.queued[..] else {
            panic!("one lane: {heard:?}");
        };
        assert_eq!(
            (queued.kind.as_str(), queued.account.as_str(), queued.count),
            ("reboot", "acme", 1)
        );
        commit(&one, vec![write(key, lease_command())]).await;
        commit(&one, vec![write(key, Command::Heartbeat { fence: 1 })]).await;
        commit(&one, vec![write(key, finish(1, FinishStatus::Succeeded))]).await;
        let heard = changes(&other, heard.cursor).await;
        let told: Vec<_> = heard
            .changed
            .iter()
            .map(|one| (one.version, one.ended))
            .collect();
        assert_eq!(told, [(2, false), (3, true)], "a heartbeat is not seen");
        assert!(heard.due_at.is_some() && !heard.missed);
        let again = changes(&other, heard.cursor.clone()).await;
        assert_eq!((again.changed.len(), &again.cursor), (0, &heard.cursor));
        let own = changes(&one, Cursor::default()).await;
        submit(&one, 1).await;
        assert!(changes(&one, own.cursor).await.queued.is_empty());
    });
}

/// A commit that becomes visible late is not skipped, whatever others have done meanwhile.
#[test]
fn the_feed_does_not_skip_a_late_commit() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        let reader = open(schema, "").await.unwrap();
        let keys = submit(&one, 2).await;
        let cursor = changes(&reader, Cursor::default()).await.cursor;
        let blocker = schema.connect().await;
        let hold = format!(
            "SET search_path = {}; BEGIN; SELECT * FROM operation WHERE key = {} FOR UPDATE",
            schema.name(),
            keys[0]
        );
        blocker.batch_execute(&hold).await.unwrap();
        let late = commit(&one, vec![write(keys[0], Command::Cancel)]);
        let early = async {
            commit(&other, vec![write(keys[1], Command::Cancel)]).await;
            let heard = changes(&reader, cursor).await;
            assert_eq!(
                heard.changed.iter().map(|one| one.key).collect::<Vec<_>>(),
                [keys[1]]
            );
            blocker.batch_execute("COMMIT").await.unwrap();
            heard.cursor
        };
        let (_, cursor) = join(late, early).await;
        let heard = changes(&reader, cursor).await;
        assert_eq!(
            heard.changed.iter().map(|one| one.key).collect::<Vec<_>>(),
            [keys[0]]
        );
    });
}

/// A commit that gives many keys asks for more of them, so that the next need not ask. Those that it does not need at
/// once are never used: what is submitted later has higher keys, whichever server it is submitted to.
#[test]
fn keys_that_were_asked_for_early_are_used_at_once_or_never() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        let soon = NOW.plus_millis(100);
        let late = NOW.plus_millis(10_000);
        let submit = async |store: &PostgresStore, count: usize, now| {
            let writes = (0..count).map(|_| Write::Submit(operation(1))).collect();
            let written = store.commit(writes, now).await.unwrap();
            let keys = written.into_iter().map(|one| submitted(one.unwrap()));
            keys.map(|one| one.operation.key.get()).collect::<Vec<_>>()
        };
        let first = submit(&one, 20, NOW).await;
        assert_eq!(first, (1..=20).collect::<Vec<_>>());
        assert_eq!(submit(&one, 20, soon).await, (21..=40).collect::<Vec<_>>());
        let between = submit(&other, 1, late).await;
        let last = submit(&one, 30, late).await;
        assert!(between < last, "{between:?} was submitted before {last:?}");
        assert!(last.is_sorted());
    });
}

/// A reader that was away for too long is told that it has missed something.
#[test]
fn the_feed_says_when_something_was_missed() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        let cursor = changes(&other, Cursor::default()).await.cursor;
        submit(&one, 1).await;
        submit(&one, 1).await;
        let client = schema.connect().await;
        let forget = format!("DELETE FROM {}.change WHERE number = 1", schema.name());
        client.batch_execute(&forget).await.unwrap();
        assert!(changes(&other, cursor).await.missed);
    });
}

/// A server that was silent for so long that others gave it up comes back under another number.
#[test]
fn a_server_that_was_given_up_comes_back() {
    with_schema(async |schema| {
        let [one, other] = two(schema).await;
        let cursor = changes(&other, Cursor::default()).await.cursor;
        let client = schema.connect().await;
        let sql = format!("DELETE FROM {}.server", schema.name());
        client.batch_execute(&sql).await.unwrap();
        assert_eq!(submit(&one, 1).await.len(), 1);
        assert_eq!(changes(&other, cursor).await.queued.len(), 1);
    });
}

/// All connections are cut, again and again, while commits are made: each is made once, or its caller is told.
#[test]
fn commits_are_made_once_though_connections_are_cut() {
    with_schema(async |schema| {
        let store = open(schema, &format!("application_name={}", schema.name()))
            .await
            .unwrap();
        let client = schema.connect().await;
        let cut = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
            schema.name()
        );
        let mut acknowledged = HashSet::new();
        for round in 0..60 {
            let writes = (0..5).map(|_| Write::Submit(operation(1))).collect();
            let cutting = async {
                // How far the commit comes differs from round to round.
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                client.batch_execute(&cut).await.unwrap();
            };
            let (committed, ()) = join(store.commit(writes, NOW), cutting).await;
            for written in committed.unwrap() {
                acknowledged.insert(submitted(written.unwrap()).operation.key.get());
            }
        }
        assert_eq!(acknowledged.len(), 300);
        let sql = format!("SELECT key FROM {}.operation", schema.name());
        let rows = client.query(&sql, &[]).await.unwrap();
        let stored: HashSet<u64> = rows
            .iter()
            .map(|row| row.get::<_, i64>(0).cast_unsigned())
            .collect();
        assert_eq!(
            stored, acknowledged,
            "none is lost, and none is there twice"
        );
    });
}

/// The connection is lost at the very end of a commit, which the database does not make.
#[test]
fn a_commit_that_is_lost_at_its_end_is_made_again() {
    with_schema(async |schema| {
        let store = open(schema, "").await.unwrap();
        submit(&store, 1).await;
        let client = schema.connect().await;
        let sql = format!("SET search_path = {}; {LOSE_ANSWERS}", schema.name());
        client.batch_execute(&sql).await.unwrap();
        assert_eq!(submit(&store, 1).await.len(), 1);
        let rows = client
            .query("SELECT count(*) FROM operation", &[])
            .await
            .unwrap();
        assert_eq!(rows[0].get::<_, i64>(0), 2);
    });
}

/// Sends the first one who saves a commit away at its end.
const LOSE_ANSWERS: &str = "
    CREATE SEQUENCE lost;
    CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('lost') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON change DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION lose()";

/// The connection is lost at the very end of a commit, which the database makes all the same: it is not made twice.
#[test]
fn a_commit_whose_answer_is_lost_is_found_again() {
    with_schema(async |schema| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = schema.url_through(listener.local_addr().unwrap());
        let losing = Arc::new(AtomicBool::new(false));
        tokio::spawn(lose_answers(
            listener,
            schema.address(),
            Arc::clone(&losing),
        ));
        let store = PostgresStore::open(&url).await.unwrap();
        submit(&store, 1).await;
        let client = schema.connect().await;
        for expected in 2..5 {
            losing.store(true, SeqCst);
            let key = submit(&store, 1).await[0];
            assert!(!losing.load(SeqCst), "an answer was lost");
            assert!(store.get(key).await.unwrap().is_some());
            let sql = format!("SELECT count(*) FROM {}.operation", schema.name());
            let rows = client.query(&sql, &[]).await.unwrap();
            assert_eq!(rows[0].get::<_, i64>(0), expected);
        }
    });
}

/// Stands between a store and its database. While `losing`, the next commit reaches the database, and its answer nobody.
async fn lose_answers(listener: TcpListener, database: SocketAddr, losing: Arc<AtomicBool>) {
    while let Ok((near, _)) = listener.accept().await {
        let far = TcpStream::connect(database).await.unwrap();
        tokio::spawn(pass_on(near, far, Arc::clone(&losing)));
    }
}

async fn pass_on(mut near: TcpStream, mut far: TcpStream, losing: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = near.read(&mut asked) => {
                let count = read.unwrap_or(0);
                if count == 0 || far.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                let is_commit = asked[..count].windows(7).any(|bytes| bytes == b"COMMIT\0");
                if is_commit && losing.swap(false, SeqCst) {
                    // The end of the last answer says that the database has done all it was asked.
                    let mut tail = Vec::new();
                    while !tail.ends_with(b"COMMIT\0Z\0\0\0\x05I") {
                        let count = far.read(&mut answered).await.unwrap();
                        tail.extend_from_slice(&answered[..count]);
                    }
                    return;
                }
            }
            read = far.read(&mut answered) => {
                let count = read.unwrap_or(0);
                if count == 0 || near.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[test]
fn databases_that_cannot_be_used_are_refused() {
    with_schema(async |schema| {
        let client = schema.connect().await;
        let path = format!("SET search_path = {}", schema.name());
        client.batch_execute(&path).await.unwrap();
        client
            .batch_execute("CREATE TABLE operation (theirs TEXT)")
            .await
            .unwrap();
        let refused = open(schema, "").await.unwrap_err();
        assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
        client.batch_execute("DROP TABLE operation").await.unwrap();
        drop(open(schema, "").await.unwrap());
        client
            .batch_execute("UPDATE longrun_schema SET version = 99")
            .await
            .unwrap();
        let refused = open(schema, "").await.unwrap_err();
        let StoreError::Newer { found: 99, known } = refused else {
            panic!("not refused as newer: {refused}");
        };
        client
            .batch_execute(&format!("UPDATE longrun_schema SET version = {known}"))
            .await
            .unwrap();
        drop(open(schema, "").await.unwrap());
    });
}

/// The database of a program that knew only the first schema goes on where that one stopped, whichever of several servers
/// comes first. The text is a real database's.
#[test]
fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let Some(schema) = Schema::new() else { return };
    schema.run(include_str!("postgres_schema_1.sql"));
    runtime().block_on(async {
        let stores = join_all((0..3).map(|_| open(&schema, ""))).await;
        let [one, other, _] = &stores[..] else {
            panic!("three were opened");
        };
        let (one, other) = (one.as_ref().unwrap(), other.as_ref().unwrap());
        let get = async |number| one.get(key(number)).await.unwrap().unwrap();
        assert_eq!((get(1).await.tally.failed, get(4).await.fence), (1, 0));
        assert_eq!(get(3).await.phase, Phase::Succeeded);
        let large = get(5).await;
        assert_eq!((large.tally.succeeded, large.resources.total()), (6, 66));
        assert_eq!(one.history(key(5), 0, 99).await.unwrap().len(), 63);
        assert!(get(6).await.removed);
        let live = Filter {
            phase: Some(Phase::Running),
            limit: 9,
            ..Filter::default()
        };
        let page = other.list(live).await.unwrap();
        let found: Vec<_> = page.operations.iter().map(|one| one.key.get()).collect();
        assert_eq!(found, [5, 2, 1]);
        let leased = lease(other, 3).await;
        assert_eq!(crate::bed::keys(&leased), [4]);
        assert_eq!(submit(one, 1).await, [key(7)], "no key is given twice");
        assert_eq!(one.access_keys().await.unwrap().len(), 1);
        assert_eq!(one.id_secret([0; 16]).await.unwrap(), [9; 16]);
        let put = PutDocument {
            name: "d".into(),
            expected: None,
            body: Some(Box::from(*b"one")),
        };
        let written = commit(one, vec![Write::PutDocument(put)]).await;
        assert!(matches!(written[0], Written::Document(Some(1))));
    });
}

/// A user without rights is told what they are missing.
#[test]
fn a_user_without_rights_is_told() {
    with_schema(async |schema| {
        let client = schema.connect().await;
        let role = format!("{}_guest", schema.name());
        client
            .batch_execute(&format!(
                "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {} TO {role}",
                schema.name()
            ))
            .await
            .unwrap();
        let refused = PostgresStore::open(&schema.url_as(&role))
            .await
            .unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        let told = format!(
            "{refused}: {cause} {:?}",
            std::error::Error::source(&refused)
        );
        assert!(told.contains("permission denied"), "{told}");
        client
            .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await
            .unwrap();
    });
}

/// Nobody waits long for a database that is not there.
#[test]
fn a_database_that_is_not_there_is_told() {
    let url = "postgres://u@127.0.0.1:1/d".parse().unwrap();
    let refused = runtime().block_on(PostgresStore::open(&url)).unwrap_err();
    assert_eq!(refused.to_string(), "could not connect to the database");
}
