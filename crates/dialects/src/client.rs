//! The client half: how a poll is aimed, and what is learnt from the answer.

use longrun_model::{Failure, Json, Mix, ResourceStatus, Timestamp};
use std::borrow::Cow;

/// Which operation of a foreign cloud is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// Its id, in the cloud's own form.
    pub id: Cow<'a, str>,
    /// The project, where the cloud has one in its paths.
    pub project: Option<Cow<'a, str>>,
    /// The region, where the cloud wants to be told.
    pub region: Option<Cow<'a, str>>,
    /// The resource group, where the cloud checks one.
    pub resource_group: Option<Cow<'a, str>>,
}

/// Where the cloud is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host, with its port if that is not the scheme's own.
    pub authority: &'a str,
}

/// What a poll is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// An access key.
    AccessKey {
        /// The public half.
        id: Cow<'a, str>,
        /// The secret half.
        secret: Cow<'a, str>,
        /// The token of temporary credentials.
        session_token: Option<Cow<'a, str>>,
    },
    /// A bearer token.
    Token(Cow<'a, str>),
}

/// With what, for where and when a request is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// Where it goes.
    pub endpoint: &'a Endpoint<'a>,
    /// What it is signed with.
    pub credential: &'a Credential<'a>,
    /// The cloud's time, as far as is known.
    pub now: Timestamp,
    /// Random and fresh; not every scheme has one.
    pub nonce: u128,
}

impl<'a> Signer<'a> {
    /// One that signs for `endpoint` with `credential`.
    pub fn new(
        endpoint: &'a Endpoint<'a>,
        credential: &'a Credential<'a>,
        now: Timestamp,
        nonce: u128,
    ) -> Self {
        Self {
            endpoint,
            credential,
            now,
            nonce,
        }
    }
}

/// Why a request cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The id is not one that this cloud gives out.
    #[error("`{0}` is not an id of this cloud")]
    Id(String),
    /// The cloud has projects in its paths and none was named.
    #[error("a project is needed")]
    NoProject,
    /// The call is about another region than the upstream.
    #[error("the upstream is in another region than `{0}`")]
    OtherRegion(String),
    /// The cloud does not take this sort of credential.
    #[error("this cloud needs {0}")]
    Credential(&'static str),
    /// The endpoint or a value does not fit into a request.
    #[error("the request cannot be written: {0}")]
    Request(String),
}

impl From<http::Error> for SignError {
    fn from(error: http::Error) -> Self {
        Self::Request(error.to_string())
    }
}

/// What a poll of somebody else's operation told us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What the cloud calls what is done, where it says so.
    pub kind: Option<String>,
    /// How the whole stands.
    pub state: Watched,
    /// Each resource that was listed.
    pub resources: Vec<Observed>,
    /// What came out of the whole.
    pub output: Option<Json>,
    /// What the cloud says about it.
    pub message: Option<String>,
    /// Why it failed: the operation's own error.
    pub error: Option<Failure>,
}

/// How a foreign operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Not begun.
    Queued,
    /// Not ended; of its resources this is known.
    Running(Mix),
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Ended, well for some resources and badly for others.
    Partial,
    /// The cloud used a word that we do not know: neither an end nor a success.
    Unclear(String),
}

/// How one resource of a foreign operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its id.
    pub id: String,
    /// What the cloud calls what is done to it, where it says so.
    pub kind: Option<String>,
    /// How it stands.
    pub status: ResourceStatus,
    /// What came out of it.
    pub output: Option<Json>,
    /// What went wrong with it.
    pub error: Option<Failure>,
}

/// Why a poll told nothing about the operation. It never means that the operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct QueryError {
    /// The cloud's code.
    pub code: String,
    /// The cloud's words.
    pub message: String,
    /// What to do about it.
    pub retry: Retry,
}

/// What to do after a poll that told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Ask again, not before so many milliseconds if the cloud said so.
    Again {
        /// How long the cloud wants to be left alone.
        after_millis: Option<u64>,
    },
    /// Sign anew with a corrected clock, and ask again.
    Clock,
    /// The cloud does not know the operation, or no longer.
    Unknown,
    /// We may not ask.
    Forbidden,
    /// Asking again is of no use.
    Never,
}
