//! What stands between the edges and the store.
//!
//! The engine takes commands from many callers, has them committed together by one thread, tells each caller what came
//! of it, wakes whoever waits for the operation, hands waiting operations to waiting workers, and lets time pass: lease
//! ends, deadlines, retention. It decides nothing about an operation, which is the model's part, and knows no wire.
//! It reads no clock by itself: one is handed to it.

mod cache;
mod clock;
mod commits;
mod engine;
mod error;
mod feed;
mod figures;
mod kept;
mod leases;
mod ticks;
mod watch;

pub use clock::Clock;
pub use engine::{Commanded, Engine, Observer};
pub use error::EngineError;
pub use figures::{Figures, Snapshot, StuckFigures};
