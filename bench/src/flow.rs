//! Operations from their submission to their end: submitters, workers, and what they get through.

use crate::load::{connect, histogram, runtime, spread};
use crate::setup::{self, RESOURCES};
use crate::wire::Wire;
use hdrhistogram::Histogram;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Operations in a batch, and in a lease.
const BATCH: usize = 100;
/// Connections that submit, and connections that work.
const SUBMITTERS: usize = 2;
const WORKERS: usize = 4;
/// Connections that submit when nothing else goes on.
const BATCH_SUBMITTERS: usize = 8;
/// Connections that submit one operation a call, while workers carry them out.
const SINGLE_SUBMITTERS: usize = 64;
/// Operations that may wait for a worker before submitters pause.
const AHEAD_MAX: usize = 20_000;

/// What a lease call answers, as far as a worker needs it here.
#[derive(Deserialize)]
struct Leases<'a> {
    #[serde(borrow)]
    leases: Vec<Leased<'a>>,
}

#[derive(Deserialize)]
struct Leased<'a> {
    fence: u64,
    #[serde(borrow)]
    operation: Named<'a>,
}

#[derive(Deserialize)]
struct Named<'a> {
    id: &'a str,
}

/// What goes on between submitters and workers.
#[derive(Default)]
struct Counts {
    submitted: AtomicUsize,
    ended: AtomicUsize,
    stop: AtomicBool,
}

/// How operations are submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submitting {
    /// Many in each call.
    Batches,
    /// One in each call.
    Singles,
}

/// Operations per second from submission to end, in batches.
pub(crate) fn end_to_end(address: SocketAddr, seconds: f64) -> anyhow::Result<f64> {
    end_to_end_on(&[address], Submitting::Batches, seconds)
}

/// The same on several servers that share a store. Workers lease and report in batches, however they are submitted.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
pub(crate) fn end_to_end_on(
    addresses: &[SocketAddr],
    submitting: Submitting,
    seconds: f64,
) -> anyhow::Result<f64> {
    let submitters = match submitting {
        Submitting::Batches => SUBMITTERS.max(addresses.len()),
        Submitting::Singles => SINGLE_SUBMITTERS,
    };
    let address = addresses[0];
    runtime()?.block_on(async {
        let counts = Arc::new(Counts::default());
        let mut running = Vec::new();
        for wire in spread(addresses, submitters).await? {
            let counts = Arc::clone(&counts);
            running.push(tokio::spawn(submit(wire, address, submitting, counts)));
        }
        for wire in spread(addresses, WORKERS.max(addresses.len())).await? {
            running.push(tokio::spawn(work(wire, address, Arc::clone(&counts))));
        }
        let began = Instant::now();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        let ended = counts.ended.load(Relaxed);
        let elapsed = began.elapsed();
        counts.stop.store(true, Relaxed);
        for task in running {
            task.await??;
        }
        Ok(f64::from(u32::try_from(ended)?) / elapsed.as_secs_f64())
    })
}

/// Operations per second when `count` of them are submitted in batches.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
pub(crate) fn submissions(address: SocketAddr, count: usize) -> anyhow::Result<f64> {
    let batch = json!({ "operations": vec![setup::submission("flow"); BATCH] });
    let request: Arc<[u8]> =
        setup::native(address, "POST", "/api/v1/operations:batch", &batch).into();
    let left = Arc::new(AtomicUsize::new(count / BATCH));
    runtime()?.block_on(async {
        let wires = connect(address, BATCH_SUBMITTERS).await?;
        let began = Instant::now();
        let running = wires.into_iter().map(|mut wire| {
            let (request, left) = (Arc::clone(&request), Arc::clone(&left));
            tokio::spawn(async move {
                let less = |left: usize| left.checked_sub(1);
                while left.fetch_update(Relaxed, Relaxed, less).is_ok() {
                    wire.ask(&request).await?;
                }
                anyhow::Ok(())
            })
        });
        for task in running.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(f64::from(u32::try_from(count)?) / began.elapsed().as_secs_f64())
    })
}

