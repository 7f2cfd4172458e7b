//! What other servers on the same store have done, as far as this one has to know.

use longrun_model::{Account, KindName, OperationKey, ProjectId, Timestamp};
use std::collections::BTreeMap;

/// Up to where a reader knows what others have done. The usual one knows nothing: the first look with it only finds out
/// where to begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the last commit known, by server.
    pub(crate) known: Option<BTreeMap<i64, i64>>,
}

/// What others have done since a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The operations that have changed, without new ones. An operation may stand here more than once.
    pub changed: Vec<Changed>,
    /// The operations that have begun to wait for a worker.
    pub queued: Vec<Queued>,
    /// The operations that workers hold no longer.
    pub freed: Vec<Freed>,
    /// The earliest timer that was set.
    pub due_at: Option<Timestamp>,
    /// Whether more was done than is still known: whatever is remembered of operations may be out of date.
    pub missed: bool,
    /// Where the next look begins.
    pub cursor: Cursor,
}

/// What is told of an operation that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which one.
    pub key: OperationKey,
    /// Its version.
    pub version: u64,
    /// Whether it has ended, or was removed.
    pub ended: bool,
}

/// Operations of one account, one project and one kind that have begun to wait for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Whose they are.
    pub account: Account,
    /// In which project they are, if in one.
    pub project: Option<ProjectId>,
    /// What is done.
    pub kind: KindName,
    /// How many.
    pub count: u32,
}

/// Operations of one account and one kind that workers hold no longer: there may be room for as many others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Whose they are.
    pub account: Account,
    /// What was done.
    pub kind: KindName,
    /// How many.
    pub count: u32,
}
