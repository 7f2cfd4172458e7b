//! Clocks that go too fast or too slowly, and that somebody sets.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_model::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What a clock shows that goes right, in thousandths.
const TRUE_SPEED: i64 = 1_000;

/// Whoever sleeps until then sleeps for ever.
const ENDLESS: i64 = i64::MAX / 2;

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

/// The clock of a server, as its engine is handed it. Whoever sleeps on it sleeps for as long as it was to be when the
/// sleep began: as on a machine, that somebody sets the clock meanwhile changes nothing.
#[derive(Clone)]
pub(crate) struct ServerClock(Arc<Mutex<Hands>>);

struct Hands {
    clock: Clock,
    /// How much time has truly passed.
    passed: i64,
    /// How often it was set.
    jumps: u64,
    /// Those who sleep, by when their sleep is over.
    sleepers: BTreeMap<(i64, u64), Waker>,
    sleeps: u64,
}

impl ServerClock {
    /// One that goes right.
    pub(crate) fn new(shows: i64) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            clock: Clock::exact(shows),
            passed: 0,
            jumps: 0,
            sleepers: BTreeMap::new(),
            sleeps: 0,
        })))
    }

    /// What it shows, in milliseconds.
    pub(crate) fn shows(&self) -> i64 {
        self.0.lock().clock.shows()
    }

    /// How much time has truly passed, in milliseconds.
    pub(crate) fn passed(&self) -> i64 {
        self.0.lock().passed
    }

    /// How often somebody has set it.
    pub(crate) fn jumps(&self) -> u64 {
        self.0.lock().jumps
    }

    /// Somebody sets it, forward or back.
    pub(crate) fn jump(&self, millis: i64) {
        let mut hands = self.0.lock();
        hands.clock.jump(millis);
        hands.jumps += 1;
    }

    /// Time passes, and wakes those who have slept long enough.
    pub(crate) fn pass(&self, millis: i64) {
        let mut hands = self.0.lock();
        hands.clock.pass(millis);
        hands.passed += millis;
        let passed = hands.passed;
        while let Some(first) = hands.sleepers.first_entry() {
            if first.key().0 > passed {
                break;
            }
            first.remove().wake();
        }
    }

    /// After how much time the next sleep is over, unless it is one without end.
    pub(crate) fn next_in(&self) -> Option<i64> {
        let hands = self.0.lock();
        let (first, _) = hands.sleepers.keys().next()?;
        (*first < ENDLESS).then(|| first - hands.passed)
    }
}

impl longrun_engine::Clock for ServerClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.shows())
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        let mut hands = self.0.lock();
        hands.sleeps += 1;
        let millis = instant.as_millis() - hands.clock.shows();
        let place = (hands.passed.saturating_add(millis.max(0)), hands.sleeps);
        let clock = self.clone();
        Sleep { clock, place }.boxed()
    }
}

/// Somebody who sleeps.
struct Sleep {
    clock: ServerClock,
    place: (i64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.0.lock();
        if self.place.0 <= hands.passed {
            return Poll::Ready(());
        }
        hands.sleepers.insert(self.place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.0.lock().sleepers.remove(&self.place);
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
