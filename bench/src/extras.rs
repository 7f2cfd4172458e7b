//! What a rate alone does not tell: latencies at fixed rates, whole operations, memory, disk and flushes.

use crate::flow;
use crate::load::{self, Requests};
use crate::scenarios::{Plan, start_longrun, tell, tell_json};
use crate::setup;
use hdrhistogram::Histogram;
use serde_json::json;
use std::net::SocketAddr;

/// Callers that wait at a time, for the memory that they take.
const WAITING: usize = 9_000;
/// Operations a second that are submitted and carried out at a steady pace.
const STEADY_RATE: f64 = 500.0;
/// Waits that are timed.
const WAKES: usize = 500;

/// Something to measure on a server with a store of its own.
type Measure = fn(&Plan, SocketAddr) -> anyhow::Result<()>;

/// All of it, by name.
const ALL: [(&str, Measure); 5] = [
    ("latency poll", poll_latency),
    ("latency submit to result", submit_to_result),
    ("latency wake-up", wake_up),
    ("flushes", flushes),
    ("flow end to end", end_to_end),
];

/// Runs everything that was asked for.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    for (_, measure) in ALL.into_iter().filter(|(name, _)| plan.wants(name)) {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bench.db");
        let longrun = start_longrun(plan, &format!("sqlite:{}", path.display()))?;
        measure(plan, longrun.address)?;
    }
    if plan.wants("memory") {
        memory(plan)?;
    }
    Ok(())
}

fn poll_latency(plan: &Plan, address: SocketAddr) -> anyhow::Result<()> {
    let operation = setup::finished_operation(address)?;
    let polls = setup::signed_polls("tencent-bm", address, &operation, 64)?;
    let requests = Requests::new(polls, r#""status":1"#);
    let most = load::closed(address, &requests, plan.connections, plan.seconds)?;
    let times = load::open(
        address,
        &requests,
        plan.connections,
        most / 2.0,
        plan.seconds * 2.0,
    )?;
    latency(
        "latency poll, half of the highest rate",
        &times,
        "p99 1.0 ms",
    );
    Ok(())
}

fn submit_to_result(plan: &Plan, address: SocketAddr) -> anyhow::Result<()> {
    let times = flow::visible(address, STEADY_RATE, plan.seconds * 2.0)?;
    latency(
        "latency submit to result, 500/s",
        &times,
        "p50 1.5 ms, p99 4 ms",
    );
    Ok(())
}

fn wake_up(_plan: &Plan, address: SocketAddr) -> anyhow::Result<()> {
    let times = flow::wakes(address, WAKES)?;
    latency("latency wake-up after the commit", &times, "p99 2 ms");
    Ok(())
}

fn end_to_end(plan: &Plan, address: SocketAddr) -> anyhow::Result<()> {
    // A moment to warm up.
    flow::end_to_end(address, plan.seconds / 4.0)?;
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        rates.push(flow::end_to_end(address, plan.seconds)?);
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    tell(&format!(
        "{:<40}{rate:>12.0} operations/s  (25000)",
        "flow end to end, batches of 100"
    ));
    tell_json(&json!({ "scenario": "flow end to end", "longrun": rate }));
    Ok(())
}

/// Flushes of the disk for each command that was acknowledged, at many connections.
fn flushes(plan: &Plan, address: SocketAddr) -> anyhow::Result<()> {
    let request = setup::native(
        address,
        "POST",
        "/api/v1/operations",
        &setup::submission("flush"),
    );
    let requests = Requests::new(vec![request], "queued");
    let counted = || -> anyhow::Result<(f64, f64)> {
        let commits = setup::figure(address, "longrun_commits_total")?;
        Ok((commits, setup::figure(address, "longrun_writes_total")?))
    };
    let before = counted()?;
    load::closed(address, &requests, plan.connections, plan.seconds)?;
    let after = counted()?;
    let flushes = (after.0 - before.0) / (after.1 - before.1);
    tell(&format!(
        "{:<40}{flushes:>12.3} each          (0.25)",
        "flushes for each acknowledged submit"
    ));
    tell_json(&json!({ "scenario": "flushes", "longrun": flushes }));
    Ok(())
}

/// Memory that callers take who wait.
fn memory(plan: &Plan) -> anyhow::Result<()> {
    let longrun = start_longrun(plan, "memory:")?;
    let before = longrun.resident_kilobytes()?;
    let during = flow::waiting(longrun.address, WAITING, || longrun.resident_kilobytes())?;
    let megabytes = (during - before) / 1024;
    let name = format!("memory of {WAITING} open waits");
    tell(&format!("{name:<40}{megabytes:>12} MiB           (150)"));
    tell_json(&json!({ "scenario": "memory open waits", "longrun": megabytes }));
    Ok(())
}

fn latency(name: &str, times: &Histogram<u64>, at_most: &str) {
    let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|part| times.value_at_quantile(part));
    tell(&format!(
        "{name:<40}{:>12} p50 {p50} us, p99 {p99} us, worst {worst} us  ({at_most})",
        ""
    ));
    tell_json(&json!({ "scenario": name, "p50_us": p50, "p99_us": p99, "worst_us": worst }));
}
