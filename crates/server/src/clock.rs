//! The system's clock: the one place where the time is read.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_engine::Clock;
use longrun_model::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is handed"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        let millis = u64::try_from(instant.millis_since(self.now())).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(millis)).boxed()
    }
}
