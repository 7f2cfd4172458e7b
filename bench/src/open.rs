//! Load at fixed times, on one thread that sleeps until a request is due or an answer has come.
//!
//! Load and server share the machine, so that whatever the load does besides is found in the times: tasks that are
//! woken, a second thread that paces, a timer that is a millisecond wide.

use crate::load::{Requests, histogram};
use crate::wire::measure;
use anyhow::{Context, bail, ensure};
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The times to the answers in microseconds, when requests are due at fixed times, `rate` a second, whether or not the
/// earlier ones were answered: what finds no free connection waits for one, and its time counts from when it was due.
pub(crate) fn open(
    address: SocketAddr,
    requests: &Requests,
    connections: usize,
    rate: f64,
    seconds: f64,
) -> anyhow::Result<Histogram<u64>> {
    let mut load = Load::connect(address, requests, connections)?;
    load.run(
        Duration::from_secs_f64(1.0 / rate),
        Duration::from_secs_f64(seconds),
    )?;
    Ok(load.times)
}

/// What the timer is called among the lines, which are called by their places.
const TIMER: u64 = u64::MAX;

/// The connections, and what is to be sent on them.
struct Load<'r> {
    requests: &'r Requests,
    epoll: OwnedFd,
    /// Rings when the next request is due. What a wait itself can be told to end after is a millisecond wide.
    timer: OwnedFd,
    lines: Vec<Line>,
    /// The places of the lines that wait for no answer.
    free: Vec<usize>,
    /// Requests that are due and not yet sent.
    due: VecDeque<Instant>,
    times: Histogram<u64>,
}

/// A connection, and the answer that it waits for.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// When the request was due.
    due: Option<Instant>,
}

impl<'r> Load<'r> {
    fn connect(
        address: SocketAddr,
        requests: &'r Requests,
        connections: usize,
    ) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let name = epoll::EventData::new_u64(TIMER);
        epoll::add(&epoll, &timer, name, epoll::EventFlags::IN)?;
        let mut lines = Vec::with_capacity(connections);
        for place in 0..connections {
            let stream = TcpStream::connect(address).context("could not connect")?;
            stream.set_nodelay(true)?;
            let name = epoll::EventData::new_u64(place as u64);
            epoll::add(&epoll, &stream, name, epoll::EventFlags::IN)?;
            lines.push(Line {
                stream,
                buffer: vec![0; 16 * 1024],
                filled: 0,
                due: None,
            });
        }
        Ok(Self {
            requests,
            epoll,
            timer,
            free: (0..connections).collect(),
            lines,
            due: VecDeque::new(),
            times: histogram(),
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark is about the time that passes"
    )]
    fn run(&mut self, pause: Duration, length: Duration) -> anyhow::Result<()> {
        let mut next = Instant::now();
        let end = next + length;
        let mut events = Vec::with_capacity(self.lines.len());
        loop {
            let now = Instant::now();
            while next <= now && next < end {
                self.due.push_back(next);
                next += pause;
            }
            self.send_due()?;
            if next >= end && self.free.len() == self.lines.len() {
                return Ok(());
            }
            // With no line free, or nothing more to come, only an answer lets anything go on.
            let sleeps = next < end && !self.free.is_empty();
            self.set_timer(if sleeps { next - now } else { Duration::ZERO })?;
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => (),
                Err(error) => bail!(error),
            }
            for event in &events {
                let name = event.data.u64();
                if name != TIMER {
                    self.receive(usize::try_from(name)?)?;
                }
            }
        }
    }

    /// Has the timer ring after this time, and not at all after none. It does not ring for what it was set to before.
    fn set_timer(&self, after: Duration) -> anyhow::Result<()> {
        let none = Timespec::try_from(Duration::ZERO)?;
        let times = Itimerspec {
            it_interval: none,
            it_value: Timespec::try_from(after)?,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }

    /// Sends what is due, as far as there are lines for it.
    fn send_due(&mut self) -> anyhow::Result<()> {
        while let Some(due) = self.due.front().copied()
            && let Some(place) = self.free.pop()
        {
            self.due.pop_front();
            let line = &mut self.lines[place];
            line.due = Some(due);
            line.filled = 0;
            line.stream.write_all(self.requests.next())?;
        }
        Ok(())
    }

    /// Reads what has come on a line. Its time is taken when the answer is whole.
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark is about the time that passes"
    )]
    fn receive(&mut self, place: usize) -> anyhow::Result<()> {
        let line = &mut self.lines[place];
        let due = line.due.context("nothing was asked on this connection")?;
        if line.filled == line.buffer.len() {
            line.buffer.resize(line.filled * 2, 0);
        }
        let read = line.stream.read(&mut line.buffer[line.filled..])?;
        ensure!(read > 0, "the server closed the connection");
        line.filled += read;
        let whole = measure(&line.buffer[..line.filled]);
        if let Some(whole) = whole.filter(|whole| line.filled >= whole.all) {
            self.requests
                .check(self.times.len(), whole.body(&line.buffer)?)?;
            let late = Instant::now().saturating_duration_since(due);
            self.times.record(u64::try_from(late.as_micros())?)?;
            line.due = None;
            self.free.push(place);
        }
        Ok(())
    }
}
