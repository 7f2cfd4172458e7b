//! What callers are told when a command did not happen.

use longrun_model::{OperationKey, Rejected, ResourceId};
use longrun_store::Refused;

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no such operation, or not for this account.
    #[error("the operation does not exist")]
    NotFound,
    /// There was such an operation; its result has been deleted.
    #[error("the operation's result has been deleted")]
    Gone,
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
    /// The rules of operations say no.
    #[error(transparent)]
    Rejected(Rejected),
    /// As many callers wait for this operation as may.
    #[error("too many callers wait for this operation")]
    TooManyWatchers,
    /// More commands wait to be committed than may.
    #[error("too many commands wait to be committed")]
    Overloaded,
    /// The store did not do it; the cause is in the log. Nothing has happened.
    #[error("the store is not available")]
    Unavailable,
}

impl From<Refused> for EngineError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotFound => Self::NotFound,
            Refused::IdempotencyMismatch => Self::IdempotencyMismatch,
            Refused::ResourceHeld { resource, by } => Self::ResourceHeld { resource, by },
            Refused::DocumentChanged => Self::DocumentChanged,
            Refused::DocumentTooLong => Self::DocumentTooLong,
            Refused::Rejected(Rejected::Removed) => Self::Gone,
            Refused::Rejected(rejected) => Self::Rejected(rejected),
        }
    }
}
