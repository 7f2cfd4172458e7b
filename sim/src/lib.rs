//! Runs of the real rules and the real stores in a world that is made for breaking them.
//!
//! A seed gives everything: what is submitted (some of it for later, some to be tried again, some that shares no
//! resource with others), which workers die, stall, report late, twice, or about somebody else's operation, how fast
//! their clocks go and who sets them, which messages are lost, when the server starts anew, how its clock jumps. Time is
//! virtual, and the world likes to act exactly when a lease or a deadline ends. After every step the invariants are held
//! against what had been acknowledged before; in the end the chaos stops, and everything must end.
//!
//! A run does not prove the invariants' worth: the planted bugs ([`Bug`]) do, each of which some seed must catch.
//!
//! ```
//! let story = longrun_sim::run(7, &longrun_sim::Setting::default()).unwrap();
//! assert!(story.ended > 0);
//! ```

mod bug;
mod clock;
mod invariants;
mod ledger;
mod network;
mod trail;
mod wishes;
mod worker;
mod world;

pub use bug::Bug;
pub use invariants::Violation;
pub use world::{Setting, StoreKind, Story, run};
