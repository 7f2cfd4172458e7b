//! When to ask next.
//!
//! Two pauses grow by doubling: the calm one while the cloud answers and nothing changes, the troubled one while it
//! does not answer. A change makes the calm one short again, an answer the troubled one. Both are drawn, so that those
//! who began together do not ask together: the calm one from the upper half of what it has reached, as a third less polls
//! tell of an end hardly later, the troubled one from all of it. A cloud that says how long it wants to be left alone is
//! left alone so long.

use longrun_model::Timestamp;

/// The longest that a cloud may ask to be left alone, in milliseconds. A longer wish is taken for damage, as it would
/// leave an operation unwatched for good.
pub const HINT_MILLIS_MAX: u64 = 3_600_000;

/// A random number, fresh and evenly spread over all 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Chance(pub u64);

impl Chance {
    /// A number from 0 to `most`, both included.
    fn up_to(self, most: u64) -> u64 {
        let scaled = (u128::from(self.0) * (u128::from(most) + 1)) >> 64;
        u64::try_from(scaled).expect("a number scaled down to `most` is not above it")
    }
}

/// A pause that doubles from one bound to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first_millis: u32,
    /// The longest one.
    pub max_millis: u32,
}

impl Backoff {
    /// The longest pause after `step` others.
    pub(crate) fn ceiling(self, step: u32) -> u64 {
        // Two numbers of 32 bits: the shifted one fits into 64.
        (u64::from(self.first_millis) << step.min(32)).min(u64::from(self.max_millis))
    }

    /// A pause after `step` others, drawn between `floor` and what has been reached.
    pub(crate) fn draw(self, step: u32, floor: u64, chance: Chance) -> u64 {
        floor + chance.up_to(self.ceiling(step).saturating_sub(floor))
    }
}

/// How eagerly to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// The pause after an answer; it grows while nothing changes.
    pub calm: Backoff,
    /// The pause after a poll that told nothing; it grows while that goes on.
    pub trouble: Backoff,
    /// No pause is shorter, whatever is drawn.
    pub floor_millis: u32,
    /// How long before the deadline a last poll is due, so that its answer still comes in time.
    pub last_call_millis: u32,
}

impl Rhythm {
    /// For somebody who waits in front of a terminal.
    pub const WAIT: Self = Self {
        calm: Backoff {
            first_millis: 250,
            max_millis: 5_000,
        },
        trouble: Backoff {
            first_millis: 1_000,
            max_millis: 30_000,
        },
        floor_millis: 100,
        last_call_millis: 2_000,
    };

    /// For a server that follows many operations for hours.
    pub const TRACK: Self = Self {
        calm: Backoff {
            first_millis: 1_000,
            max_millis: 30_000,
        },
        trouble: Backoff {
            first_millis: 1_000,
            max_millis: 120_000,
        },
        floor_millis: 250,
        last_call_millis: 2_000,
    };
}

/// What [`Pace`] advises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Ask at this instant.
    At(Timestamp),
    /// Do not ask any more: the next poll would be due at `wanted`, and the deadline is not later.
    TooLate {
        /// When the next poll would be due.
        wanted: Timestamp,
    },
}

/// The pace of one asker.
#[derive(Clone, Debug)]
pub struct Pace {
    rhythm: Rhythm,
    deadline: Option<Timestamp>,
    unchanged: u32,
    failures: u32,
}

impl Pace {
    /// A pace that has not begun.
    pub const fn new(rhythm: Rhythm, deadline: Option<Timestamp>) -> Self {
        Self {
            rhythm,
            deadline,
            unchanged: 0,
            failures: 0,
        }
    }

    /// When it is over.
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// When to ask after an answer, which told something new or not.
    pub fn answered(&mut self, is_new: bool, now: Timestamp, chance: Chance) -> Ask {
        self.failures = 0;
        if is_new {
            self.unchanged = 0;
        }
        let calm = self.rhythm.calm;
        let least = self.floor_millis().max(calm.ceiling(self.unchanged) / 2);
        let pause = calm.draw(self.unchanged, least, chance);
        self.unchanged = self.unchanged.saturating_add(1);
        self.ask(self.floor_millis(), pause, now)
    }

