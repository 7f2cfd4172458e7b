//! A whole store, operation by operation, as whoever checks or moves it meets it.
//!
//! What is handed over is what the model knows, never a row: the tables of one database mean nothing to the other.

mod arrival;
mod entry;

pub(crate) use arrival::arrived;
pub(crate) use entry::{Entry, Expected, Idempotent, Parcel, Queued, Rows};

use crate::document::DocumentChange;
use crate::turns::Turn;
use crate::{AccessKey, StoreError};
use futures_util::future::BoxFuture;
use longrun_model::KindName;
use std::collections::BTreeMap;

/// What may be done with a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Servers may use it.
    Open,
    /// It is being moved to this place, and stays as it is until that is done.
    Moving(String),
    /// It was moved to this place.
    Moved(String),
    /// It is being filled from another one.
    Filling,
}

/// What a store holds besides operations, and how many rows there are in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    /// The secret of the ids, if it has one yet.
    pub(crate) id_secret: Option<[u8; 16]>,
    /// The access keys, by id.
    pub(crate) access_keys: Vec<AccessKey>,
    /// Whose turn it was last, by kind.
    pub(crate) turns: Vec<(KindName, Turn)>,
    /// The last key that was given; 0 if none was.
    pub(crate) last_key: u64,
    /// How many operations there are, removed ones too.
    pub(crate) operations: u64,
    /// How many names of documents there are.
    pub(crate) documents: u64,
    /// How many rows there are beside the operations.
    pub(crate) rows: Rows,
    /// Whether what lives has a table of its own.
    pub(crate) has_live: bool,
}

/// A store at one moment.
pub(crate) trait Archive: Send + Sync {
    /// What it holds besides operations.
    fn contents(&self) -> BoxFuture<'_, Result<Contents, StoreError>>;

    /// The next operations after the key `after`, in the order of their keys; none if there are no more.
    fn page(&self, after: u64) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// The next documents after the one named `after`, in the order of their names, and of names that were documents' once.
    fn documents(&self, after: &str) -> BoxFuture<'_, Result<Documents, StoreError>>;

    /// What the database itself finds wrong with its files.
    fn faults(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;
}

/// A store in the hands of whoever moves it.
pub(crate) trait Holder: Send + Sync {
    /// The store as it is now.
    fn archive(&self) -> BoxFuture<'_, Result<Box<dyn Archive>, StoreError>>;

    /// What may be done with it.
    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>>;

    /// Says from here on that this may be done with it. Unless it is open, nobody else changes it once this has returned.
    fn mark(&self, state: State) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The secret of the ids, which is `proposal` if it has none yet.
    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>>;

    /// Keeps these operations, which are none of those that it has: all of them or none.
    fn fill(&self, parcels: Vec<Parcel>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps these documents, in place of what it has under their names.
    fn put_documents(&self, documents: Documents) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps what there is besides operations and documents, and gives no key again up to the last one.
    fn furnish(&self, contents: Contents) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Documents by their names.
pub(crate) type Documents = BTreeMap<Box<str>, DocumentChange>;

/// How many documents are looked at together.
pub(crate) const PAGE_DOCUMENTS: u32 = 16;
/// How many operations are looked at together, at the most.
pub(crate) const PAGE_OPERATIONS: u32 = 256;
/// How many bytes of operations are looked at together; one operation may have more.
pub(crate) const PAGE_BYTES: u32 = 8 << 20;

impl State {
    /// Refuses servers that do not find it open.
    pub(crate) fn admit(self) -> Result<(), StoreError> {
        match self {
            Self::Open => Ok(()),
            Self::Moving(to) => Err(StoreError::Moving(to)),
            Self::Moved(to) => Err(StoreError::Moved(to)),
            Self::Filling => Err(StoreError::Filling),
        }
    }
}
