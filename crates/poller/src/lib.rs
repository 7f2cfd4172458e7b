//! Watching a task in somebody else's cloud: when to ask, when to back off, who shares the answer.
//!
//! A [`Watch`] is one task from the first poll to its end: it is told what came of each poll and says when to ask next.
//! [`Share`] lets many wait for the answers of one asker, a [`Bucket`] keeps the quota of an account, a [`Breaker`] spares
//! an upstream that is down, and a [`Schedule`] puts them together for many tasks in several clouds. This crate does no IO, reads no clock and draws no random number: it is handed the
//! answer, the instant and the chance, and gives advice. It never takes an error of a poll for an error of the task.
//!
//! A wait, as a program carries it out; the cloud here answers at once, and time passes by saying so:
//!
//! ```
//! use longrun_dialects::{Observation, Watched};
//! use longrun_model::{Mix, Timestamp};
//! use longrun_poller::{Answer, Chance, Next, Outcome, Rhythm, Watch};
//!
//! let told = |state| Observation { kind: None, state, resources: vec![], output: None, message: None, error: None };
//! let mut cloud = [
//!     Answer::Observed(told(Watched::Running(Mix::UNFINISHED))),
//!     Answer::Lost("connection reset".into()),
//!     Answer::Observed(told(Watched::Succeeded)),
//! ]
//! .into_iter();
//!
//! let mut now = Timestamp::from_seconds(1_000);
//! let deadline = now.plus_millis(60_000);
//! let mut watch = Watch::new(Rhythm::WAIT, Some(deadline), now);
//! let next = loop {
//!     match watch.tick(now) {
//!         Next::AskAt(instant) => {
//!             now = now.max(instant); // sleep
//!             let answer = cloud.next().unwrap(); // poll
//!             let step = watch.answered(answer, now, Chance(u64::MAX / 2));
//!             if step.changed {
//!                 println!("{:?}", watch.seen());
//!             }
//!         }
//!         Next::TooLate { .. } => now = deadline, // sleep, and be told so
//!         next @ (Next::Ended(_) | Next::GaveUp(_)) => break next,
//!     }
//! };
//! assert_eq!(next, Next::Ended(Outcome::Succeeded));
//! ```

mod advice;
mod breaker;
mod bucket;
mod pace;
mod schedule;
mod share;
mod watch;

pub use advice::{Answer, Next, Outcome, Reason, Step, Trouble};
pub use breaker::{Breaker, Fuse, Permit};
pub use bucket::{Bucket, Quota};
pub use pace::{Ask, Backoff, Chance, HINT_MILLIS_MAX, Pace, Rhythm};
pub use schedule::{Health, LaneId, Schedule, Turn};
pub use share::{Joined, Key, Poller, Share, Told, Wish};
pub use watch::Watch;
