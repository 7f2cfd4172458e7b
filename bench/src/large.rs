//! One operation with very many resources, reported in batches and polled meanwhile.

use crate::plan::Plan;
use crate::report::{Figure, Target};
use crate::scenarios::{self, Bare};
use crate::setup;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Instant;

/// Resources in a report.
const BATCH: usize = 1_000;

/// Measures operations of 10,000 and 100,000 resources.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    for count in [10_000, 100_000] {
        let name = format!("large operation, {count} resources");
        if plan.wants(&name) {
            measure(plan, &name, count)?;
        }
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
fn measure(plan: &Plan, name: &str, count: usize) -> anyhow::Result<()> {
    let store = plan.store()?;
    let longrun = plan.start(&store.url())?;
    let address = longrun.address;
    let ids: Vec<String> = (0..count)
        .map(|number| format!("cpm-{number:06}"))
        .collect();
    let (id, fence) = lease(address, &ids)?;
    let poll = setup::native(
        address,
        "GET",
        &format!("/api/v1/operations/{id}"),
        &Value::Null,
    );
    let (bare, _) = scenarios::start_bare(&Bare::Post {
        body: String::new(),
    })?;
    let (mut reports, mut echoes) = (Vec::new(), Vec::new());
    let mut polls = Vec::new();
    for (number, batch) in ids.chunks(BATCH).enumerate() {
        let results: Vec<_> = batch
            .iter()
            .map(|id| json!({ "id": id, "status": "succeeded", "output": { "ok": true } }))
            .collect();
        let report = json!({ "id": id, "fence": fence, "resources": results });
        let body = json!({ "reports": [report] });
        let began = Instant::now();
        let reported = setup::call(address, "POST", "/api/v1/leases:report", &body)?;
        reports.push(began.elapsed().as_secs_f64());
        ensure!(reported["reports"][0]["error"].is_null(), "{reported}");
        if number % 10 == 0 {
            let echo = scenarios::post(bare.address, &body.to_string());
            let began = Instant::now();
            setup::exchange(bare.address, &echo)?;
            echoes.push(began.elapsed().as_secs_f64());
            let began = Instant::now();
            setup::exchange(address, &poll)?;
            polls.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    let rate = f64::from(u32::try_from(count)?) / reports.iter().sum::<f64>();
    let target = Target::AtLeast {
        must: 200_000.0,
        aim: 400_000.0,
    };
    let echo = Figure::median("", echoes, "").value;
    let figure = Figure::new(format!("{name}: reported"), rate, "1/s")
        .of("bare POST echo", f64::from(u32::try_from(BATCH)?) / echo);
    plan.report.add(figure.held_to(target))?;
    // The very last report ends the operation, which is another thing; the tenth before it is like the first ones.
    let tenth = (reports.len() / 10).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.iter().map(|_| 1.0).sum::<f64>();
    let (first, last) = (
        mean(&reports[..tenth]),
        mean(&reports[reports.len() - tenth..]),
    );
    plan.report.add(
        Figure::new(
            format!("{name}: last tenth of reports"),
            last * 1_000.0,
            "ms",
        )
        .of("the first tenth", first * 1_000.0),
    )?;
    let figure = Figure::median(format!("{name}: native get"), polls, "ms");
    plan.report
        .add(figure.of("bare GET", bare_get(address, &poll)?))
}

/// Milliseconds that the bare server takes to answer with as much as longrun does.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
fn bare_get(address: SocketAddr, poll: &[u8]) -> anyhow::Result<f64> {
    let bytes = scenarios::answer_bytes(address, &[poll.to_vec()])?;
    let (bare, _) = scenarios::start_bare(&Bare::Get { bytes })?;
    let get = setup::native(bare.address, "GET", "/", &Value::Null);
    let mut times = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        setup::exchange(bare.address, &get)?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Figure::median("", times, "").value)
}

/// Submits an operation on all of them and leases it: its id and its fence.
fn lease(address: SocketAddr, ids: &[String]) -> anyhow::Result<(String, Value)> {
    let resources: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    let submission = json!({ "kind": "large", "resources": resources });
    setup::call(address, "POST", "/api/v1/operations", &submission)?;
    let wish = json!({ "kinds": ["large"], "lease_ms": 600_000 });
    let leased = setup::call(address, "POST", "/api/v1/leases", &wish)?;
    let lease = &leased["leases"][0];
    let id = lease["operation"]["id"].as_str().context("it was leased")?;
    Ok((id.to_owned(), lease["fence"].clone()))
}
