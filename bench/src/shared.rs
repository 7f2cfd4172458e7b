//! Servers that share a PostgreSQL database, everything on this machine, with the database's usual durability.

use crate::cpu::Used;
use crate::flow::{self, Submitting};
use crate::load::{self, Requests, runtime};
use crate::plan::Plan;
use crate::process::Served;
use crate::report::{Figure, Target, tell};
use crate::setup;
use anyhow::Context;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio_postgres::{Client, NoTls};

/// How many servers share a database, side by side.
const SERVERS: [usize; 3] = [1, 2, 4];
/// How many finished operations a database has that is small.
const SMALL: u32 = 10_000;
/// How many operations are put into a database in one transaction.
const FILLED: u32 = 250_000;
/// How many operations that live are polled: those that have ended are kept in memory.
const POLLED: usize = 10_000;
/// How many are submitted in one call.
const BATCH: usize = 1_000;

/// A PostgreSQL server whose user may make databases.
pub(crate) struct Postgres {
    /// Where it is reached.
    pub(crate) url: String,
    /// Its first process.
    pub(crate) process: u32,
}

/// What is put on the servers.
#[derive(Clone, Copy)]
enum Load {
    Submits,
    Flow(Submitting),
}

/// The loads, and what one server must bear.
const LOADS: [(&str, Load, f64); 3] = [
    ("postgres, single submits", Load::Submits, 15_000.0),
    (
        "postgres, end to end in batches of 100",
        Load::Flow(Submitting::Batches),
        6_000.0,
    ),
    (
        "postgres, end to end, submitted singly",
        Load::Flow(Submitting::Singles),
        0.0,
    ),
];

/// Puts every load on one server and on several.
pub(crate) fn run(plan: &Plan, postgres: &Postgres) -> anyhow::Result<()> {
    for (name, load, must) in LOADS {
        for count in SERVERS {
            let name = format!("{name}, servers: {count}");
            if plan.wants(&name) {
                let must = (count == 1).then_some(must).filter(|must| *must > 0.0);
                measure(plan, postgres, &name, load, count, must)?;
            }
        }
    }
    Ok(())
}

fn measure(
    plan: &Plan,
    postgres: &Postgres,
    name: &str,
    load: Load,
    count: usize,
    must: Option<f64>,
) -> anyhow::Result<()> {
    let database = postgres.database()?;
    let servers: Vec<Served> = (0..count)
        .map(|_| plan.start(&database))
        .collect::<Result<_, _>>()?;
    let addresses: Vec<SocketAddr> = servers.iter().map(|one| one.address).collect();
    let processes: Vec<u32> = servers.iter().map(Served::id).collect();
    // A moment to warm up.
    load.put_on(&addresses, plan, plan.seconds / 2.0)?;
    let before = Used::now(postgres.process, &processes)?;
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        rates.push(load.put_on(&addresses, plan, plan.seconds)?);
    }
    let used = Used::now(postgres.process, &processes)?;
    let done = rates.iter().sum::<f64>() * plan.seconds;
    let figure = Figure::median(name, rates, "1/s");
    plan.report.add(match must {
        Some(must) => figure.held_to(Target::AtLeast {
            must,
            aim: 1.5 * must,
        }),
        None => figure,
    })?;
    let parts = ["PostgreSQL", "longrun", "the load", "others"];
    for (part, share) in parts.into_iter().zip(used.shares_since(&before)) {
        let figure = Figure::new(format!("{name}: cpu of {part}"), share, "%");
        plan.report.add(figure)?;
    }
    let each = used.microseconds_each_since(&before, done);
    for (part, microseconds) in parts.into_iter().zip(each) {
        let name = format!("{name}: cpu of {part} each");
        plan.report.add(Figure::new(name, microseconds, "us"))?;
    }
    Ok(())
}

impl Load {
    fn put_on(self, addresses: &[SocketAddr], plan: &Plan, seconds: f64) -> anyhow::Result<f64> {
        match self {
            Self::Submits => {
                let requests = submits(addresses[0]);
                load::closed_on(addresses, &requests, plan.connections, seconds)
            }
            Self::Flow(submitting) => flow::end_to_end_on(addresses, submitting, seconds),
        }
    }
}

/// Submissions of operations with four resources.
fn submits(address: SocketAddr) -> Requests {
    let body = setup::submission("bench");
    let request = setup::native(address, "POST", "/api/v1/operations", &body);
    Requests::new(vec![request], "queued")
}

