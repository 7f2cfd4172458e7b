//! What a request says, in words that all dialects share.

use crate::catalogue::{Action, Catalogue, Order};
use crate::{Fault, Proof};
use http::header::{AsHeaderName, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method};
use std::borrow::Cow;
use std::sync::Arc;

/// A request as it came in. Nothing is decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, percent-encoded as on the wire.
    pub path: &'a str,
    /// What stands after the question mark, as on the wire.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, without transfer encoding.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The value of a header, if it is there and is text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&'a str> {
        self.headers
            .get(name)
            .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// The `Host` header as received, with its port.
    pub fn host(&self) -> &'a str {
        self.header(HOST).unwrap_or_default()
    }

    /// Whether the body is a form, by its content type.
    pub fn has_form(&self) -> bool {
        let content_type = self.header(CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }
}

/// Settings that change how requests are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hosts that clients may have signed although they connect to another one.
    pub host_aliases: Vec<String>,
    /// How far a client's clock may be off, each way, instead of what the cloud allows.
    pub clock_window_millis: Option<i64>,
    /// Whether the slips that the clouds' own documents contain are understood.
    pub lenient: bool,
    /// The actions that make operations.
    pub catalogue: Arc<Catalogue>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host_aliases: Vec::new(),
            clock_window_millis: None,
            lenient: true,
            catalogue: Catalogue::built_in(),
        }
    }
}

/// What one request says.
#[derive(Debug)]
pub struct Call<'a> {
    /// What the answer needs to know of the question, even if it is a refusal.
    pub frame: Frame<'a>,
    /// Who says to have sent it. A fault here means that nothing more was read.
    pub claim: Result<Claim<'a>, Fault>,
    /// What is wanted. Looked at only after the claim is proved, so that nobody learns anything without a key.
    pub wish: Result<Wish<'a>, Fault>,
}

/// What the answer needs to know of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The cloud's name of the action as a policy spells it, for example `bpstudio:GetExecuteOperationResult`.
    pub action: Cow<'static, str>,
    /// What is asked.
    pub question: Question,
    /// How the answer is to be written.
    pub format: Format,
    /// The host that was asked.
    pub host: &'a str,
}

/// What an answer is to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Question {
    /// How an operation stands; or nothing that is known, and the answer is a refusal.
    #[default]
    Poll,
    /// That this be done.
    Submit(Arc<Action>),
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As JSON.
    #[default]
    Json,
    /// As XML.
    Xml,
}

/// Who says to have sent a request.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The key or the token.
    pub identity: Identity<'a>,
    /// What proves it; a token needs no proof beside itself.
    pub proof: Option<Proof<'a>>,
    /// A token of temporary credentials that came along with an access key.
    pub session_token: Option<Cow<'a, str>>,
    /// The project that the request is about: the key must belong to it.
    pub project: Option<Cow<'a, str>>,
}

/// What a caller shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The public half of an access key.
    AccessKey(Cow<'a, str>),
    /// A bearer token.
    Token(Cow<'a, str>),
}

/// What a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish<'a> {
    /// To know how an operation stands.
    Poll {
        /// Which one.
        operation: OperationRef<'a>,
        /// The resource group that permission is to be checked in.
        resource_group: Option<Cow<'a, str>>,
    },
    /// To have something done.
    Submit(Box<Order>),
    /// To have something done to things that the cloud keeps.
    Manage(Box<Order>),
}

/// How a caller names an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationRef<'a> {
    /// By its key, as in Tencent's `taskId`.
    Number(u64),
    /// By a text, as in Alibaba's `OperationId` and Huawei's `job_id`.
    Text(Cow<'a, str>),
}
