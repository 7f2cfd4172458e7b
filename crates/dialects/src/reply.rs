//! What goes back to the caller.

use crate::{Catalogue, wire};
use http::{HeaderName, HeaderValue};
use longrun_model::{Ids, Timestamp};
use std::fmt;

/// What the edge lends to whoever writes an answer.
#[derive(Debug)]
pub struct Lent<'a> {
    /// Turns keys into the texts that stand for them.
    pub ids: &'a Ids,
    /// The number of this request, random.
    pub request_id: RequestId,
    /// The server's time.
    pub now: Timestamp,
    /// The actions that make operations.
    pub catalogue: &'a Catalogue,
    /// Of an operation that follows another cloud's, what is said there.
    pub followed: Option<Followed<'a>>,
}

/// What another cloud says of an operation, where our own words would be others.
#[derive(Clone, Copy, Debug)]
pub struct Followed<'a> {
    /// Its id.
    pub id: &'a str,
    /// What is done, as far as that is known.
    pub kind: Option<&'a str>,
    /// How it stands, in words, if there are any.
    pub message: Option<&'a str>,
}

/// The number of a request, which its answer carries so that people can find it in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u128);

impl RequestId {
    /// The 32 digits of a UUID of version 4, in lower case.
    pub(crate) fn digits(self) -> String {
        let id = self.0 & !(0xF << 76) | 4 << 76;
        let id = id & !(0b11 << 62) | 0b10 << 62;
        wire::digits(id)
    }
}

impl fmt::Display for RequestId {
    /// As a UUID of version 4, in lower case.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let (parts, last) = ([0..8, 8..12, 12..16, 16..20], &digits[20..]);
        for part in parts {
            formatter.write_str(&digits[part])?;
            formatter.write_str("-")?;
        }
        formatter.write_str(last)
    }
}

/// An answer, ready for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type, exactly as the cloud's clients expect it.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer with status 200 and a JSON body.
    pub fn json(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            headers: Vec::new(),
            body,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}