/// Operations per second when `count` of them, which wait already, are leased, reported and finished in batches.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
pub(crate) fn carried_out(address: SocketAddr, count: usize) -> anyhow::Result<f64> {
    runtime()?.block_on(async {
        let counts = Arc::new(Counts::default());
        let wires = connect(address, WORKERS).await?;
        let began = Instant::now();
        let running: Vec<_> = wires
            .into_iter()
            .map(|wire| tokio::spawn(work(wire, address, Arc::clone(&counts))))
            .collect();
        while counts.ended.load(Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let elapsed = began.elapsed();
        counts.stop.store(true, Relaxed);
        for task in running {
            task.await??;
        }
        Ok(f64::from(u32::try_from(count)?) / elapsed.as_secs_f64())
    })
}

async fn submit(
    mut wire: Wire,
    address: SocketAddr,
    submitting: Submitting,
    counts: Arc<Counts>,
) -> anyhow::Result<()> {
    let one = setup::submission("flow");
    let (path, body, count) = match submitting {
        Submitting::Batches => {
            let batch = json!({ "operations": vec![one; BATCH] });
            ("/api/v1/operations:batch", batch, BATCH)
        }
        Submitting::Singles => ("/api/v1/operations", one, 1),
    };
    let request = setup::native(address, "POST", path, &body);
    while !counts.stop.load(Relaxed) {
        if counts.submitted.load(Relaxed) > counts.ended.load(Relaxed) + AHEAD_MAX {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        wire.ask(&request).await?;
        counts.submitted.fetch_add(count, Relaxed);
    }
    Ok(())
}

async fn work(mut wire: Wire, address: SocketAddr, counts: Arc<Counts>) -> anyhow::Result<()> {
    let wish = json!({ "kinds": ["flow"], "max": BATCH, "wait_ms": 100 });
    let lease = setup::native(address, "POST", "/api/v1/leases", &wish);
    while !counts.stop.load(Relaxed) {
        let leased: Leases = serde_json::from_slice(wire.ask(&lease).await?)?;
        if leased.leases.is_empty() {
            continue;
        }
        let count = leased.leases.len();
        let request = report(address, &leased);
        wire.ask(&request).await?;
        counts.ended.fetch_add(count, Relaxed);
    }
    Ok(())
}

/// A report that ends everything that was leased.
fn report(address: SocketAddr, leased: &Leases) -> Vec<u8> {
    let results: Vec<_> = RESOURCES
        .iter()
        .map(|id| json!({ "id": id, "status": "succeeded", "output": { "ok": true } }))
        .collect();
    let results = Value::from(results).to_string();
    let mut reports = String::new();
    for Leased { fence, operation } in &leased.leases {
        let comma = if reports.is_empty() { "" } else { "," };
        let id = operation.id;
        write!(
            reports,
            r#"{comma}{{"id":"{id}","fence":{fence},"resources":{results}}}"#
        )
        .expect("a text takes all");
    }
    setup::native_text(
        address,
        "POST",
        "/api/v1/leases:report",
        &format!(r#"{{"reports":[{reports}]}}"#),
    )
}

/// The times in microseconds from a submission, at `rate` a second and at fixed times, to the answer that it has ended.
pub(crate) fn visible(
    address: SocketAddr,
    rate: f64,
    seconds: f64,
) -> anyhow::Result<Histogram<u64>> {
    let submission = setup::submission("flow").to_string();
    let request = setup::with_header(
        setup::native_text(address, "POST", "/api/v1/operations", &submission),
        "prefer: wait=10",
    );
    let counts = Arc::new(Counts::default());
    let working = std::thread::spawn({
        let counts = Arc::clone(&counts);
        move || {
            runtime()?.block_on(async {
                let mut running = Vec::new();
                for wire in connect(address, WORKERS).await? {
                    running.push(tokio::spawn(work(wire, address, Arc::clone(&counts))));
                }
                for task in running {
                    task.await??;
                }
                anyhow::Ok(())
            })
        }
    });
    let requests = crate::load::Requests::new(vec![request], "succeeded");
    let times = crate::open::open(address, &requests, 64, rate, seconds);
    counts.stop.store(true, Relaxed);
    working.join().expect("a worker does not panic")?;
    times
}

/// The times in microseconds from the report that ends an operation to the answer of a caller who waits for it. The
/// commit lies between the two, so that these are more than the time after it.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
pub(crate) fn wakes(address: SocketAddr, times: usize) -> anyhow::Result<Histogram<u64>> {
    runtime()?.block_on(async {
        let mut caller = Wire::connect(address).await?;
        let mut worker = Wire::connect(address).await?;
        let mut all = histogram();
        for _ in 0..times {
            let operation = setup::call(
                address,
                "POST",
                "/api/v1/operations",
                &setup::submission("wake"),
            )?;
            let id = operation["id"].as_str().unwrap_or_default();
            let path = format!("/api/v1/operations/{id}");
            let wait = setup::with_header(
                setup::native_text(address, "GET", &path, ""),
                "prefer: wait=10",
            );
            let wish = json!({ "kinds": ["wake"] });
            let lease = setup::native(address, "POST", "/api/v1/leases", &wish);
            let leased: Leases = serde_json::from_slice(worker.ask(&lease).await?)?;
            let end = report(address, &leased);
            let waiting = tokio::spawn(async move {
                let answered = caller.ask(&wait).await.map(|_| Instant::now());
                (caller, answered)
            });
            // The wait is under way once the server has had a moment to take it up.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let reported = Instant::now();
            worker.ask(&end).await?;
            let (back, answered) = waiting.await?;
            caller = back;
            let late = answered?.saturating_duration_since(reported);
            all.record(u64::try_from(late.as_micros())?)?;
        }
        Ok(all)
    })
}

/// Opens `count` connections that each wait for the end of one operation, calls `measure`, and lets them go.
pub(crate) fn waiting<T>(
    address: SocketAddr,
    count: usize,
    measure: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let operation = setup::call(
        address,
        "POST",
        "/api/v1/operations",
        &setup::submission("wait"),
    )?;
    let id = operation["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/api/v1/operations/{id}");
    let wait: Arc<[u8]> = setup::with_header(
        setup::native_text(address, "GET", &path, ""),
        "prefer: wait=60",
    )
    .into();
    runtime()?.block_on(async {
        let mut waiting = Vec::with_capacity(count);
        for wire in connect(address, count).await? {
            let (mut wire, wait) = (wire, Arc::clone(&wait));
            waiting.push(tokio::spawn(async move {
                wire.ask(&wait).await.map(<[u8]>::len)
            }));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let measured = measure()?;
        setup::call(address, "POST", &format!("{path}:cancel"), &Value::Null)?;
        for one in waiting {
            one.await??;
        }
        Ok(measured)
    })
}
