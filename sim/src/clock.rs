//! Clocks that go too fast or too slowly, and that somebody sets.

/// What a clock shows that goes right, in thousandths.
const TRUE_SPEED: i64 = 1_000;

/// A clock of the server or of a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    shows: i64,
    speed: i64,
    rest: i64,
}

impl Clock {
    /// One that goes right.
    pub(crate) fn exact(shows: i64) -> Self {
        Self::drifting(shows, TRUE_SPEED)
    }

    /// One that goes on by `speed` thousandths of the time that passes.
    pub(crate) fn drifting(shows: i64, speed: i64) -> Self {
        Self {
            shows,
            speed,
            rest: 0,
        }
    }

    /// What it shows, in milliseconds.
    pub(crate) fn shows(&self) -> i64 {
        self.shows
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, millis: i64) {
        let thousandths = millis * self.speed + self.rest;
        self.shows += thousandths.div_euclid(TRUE_SPEED);
        self.rest = thousandths.rem_euclid(TRUE_SPEED);
    }

    /// Somebody sets it, forward or back.
    pub(crate) fn jump(&mut self, millis: i64) {
        self.shows += millis;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_drifts_by_its_speed_and_loses_nothing_to_rounding() {
        for (speed, steps, millis, shows) in [
            (1_000, 7, 3, 21),
            (700, 1_000, 1, 700),
            (1_300, 10, 1, 13),
            (999, 3, 1, 2),
        ] {
            let mut clock = Clock::drifting(0, speed);
            for _ in 0..steps {
                clock.pass(millis);
            }
            assert_eq!(clock.shows(), shows, "{speed} {steps} {millis}");
        }
        let mut clock = Clock::exact(5);
        clock.jump(-20);
        assert_eq!(clock.shows(), -15);
    }
}
