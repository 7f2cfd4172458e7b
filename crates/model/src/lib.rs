//! What a long-running operation is.
//!
//! An operation works on resources, each with its own result; a worker holds it under a lease; it ends once, for good.
//! This crate holds the words for that and the rules that move it: [`decide`] says what a command does, [`apply`] does
//! it. It never reads a clock, draws a random number, touches a disk or a socket, or knows how anything is written on a
//! wire: its types are not serialized, each edge has structs of its own.
//!
//! ```
//! use longrun_model::{Command, Operation, OperationKey, Phase, Submission, Timestamp, apply, decide};
//!
//! let now = Timestamp::from_millis(1_000);
//! let submission = Submission::new("acme", "reboot").with_resources(["cpm-1", "cpm-2"]);
//! let mut operation = Operation::submitted(OperationKey::new(1).unwrap(), submission, now);
//! assert_eq!(operation.phase, Phase::Queued);
//!
//! let decided = decide(&operation, &Command::Cancel, now).unwrap();
//! for event in &decided.events {
//!     apply(&mut operation, event);
//! }
//! assert_eq!(operation.phase, Phase::Cancelled);
//! ```

mod apply;
mod command;
mod decide;
mod event;
mod exclusive;
mod failure;
mod ids;
mod json;
pub mod limits;
mod names;
mod operation;
mod resource;
mod retry;
mod stuck;
mod submission;
mod tally;
mod time;

pub use apply::apply;
pub use command::{Command, Finish, FinishStatus, Outcome, Report, ResourceResult, Touch};
pub use decide::{Decided, Refusal, RefusedResult, Rejected, decide};
pub use event::{Change, Closing, Event, ReleaseReason, RemovalReason};
pub use exclusive::{Busy, Exclusive, Line};
pub use failure::Failure;
pub use ids::{IdText, Ids, OperationKey};
pub use json::Json;
pub use names::{Account, KindName, ProjectId, ResourceId, WorkerName};
pub use operation::{Lease, Operation, Phase, Progress};
pub use resource::{Resource, ResourceStatus, Resources};
pub use retry::{Retry, RetryScope};
pub use stuck::{Stuck, StuckRule};
pub use submission::{Idempotency, Invalid, MixedEnd, NewResource, Submission};
pub use tally::{Mix, Tally};
pub use time::Timestamp;