    /// When to ask after a poll that told nothing. `hint_millis` is how long the cloud wants to be left alone.
    pub fn failed(&mut self, hint_millis: Option<u64>, now: Timestamp, chance: Chance) -> Ask {
        let hint = hint_millis.unwrap_or(0).min(HINT_MILLIS_MAX);
        let drawn = self
            .rhythm
            .trouble
            .draw(self.failures, self.floor_millis(), chance);
        self.failures = self.failures.saturating_add(1);
        // The pause is added to the hint: everybody who was turned away was given the same one.
        self.ask(hint.max(self.floor_millis()), hint + drawn, now)
    }

    fn floor_millis(&self) -> u64 {
        // Without a pause at all, an asker whose cloud answers at once would never let go.
        u64::from(self.rhythm.floor_millis.max(1))
    }

    /// Fits a pause, and the shortest that would be allowed, into what is left until the deadline.
    fn ask(&self, least: u64, pause: u64, now: Timestamp) -> Ask {
        let (earliest, wanted) = (later(now, least), later(now, pause));
        let Some(deadline) = self.deadline else {
            return Ask::At(wanted);
        };
        let last_call = deadline.plus_millis(-i64::from(self.rhythm.last_call_millis));
        if wanted > last_call && earliest <= last_call {
            Ask::At(last_call)
        } else if wanted < deadline {
            Ask::At(wanted)
        } else {
            Ask::TooLate { wanted }
        }
    }
}

/// The instant so many milliseconds later.
pub(crate) fn later(now: Timestamp, millis: u64) -> Timestamp {
    now.plus_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Chance = Chance(0);
    const MOST: Chance = Chance(u64::MAX);

    fn at(millis: i64) -> Ask {
        Ask::At(Timestamp::from_millis(millis))
    }

    #[test]
    fn the_longest_pauses_double_up_to_a_bound_and_a_change_makes_them_short() {
        let mut pace = Pace::new(Rhythm::WAIT, None);
        let start = Timestamp::default();
        for (is_new, pause) in [
            (true, 250),
            (false, 500),
            (false, 1_000),
            (false, 2_000),
            (false, 4_000),
            (false, 5_000),
            (false, 5_000),
            (true, 250),
            (false, 500),
        ] {
            assert_eq!(pace.answered(is_new, start, MOST), at(pause), "{is_new}");
        }
        assert_eq!(pace.answered(false, start, LEAST), at(500));
        assert_eq!(pace.answered(true, start, LEAST), at(125));
        let mut pace = Pace::new(Rhythm::TRACK, None);
        assert_eq!(pace.answered(true, start, LEAST), at(500));
    }

    #[test]
    fn failures_have_a_pause_of_their_own_and_leave_the_calm_one_alone() {
        let mut pace = Pace::new(Rhythm::WAIT, None);
        let start = Timestamp::default();
        assert_eq!(pace.answered(true, start, MOST), at(250));
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(pace.failed(None, start, MOST), at(pause));
        }
        assert_eq!(pace.answered(false, start, MOST), at(500));
        assert_eq!(pace.failed(None, start, MOST), at(1_000));
    }

    #[test]
    fn a_hint_is_the_least_and_has_a_limit() {
        let hour = 3_600_000;
        for (hint, chance, pause) in [
            (None, LEAST, 100),
            (Some(0), LEAST, 100),
            (Some(7_000), LEAST, 7_100),
            (Some(7_000), MOST, 8_000),
            (Some(u64::MAX), LEAST, hour + 100),
        ] {
            let mut pace = Pace::new(Rhythm::WAIT, None);
            let asked = pace.failed(hint, Timestamp::default(), chance);
            assert_eq!(asked, at(pause), "{hint:?} {chance:?}");
        }
    }

    #[test]
    fn the_deadline_draws_the_last_poll_nearer_or_forbids_it() {
        let too_late = |millis| Ask::TooLate {
            wanted: Timestamp::from_millis(millis),
        };
        // The deadline is at 10,000, the last call at 8,000.
        for (now, hint, expected) in [
            (6_000, None, at(7_000)),
            (7_000, None, at(8_000)),
            (7_500, None, at(8_000)),
            (7_950, None, at(8_950)),
            (9_500, None, too_late(10_500)),
            (5_000, Some(2_500), at(8_000)),
            (5_000, Some(3_500), at(9_500)),
            (5_000, Some(4_000), too_late(10_000)),
            (5_000, Some(60_000), too_late(66_000)),
        ] {
            let mut pace = Pace::new(Rhythm::WAIT, Some(Timestamp::from_millis(10_000)));
            let asked = pace.failed(hint, Timestamp::from_millis(now), MOST);
            assert_eq!(asked, expected, "{now} {hint:?}");
        }
    }
}
