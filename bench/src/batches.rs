//! Whole operations in batches: submitted beside bare SQLite, carried out, and both at once.

use crate::flow;
use crate::limits;
use crate::plan::Plan;
use crate::report::{Figure, Target};

/// Operations of a round of submissions.
const SUBMITTED: usize = 50_000;
/// The limit of operations that are written several times until they have ended: the rows that they leave, written once.
const WRITTEN_ONCE: &str = "bare SQLite, each row once";

/// Measures what was asked for.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if plan.wants("submit batch") {
        submit(plan)?;
    }
    if plan.wants("lease, report, finish") {
        carry_out(plan)?;
    }
    if plan.wants("flow end to end") {
        end_to_end(plan)?;
    }
    Ok(())
}

/// Submissions in batches of 100, beside what SQLite alone makes of the same rows.
fn submit(plan: &Plan) -> anyhow::Result<()> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (store, empty) = (plan.store()?, plan.store()?);
        let longrun = plan.start(&store.url())?;
        ours.push(flow::submissions(longrun.address, SUBMITTED)?);
        drop(longrun);
        bare.push(limits::bare_sqlite(&store.path(), &empty.path())?);
    }
    let bare = Figure::median("", bare, "").value;
    let figure = Figure::median("submit batch, 100 a call", ours, "1/s")
        .of("bare SQLite", bare)
        .held_to(Target::Ratio {
            must: 0.50,
            aim: 0.70,
        });
    plan.report.add(figure)
}

/// Operations that wait already: leased, four results each, finished; and what they leave on the disk.
fn carry_out(plan: &Plan) -> anyhow::Result<()> {
    let (mut rates, mut bare) = (Vec::new(), Vec::new());
    let mut bytes = 0.0;
    for _ in 0..plan.rounds {
        let (store, empty) = (plan.store()?, plan.store()?);
        let longrun = plan.start(&store.url())?;
        flow::submissions(longrun.address, SUBMITTED)?;
        rates.push(flow::carried_out(longrun.address, SUBMITTED)?);
        longrun.stop()?;
        let count = f64::from(u32::try_from(SUBMITTED)?);
        bytes = f64::from(u32::try_from(store.bytes()?)?) / count;
        bare.push(limits::bare_sqlite(&store.path(), &empty.path())?);
    }
    let bare = Figure::median("", bare, "").value;
    let figure = Figure::median("lease, report, finish, 100 a call", rates, "1/s");
    plan.report.add(figure.of(WRITTEN_ONCE, bare))?;
    let figure = Figure::new("on disk per finished operation", bytes, "bytes");
    plan.report.add(figure.held_to(Target::AtMost {
        must: 800.0,
        aim: 450.0,
    }))
}

/// From the submission to the end, everything at once.
fn end_to_end(plan: &Plan) -> anyhow::Result<()> {
    let (store, empty) = (plan.store()?, plan.store()?);
    let longrun = plan.start(&store.url())?;
    // A moment to warm up.
    flow::end_to_end(longrun.address, plan.seconds / 4.0)?;
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        rates.push(flow::end_to_end(longrun.address, plan.seconds)?);
    }
    longrun.stop()?;
    let bare = limits::bare_sqlite(&store.path(), &empty.path())?;
    let figure =
        Figure::median("flow end to end, batches of 100", rates, "1/s").of(WRITTEN_ONCE, bare);
    let target = Target::AtLeast {
        must: 25_000.0,
        aim: 40_000.0,
    };
    plan.report.add(figure.held_to(target))
}
