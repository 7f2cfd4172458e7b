//! What can be written, and what comes of it.

use crate::{AccessKey, PutDocument, Sight};
use longrun_model::{
    Account, Command, KindName, Operation, OperationKey, Phase, RefusedResult, Rejected,
    ResourceId, Submission, WorkerName,
};
use std::sync::Arc;

/// One wish to change the store.
#[derive(Clone, Debug)]
pub enum Write {
    /// Make an operation, or return the first one under the same idempotency key.
    Submit(Submission),
    /// Make several, all of them or none.
    SubmitAll(Vec<Submission>),
    /// Do something to one operation.
    Command {
        /// Which one.
        key: OperationKey,
        /// What the caller sees: the operation must be among it.
        sight: Sight,
        /// What to do.
        command: Command,
    },
    /// Find the operation that was submitted under this idempotency key. Changes nothing: it stands here so that it
    /// sees what is written before it.
    Recall {
        /// Whose it is.
        account: Account,
        /// The key.
        key: Box<str>,
    },
    /// Hand out operations that wait for a worker.
    Lease(LeaseWish),
    /// Keep this access key, in place of one with the same id.
    PutAccessKey(AccessKey),
    /// Forget the access key with this id.
    RemoveAccessKey(Box<str>),
    /// Keep or remove a document, if it is still what it was.
    PutDocument(PutDocument),
}

/// Which operations a worker would take.
#[derive(Clone, Debug)]
pub struct LeaseWish {
    /// Among which.
    pub sight: Sight,
    /// Of which kinds.
    pub kinds: Vec<KindName>,
    /// How many at the most.
    pub max: usize,
    /// Who asks.
    pub worker: WorkerName,
    /// How long the worker may be silent.
    pub length_millis: i64,
}

/// What a write did.
#[derive(Clone, Debug)]
pub enum Written {
    /// The operation that was submitted.
    Submitted(Submitted),
    /// The operations that were submitted, in order.
    SubmittedAll(Vec<Submitted>),
    /// The operation after the command, with those of its resources that the command needed.
    Commanded {
        /// The operation.
        operation: Arc<Operation>,
        /// Where the operation was before it.
        was: Phase,
        /// Whether callers can see a difference.
        changed: bool,
        /// The parts of a report that were refused.
        refused: Vec<RefusedResult>,
        /// The operations that waited for its resources, and need not wait any more.
        freed: Vec<Arc<Operation>>,
    },
    /// The operations that were handed out, most urgent first.
    Leased(Vec<Arc<Operation>>),
    /// The access key is kept, or forgotten.
    AccessKey,
    /// The version that the document now has; `None` if there is none any more.
    Document(Option<u64>),
}

/// An operation that was submitted.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The operation.
    pub operation: Arc<Operation>,
    /// Whether it is an earlier one that was submitted under the same idempotency key.
    pub repeated: bool,
}

/// Why a write did nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such operation, or not for this caller.
    #[error("the operation does not exist")]
    NotFound,
    /// The idempotency key was used before, for another payload.
    #[error("the idempotency key was used for another payload")]
    IdempotencyMismatch,
    /// Another operation has a resource that is not to be shared.
    #[error("another operation works on the resource `{resource}`")]
    ResourceHeld {
        /// Which one.
        resource: ResourceId,
        /// Who stands first in the line for it; none if it is one of the same batch.
        by: Option<OperationKey>,
    },
    /// The document is not what the caller has seen.
    #[error("the document has changed")]
    DocumentChanged,
    /// The name or the body of a document is longer than it may be, or the name is empty.
    #[error("the document or its name is too long")]
    DocumentTooLong,
    /// The model says no.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}
