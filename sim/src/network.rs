//! What lies between workers and the server: messages that are late, lost, or come twice.

use fastrand::Rng;
use longrun_model::{OperationKey, Report};
use std::collections::BTreeMap;

/// Something on its way to the server.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A worker asks for work.
    Lease { worker: usize },
    /// A worker is alive.
    Heartbeat { key: OperationKey, fence: u64 },
    /// A worker tells results.
    Report { key: OperationKey, report: Report },
}

/// The messages on their way, by the instant at which they arrive.
#[derive(Default)]
pub(crate) struct Network {
    flying: BTreeMap<(i64, u64), Message>,
    count: u64,
}

/// How long a message may take, in milliseconds.
const DELAY_MAX: i64 = 400;
/// How long it takes when its sender stalls.
const STALL_MAX: i64 = 40_000;

impl Network {
    /// Sends a message at `now`; it may be lost, late, or come twice.
    pub(crate) fn send(&mut self, random: &mut Rng, now: i64, message: Message) {
        match random.u8(..20) {
            0 => (),
            1 => {
                self.fly(now + random.i64(0..DELAY_MAX), message.clone());
                self.fly(now + random.i64(0..STALL_MAX), message);
            }
            2 => self.fly(now + random.i64(0..STALL_MAX), message),
            _ => self.fly(now + random.i64(0..DELAY_MAX), message),
        }
    }

    /// Sends a message that arrives at once.
    pub(crate) fn fly(&mut self, at: i64, message: Message) {
        self.count += 1;
        self.flying.insert((at, self.count), message);
    }

    /// The next message that has arrived at `now`.
    pub(crate) fn arrived(&mut self, now: i64) -> Option<Message> {
        let first = self.flying.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next message arrives.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.flying.keys().next().map(|(at, _)| *at)
    }
}
