//! Who uses the processors: the processes of the database, those of longrun, and this one, as parts of all that the
//! machine can do.

use anyhow::Context;
use std::fs;

/// What was used up to some moment, in the machine's own ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    database: u64,
    longrun: u64,
    load: u64,
    /// By anybody, and what nobody used.
    busy: u64,
    all: u64,
}

impl Used {
    /// Up to now, by the database whose first process is `database`, by these servers, and by the load, which is this
    /// process.
    pub(crate) fn now(database: u32, servers: &[u32]) -> anyhow::Result<Self> {
        let machine = fs::read_to_string("/proc/stat")?;
        let (busy, all) = of_machine(&machine).context("the machine does not say what it does")?;
        let of = |id: u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            Process::read(&stat)
        };
        let used = |process: Process| process.own + process.children;
        Ok(Self {
            database: of(database).map_or(0, used) + of_children(database)?,
            longrun: servers.iter().filter_map(|id| of(*id)).map(used).sum(),
            load: of(std::process::id()).map_or(0, |process| process.own),
            busy,
            all,
        })
    }

    /// Microseconds that the database and longrun have used since `before` for each of so many things. This says more
    /// than a rate where others use the machine too.
    pub(crate) fn microseconds_each_since(&self, before: &Self, times: f64) -> [f64; 2] {
        let microseconds = 1_000_000.0 / count(rustix::param::clock_ticks_per_second());
        let each = |ticks: u64| count(ticks) * microseconds / times;
        [
            each(self.database.saturating_sub(before.database)),
            each(self.longrun.saturating_sub(before.longrun)),
        ]
    }

    /// The parts in a hundred of the database, longrun, the load and everybody else.
    pub(crate) fn shares_since(&self, before: &Self) -> [f64; 4] {
        let database = self.database.saturating_sub(before.database);
        let longrun = self.longrun.saturating_sub(before.longrun);
        let load = self.load.saturating_sub(before.load);
        let busy = self.busy.saturating_sub(before.busy);
        let others = busy.saturating_sub(database + longrun + load);
        let all = self.all.saturating_sub(before.all).max(1);
        [database, longrun, load, others].map(|ticks| 100.0 * count(ticks) / count(all))
    }
}

fn count(ticks: u64) -> f64 {
    u32::try_from(ticks).map_or(f64::MAX, f64::from)
}

/// A line of `/proc/ID/stat`.
struct Process {
    parent: u32,
    own: u64,
    /// Of those that have ended and were waited for.
    children: u64,
}

impl Process {
    fn read(stat: &str) -> Option<Self> {
        // The name stands in brackets and may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            children: ticks(13)? + ticks(14)?,
        })
    }
}

/// What the living children of a process have used.
fn of_children(parent: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let stat = entry.and_then(|entry| fs::read_to_string(entry.path().join("stat")));
        let process = stat.ok().and_then(|stat| Process::read(&stat));
        if let Some(process) = process.filter(|process| process.parent == parent) {
            sum += process.own + process.children;
        }
    }
    Ok(sum)
}

/// What was done and what could have been, of the first line of `/proc/stat`.
fn of_machine(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // The last two are parts of the first.
    let ticks = line.split_whitespace().take(8);
    let ticks: Vec<u64> = ticks.map(str::parse).collect::<Result<_, _>>().ok()?;
    let all: u64 = ticks.iter().sum();
    let unused = ticks.get(3)? + ticks.get(4)?;
    Some((all - unused, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        let stat = "17 (a ) b) S 3 17 17 0 -1 4194560 1 2 3 4 100 20 30 4 20 0 1 0 5 6 7";
        let process = Process::read(stat).unwrap();
        assert_eq!(
            (process.parent, process.own, process.children),
            (3, 120, 34)
        );
        assert!(Process::read("17 (a) S").is_none());
        let machine = "cpu  10 1 5 80 4 0 0 0 9 9\ncpu0 1 1 1 1";
        assert_eq!(of_machine(machine), Some((16, 100)));
        assert_eq!(of_machine("nothing"), None);
    }

    #[test]
    fn shares_are_of_all_that_can_be_done() {
        let before = Used::default();
        let after = Used {
            database: 50,
            longrun: 40,
            load: 10,
            busy: 120,
            all: 200,
        };
        let shares = after.shares_since(&before).map(|share| share.to_string());
        assert_eq!(shares, ["25", "20", "5", "10"]);
    }
}