/// One server on a small database and one on a large one, each loaded in turn.
pub(crate) fn growth(plan: &Plan, postgres: &Postgres, size: u32) -> anyhow::Result<()> {
    if !plan.wants("postgres, growth") {
        return Ok(());
    }
    let small = Grown::new(plan, postgres, SMALL)?;
    let large = Grown::new(plan, postgres, size)?;
    for (name, requests) in [
        ("single submits", Grown::submits as fn(&Grown) -> Requests),
        ("polls of what lives", |grown| grown.polls.clone()),
        ("polls of what has ended", |grown| grown.old_polls.clone()),
    ] {
        let measure = |grown: &Grown| {
            let (address, requests) = (grown.longrun.address, requests(grown));
            load::closed(address, &requests, plan.connections, plan.seconds)
        };
        measure(&small)?;
        measure(&large)?;
        let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            of_small.push(measure(&small)?);
            of_large.push(measure(&large)?);
        }
        let name = |size| format!("postgres, growth, {size} stored: {name}");
        let first = Figure::median(name(SMALL), of_small, "1/s");
        let figure = Figure::median(name(size), of_large, "1/s").of("the small one", first.value);
        plan.report.add(first)?;
        plan.report.add(figure.held_to(Target::Ratio {
            must: 0.9,
            aim: 0.95,
        }))?;
    }
    Ok(())
}

/// A server on a database that holds many finished operations.
struct Grown {
    longrun: Served,
    /// Polls of operations that live.
    polls: Requests,
    /// Polls of operations that have ended, all over the database.
    old_polls: Requests,
}

impl Grown {
    fn new(plan: &Plan, postgres: &Postgres, size: u32) -> anyhow::Result<Self> {
        tell(&format!("... storing {size} operations"));
        let database = postgres.database()?;
        let longrun = plan.start(&database)?;
        let address = longrun.address;
        let finished = setup::finished_operation(address)?;
        let task = finished["task_id"].as_i64().context("it has a number")?;
        runtime()?.block_on(fill(&database, task, size))?;
        let mut live = Vec::with_capacity(POLLED);
        let batch = json!({ "operations": vec![setup::submission("grown"); BATCH] });
        while live.len() < POLLED {
            let path = "/api/v1/operations:batch";
            let submitted = setup::call(address, "POST", path, &batch)?;
            let all = submitted["operations"].as_array();
            let ids = all.context("there is one for each")?.iter();
            live.extend(ids.map(|operation| operation["task_id"].to_string()));
        }
        let polled = i64::try_from(POLLED)?;
        // A prime stride visits the database far apart each time.
        let old = (0..polled).map(|number| (number * 7_919 % i64::from(size) + task).to_string());
        Ok(Self {
            polls: polls(address, live, r#""status":4"#)?,
            old_polls: polls(address, old, r#""status":1"#)?,
            longrun,
        })
    }

    fn submits(&self) -> Requests {
        submits(self.longrun.address)
    }
}

/// Signed polls of these operations.
fn polls(
    address: SocketAddr,
    ids: impl IntoIterator<Item = String>,
    expect: &str,
) -> anyhow::Result<Requests> {
    let mut polls = Vec::new();
    for (id, nonce) in ids.into_iter().zip(0_u128..) {
        let poll = setup::signed_poll("tencent-bm", address, &id, nonce)?;
        polls.push(setup::bytes(&poll));
    }
    Ok(Requests::new(polls, expect))
}

/// Fills a database with copies of the finished operation that has this number: the rows that so many would have left.
async fn fill(database: &str, task: i64, size: u32) -> anyhow::Result<()> {
    const OPERATIONS: &str = "
        INSERT INTO operation (key, account, kind, phase, removed, head, events, resources)
        SELECT nextval('operation_key'), account, kind, phase, removed, head, events, resources
        FROM operation, generate_series(1, $2::bigint) WHERE key = $1";
    const TIMERS: &str = "
        INSERT INTO timer (operation, due)
        SELECT filled.key, timer.due + filled.key
        FROM operation AS filled JOIN timer ON timer.operation = $1 WHERE filled.key > $2";
    let client = connect(database).await?;
    let mut left = size - 1;
    while left > 0 {
        let some = left.min(FILLED);
        let sql = "SELECT last_value FROM operation_key";
        let last: i64 = client.query_one(sql, &[]).await?.get(0);
        client
            .execute(OPERATIONS, &[&task, &i64::from(some)])
            .await?;
        client.execute(TIMERS, &[&task, &last]).await?;
        left -= some;
    }
    client.batch_execute("VACUUM ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

impl Postgres {
    /// The address of a new database.
    fn database(&self) -> anyhow::Result<String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bench{}", COUNT.fetch_add(1, Relaxed));
        runtime()?.block_on(async {
            let client = connect(&self.url).await?;
            for sql in [
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
            ] {
                client.batch_execute(&sql).await?;
            }
            anyhow::Ok(())
        })?;
        let (server, _) = self.url.rsplit_once('/').context("it names a database")?;
        Ok(format!("{server}/{name}"))
    }
}

/// A connection to the database at `url`. Must be called within a runtime.
async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("the PostgreSQL server does not answer")?;
    tokio::spawn(connection);
    Ok(client)
}
