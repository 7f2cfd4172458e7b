//! The load: connections that each send one request after the other, as fast as they are answered.

use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

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

/// What a load has measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Answers per second.
    pub(crate) per_second: f64,
}

/// Loads `address` for `seconds` over `connections` connections.
pub(crate) fn run(
    address: SocketAddr,
    requests: &Requests,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<Rate> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(load(address, requests, connections, seconds))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn load(
    address: SocketAddr,
    requests: &Requests,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<Rate> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(address)
            .await
            .context("could not connect")?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let began = Instant::now();
    let sending: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::spawn(send(stream, requests.clone(), Arc::clone(&stop))))
        .collect();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    stop.store(true, Relaxed);
    let mut answers = 0_u64;
    for sent in sending {
        answers += sent.await??;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "no benchmark sends 2^52 requests"
    )]
    let per_second = answers as f64 / began.elapsed().as_secs_f64();
    Ok(Rate { per_second })
}

/// Sends until it is stopped, and counts the answers.
async fn send(
    mut stream: TcpStream,
    requests: Requests,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<u64> {
    let mut buffer = vec![0; 16 * 1024];
    let mut answers = 0;
    while !stop.load(Relaxed) {
        stream.write_all(requests.next()).await?;
        let length = receive(&mut stream, &mut buffer).await?;
        if answers % 256 == 0 {
            check(&buffer[..length], &requests.expect)?;
        }
        ensure!(
            matches!(buffer.get(9), Some(b'2')),
            "refused: {}",
            String::from_utf8_lossy(&buffer[..length])
        );
        answers += 1;
    }
    Ok(answers)
}

fn check(answer: &[u8], expect: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(answer);
    ensure!(
        text.contains(expect),
        "the answer does not contain `{expect}`: {text}"
    );
    Ok(())
}

/// Reads one answer whole: its length in the buffer.
async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<usize> {
    let mut filled = 0;
    let mut wanted = usize::MAX;
    while filled < wanted {
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!(
                "the server closed the connection: {}",
                String::from_utf8_lossy(&buffer[..filled])
            );
        }
        filled += read;
        if wanted == usize::MAX
            && let Some(length) = whole_length(&buffer[..filled])
        {
            wanted = length;
        }
    }
    Ok(filled)
}

/// The length of head and body, once the head is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head + length.unwrap_or(0))
}
