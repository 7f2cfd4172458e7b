//! The clock, as the engine is handed it.

use futures_util::future::BoxFuture;
use longrun_model::Timestamp;

/// Something that knows what time it is, and can wait.
pub trait Clock: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Ends at `instant`, or at once if that has passed. An end that comes early does no harm.
    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()>;
}
