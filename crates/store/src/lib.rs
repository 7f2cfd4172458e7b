//! Where operations are kept.
//!
//! A store finds and saves; it never decides what a command does: that is the model's part, and every store runs it
//! through the same workset. A commit carries many writes in one transaction; when it returns, all of them
//! are durable. The memory store is the oracle that the others are held against by one conformance suite.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use longrun_model::{Submission, Timestamp};
//! use longrun_store::{MemoryStore, Store, Write, Written};
//!
//! let store = MemoryStore::default();
//! let write = Write::Submit(Submission::new("acme", "reboot"));
//! let written = store.commit(vec![write], Timestamp::from_millis(1_000)).await.unwrap();
//! let [Ok(Written::Submitted(submitted))] = written.as_slice() else { panic!("one write, one result") };
//! let stored = store.get(submitted.operation.key).await.unwrap();
//! assert_eq!(stored.as_ref(), Some(&*submitted.operation));
//! # });
//! ```

mod access_key;
mod archive;
mod document;
mod doing;
mod error;
mod feed;
mod indexed;
mod layer;
mod layout;
mod limits;
mod memory;
mod postgres;
mod query;
mod record;
mod sight;
mod sqlite;
mod turns;
mod upkeep;
mod waits;
mod workset;
mod write;

pub use access_key::{AccessKey, User};
pub use document::{Document, PutDocument};
pub use error::StoreError;
pub use feed::{Changed, Changes, Cursor, Freed, Queued};
pub use limits::{Limits, Share};
pub use memory::{MemoryStore, SharedMemory};
pub use postgres::{PostgresStore, PostgresUrl, PostgresUrlError};
pub use query::{Due, Filter, HistoryEntry, Page};
pub use sight::Sight;
pub use sqlite::{SqliteStore, backup};
pub use upkeep::{
    Checked, Doing, Location, MigrateError, Migrated, Step, Tell, abandon, check, migrate,
};
pub use write::{LeaseWish, Refused, Submitted, Write, Written};

use futures_util::future::{BoxFuture, FutureExt, ready};
use longrun_model::{Operation, OperationKey, Timestamp};

/// What a store is asked for, once it is there.
pub type StoreFuture<'s, T> = BoxFuture<'s, Result<T, StoreError>>;

/// What a commit leads to: for each write, in order, what it did or why it did nothing.
pub type Committed = Vec<Result<Written, Refused>>;

/// A place that keeps operations.
///
/// Calls may block their thread for as long as a disk takes: the engine makes each commit from a thread of its own.
pub trait Store: Send + Sync + 'static {
    /// Carries out `writes` in order, as one transaction. Once it has returned, they are durable. An error means that
    /// none of them happened, unless it is [`StoreError::OutcomeUnknown`].
    fn commit(&self, writes: Vec<Write>, now: Timestamp) -> StoreFuture<'_, Committed>;

    /// Holds the leases that are given from here on to these limits. Whatever runs goes on.
    fn limit(&self, limits: Limits);

    /// The operation with this key and all its resources. One that was removed is still found, and says so.
    fn get(&self, key: OperationKey) -> StoreFuture<'_, Option<Operation>>;

    /// Operations without their resources, newest first.
    fn list(&self, filter: Filter) -> StoreFuture<'_, Page>;

    /// The history of an operation from event number `after` on, at most `limit` of them.
    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> StoreFuture<'_, Vec<HistoryEntry>>;

    /// The operations whose timers have run out at `now`, at most `limit`, and when the next one will.
    fn due(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, Due>;

    /// All access keys.
    fn access_keys(&self) -> StoreFuture<'_, Vec<AccessKey>>;

    /// The document with this name, if there is one.
    fn document(&self, name: &str) -> StoreFuture<'_, Option<Document>>;

    /// Puts everything in its place for a rest, as nobody will ask for a while. Nothing depends on it.
    fn rest(&self) -> StoreFuture<'_, ()> {
        ready(Ok(())).boxed()
    }

    /// The secret that textual ids are made with. The first caller's proposal stays for the life of the store.
    fn id_secret(&self, proposal: [u8; 16]) -> StoreFuture<'_, [u8; 16]>;

    /// Whether other servers may commit to the same store while this one has it open.
    fn is_shared(&self) -> bool {
        false
    }

    /// What other servers have committed since `since`. None of their commits is ever left out without saying so,
    /// however late it became visible.
    fn changes(&self, since: Cursor) -> StoreFuture<'_, Changes> {
        let nothing = Changes {
            cursor: since,
            ..Changes::default()
        };
        ready(Ok(nothing)).boxed()
    }
}
