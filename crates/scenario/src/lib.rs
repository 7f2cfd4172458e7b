//! What an emulated cloud does with the operations that it is given.
//!
//! A [`Scenario`] is a file that says what becomes of operations: how long they take, how they end, what polls are told
//! and what goes wrong with polls. A [`Play`] is a scenario that is being played: it is told what happens to operations
//! ([`Play::observe`]) and who polls them ([`Play::poll`]), and says what is to be done to them and when
//! ([`Play::take_due`]). It does none of it, reads no clock and draws no random number but out of the scenario's seed, so
//! that the same calls always give the same deeds.
//!
//! ```
//! use longrun_model::{Operation, OperationKey, Submission, Timestamp};
//! use longrun_scenario::{Deed, Play, Scenario};
//!
//! let text = "
//! [[rule]]
//! match = { kind = 'reboot' }
//! script = { queued = '1s', runs = '2h', end = 'failed', error = { code = 'NoPower' } }
//! ";
//! let mut play = Play::new(Scenario::read("power.toml", text).unwrap(), 0);
//! let submission = Submission::new("acme", "reboot");
//! let now = Timestamp::from_seconds(0);
//! let operation = Operation::submitted(OperationKey::new(1).unwrap(), submission, now);
//! play.observe(&operation, "native", now);
//! assert_eq!(play.take_due(now), []);
//! assert_eq!(play.next_at(), Some(Timestamp::from_seconds(1)));
//! assert_eq!(play.take_due(Timestamp::from_seconds(1)), [(operation.key, Deed::Take)]);
//! ```

mod chance;
pub mod file;
mod matching;
mod plan;
mod play;
mod read;
mod served;
mod span;
mod told;
mod trace;
mod words;

pub use file::Scenario;
pub use plan::Deed;
pub use play::{Counts, PartInfo, Play, WORKER};
pub use read::ReadError;
pub use span::parse_ms;
pub use told::{Meddled, Meddling, Poll};
pub use trace::{Line, replay};
pub use words::{Lasting, Numbers, Patterns, Span};

/// The dialect of a kind of operation: the one that its name begins with, as in `tencent-bm.RebootDevice`, or `native`.
pub fn dialect_of(kind: &str) -> &str {
    let (dialect, _) = kind.split_once('.').unwrap_or((kind, ""));
    longrun_dialects::named(dialect).map_or(NATIVE, |dialect| dialect.name())
}

/// What stands for the native API where dialects are named.
pub const NATIVE: &str = "native";

/// The JSON Schema of scenario files.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Scenario);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON")
}
