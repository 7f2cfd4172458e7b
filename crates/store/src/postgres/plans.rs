//! How the database finds what it is asked for: never by looking at everything that there is.
//!
//! A store does all that stores do, and its connections are asked what statements they have prepared meanwhile. So no
//! query can be left out, and each is looked at as the database would run it for any values.

use crate::postgres::session::{Session, column};
use crate::postgres::{PostgresStore, PostgresUrl};
use crate::{Cursor, Filter, LeaseWish, Limits, PutDocument, Share, Sight, Store, Write, Written};
use longrun_model::{
    Command, Finish, FinishStatus, Idempotency, OperationKey, Outcome, Phase, Progress, Report,
    ResourceId, ResourceResult, ResourceStatus, StuckRule, Submission, Timestamp,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio_postgres::NoTls;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// The tables that grow with what is done.
const GROWING: [&str; 9] = [
    "operation",
    "chunk",
    "member",
    "history",
    "queue",
    "timer",
    "idempotency",
    "change",
    "document",
];
/// What a server does once, when it starts: it forgets the commits of those that ended long ago, which are all there are
/// of these. Others have at most some thousands.
const AT_THE_START: [&str; 2] = ["DELETE FROM change WHERE server IN", "DELETE FROM server"];
/// What is looked for in the queue. How much that is stands in the values, and the database, which takes it for a tenth of
/// the queue if it does not know them, makes a plan for them each time because that is cheaper.
const OF_THE_QUEUE: [(&str, &str); 2] = [
    (
        "WITH RECURSIVE lane",
        "('reboot', NULL, 20, '{}', 128, 0, 'acme', 20)",
    ),
    (
        "WITH candidate",
        "('reboot', 'acme', '{blue, red}', 20, '{}', 128, 0)",
    ),
];
/// Makes many of each row that is there, so that looking at everything would cost.
const MULTIPLY: &str = "
    INSERT INTO operation SELECT key + n::bigint * 1000000, account, kind, phase, removed, head, events, resources
        FROM operation, generate_series(1, 4000) AS n;
    INSERT INTO chunk SELECT operation + n::bigint * 1000000, number, resources FROM chunk, generate_series(1, 400) AS n;
    INSERT INTO member SELECT operation + n::bigint * 1000000, name, position FROM member, generate_series(1, 200) AS n;
    INSERT INTO history SELECT operation + n::bigint * 1000000, last, events FROM history, generate_series(1, 4000) AS n;
    INSERT INTO queue SELECT operation + n::bigint * 1000000, kind, account, urgency, project FROM queue, generate_series(1, 4000) AS n;
    INSERT INTO timer SELECT operation + n::bigint * 1000000, due + n FROM timer, generate_series(1, 4000) AS n;
    INSERT INTO idempotency SELECT account, key || ('-' || n)::bytea, digest, operation + n::bigint * 1000000
        FROM idempotency, generate_series(1, 4000) AS n;
    INSERT INTO change SELECT server, number + n::bigint * 1000000, void, record FROM change, generate_series(1, 400) AS n;
    INSERT INTO document SELECT name || ('-' || n)::bytea, version, body FROM document, generate_series(1, 4000) AS n;
    ANALYZE";

#[test]
fn no_query_looks_at_all_rows_of_a_table_that_grows() {
    let Ok(server) = std::env::var("LONGRUN_TEST_POSTGRES") else {
        eprintln!("skipped: LONGRUN_TEST_POSTGRES names no server");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
        tokio::spawn(connection);
        let schema = format!("plans{}", std::process::id());
        let run = async |sql: &str| client.batch_execute(sql).await.unwrap();
        run(&format!(
            "CREATE SCHEMA {schema}; SET search_path = {schema}"
        ))
        .await;
        // Few connections, so that each can be asked.
        let url = format!("{server}?options=-c%20search_path={schema}&pool_size=2");
        let url: PostgresUrl = url.parse().unwrap();
        let other = PostgresStore::open(&url).await.unwrap();
        do_all(&other, &PostgresStore::open(&url).await.unwrap()).await;
        run(MULTIPLY).await;
        let store = PostgresStore::open(&url).await.unwrap();
        do_all(&store, &other).await;
        let sessions = [
            store.connections.session().await.unwrap(),
            store.connections.session().await.unwrap(),
        ];
        let mut seen = BTreeSet::new();
        let mut faults = Vec::new();
        for session in &sessions {
            look(session, &mut seen, &mut faults).await;
        }
        run(&format!("DROP SCHEMA {schema} CASCADE")).await;
        assert!(seen.len() > 45, "most statements were met: {seen:#?}");
        assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    });
}

