//! The memory of requests that may come only once.
//!
//! A nonce is remembered for as long as its request could be sent again, that is, until its time of signing falls out of
//! the window. It is remembered under the minute in which it was signed. When there is no room for more, the oldest
//! minute is forgotten and requests signed then or earlier are refused: the window shrinks, and no replay gets through.

use longrun_model::Timestamp;
use parking_lot::Mutex;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// Nonces that are remembered.
const NONCES_MAX: usize = 4_000_000;
const MINUTE_MILLIS: i64 = 60_000;

/// The nonces that have been used.
#[derive(Default)]
pub(crate) struct Replays {
    hasher: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    minutes: BTreeMap<i64, HashSet<u64, BuildHasherDefault<Hashed>>>,
    count: usize,
    /// Requests signed in this minute or before are refused.
    forgotten: Option<i64>,
}

/// What the memory says to a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nonce {
    /// It is new, and remembered from now on.
    New,
    /// It has been used.
    Used,
    /// It is so old that nobody knows.
    TooOld,
}

impl Replays {
    /// Remembers that `key` has used `nonce` in a request signed at `signed_at`. Call it only for proved requests, so
    /// that a forged one cannot use up anybody's nonce.
    pub(crate) fn remember(
        &self,
        key: &str,
        nonce: &str,
        signed_at: Timestamp,
        window_millis: i64,
        now: Timestamp,
    ) -> Nonce {
        // Of 64 bits under a random key, two nonces among millions are the same once in a trillion.
        let hash = self.hasher.hash_one((key, nonce));
        let minute = signed_at.as_millis().div_euclid(MINUTE_MILLIS);
        let mut memory = self.memory.lock();
        if memory
            .forgotten
            .is_some_and(|forgotten| minute <= forgotten)
        {
            return Nonce::TooOld;
        }
        if !memory.minutes.entry(minute).or_default().insert(hash) {
            return Nonce::Used;
        }
        memory.count += 1;
        memory.sweep(now.plus_millis(-window_millis - MINUTE_MILLIS));
        Nonce::New
    }
}

impl Memory {
    /// Forgets the minutes that lie before `horizon` as a whole, and more if there is no room.
    fn sweep(&mut self, horizon: Timestamp) {
        let horizon = horizon.as_millis().div_euclid(MINUTE_MILLIS);
        while let Some(oldest) = self.minutes.first_entry() {
            let passed = *oldest.key() < horizon;
            if !passed && self.count <= NONCES_MAX {
                return;
            }
            let (minute, nonces) = oldest.remove_entry();
            self.count -= nonces.len();
            if !passed {
                self.forgotten = Some(minute);
            }
        }
    }
}

/// Nonces are hashed already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only u64 is hashed");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: i64 = 15 * MINUTE_MILLIS;

    #[test]
    fn a_nonce_is_good_once_per_key() {
        let replays = Replays::default();
        let now = Timestamp::from_millis(100 * MINUTE_MILLIS);
        let remember = |key, nonce| replays.remember(key, nonce, now, WINDOW, now);
        assert_eq!(remember("a", "1"), Nonce::New);
        assert_eq!(remember("a", "1"), Nonce::Used);
        assert_eq!(remember("b", "1"), Nonce::New);
        assert_eq!(remember("a", "2"), Nonce::New);
    }

    /// What can no longer be sent is forgotten; what can is not, up to the last moment.
    #[test]
    fn nonces_are_forgotten_after_the_window() {
        let replays = Replays::default();
        let signed_at = Timestamp::from_millis(100 * MINUTE_MILLIS);
        for passed in [0, 1, 15] {
            let now = signed_at.plus_millis(passed * MINUTE_MILLIS);
            replays.remember("a", &format!("other {passed}"), now, WINDOW, now);
            let expected = if passed == 0 { Nonce::New } else { Nonce::Used };
            assert_eq!(
                replays.remember("a", "1", signed_at, WINDOW, now),
                expected,
                "{passed}"
            );
        }
        let later = signed_at.plus_millis(60 * MINUTE_MILLIS);
        replays.remember("a", "later", later, WINDOW, later);
        assert_eq!(replays.memory.lock().count, 1);
    }

    #[test]
    fn without_room_the_window_shrinks() {
        let mut memory = Memory {
            count: NONCES_MAX,
            ..Memory::default()
        };
        memory.minutes.entry(7).or_default().insert(1);
        memory.count += 1;
        memory.minutes.entry(8).or_default().insert(2);
        memory.sweep(Timestamp::from_millis(0));
        assert_eq!(memory.forgotten, Some(7));
        assert_eq!(memory.minutes.len(), 1);
        let replays = Replays {
            memory: Mutex::new(memory),
            ..Replays::default()
        };
        let signed_at = Timestamp::from_millis(7 * MINUTE_MILLIS + 5);
        assert_eq!(
            replays.remember("a", "1", signed_at, WINDOW, signed_at),
            Nonce::TooOld
        );
    }
}
