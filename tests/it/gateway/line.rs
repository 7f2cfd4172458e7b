//! A line to a server that can be bent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What the line does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Bend {
    /// It passes.
    Straight,
    /// The connection is cut before anything is answered.
    Cut,
    /// Every other request is turned away.
    Throttled,
    /// The answer breaks off in the middle, is a web page or an outage, in turn.
    Broken,
    /// Nothing comes back for a while, and then the answer.
    Slow,
}

/// The line. It goes on until the test ends.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    bend: Arc<AtomicU8>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
    carried: Arc<Mutex<Vec<Carried>>>,
}

/// A request that got an answer.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) request: String,
    pub(crate) reply: String,
}

impl Line {
    /// A straight line to a server.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let line = Self {
            address: listener.local_addr().expect("it is bound"),
            bend: Arc::default(),
            arrivals: Arc::default(),
            carried: Arc::default(),
        };
        let (bend, arrivals) = (Arc::clone(&line.bend), Arc::clone(&line.arrivals));
        let carried = Arc::clone(&line.carried);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (bend, now) = (bend.load(SeqCst), Instant::now());
                let number = {
                    let mut arrivals = arrivals.lock().expect("nobody panicked");
                    arrivals.push(now);
                    arrivals.len() - 1
                };
                let carried = Arc::clone(&carried);
                // Whoever asks hears of it by an answer that does not come.
                std::thread::spawn(move || _ = carry(stream, server, bend, number, &carried));
            }
        });
        line
    }

    /// Bends it from here on.
    pub(super) fn bend(&self, bend: Bend) {
        self.bend.store(bend as u8, SeqCst);
    }

    /// The last request that has these words in it and got an answer.
    pub(crate) fn last(&self, words: &str) -> Option<Carried> {
        let carried = self.carried.lock().expect("nobody panicked");
        let of_words = carried.iter().rfind(|it| it.request.contains(words));
        of_words.cloned()
    }

    /// How many requests came so far.
    pub(crate) fn passed(&self) -> usize {
        self.arrivals.lock().expect("nobody panicked").len()
    }

    /// When each of them came.
    pub(super) fn arrivals(&self) -> Vec<Instant> {
        self.arrivals.lock().expect("nobody panicked").clone()
    }
}

/// Carries one request, and its answer if there is to be one. Each has a connection of its own.
fn carry(
    mut caller: TcpStream,
    server: SocketAddr,
    bend: u8,
    number: usize,
    carried: &Mutex<Vec<Carried>>,
) -> io::Result<()> {
    let request = read_request(&mut caller)?;
    let is = |it: Bend| bend == it as u8;
    if is(Bend::Cut) {
        return Ok(());
    }
    if is(Bend::Throttled) && number.is_multiple_of(2) {
        return answer(
            &mut caller,
            "429 Too Many Requests",
            "{\"message\":\"slow down\"}",
        );
    }
    if is(Bend::Broken) && !number.is_multiple_of(4) {
        return match number % 4 {
            1 => answer(
                &mut caller,
                "502 Bad Gateway",
                "<html><title>502</title></html>",
            ),
            2 => caller.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"code\":0,"),
            _ => answer(
                &mut caller,
                "200 OK",
                "<!DOCTYPE html><title>log in</title>",
            ),
        };
    }
    if is(Bend::Slow) {
        std::thread::sleep(Duration::from_millis(300));
    }
    let mut there = TcpStream::connect(server)?;
    let split = request.windows(2).position(|it| it == b"\r\n").unwrap_or(0) + 2;
    there.write_all(&request[..split])?;
    there.write_all(b"connection: close\r\n")?;
    there.write_all(&request[split..])?;
    let mut reply = Vec::new();
    there.read_to_end(&mut reply)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let one = Carried {
        request: text(&request),
        reply: text(&reply),
    };
    carried.lock().expect("nobody panicked").push(one);
    caller.write_all(&reply)
}

fn answer(caller: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    caller.write_all(text.as_bytes())
}

/// The head of a request, and as much of a body as it announces.
pub(crate) fn read_request(caller: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head = request.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| {
                let length = line.strip_prefix("content-length:")?;
                length.trim().parse::<usize>().ok()
            });
            if request.len() >= head + 4 + length.unwrap_or(0) {
                return Ok(request);
            }
        }
        match caller.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&chunk[..count]),
        }
    }
}
