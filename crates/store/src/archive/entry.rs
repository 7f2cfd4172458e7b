//! Everything that a store keeps of one operation.

use crate::indexed::{Indexed, urgency};
use crate::record;
use crate::{HistoryEntry, StoreError, layout};
use longrun_model::{Account, KindName, Operation, OperationKey, ProjectId, Timestamp};
use sha2::{Digest, Sha256};

/// An operation as it was found, and the rows that belong to it.
pub(crate) struct Entry {
    /// Its key.
    pub(crate) key: OperationKey,
    /// The operation, or why it cannot be read.
    pub(crate) parcel: Result<Parcel, StoreError>,
    /// How many rows beside its own are there and are right.
    pub(crate) rows: Rows,
}

/// An operation with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// The operation, with all of its resources unless it was removed.
    pub(crate) operation: Operation,
    /// What happened to it; nothing if it was removed.
    pub(crate) history: Vec<HistoryEntry>,
    /// What it was submitted under.
    pub(crate) idempotent: Option<Idempotent>,
    /// Its places in the lines for its resources: the bytes of each line in their order, and its ticket.
    pub(crate) places: Vec<(Vec<u8>, i64)>,
}

/// An idempotency key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Idempotent {
    /// In which account.
    pub(crate) account: Account,
    /// The key.
    pub(crate) key: Box<str>,
    /// The digest of the payload.
    pub(crate) digest: [u8; 16],
}

/// How many rows there are in the tables beside the operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// In the queue.
    pub(crate) queue: u64,
    /// Among the timers.
    pub(crate) timer: u64,
    /// Among what lives, where that has a table.
    pub(crate) live: u64,
    /// Of idempotency keys.
    pub(crate) idempotency: u64,
    /// Of chunks of resources.
    pub(crate) chunk: u64,
    /// Of the places of resources in them.
    pub(crate) member: u64,
    /// Of the history.
    pub(crate) history: u64,
    /// Of the places in lines.
    pub(crate) place: u64,
}

impl Rows {
    /// Each number, with what is counted.
    pub(crate) const fn named(self) -> [(&'static str, u64); 8] {
        [
            ("queue", self.queue),
            ("timer", self.timer),
            ("live", self.live),
            ("idempotency", self.idempotency),
            ("chunk", self.chunk),
            ("member", self.member),
            ("history", self.history),
            ("place", self.place),
        ]
    }

    /// Counts `more` in.
    pub(crate) fn add(&mut self, more: Self) {
        self.queue += more.queue;
        self.timer += more.timer;
        self.live += more.live;
        self.idempotency += more.idempotency;
        self.chunk += more.chunk;
        self.member += more.member;
        self.history += more.history;
        self.place += more.place;
    }
}

/// What the index tables should say of an operation.
pub(crate) struct Expected {
    /// Its place in the queue.
    pub(crate) queued: Option<Queued>,
    /// Its timer.
    pub(crate) due_at: Option<Timestamp>,
    /// Whether it lives.
    pub(crate) live: bool,
}

/// The place of an operation in the queue.
pub(crate) struct Queued {
    /// Its kind.
    pub(crate) kind: KindName,
    /// How urgent it is.
    pub(crate) urgency: u8,
    /// Its account.
    pub(crate) account: Account,
    /// Its project, if it has one.
    pub(crate) project: Option<ProjectId>,
}

impl Expected {
    /// What is expected of `operation`.
    pub(crate) fn of(operation: &Operation) -> Self {
        let indexed = Indexed::of(operation);
        Self {
            queued: indexed.waiting.then(|| Queued {
                kind: operation.kind.clone(),
                urgency: urgency(operation.priority),
                account: operation.account.clone(),
                project: operation.project.clone(),
            }),
            due_at: indexed.due_at,
            live: indexed.live,
        }
    }

    /// The rows that there should be of `operation`. Its history may stand in its own row, and have none.
    pub(crate) fn rows(&self, operation: &Operation, found: Rows, has_live: bool) -> Rows {
        let total = operation.tally.total;
        let chunked = layout::is_chunked(total) && !operation.removed;
        let in_chunks = |count: u32| if chunked { u64::from(count) } else { 0 };
        Rows {
            queue: u64::from(self.queued.is_some()),
            timer: u64::from(self.due_at.is_some()),
            live: u64::from(self.live && has_live),
            chunk: in_chunks(total.div_ceil(layout::CHUNK)),
            member: in_chunks(total),
            history: if operation.removed { 0 } else { found.history },
            idempotency: found.idempotency,
            // What was found while it ran stands in no line.
            place: if operation.holds_place() {
                found.place
            } else {
                0
            },
        }
    }
}

impl Parcel {
    /// A number that two parcels share only if nothing differs between them.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let Self {
            operation,
            history,
            idempotent,
            places,
        } = self;
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        let mut blob = Vec::new();
        part(&operation.key.get().to_le_bytes());
        part(operation.account.as_str().as_bytes());
        part(operation.kind.as_str().as_bytes());
        part(&[
            record::phase_code(operation.phase),
            operation.removed.into(),
        ]);
        record::write_head(operation, &mut blob);
        part(&blob);
        record::write_resources(operation.resources.indexed(), &mut blob);
        part(&blob);
        for entry in history {
            blob.clear();
            record::write_events(operation, &[(entry.number, entry.event.clone())], &mut blob);
            part(&blob);
        }
        for (line, ticket) in places {
            part(line);
            part(&ticket.to_le_bytes());
        }
        if let Some(Idempotent {
            account,
            key,
            digest,
        }) = idempotent
        {
            part(account.as_str().as_bytes());
            part(key.as_bytes());
            part(digest);
        }
        hash.finalize().into()
    }
}
