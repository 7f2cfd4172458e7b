//! What the machine could do at best: proofs without HTTP, and SQLite with our rows but without us.

use crate::setup;
use anyhow::{Context, ensure};
use longrun_dialects::{Dialect, Options, Request, find};
use longrun_engine::Clock;
use longrun_server::SystemClock;
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long proofs are counted.
const PROVING: Duration = Duration::from_millis(500);
/// What counts as a gap in the time that a thread runs.
const GAP_MIN: Duration = Duration::from_micros(5);
/// Operations in a transaction of bare SQLite.
const GROUP: usize = 256;

/// Proofs of a poll in this dialect that all cores together carry out in a second: parsing is not counted.
pub(crate) fn proofs(dialect: &str, address: SocketAddr) -> anyhow::Result<f64> {
    let id = match dialect {
        "alibaba-bpstudio" => "op-0123456789abcdef0123456789abcdef",
        "huawei-elb" => "0123456789abcdef0123456789abcdef",
        _ => "1",
    };
    let poll = setup::signed_poll(dialect, address, id, 1)?;
    let mut headers = poll.headers().clone();
    headers
        .entry("host")
        .or_insert(address.to_string().parse()?);
    let request = Request {
        method: poll.method(),
        path: poll.uri().path(),
        query: poll.uri().query().unwrap_or_default(),
        headers: &headers,
        body: poll.body(),
    };
    let dialect = find(&request, &Options::default()).context("a dialect claims its own poll")?;
    let cores = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let proving: Vec<_> = (0..cores)
            .map(|_| scope.spawn(|| prove(dialect, &request)))
            .collect();
        let mut rate = 0.0;
        for one in proving {
            rate += one.join().expect("a proof does not panic")?;
        }
        Ok(rate)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
fn prove(dialect: &dyn Dialect, request: &Request) -> anyhow::Result<f64> {
    let call = dialect.parse(request, &Options::default());
    let proof = call
        .claim
        .map_err(|fault| anyhow::anyhow!("{fault}"))?
        .proof;
    let proof = proof.context("the poll is signed")?;
    let now = SystemClock.now();
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < PROVING {
        for _ in 0..64 {
            let proved = dialect.verify(&proof, setup::KEY_SECRET.as_bytes(), now);
            ensure!(proved.is_ok(), "a good signature is refused: {proved:?}");
        }
        count += 64;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

/// Microseconds that one moment in a hundred has to wait until a thread goes on that does nothing but hold its core,
/// when there is one for each: nothing that runs on them can answer sooner, whoever wrote it.
pub(crate) fn stall(seconds: f64) -> anyhow::Result<f64> {
    let cores = std::thread::available_parallelism()?.get();
    let gaps: Vec<f64> = std::thread::scope(|scope| {
        let holding: Vec<_> = (0..cores).map(|_| scope.spawn(|| hold(seconds))).collect();
        let gaps = holding.into_iter().map(|one| {
            one.join()
                .expect("a thread that holds its core does not panic")
        });
        gaps.flatten().collect()
    });
    let all = seconds * 1e6 * f64::from(u32::try_from(cores)?);
    let waits_longer = |wait: f64| gaps.iter().map(|gap| (gap - wait).max(0.0)).sum::<f64>();
    let longest = gaps.iter().copied().fold(0.0, f64::max);
    let (mut low, mut high) = (0.0, longest);
    while high - low > 1.0 {
        let middle = f64::midpoint(low, high);
        if waits_longer(middle) > all / 100.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(high)
}

/// Holds a core for so long: the gaps, in microseconds, in which the thread did not run.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
fn hold(seconds: f64) -> Vec<f64> {
    let began = Instant::now();
    let mut last = began;
    let mut gaps = Vec::new();
    while last.duration_since(began).as_secs_f64() < seconds {
        let now = Instant::now();
        let gap = now.duration_since(last);
        if gap > GAP_MIN {
            gaps.push(gap.as_secs_f64() * 1e6);
        }
        last = now;
    }
    gaps
}

/// A table as it was found: how to put a row into it, and its rows.
struct Table {
    insert: String,
    rows: Vec<Vec<Cell>>,
}

/// Operations a second, when SQLite alone writes the very rows that operations have left in the file at `path` into an
/// empty file with the same tables, 256 operations a transaction, flushed as ours are.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
pub(crate) fn bare_sqlite(path: &Path, empty: &Path) -> anyhow::Result<f64> {
    let full = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut bare = Connection::open(empty)?;
    bare.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 4000;",
    )?;
    for statement in definitions(&full)? {
        bare.execute_batch(&statement)?;
    }
    let tables = tables(&full)?;
    let count = "SELECT count(*) FROM operation";
    let operations: u32 = full.query_row(count, [], |row| row.get(0))?;
    let groups = usize::try_from(operations)?.div_ceil(GROUP);
    let began = Instant::now();
    for group in 0..groups {
        let transaction = bare.transaction()?;
        for table in &tables {
            let (from, to) = (part(table, group, groups), part(table, group + 1, groups));
            let mut insert = transaction.prepare_cached(&table.insert)?;
            for row in &table.rows[from..to] {
                insert.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    Ok(f64::from(operations) / began.elapsed().as_secs_f64())
}

fn part(table: &Table, group: usize, groups: usize) -> usize {
    table.rows.len() * group / groups
}

/// What makes the tables and indexes of a file.
fn definitions(file: &Connection) -> anyhow::Result<Vec<String>> {
    let mut select = file.prepare(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
         ORDER BY type DESC",
    )?;
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn tables(file: &Connection) -> anyhow::Result<Vec<Table>> {
    let mut select = file.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    let names: Vec<String> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    names.iter().map(|name| table(file, name)).collect()
}

fn table(file: &Connection, name: &str) -> anyhow::Result<Table> {
    let mut select = file.prepare(&format!("SELECT * FROM \"{name}\""))?;
    let width = select.column_count();
    let marks = vec!["?"; width].join(", ");
    let rows = select.query_map([], |row| (0..width).map(|column| row.get(column)).collect())?;
    Ok(Table {
        insert: format!("INSERT INTO \"{name}\" VALUES ({marks})"),
        rows: rows.collect::<Result<_, _>>()?,
    })
}
