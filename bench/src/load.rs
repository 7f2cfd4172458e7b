//! The load: connections that each send one request after the other, as fast as they are answered.

use crate::wire::Wire;
use anyhow::ensure;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// The requests that a load sends. When they are used up, it begins again.
#[derive(Clone)]
pub(crate) struct Requests {
    all: Arc<[Vec<u8>]>,
    next: Arc<AtomicUsize>,
    /// What an answer must contain to count.
    expect: Arc<str>,
}

impl Requests {
    /// These requests, whose answers all contain `expect`.
    pub(crate) fn new(all: Vec<Vec<u8>>, expect: &str) -> Self {
        assert!(!all.is_empty(), "a load needs something to send");
        Self {
            all: all.into(),
            next: Arc::default(),
            expect: expect.into(),
        }
    }

    /// The next one.
    pub(crate) fn next(&self) -> &[u8] {
        &self.all[self.next.fetch_add(1, Relaxed) % self.all.len()]
    }

    /// Whether an answer is one that counts. Only some are looked at, so that this takes nothing from the server.
    pub(crate) fn check(&self, number: u64, body: &[u8]) -> anyhow::Result<()> {
        if !number.is_multiple_of(256) {
            return Ok(());
        }
        let (expect, text) = (&*self.expect, String::from_utf8_lossy(body));
        ensure!(
            text.contains(expect),
            "the answer does not contain `{expect}`: {text}"
        );
        Ok(())
    }
}

/// A runtime with one thread: the load shall take no more of the machine than it must.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Answers per second, when `connections` send for `seconds` as fast as they are answered.
pub(crate) fn closed(
    address: SocketAddr,
    requests: &Requests,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<f64> {
    closed_on(&[address], requests, connections, seconds)
}

/// The same, with the connections spread over several servers.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
pub(crate) fn closed_on(
    addresses: &[SocketAddr],
    requests: &Requests,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<f64> {
    runtime()?.block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let wires = spread(addresses, connections).await?;
        let began = Instant::now();
        let sending: Vec<_> = wires
            .into_iter()
            .map(|wire| tokio::spawn(send(wire, requests.clone(), Arc::clone(&stop))))
            .collect();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        stop.store(true, Relaxed);
        let mut answers = 0_u32;
        for sent in sending {
            answers += sent.await??;
        }
        Ok(f64::from(answers) / began.elapsed().as_secs_f64())
    })
}

/// A histogram of microseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are few enough")
}

/// These many connections.
pub(crate) async fn connect(address: SocketAddr, connections: usize) -> anyhow::Result<Vec<Wire>> {
    spread(&[address], connections).await
}

/// The same, spread over several servers.
pub(crate) async fn spread(
    addresses: &[SocketAddr],
    connections: usize,
) -> anyhow::Result<Vec<Wire>> {
    let mut wires = Vec::with_capacity(connections);
    for address in addresses.iter().cycle().take(connections) {
        wires.push(Wire::connect(*address).await?);
    }
    Ok(wires)
}

/// Sends until it is stopped, and counts the answers.
async fn send(mut wire: Wire, requests: Requests, stop: Arc<AtomicBool>) -> anyhow::Result<u32> {
    let mut answers = 0;
    while !stop.load(Relaxed) {
        let body = wire.ask(requests.next()).await?;
        requests.check(answers.into(), body)?;
        answers += 1;
    }
    Ok(answers)
}