/// Reads the plan of each statement that a connection has prepared.
async fn look(session: &Session, seen: &mut BTreeSet<String>, faults: &mut Vec<String>) {
    let generic = "SET plan_cache_mode = force_generic_plan";
    session.batch("set up", generic).await.unwrap();
    let prepared =
        "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements";
    let prepared = session.query("look", prepared, Vec::new()).await.unwrap();
    for row in &prepared {
        let (name, statement): (&str, &str) = (column(row, 0).unwrap(), column(row, 1).unwrap());
        let count: i32 = column(row, 2).unwrap();
        let can_be_explained = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
            .iter()
            .any(|word| statement.trim_start().starts_with(word));
        let is_rare = AT_THE_START.iter().any(|one| statement.starts_with(one));
        if !can_be_explained || is_rare || !seen.insert(statement.to_owned()) {
            continue;
        }
        let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
        let values = if count > 0 {
            format!("({nulls})")
        } else {
            nulls
        };
        let of_the_queue = OF_THE_QUEUE
            .iter()
            .find(|(start, _)| statement.trim_start().starts_with(start));
        let plan = if let Some((_, values)) = of_the_queue {
            let custom = "SET plan_cache_mode = force_custom_plan";
            session.batch("set up", custom).await.unwrap();
            let plan = explain(session, name, values).await;
            session.batch("set up", generic).await.unwrap();
            plan
        } else {
            explain(session, name, &values).await
        };
        for table in GROWING {
            if plan.contains(&format!("Seq Scan on {table}\n"))
                || plan.contains(&format!("Seq Scan on {table} "))
            {
                faults.push(format!("{statement}\n{plan}"));
            }
        }
    }
}

async fn explain(session: &Session, name: &str, values: &str) -> String {
    // The text is made from the database's own words, and there are as many of them as statements.
    let sql: &'static str =
        Box::leak(format!("EXPLAIN (COSTS OFF) EXECUTE \"{name}\"{values}").into_boxed_str());
    let rows = session.simple(sql).await.unwrap();
    rows.join("\n") + "\n"
}

async fn commit(store: &PostgresStore, writes: Vec<Write>) -> Vec<Written> {
    let committed = store.commit(writes, NOW).await.unwrap();
    committed.into_iter().filter_map(Result::ok).collect()
}

/// A submission under an idempotency key that no other has.
fn submission(count: usize) -> Submission {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let ids: Vec<String> = (0..count).map(|index| format!("r{index}")).collect();
    Submission {
        idempotency: Some(Idempotency {
            key: format!("k{}", COUNT.fetch_add(1, Relaxed)).into(),
            digest: [1; 16],
        }),
        deadline_at: Some(Timestamp::from_millis(NOW.as_millis() + 9)),
        ..Submission::new("acme", "reboot").with_resources(ids.iter().map(String::as_str))
    }
}

