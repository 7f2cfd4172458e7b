//! How long callers wait, when they come at fixed times: load and server have processors of their own.

use crate::apart::Parts;
use crate::chart::{self, Axes, Series};
use crate::flow;
use crate::limits;
use crate::load::{self, Requests};
use crate::open;
use crate::plan::Plan;
use crate::report::{Figure, Target};
use crate::scenarios::{self, Bare};
use crate::setup;
use hdrhistogram::Histogram;

/// Hundredths of the highest rate at which the times of polls are taken.
const LOADS: [u32; 5] = [10, 25, 50, 75, 90];
/// Operations a second that are submitted and carried out at a steady pace.
const STEADY_RATE: f64 = 500.0;
/// Waits that are timed.
const WAKES: usize = 500;

/// Measures what was asked for.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if plan.wants("latency poll") {
        polls(plan)?;
    }
    if plan.wants("latency submit to result") {
        submit_to_result(plan)?;
    }
    if plan.wants("latency wake-up") {
        wake_up(plan)?;
    }
    Ok(())
}

/// The quantiles of the times of polls that are drawn.
const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

/// Polls at parts of the highest rate. What is due while all connections are busy waits, and that counts. The bare
/// server is asked as often as longrun: what it takes at that rate nobody does better on this machine.
fn polls(plan: &Plan) -> anyhow::Result<()> {
    let (store, parts) = (plan.store()?, Parts::of_this_machine()?.urgent());
    let longrun = parts.server(|| plan.start(&store.url()))??;
    let operation = setup::finished_operation(longrun.address)?;
    let polls = setup::signed_polls("tencent-bm", longrun.address, &operation, 64)?;
    let bytes = scenarios::answer_bytes(longrun.address, &polls)?;
    let requests = Requests::new(polls, r#""status":1"#);
    let (bare, bare_requests) = parts.server(|| scenarios::start_bare(&Bare::Get { bytes }))??;
    let most = || load::closed(longrun.address, &requests, plan.connections, plan.seconds);
    let most = parts.load(most)??;
    // The machine holds everybody up for some milliseconds now and then: more rounds that are shorter meet that less.
    let (rounds, seconds) = (plan.rounds * 2 - 1, plan.seconds / 2.0);
    let at = |address, requests, rate| {
        parts.load(|| open::open(address, requests, plan.connections, rate, seconds))?
    };
    // One round to warm the bare one up as well.
    at(bare.address, &bare_requests, most / 2.0)?;
    let stalls = (0..rounds).map(|_| parts.alone(|| limits::stall(seconds))?);
    let stalls = stalls.collect::<anyhow::Result<_>>()?;
    let name = "latency poll, of the machine alone, p99";
    plan.report.add(Figure::median(name, stalls, "us"))?;
    let name = "latency poll, highest rate";
    plan.report.add(Figure::median(name, vec![most], "1/s"))?;
    let mut curves = QUANTILES.map(|quantile| (quantile, Vec::new()));
    let rate_at = |part| most * f64::from(part) / 100.0;
    let mut loads = LOADS.map(|part| (part, Vec::new(), Vec::new()));
    // Each load in each round: a bad moment of the machine is met by one round of several loads, not by all of one.
    for _ in 0..rounds {
        for (part, theirs, ours) in &mut loads {
            theirs.push(at(bare.address, &bare_requests, rate_at(*part))?);
            ours.push(at(longrun.address, &requests, rate_at(*part))?);
        }
    }
    for (part, theirs, ours) in loads {
        for (quantile, points) in &mut curves {
            let times = of_rounds(&ours, *quantile);
            points.push((rate_at(part), Figure::median("", times, "us").value));
        }
        let name = format!("latency poll at {part} % of the highest rate");
        let target = (part == 50).then_some(Target::AtMost {
            must: 1_000.0,
            aim: 500.0,
        });
        tell(
            plan,
            &name,
            &ours,
            Some(("bare GET", &theirs)),
            [None, target],
        )?;
    }
    let series = curves.map(|(quantile, points)| Series {
        name: format!("p{}", quantile * 100.0),
        points,
    });
    let axes = Axes {
        title: "Polls: time to the answer over the load",
        x: "polls a second, at fixed times",
        y: "microseconds",
        by_tens: false,
    };
    chart::lines(&plan.report, "latency", &axes, &series)
}

fn submit_to_result(plan: &Plan) -> anyhow::Result<()> {
    let (store, parts) = (plan.store()?, Parts::of_this_machine()?);
    let longrun = parts.server(|| plan.start(&store.url()))??;
    let visible =
        || parts.load(|| flow::visible(longrun.address, STEADY_RATE, plan.seconds * 2.0))?;
    let times: Vec<_> = (0..plan.rounds)
        .map(|_| visible())
        .collect::<Result<_, _>>()?;
    let submission = setup::submission("flow").to_string();
    let echo = || scenarios::start_bare(&Bare::Post { body: submission });
    let (bare, requests) = parts.server(echo)??;
    let echoed = || {
        let seconds = plan.seconds;
        let open = || {
            open::open(
                bare.address,
                &requests,
                plan.connections,
                STEADY_RATE,
                seconds,
            )
        };
        parts.load(open)?
    };
    let echoed: Vec<_> = (0..plan.rounds)
        .map(|_| echoed())
        .collect::<Result<_, _>>()?;
    let p50 = Target::AtMost {
        must: 1_500.0,
        aim: 800.0,
    };
    let p99 = Target::AtMost {
        must: 4_000.0,
        aim: 2_000.0,
    };
    tell(
        plan,
        "latency submit to result, 500/s",
        &times,
        Some(("bare POST echo", &echoed)),
        [Some(p50), Some(p99)],
    )
}

fn wake_up(plan: &Plan) -> anyhow::Result<()> {
    let (store, parts) = (plan.store()?, Parts::of_this_machine()?);
    let longrun = parts.server(|| plan.start(&store.url()))??;
    let times = [parts.load(|| flow::wakes(longrun.address, WAKES))??];
    let p99 = Target::AtMost {
        must: 2_000.0,
        aim: 1_000.0,
    };
    tell(
        plan,
        "latency wake-up, with the commit",
        &times,
        None,
        [None, Some(p99)],
    )
}

/// Tells the median and the 99th hundredth of each round, held against their targets and beside the bare server's.
fn tell(
    plan: &Plan,
    name: &str,
    times: &[Histogram<u64>],
    bare: Option<(&'static str, &[Histogram<u64>])>,
    targets: [Option<Target>; 2],
) -> anyhow::Result<()> {
    for (quantile, target) in [0.5, 0.99].into_iter().zip(targets) {
        let name = format!("{name}, p{}", quantile * 100.0);
        let mut figure = Figure::median(name, of_rounds(times, quantile), "us");
        if let Some((limit, times)) = bare {
            let bare = Figure::median("", of_rounds(times, quantile), "us");
            figure = figure.of(limit, bare.value);
        }
        figure.target = target;
        plan.report.add(figure)?;
    }
    Ok(())
}

/// The quantile of each round.
fn of_rounds(times: &[Histogram<u64>], quantile: f64) -> Vec<f64> {
    times.iter().map(|times| micros(times, quantile)).collect()
}

fn micros(times: &Histogram<u64>, quantile: f64) -> f64 {
    let micros = times.value_at_quantile(quantile);
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX))
}
