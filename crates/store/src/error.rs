//! What can go wrong with a store itself.

use std::error::Error;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not answer, or not in time, or had no room.
    #[error("could not {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something stored cannot be understood.
    #[error("{what} of operation {key} cannot be read")]
    Unreadable {
        /// Which part.
        what: &'static str,
        /// Of which operation.
        key: u64,
    },
    /// An access key that is stored cannot be understood.
    #[error("access key `{0}` cannot be read")]
    UnreadableAccessKey(Box<str>),
    /// The file was written by a later program.
    #[error(
        "the store has schema {found}, and this program knows schemas up to {known}: use a newer program"
    )]
    Newer {
        /// The schema it has.
        found: i64,
        /// The last schema that this program knows.
        known: i64,
    },
    /// The file is no store of this program.
    #[error("`{0}` is a database of another program")]
    Foreign(String),
    /// Another process uses the file.
    #[error("`{0}` is in use by another process: a store file serves one process at a time")]
    InUse(String),
    /// The database is not one that operations can be kept in.
    #[error("the database cannot be used: {0}")]
    Unsuitable(String),
    /// The connection was lost while a commit was being made, and could not be made again to see what became of it.
    /// Submissions under an idempotency key, and commands with a fence, can be repeated without harm.
    #[error("it is not known whether a commit was made")]
    OutcomeUnknown {
        /// What the database, or the connection, said last.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store is being moved to another place.
    #[error(
        "the store is being moved to `{0}`: finish that with `longrun migrate`, or give it up with `--abandon`"
    )]
    Moving(String),
    /// The store was moved to another place.
    #[error("the store was moved to `{0}`, and what is here is no longer used")]
    Moved(String),
    /// The store is being filled from another one.
    #[error(
        "the store is being filled by `longrun migrate`, and is not whole before that has finished"
    )]
    Filling,
    /// A file stands where one shall be made.
    #[error("`{0}` is there already")]
    Exists(String),
}
