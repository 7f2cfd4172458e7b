//! Who has failed too often must wait: five failures in a row lock for five minutes, as the cloud does it.
//!
//! What is locked is a name, a user's or an access key's, as seen from one address, so that nobody can lock out somebody
//! else from afar.

use longrun_model::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;

/// So many failures lock.
const FAILURES_MAX: u32 = 5;
/// For so long, and so long a failure is remembered.
const LOCK_MILLIS: i64 = 5 * 60 * 1_000;
/// How many names and addresses are remembered.
const ENTRIES_MAX: usize = 100_000;

/// Who has failed lately.
#[derive(Default)]
pub(crate) struct Lockouts(Mutex<HashMap<(Box<str>, IpAddr), Entry>>);

#[derive(Clone, Copy)]
struct Entry {
    failures: u32,
    last: Timestamp,
}

impl Entry {
    fn millis_left(self, now: Timestamp) -> i64 {
        self.last.plus_millis(LOCK_MILLIS).millis_since(now)
    }
}

impl Lockouts {
    /// The seconds for which this name is still locked, if it is.
    pub(crate) fn seconds_left(&self, name: &str, peer: IpAddr, now: Timestamp) -> Option<i64> {
        let entries = self.0.lock();
        let entry = entries.get(&(name.into(), peer))?;
        let left = entry.millis_left(now);
        (entry.failures >= FAILURES_MAX && left > 0).then(|| (left + 999) / 1_000)
    }

    /// Remembers a failure.
    pub(crate) fn failed(&self, name: &str, peer: IpAddr, now: Timestamp) {
        let mut entries = self.0.lock();
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, entry| entry.millis_left(now) > 0);
        }
        if entries.len() >= ENTRIES_MAX {
            // Somebody makes names up. Those who are locked stay so.
            entries.retain(|_, entry| entry.failures >= FAILURES_MAX);
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        let fresh = Entry {
            failures: 0,
            last: now,
        };
        let entry = entries.entry((name.into(), peer)).or_insert(fresh);
        if entry.millis_left(now) <= 0 {
            *entry = fresh;
        }
        entry.failures += 1;
        entry.last = now;
    }

    /// Forgets the failures of who has succeeded.
    pub(crate) fn succeeded(&self, name: &str, peer: IpAddr) {
        self.0.lock().remove(&(name.into(), peer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn five_failures_in_a_row_lock_for_five_minutes() {
        let lockouts = Lockouts::default();
        for failure in 0..5 {
            assert_eq!(lockouts.seconds_left("jane", HERE, at(failure)), None);
            lockouts.failed("jane", HERE, at(failure));
        }
        for (now, expected) in [(4, Some(300)), (303, Some(1)), (304, None)] {
            assert_eq!(
                lockouts.seconds_left("jane", HERE, at(now)),
                expected,
                "{now}"
            );
        }
        assert_eq!(lockouts.seconds_left("joe", HERE, at(4)), None);
        assert_eq!(lockouts.seconds_left("jane", THERE, at(4)), None);
        // Afterwards they count anew.
        lockouts.failed("jane", HERE, at(304));
        assert_eq!(lockouts.seconds_left("jane", HERE, at(304)), None);
    }

    #[test]
    fn a_success_forgives() {
        let lockouts = Lockouts::default();
        for _ in 0..3 {
            for _ in 0..4 {
                lockouts.failed("jane", HERE, at(0));
            }
            lockouts.succeeded("jane", HERE);
        }
        assert_eq!(lockouts.seconds_left("jane", HERE, at(0)), None);
        assert!(lockouts.0.lock().is_empty());
    }
}
