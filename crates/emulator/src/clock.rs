//! The clock that tests move.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use longrun_engine::Clock;
use longrun_model::Timestamp;
use longrun_server::SystemClock;
use std::time::Duration;
use tokio::sync::watch;

/// How long those who only lose their patience wait at least while time stands still.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// A clock that runs or stands still, and can be moved forward.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(watch::Sender<Face>);

/// What the clock shows.
#[derive(Clone, Copy, Debug)]
struct Face {
    /// The time when it was last moved.
    shown: Timestamp,
    /// When that was on the system's clock, if it runs.
    since: Option<Timestamp>,
}

impl Face {
    fn now(self) -> Timestamp {
        let passed = self
            .since
            .map_or(0, |since| SystemClock.now().millis_since(since));
        self.shown.plus_millis(passed.max(0))
    }
}

impl TestClock {
    /// A clock that shows `start`, or the system's time.
    pub(crate) fn new(start: Option<Timestamp>, frozen: bool) -> Self {
        let now = SystemClock.now();
        let face = Face {
            shown: start.unwrap_or(now),
            since: (!frozen).then_some(now),
        };
        Self(watch::Sender::new(face))
    }

    /// Whether it stands still.
    pub(crate) fn is_frozen(&self) -> bool {
        self.0.borrow().since.is_none()
    }

    /// Lets it show `instant`, unless it is past that.
    pub(crate) fn move_to(&self, instant: Timestamp) {
        self.0.send_modify(|face| {
            face.shown = face.now().max(instant);
            face.since = face.since.map(|_| SystemClock.now());
        });
    }

    /// Ends when it shows `instant`, and not before.
    pub(crate) async fn reach(&self, instant: Option<Timestamp>) {
        let mut moved = self.0.subscribe();
        loop {
            let face = *moved.borrow_and_update();
            let rest = instant.map(|instant| instant.millis_since(face.now()));
            if rest.is_some_and(|rest| rest <= 0) {
                return;
            }
            let running = rest.filter(|_| face.since.is_some());
            let by_itself = match running.and_then(|rest| u64::try_from(rest).ok()) {
                Some(rest) => tokio::time::sleep(Duration::from_millis(rest)).boxed(),
                None => pending().boxed(),
            };
            tokio::select! {
                () = by_itself => (),
                // The sender lives in `self`.
                _ = moved.changed() => (),
            }
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now()
    }

    /// Ends when the clock shows `instant`, or when so much time has really passed: nobody who waits for an answer has
    /// more patience because a test has stopped the clock.
    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let rest = u64::try_from(instant.millis_since(clock.now())).unwrap_or(0);
        let mut patience = Duration::from_millis(rest);
        if clock.is_frozen() && rest > 0 {
            patience = patience.max(PATIENCE_MIN);
        }
        async move {
            tokio::select! {
                () = clock.reach(Some(instant)) => (),
                () = tokio::time::sleep(patience) => (),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test]
    async fn it_stands_still_until_it_is_moved_and_never_goes_back() {
        let start = Timestamp::from_seconds(100);
        let clock = TestClock::new(Some(start), true);
        assert_eq!(clock.now(), start);
        let other = clock.clone();
        let mut reached = pin!(other.reach(Some(start.plus_millis(2))));
        assert!(reached.as_mut().now_or_never().is_none());
        clock.move_to(start.plus_millis(1));
        assert!(reached.as_mut().now_or_never().is_none());
        clock.move_to(start.plus_millis(2));
        assert!(reached.as_mut().now_or_never().is_some());
        clock.move_to(start);
        assert_eq!(clock.now(), start.plus_millis(2));
    }

    #[tokio::test]
    async fn one_that_runs_can_be_moved_as_well() {
        let start = Timestamp::from_seconds(100);
        let clock = TestClock::new(Some(start), false);
        let hour = 3_600_000;
        clock.move_to(start.plus_millis(hour));
        let passed = clock.now().millis_since(start);
        assert!((hour..2 * hour).contains(&passed), "{passed}");
        clock.reach(Some(clock.now().plus_millis(1))).await;
    }
}
