//! Load and server on processors of their own.
//!
//! A load stands for other machines, which take no processor of the server's. Where both share them, a thread that is
//! woken by the other side's answer is put onto the very processor that the other side holds, and waits there for a
//! slice of milliseconds to end: that is a time of the benchmark's own making.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this thread may use, in two parts.
pub(crate) struct Parts {
    all: CpuSet,
    load: CpuSet,
    server: CpuSet,
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
            server: if server.count() > 0 { server } else { all },
            all,
            load,
        })
    }

    /// Starts a server on its part, which it takes for the whole machine.
    pub(crate) fn server<T>(&self, start: impl FnOnce() -> T) -> anyhow::Result<T> {
        self.on(&self.server, start)
    }

    /// Loads it from the other one.
    pub(crate) fn load<T>(&self, load: impl FnOnce() -> T) -> anyhow::Result<T> {
        self.on(&self.load, load)
    }

    /// Threads and processes that `work` starts have the same processors as the thread that starts them.
    fn on<T>(&self, part: &CpuSet, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        sched_setaffinity(None, part)?;
        let done = work();
        sched_setaffinity(None, &self.all)?;
        Ok(done)
    }
}
