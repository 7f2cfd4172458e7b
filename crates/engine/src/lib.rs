//! What stands between the edges and the store.
//!
//! The engine takes commands from many callers, has them committed together by one thread, tells each caller what came
//! of it, wakes whoever waits for the operation, hands waiting operations to waiting workers, and lets time pass: lease
//! ends, deadlines, retention. It decides nothing about an operation, which is the model's part, and knows no wire.
//! It reads no clock by itself: one is handed to it. Nor does it leave anything to chance: where several things have
//! happened, the order in which they are looked at is fixed, so that a run can be told again from a seed.

mod alarm;
mod cache;
mod clock;
mod commits;
mod engine;
mod error;
mod feed;
mod figures;
mod kept;
mod leases;
mod line;
mod shared;
mod ticks;
mod waits;
mod watch;

pub use clock::Clock;
pub use engine::{Commanded, Engine, Loops};
pub use error::EngineError;
pub use figures::{Figures, Snapshot, StuckFigures};
pub use shared::Observer;
