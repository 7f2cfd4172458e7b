//! What longrun takes: time to start, memory, flushes of the disk.

use crate::flow;
use crate::load::{self, Requests};
use crate::plan::Plan;
use crate::report::{Figure, Target};
use crate::scenarios::{self, Bare};
use crate::setup;
use serde_json::Value;
use std::time::Duration;

/// Callers that wait at a time, for the memory that they take.
const WAITING: usize = 10_000;

/// Measures what was asked for.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if plan.wants("idle") {
        idle(plan)?;
    }
    if plan.wants("flushes") {
        flushes(plan)?;
    }
    if plan.wants("open waits") {
        waits(plan)?;
    }
    Ok(())
}

/// Memory and start-up, before any load, and the size of the program.
fn idle(plan: &Plan) -> anyhow::Result<()> {
    let store = plan.store()?;
    let longrun = plan.start(&store.url())?;
    let request = setup::native(longrun.address, "GET", "/healthz", &Value::Null);
    let answer = setup::exchange(longrun.address, &request)?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    std::thread::sleep(Duration::from_millis(300));
    let start = longrun.started_in.as_secs_f64() * 1_000.0;
    let (bare, _) = scenarios::start_bare(&Bare::Get { bytes: 1 })?;
    let of_bare = [
        Some(bare.resident_mebibytes()?),
        Some(bare.started_in.as_secs_f64() * 1_000.0),
        None,
    ];
    let program = f64::from(u32::try_from(std::fs::metadata(&plan.program)?.len())?) / 1e6;
    for ((name, value, unit, must, aim), of_bare) in [
        (
            "idle memory",
            longrun.resident_mebibytes()?,
            "MiB",
            15.0,
            8.0,
        ),
        ("start to first answer", start, "ms", 50.0, 15.0),
        ("program, stripped", program, "MB", 20.0, 14.0),
    ]
    .into_iter()
    .zip(of_bare)
    {
        let mut figure = Figure::new(name, value, unit);
        if let Some(bare) = of_bare {
            figure = figure.of("the bare server", bare);
        }
        plan.report
            .add(figure.held_to(Target::AtMost { must, aim }))?;
    }
    Ok(())
}

/// Flushes of the disk for each command that was acknowledged, at many connections.
fn flushes(plan: &Plan) -> anyhow::Result<()> {
    let store = plan.store()?;
    let longrun = plan.start(&store.url())?;
    let submission = setup::submission("flush");
    let request = setup::native(longrun.address, "POST", "/api/v1/operations", &submission);
    let requests = Requests::new(vec![request], "queued");
    let counted = || -> anyhow::Result<(f64, f64)> {
        let commits = setup::figure(longrun.address, "longrun_commits_total")?;
        Ok((
            commits,
            setup::figure(longrun.address, "longrun_writes_total")?,
        ))
    };
    let before = counted()?;
    load::closed(longrun.address, &requests, plan.connections, plan.seconds)?;
    let after = counted()?;
    let flushes = (after.0 - before.0) / (after.1 - before.1);
    let figure = Figure::new("flushes per acknowledged submit", flushes, "each");
    plan.report.add(figure.held_to(Target::AtMost {
        must: 0.25,
        aim: 0.05,
    }))
}

/// Memory that callers take who wait.
fn waits(plan: &Plan) -> anyhow::Result<()> {
    let longrun = plan.start("memory:")?;
    let before = longrun.resident_mebibytes()?;
    let during = flow::waiting(longrun.address, WAITING, || longrun.resident_mebibytes())?;
    let figure = Figure::new(
        format!("memory of {WAITING} open waits"),
        during - before,
        "MiB",
    );
    plan.report.add(figure.held_to(Target::AtMost {
        must: 150.0,
        aim: 80.0,
    }))
}
