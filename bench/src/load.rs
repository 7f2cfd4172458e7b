//! The load: connections that each send one request after the other, as fast as they are answered, or at fixed times.

use crate::wire::Wire;
use anyhow::ensure;
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

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

    fn next(&self) -> &[u8] {
        &self.all[self.next.fetch_add(1, Relaxed) % self.all.len()]
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

/// The times to the answers in microseconds, when requests are due at fixed times, `rate` a second, whether or not the
/// earlier ones were answered: what finds no free connection waits for one, and its time counts from when it was due.
pub(crate) fn open(
    address: SocketAddr,
    requests: &Requests,
    connections: usize,
    rate: f64,
    seconds: f64,
) -> anyhow::Result<Histogram<u64>> {
    let arrivals = Arc::new(Arrivals::default());
    runtime()?.block_on(async {
        let mut sending = Vec::with_capacity(connections);
        for wire in connect(address, connections).await? {
            let arrivals = Arc::clone(&arrivals);
            sending.push(tokio::spawn(send_due(wire, requests.clone(), arrivals)));
        }
        let pacing = std::thread::spawn({
            let arrivals = Arc::clone(&arrivals);
            move || arrivals.come(rate, seconds)
        });
        let mut all = histogram();
        for sent in sending {
            all.add(sent.await??)?;
        }
        pacing.join().expect("the thread that paces does not panic");
        Ok(all)
    })
}

/// Requests that are due and not yet sent.
#[derive(Default)]
struct Arrivals {
    due: Mutex<VecDeque<Instant>>,
    over: AtomicBool,
    arrived: Notify,
}

impl Arrivals {
    /// Lets requests become due. On a thread of its own: timers of a runtime are a millisecond wide.
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark is about the time that passes"
    )]
    fn come(&self, rate: f64, seconds: f64) {
        let pause = Duration::from_secs_f64(1.0 / rate);
        let began = Instant::now();
        let end = began + Duration::from_secs_f64(seconds);
        let mut due = began;
        while due < end {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let now = Instant::now();
            while due <= now && due < end {
                self.lock().push_back(due);
                self.arrived.notify_one();
                due += pause;
            }
        }
        self.over.store(true, Relaxed);
        self.arrived.notify_waiters();
    }

    /// The next request, if one is due.
    fn take(&self) -> Option<Instant> {
        self.lock().pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.due.lock().expect("nobody panics while holding it")
    }
}

/// Sends what is due, as long as anything comes.
async fn send_due(
    mut wire: Wire,
    requests: Requests,
    arrivals: Arc<Arrivals>,
) -> anyhow::Result<Histogram<u64>> {
    let mut times = histogram();
    loop {
        let arrived = arrivals.arrived.notified();
        tokio::pin!(arrived);
        // From here on no call is missed, whatever comes between the look and the wait.
        arrived.as_mut().enable();
        while let Some(due) = arrivals.take() {
            check(wire.ask(requests.next()).await?, &requests.expect)?;
            times.record(u64::try_from(due.elapsed().as_micros())?)?;
        }
        if arrivals.over.load(Relaxed) {
            return Ok(times);
        }
        arrived.await;
    }
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
        if answers % 256 == 0 {
            check(body, &requests.expect)?;
        }
        answers += 1;
    }
    Ok(answers)
}

fn check(body: &[u8], expect: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(body);
    ensure!(
        text.contains(expect),
        "the answer does not contain `{expect}`: {text}"
    );
    Ok(())
}
