//! What can stand around a server in place of the usual: another clock, somebody who meddles with polls, further calls.
//!
//! A server that serves has nothing of it. An emulator has all of it, and the server does not know that it is one.

use crate::keys::KeyWish;
use crate::{SystemClock, native};
use axum::Router;
use axum::body::Body;
use futures_util::future::BoxFuture;
use http::Response;
use longrun_dialects::Fault;
use longrun_engine::{Clock, Engine, EngineError};
use longrun_model::{Account, Ids, Operation, OperationKey};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What stands around a server.
pub struct Surroundings {
    /// What leases, deadlines, retention and every time that is told go by. Signatures are held against the system's
    /// clock, whatever this one says, as whoever signs has no other.
    pub clock: Arc<dyn Clock>,
    /// What textual ids are made with in a new store; random if it is not said.
    pub id_secret: Option<[u8; 16]>,
    /// Texts that operations are known by besides their own ids.
    pub ids: Vec<(OperationKey, String)>,
    /// Access keys that are made at the start, unless there are keys of these ids.
    pub keys: Vec<KeyWish>,
    /// What accounts keep in the clouds from the start, unless they keep something there already.
    pub shelves: Vec<ShelfWish>,
    /// Who meddles with polls.
    pub interference: Option<Arc<dyn Interference>>,
    /// Further native calls. Whoever makes one must be allowed `longrun:Emulate`.
    pub annex: Router,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            id_secret: None,
            ids: Vec::new(),
            keys: Vec::new(),
            shelves: Vec::new(),
            interference: None,
            annex: Router::new(),
        }
    }
}

/// What an account is to keep in a cloud.
#[derive(Clone, Debug, PartialEq)]
pub struct ShelfWish {
    /// The name of the shelf, as in `PUT /api/v1/shelves/{shelf}`.
    pub shelf: String,
    /// Whose it is.
    pub account: Account,
    /// What is kept.
    pub things: Value,
}

/// Somebody who stands between polls and their answers.
pub trait Interference: Send + Sync + 'static {
    /// The engine runs, and no request has come yet.
    fn begin(&self, engine: Arc<Engine>) -> BoxFuture<'_, Result<(), EngineError>>;

    /// A poll has been found to be allowed: what becomes of it?
    fn poll<'a>(&'a self, polled: Polled<'a>) -> BoxFuture<'a, Meddling>;
}

/// A poll that is allowed.
#[derive(Clone, Copy)]
pub struct Polled<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// What turns keys into texts.
    pub ids: &'a Ids,
    /// What is asked about.
    pub operation: &'a Arc<Operation>,
    /// The dialect; none in the native API.
    pub dialect: Option<&'a str>,
}

/// What becomes of a poll.
#[derive(Debug, Default)]
pub struct Meddling {
    /// What is told in place of the operation as it was found.
    pub operation: Option<Arc<Operation>>,
    /// How late the answer is.
    pub delay: Duration,
    /// What is answered.
    pub outcome: Meddled,
}

/// What is answered to a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Meddled {
    /// The answer.
    #[default]
    Nothing,
    /// An error in the caller's words.
    Refused(Fault),
    /// The answer, which does not arrive as it was written.
    Spoiled(Spoiling),
}

/// What becomes of an answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoiling {
    /// Something that no cloud has written stands in its place.
    Foreign {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The connection ends in its place.
    Dropped,
    /// It ends after so many bytes of its body, or after half of it, and the connection with it.
    Truncated(Option<usize>),
}

/// The answer to a call of the annex that says something impossible.
pub fn invalid_value(detail: String) -> Response<Body> {
    native::invalid_value(detail)
}

/// The answer to a call of the annex while the store is away.
pub fn not_available() -> Response<Body> {
    native::not_available()
}
