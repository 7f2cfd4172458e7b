//! Things that a cloud itself keeps, such as templates and load balancers, as far as its task API speaks of them.
//!
//! Each account has a [`Shelf`] in each cloud. What is asked of the things on it is decided here, without IO: the caller
//! brings the shelf, takes it back, and keeps it. Some deeds are done at once. Others become operations, and what they
//! change waits on the shelf until theirs has ended: a change whose operation ended well is then made, any other is
//! dropped.

use crate::{Order, Reply};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an account has in one cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shelf {
    /// The things, in a form of the dialect's own; null if there never were any.
    pub things: Value,
    /// The changes that wait for an operation to end.
    pub pending: Vec<Pending>,
}

/// A change that waits for an operation to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The change, in a form of the dialect's own.
    pub change: Value,
    /// What tells it from any other change.
    pub token: Box<str>,
    /// When it was asked for, in milliseconds since 1970.
    pub asked_at_millis: i64,
    /// The key of the operation, once that is made.
    pub operation: Option<u64>,
}

/// What comes of a deed on a shelf.
#[derive(Debug)]
pub enum Managed {
    /// It is done, and this is the answer.
    Told(Reply),
    /// It takes an operation. The change waits on the shelf until that has ended; null if there is none.
    Submit {
        /// The operation.
        order: Box<Order>,
        /// What it changes.
        change: Value,
    },
}
