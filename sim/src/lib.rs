//! Runs of the real engine, rules and stores in a world that is made for breaking them.
//!
//! A seed gives everything: what is submitted (some of it for later, some to be tried again, some that shares no
//! resource with others), which workers die, stall, report late, twice, or about somebody else's operation, how fast
//! their clocks go and who sets them, which messages are lost, who hangs up before being answered, when a server ends
//! and starts anew, how its clock jumps, when its store fails, and whose turn it is at each moment: everything runs on
//! one thread. Time is virtual, and the world likes to act exactly when a lease or a deadline ends. After every step the
//! invariants are held against what had been acknowledged before, and whenever nobody can go on, against what everybody
//! waits for; in the end the chaos stops, turns are fair, and everything must end.
//!
//! A run does not prove the invariants' worth: the planted bugs ([`Bug`]) do, each of which some seed must catch.
//!
//! ```
//! let story = longrun_sim::run(7, &longrun_sim::Setting::default()).unwrap();
//! assert!(story.ended > 0);
//! ```

mod bug;
mod calls;
mod clock;
mod invariants;
mod ledger;
mod network;
mod server;
mod story;
mod tasks;
mod trail;
mod wishes;
mod witness;
mod worker;
mod world;

pub use bug::Bug;
pub use invariants::Violation;
pub use story::{Setting, StoreKind, Story};
pub use world::run;
