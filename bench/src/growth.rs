//! The same rates with more and more finished operations in the store.

use crate::chart::{self, Axes, Series};
use crate::flow;
use crate::load::{self, Requests};
use crate::plan::{Plan, StoreFile};
use crate::process::Served;
use crate::report::{Figure, Target, tell};
use crate::setup::{self, RESOURCES};
use longrun_bench::micro;
use longrun_engine::Clock;
use longrun_model::{Operation, Submission};
use longrun_server::SystemClock;
use longrun_store::{LeaseWish, Sight, SqliteStore, Store, Write, Written};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// How many operations are stored when rates are taken.
const SIZES: [u32; 2] = [10_000, 200_000];
const FULL_SIZES: [u32; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// A file with more of them is not copied before it is written to: what a measurement adds is nothing beside them.
const COPIED_MAX: u32 = 1_000_000;
/// Writes in a commit while the store is filled.
const GROUP: usize = 2_000;
/// Polls that are signed beforehand, of operations all over the store.
const POLLS: u32 = 20_000;

/// What was measured at one size, each held against the first size.
#[derive(Default)]
struct Curves(Vec<(&'static str, Vec<(f64, f64)>)>);

impl Curves {
    /// Keeps a value and gives it as a part of the first one.
    fn add(&mut self, name: &'static str, size: u32, value: f64) -> f64 {
        let place = self.0.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| {
            self.0.push((name, Vec::new()));
            self.0.len() - 1
        });
        let points = &mut self.0[place].1;
        points.push((f64::from(size), value));
        points[0].1
    }
}

/// Fills a store in steps and measures at each.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if !plan.wants("growth") {
        return Ok(());
    }
    let sizes: &[u32] = if plan.full { &FULL_SIZES } else { &SIZES };
    let store = plan.store()?;
    let mut curves = Curves::default();
    let mut stored = 0;
    for size in sizes {
        fill(&store.path(), size - stored)?;
        stored = *size;
        if *size <= COPIED_MAX {
            let copy = plan.store()?;
            std::fs::copy(store.path(), copy.path())?;
            measure(plan, &copy, *size, &mut curves)?;
        } else {
            measure(plan, &store, *size, &mut curves)?;
        }
    }
    draw(plan, curves)
}

fn measure(plan: &Plan, store: &StoreFile, size: u32, curves: &mut Curves) -> anyhow::Result<()> {
    let longrun = plan.start(&store.url())?;
    let started = longrun.started_in.as_secs_f64() * 1_000.0;
    let figure = Figure::new(format!("growth, {size} stored: start"), started, "ms");
    plan.report.add(figure.held_to(Target::AtMost {
        must: 250.0,
        aim: 100.0,
    }))?;
    rates(plan, &longrun, size, curves)?;
    let memory = longrun.resident_mebibytes()?;
    let figure = Figure::new(format!("growth, {size} stored: memory"), memory, "MiB");
    plan.report.add(figure.held_to(Target::AtMost {
        must: 250.0,
        aim: 120.0,
    }))
}

fn rates(plan: &Plan, longrun: &Served, size: u32, curves: &mut Curves) -> anyhow::Result<()> {
    let address = longrun.address;
    let polls = Requests::new(polls(address, size)?, r#""status":1"#);
    let submission = setup::native(
        address,
        "POST",
        "/api/v1/operations",
        &setup::submission("growth"),
    );
    let submits = Requests::new(vec![submission], "queued");
    let closed = |requests| load::closed(address, requests, plan.connections, plan.seconds);
    let mut tell = |name: &'static str, rates: Vec<f64>| {
        let figure = Figure::median(format!("growth, {size} stored: {name}"), rates, "1/s");
        let first = curves.add(name, size, figure.value);
        let target = Target::Ratio {
            must: 0.9,
            aim: 0.95,
        };
        plan.report
            .add(figure.of("the first size", first).held_to(target))
    };
    let rounds = |measure: &dyn Fn() -> anyhow::Result<f64>| -> anyhow::Result<Vec<f64>> {
        measure()?;
        (0..plan.rounds).map(|_| measure()).collect()
    };
    tell("polls", rounds(&|| closed(&polls))?)?;
    tell("single submits", rounds(&|| closed(&submits))?)?;
    tell(
        "end to end",
        rounds(&|| flow::end_to_end(address, plan.seconds))?,
    )
}

/// Signed polls of operations all over the store.
fn polls(address: std::net::SocketAddr, size: u32) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut key = 0;
    (0..POLLS)
        .map(|nonce| {
            // A prime stride visits the store far apart each time.
            key = (key + 7_919) % size;
            let id = (key + 1).to_string();
            let poll = setup::signed_poll("tencent-bm", address, &id, nonce.into())?;
            Ok(setup::bytes(&poll))
        })
        .collect()
}

/// Puts `count` more finished operations into the file.
fn fill(path: &Path, count: u32) -> anyhow::Result<()> {
    tell(&format!("... storing {count} more operations"));
    let filling = Filling {
        store: SqliteStore::open(path)?,
        runtime: Builder::new_current_thread().build()?,
    };
    let mut left = usize::try_from(count)?;
    while left > 0 {
        let group = left.min(GROUP);
        filling.store_finished(group)?;
        left -= group;
    }
    filling.runtime.block_on(filling.store.rest())?;
    Ok(())
}

struct Filling {
    store: SqliteStore,
    runtime: Runtime,
}

impl Filling {
    fn commit(&self, writes: Vec<Write>) -> anyhow::Result<Vec<Written>> {
        let committed = self
            .runtime
            .block_on(self.store.commit(writes, SystemClock.now()))?;
        let written = committed.into_iter().collect::<Result<_, _>>();
        written.map_err(|refused| anyhow::anyhow!("refused: {refused:?}"))
    }

    fn store_finished(&self, count: usize) -> anyhow::Result<()> {
        let submission = Submission {
            project: Some(setup::PROJECT.into()),
            retention_millis: 30 * 24 * 3_600 * 1_000,
            ..Submission::new("dev", "filled").with_resources(RESOURCES)
        };
        self.commit(vec![Write::Submit(submission); count])?;
        let wish = LeaseWish {
            sight: Sight::All,
            kinds: vec!["filled".into()],
            max: count,
            worker: "filling".into(),
            length_millis: 30_000,
        };
        for written in self.commit(vec![Write::Lease(wish)])? {
            if let Written::Leased(leased) = written {
                self.commit(leased.iter().map(finished).collect())?;
            }
        }
        Ok(())
    }
}

/// The write of the report that ends it.
fn finished(operation: &Arc<Operation>) -> Write {
    Write::Command {
        key: operation.key,
        sight: Sight::All,
        command: micro::ending(operation),
    }
}

/// Each rate as a part of what it was at the first size.
fn draw(plan: &Plan, curves: Curves) -> anyhow::Result<()> {
    let series: Vec<_> = curves
        .0
        .into_iter()
        .map(|(name, points)| {
            let first = points[0].1;
            let parts = points.iter().map(|(size, value)| (*size, value / first));
            Series {
                name: name.to_owned(),
                points: parts.collect(),
            }
        })
        .collect();
    let axes = Axes {
        title: "Rates over what is stored",
        x: "finished operations in the store",
        y: "part of the first rate",
        by_tens: true,
    };
    chart::lines(&plan.report, "growth", &axes, &series)
}