/// Calls everything that a store can be asked for. `other` is another server's.
async fn do_all(store: &PostgresStore, other: &PostgresStore) {
    let cursor = store.changes(Cursor::default()).await.unwrap().cursor;
    let again = Write::Submit(submission(1));
    commit(other, vec![again.clone()]).await;
    store.changes(cursor).await.unwrap();
    commit(store, vec![again]).await;
    let limited = Limits {
        usual: Share {
            weight: 2,
            running_max: Some(99),
        },
        ..Limits::default()
    };
    for limits in [limited, Limits::default()] {
        store.limit(limits);
        let acme = || "acme".into();
        for sight in [
            Sight::All,
            Sight::Account(acme()),
            Sight::Projects(acme(), ["blue".into()].into()),
        ] {
            commit(store, vec![Write::Submit(submission(70))]).await;
            let wish = LeaseWish {
                sight,
                kinds: vec!["reboot".into()],
                max: 2,
                worker: "w".into(),
                length_millis: 5,
            };
            commit(store, vec![Write::Lease(wish)]).await;
        }
    }
    for count in [2, 70, 1, 0] {
        let written = commit(store, vec![Write::Submit(submission(count))]).await;
        let [Written::Submitted(one)] = written.as_slice() else {
            panic!("it was submitted: {written:?}");
        };
        live(store, one.operation.key, count).await;
    }
    let access_key = crate::AccessKey {
        id: "k".into(),
        account: "acme".into(),
        projects: Vec::new(),
        project_names: Vec::new(),
        user: None,
        policy: None,
        sealed_secret: Vec::new(),
        token_digest: [0; 32],
        disabled: false,
        created_at: NOW,
    };
    commit(store, vec![Write::PutAccessKey(access_key)]).await;
    commit(store, vec![Write::RemoveAccessKey("none".into())]).await;
    for _ in 0..2 {
        let known = store.document("d").await.unwrap();
        let put = PutDocument {
            name: "d".into(),
            expected: known.map(|one| one.version),
            body: Some(Box::from(&b"x"[..])),
        };
        commit(store, vec![Write::PutDocument(put)]).await;
    }
    // Some are left waiting.
    let waiting = (0..5).map(|_| Write::Submit(submission(1)));
    commit(store, waiting.collect()).await;
    list_all(store).await;
    store.due(NOW, 9).await.unwrap();
    store.access_keys().await.unwrap();
    store.id_secret([1; 16]).await.unwrap();
}

/// The life of an operation, from its lease to its deletion; operations with one resource are kept.
async fn live(store: &PostgresStore, key: OperationKey, count: usize) {
    let command = async |command| {
        let write = Write::Command {
            key,
            sight: Sight::All,
            command,
        };
        commit(store, vec![write]).await;
    };
    command(Command::Lease {
        worker: "w".into(),
        length_millis: 5,
    })
    .await;
    command(Command::Heartbeat { fence: 1 }).await;
    let result = ResourceResult {
        id: ResourceId::from("r0".to_owned()),
        outcome: Outcome {
            status: ResourceStatus::Succeeded,
            output: None,
            error: None,
        },
    };
    for percent in 0..60 {
        let report = Report {
            fence: 1,
            results: (count > 1).then(|| result.clone()).into_iter().collect(),
            progress: Progress {
                percent: Some(percent),
                message: Some("getting on with it".into()),
            },
            ..Report::default()
        };
        command(Command::Report(report)).await;
    }
    store.get(key).await.unwrap();
    store.history(key, 0, 9).await.unwrap();
    if count != 1 {
        command(Command::Finish(Finish {
            status: FinishStatus::Failed,
            output: None,
            error: None,
        }))
        .await;
    }
    if count == 2 {
        command(Command::Delete).await;
    }
}

async fn list_all(store: &PostgresStore) {
    let rule = StuckRule {
        queued_millis: 1,
        silent_millis: 1,
        attempts: 1,
    };
    for account in [None, Some("acme".into())] {
        for (phase, stuck) in [
            (None, None),
            (Some(Phase::Queued), None),
            (Some(Phase::Failed), None),
            (None, Some((rule, NOW))),
        ] {
            let filter = Filter {
                account: account.clone(),
                phase,
                stuck,
                limit: 9,
                ..Filter::default()
            };
            store.list(filter).await.unwrap();
        }
    }
}
