//! Load and server on processors of their own.
//!
//! A load stands for other machines, which take no processor of the server's. Where both share them, a thread that is
//! woken by the other side's answer is put onto the very processor that the other side holds, and waits there for a
//! slice of milliseconds to end: that is a time of the benchmark's own making. So are the moments that other programs
//! of the machine take: where it is allowed, polls and their bare server go before those.

use crate::report::tell;
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};
use std::process::{Command, Stdio};

/// The processors that this thread may use, in two parts.
pub(crate) struct Parts {
    all: CpuSet,
    load: CpuSet,
    server: CpuSet,
    /// Whether what runs in a part goes before all other programs.
    is_urgent: bool,
}

impl Parts {
    /// Of this machine: the load, which is a thread or two, gets the first processor. Where there is only one, both have
    /// to share it.
    pub(crate) fn of_this_machine() -> anyhow::Result<Self> {
        let all = sched_getaffinity(None)?;
        let mut places = (0..CpuSet::MAX_CPU).filter(|place| all.is_set(*place));
        let mut load = CpuSet::new();
        places.next().into_iter().for_each(|place| load.set(place));
        let mut server = CpuSet::new();
        places.for_each(|place| server.set(place));
        Ok(Self {
            is_urgent: false,
            server: if server.count() > 0 { server } else { all },
            all,
            load,
        })
    }

    /// The same, before all other programs, if that is allowed. Not for what writes to the disk: it waits for threads of
    /// the kernel that go before nobody.
    pub(crate) fn urgent(mut self) -> Self {
        self.is_urgent = schedule("--fifo", "1") && schedule("--other", "0");
        if !self.is_urgent {
            tell("... `chrt` may not be used: times hold what other programs of the machine take");
        }
        self
    }

    /// Starts a server on its part, which it takes for the whole machine.
    pub(crate) fn server<T>(&self, start: impl FnOnce() -> T) -> anyhow::Result<T> {
        self.on(&self.server, start)
    }

    /// Loads it from the other one.
    pub(crate) fn load<T>(&self, load: impl FnOnce() -> T) -> anyhow::Result<T> {
        self.on(&self.load, load)
    }

    /// Does something on the whole machine that nothing else is to disturb.
    pub(crate) fn alone<T>(&self, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        self.on(&self.all, work)
    }

    /// Threads and processes that `work` starts have the processors and the urgency of the thread that starts them.
    fn on<T>(&self, part: &CpuSet, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        sched_setaffinity(None, part)?;
        if self.is_urgent {
            schedule("--fifo", "1");
        }
        let done = work();
        if self.is_urgent {
            schedule("--other", "0");
        }
        sched_setaffinity(None, &self.all)?;
        Ok(done)
    }
}

/// Has the kernel schedule this thread so; whether it does.
fn schedule(policy: &str, priority: &str) -> bool {
    let thread = gettid().as_raw_nonzero().to_string();
    let done = Command::new("chrt")
        .args([policy, "--pid", priority, &thread])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}
