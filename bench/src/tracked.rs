//! What a gateway takes that follows many tasks in which nothing happens: memory, and the processor for its polls.

use crate::cpu::Used;
use crate::plan::Plan;
use crate::process::Served;
use crate::report::{Figure, Target};
use crate::setup;
use anyhow::Context;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Tasks that are followed.
const TASKS: usize = 10_000;
/// The longest pause between two polls of a task, in milliseconds.
const PAUSE_MILLIS: u64 = 30_000;
/// Operations in a call that submits.
const BATCH: usize = 1_000;
/// How long the gateway may take until it has asked for every task.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the gateway finds the secret that the cloud knows.
const SECRET: &str = "LONGRUN_BENCH_SECRET";

/// Measures what was asked for: idle tracking through a gateway on SQLite, in front of a real server as the cloud.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if !plan.wants("tracked tasks") {
        return Ok(());
    }
    let cloud = plan.start("memory:")?;
    let store = plan.store()?;
    let settings = plan.report.folder().join("tracked.toml");
    let quota = "quota = { calls = 1000000, per_ms = 1000 }";
    let table = format!(
        "[upstream.cloud]\ndialect = 'tencent-bm'\nendpoint = 'http://{}'\naccess_key = '{}'\n\
         secret_env = '{SECRET}'\n{quota}\npause_ms = {PAUSE_MILLIS}\npause_max_ms = {PAUSE_MILLIS}\n",
        cloud.address,
        setup::KEY_ID
    );
    std::fs::write(&settings, table)?;
    let settings = settings.to_str().context("the folder's name is UTF-8")?;
    let environment = [(SECRET, setup::KEY_SECRET)];
    let gateway = plan.start_with(&store.url(), &["--config", settings], &environment)?;
    follow(cloud.address, gateway.address)?;
    idle(plan, &cloud, &gateway)
}

/// Submits the tasks to the cloud, and to the gateway that they are to be followed.
fn follow(cloud: SocketAddr, gateway: SocketAddr) -> anyhow::Result<()> {
    let path = "/api/v1/operations:batch";
    let batch = |one: &dyn Fn(usize) -> Value| {
        let operations: Vec<Value> = (0..BATCH).map(one).collect();
        json!({ "operations": operations })
    };
    for _ in 0..TASKS / BATCH {
        let made = setup::call(cloud, "POST", path, &batch(&|_| setup::submission("task")))?;
        let made = made["operations"].as_array().context("all were made")?;
        let track = |number: usize| {
            let target = format!("tencent-bm:{}", made[number]["task_id"]);
            json!({ "kind": "track", "input": { "target": target } })
        };
        setup::call(gateway, "POST", path, &batch(&track))?;
    }
    Ok(())
}

/// Measures a whole pause, once every task has been asked for and all that was new is written down.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn idle(plan: &Plan, cloud: &Served, gateway: &Served) -> anyhow::Result<()> {
    let counter = "longrun_upstream_polls_total{upstream=\"cloud\"}";
    let polls = || setup::figure(gateway.address, counter);
    let tasks = f64::from(u32::try_from(TASKS)?);
    let began = Instant::now();
    while polls()? < tasks {
        anyhow::ensure!(began.elapsed() < PATIENCE, "the gateway does not ask");
        std::thread::sleep(Duration::from_millis(200));
    }
    // All of them began together; after a pause they are spread.
    std::thread::sleep(Duration::from_millis(PAUSE_MILLIS));
    let (asked, used, began) = (
        polls()?,
        Used::now(cloud.id(), &[gateway.id()])?,
        Instant::now(),
    );
    std::thread::sleep(Duration::from_millis(PAUSE_MILLIS));
    let (seconds, asked) = (began.elapsed().as_secs_f64(), polls()? - asked);
    let now = Used::now(cloud.id(), &[gateway.id()])?;
    let [_, micros] = now.microseconds_each_since(&used, asked);
    for (name, value, unit, must, aim) in [
        (
            "memory with 10000 tracked tasks",
            gateway.resident_mebibytes()?,
            "MiB",
            100.0,
            60.0,
        ),
        (
            "processor for 10000 tracked tasks",
            micros * asked / seconds / 10_000.0,
            "% core",
            5.0,
            3.0,
        ),
    ] {
        let figure = Figure::new(name, value, unit);
        plan.report
            .add(figure.held_to(Target::AtMost { must, aim }))?;
    }
    let rate = Figure::new("polls for 10000 tracked tasks", asked / seconds, "/s");
    plan.report.add(rate)?;
    let each = Figure::new("processor for a poll of tracked tasks", micros, "us");
    plan.report.add(each)
}
