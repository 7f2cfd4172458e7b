//! When an upstream is down, not every watch has to find out by itself.
//!
//! After a few failures in a row the breaker opens and nobody asks. Then one probe is let through: if it is answered,
//! all may ask again; if not, the next pause is longer. An answer that refuses or throttles is an answer: the upstream
//! is there.

use crate::pace::{Backoff, Chance, later};
use longrun_model::Timestamp;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fuse {
    /// How many failures in a row open it.
    pub failures: u32,
    /// For how long it stays open before a probe.
    pub pause: Backoff,
    /// How long a probe may take before another one is let through; its asker may have left.
    pub probe_millis: u32,
}

impl Default for Fuse {
    fn default() -> Self {
        Self {
            failures: 5,
            pause: Backoff {
                first_millis: 1_000,
                max_millis: 60_000,
            },
            probe_millis: 15_000,
        }
    }
}

/// Whether to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Ask.
    Granted,
    /// Ask; the answer decides for all.
    Probe,
    /// Do not ask before this instant.
    Denied {
        /// When to come back.
        until: Timestamp,
    },
}

/// What one upstream is trusted with.
#[derive(Clone, Debug)]
pub struct Breaker {
    fuse: Fuse,
    state: State,
    /// Failures since the last good answer, while closed.
    failures: u32,
    /// How often it has opened since the last good answer.
    trips: u32,
    good_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Timestamp },
    Probing { until: Timestamp },
}

impl Breaker {
    /// A closed breaker. `good_at` is when the upstream last answered as far as is known: now, or what was stored.
    pub const fn new(fuse: Fuse, good_at: Timestamp) -> Self {
        Self {
            fuse,
            state: State::Closed,
            failures: 0,
            trips: 0,
            good_at,
        }
    }

    /// Whether somebody may ask now. Whoever may has to tell what came of it.
    pub fn ask(&mut self, now: Timestamp) -> Permit {
        match self.state {
            State::Closed => Permit::Granted,
            State::Open { until } | State::Probing { until } if now < until => {
                Permit::Denied { until }
            }
            State::Open { .. } | State::Probing { .. } => {
                let until = later(now, u64::from(self.fuse.probe_millis));
                self.state = State::Probing { until };
                Permit::Probe
            }
        }
    }

    /// The upstream has answered.
    pub fn succeeded(&mut self, now: Timestamp) {
        // Even a poll that was sent before the breaker opened shows that the upstream is back.
        self.state = State::Closed;
        self.failures = 0;
        self.trips = 0;
        self.good_at = self.good_at.max(now);
    }

    /// The upstream has not answered, or only that it cannot.
    pub fn failed(&mut self, now: Timestamp, chance: Chance) {
        match self.state {
            State::Closed => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= self.fuse.failures {
                    self.open(now, chance);
                }
            }
            // A poll from before it opened: this is known already.
            State::Open { .. } => {}
            State::Probing { .. } => self.open(now, chance),
        }
    }

    /// While the upstream is down: since when nothing good has come from it, so how old all is that was learnt there.
    pub const fn stale_since(&self) -> Option<Timestamp> {
        match self.state {
            State::Closed => None,
            State::Open { .. } | State::Probing { .. } => Some(self.good_at),
        }
    }

    fn open(&mut self, now: Timestamp, chance: Chance) {
        let least = u64::from(self.fuse.pause.first_millis);
        let pause = self.fuse.pause.draw(self.trips, least, chance);
        self.trips = self.trips.saturating_add(1);
        self.state = State::Open {
            until: later(now, pause),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Chance = Chance(u64::MAX);

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    const fn denied(millis: i64) -> Permit {
        Permit::Denied { until: at(millis) }
    }

    fn open_at(millis: i64) -> Breaker {
        let mut breaker = Breaker::new(Fuse::default(), at(0));
        for _ in 0..Fuse::default().failures {
            assert_eq!(breaker.ask(at(millis)), Permit::Granted);
            breaker.failed(at(millis), MOST);
        }
        breaker
    }

    #[test]
    fn failures_open_it_only_in_a_row() {
        let mut breaker = Breaker::new(Fuse::default(), at(0));
        for _ in 0..100 {
            for _ in 1..Fuse::default().failures {
                breaker.failed(at(1), MOST);
            }
            breaker.succeeded(at(2));
        }
        assert_eq!(breaker.ask(at(3)), Permit::Granted);
        assert_eq!(breaker.stale_since(), None);
    }

    #[test]
    fn one_probe_at_a_time_and_longer_pauses_until_one_is_answered() {
        let mut breaker = open_at(10_000);
        assert_eq!(breaker.stale_since(), Some(at(0)));
        assert_eq!(breaker.ask(at(10_999)), denied(11_000));
        let mut now = 11_000;
        for pause in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert_eq!(breaker.ask(at(now)), Permit::Probe);
            assert_eq!(breaker.ask(at(now)), denied(now + 15_000), "one at a time");
            breaker.failed(at(now), MOST);
            breaker.failed(at(now + 1), MOST);
            now += pause;
            assert_eq!(breaker.ask(at(now - 1)), denied(now));
        }
        assert_eq!(breaker.ask(at(now)), Permit::Probe);
        breaker.succeeded(at(now));
        assert_eq!(breaker.stale_since(), None);
        assert_eq!(breaker.ask(at(now)), Permit::Granted);
    }

    #[test]
    fn a_probe_that_never_returns_does_not_block_for_ever() {
        let mut breaker = open_at(0);
        assert_eq!(breaker.ask(at(1_000)), Permit::Probe);
        assert_eq!(breaker.ask(at(15_999)), denied(16_000));
        assert_eq!(breaker.ask(at(16_000)), Permit::Probe);
    }
}
