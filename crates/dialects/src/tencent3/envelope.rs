//! The envelope of every answer of API 3.0.
//!
//! The HTTP status is 200 for errors too: the vendor's clients take any other for a broken network. The content type has
//! no parameter: with one, the Python client takes a refusal for an answer whose fields are all empty.

use super::fault;
use crate::tencent::fault::words;
use crate::{Fault, Lent, Reply, wire};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<R> {
    response: R,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal<'a> {
    error: Error<'a>,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Error<'a> {
    code: &'static str,
    message: &'a str,
}

/// An answer that tells something. `response` has a `RequestId`: a client reads it without asking whether it is there.
pub(crate) fn success(response: impl Serialize) -> Reply {
    Reply::json(wire::to_json(&Envelope { response }))
}

/// An answer that refuses.
pub(crate) fn refusal(fault: &Fault, lent: &Lent) -> Reply {
    success(Refusal {
        error: Error {
            code: fault::code(fault),
            message: &words(fault),
        },
        request_id: lent.request_id.to_string(),
    })
}
