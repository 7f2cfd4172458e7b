//! Refusals of the identity service, which has a shape of its own.

use super::Refusal;
use crate::{Fault, Reply, stamp, wire};
use longrun_model::Timestamp;
use serde::Serialize;
use std::borrow::Cow;

/// `{"error":{"code","message","title"}}`; the code is the status, as a number.
#[derive(Serialize)]
struct Body<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: u16,
    message: &'a str,
    title: &'static str,
}

/// Writes a refusal. `validates` is whether the question is about a token: there the service tells a caller whose own
/// token is bad by another status.
pub(super) fn write(refusal: &Refusal, validates: bool, now: Timestamp) -> Reply {
    let (status, message) = match refusal {
        Refusal::Call(fault) => fault_of(fault, validates, now),
        Refusal::WrongPassword => (401, "The username or password is wrong.".into()),
        Refusal::Locked { seconds } => (
            401,
            format!("The user is locked after too many failures. Try again in {seconds} seconds.")
                .into(),
        ),
        Refusal::WrongScope => (
            401,
            "The project or the domain does not exist, or is not one of the user's.".into(),
        ),
        Refusal::UnknownSubject => (404, "The token in X-Subject-Token is not valid.".into()),
        Refusal::UnknownProject => (404, "The project does not exist.".into()),
    };
    let (code, message, title) = (status, &*message, title(status));
    let body = wire::to_json(&Body {
        error: ErrorBody {
            code,
            message,
            title,
        },
    });
    Reply::json(body).with_status(status)
}

/// Turns a fault into this service's error.
///
/// The real service's texts are known for few of them: the wrong password and the bad token of who validates another.
fn fault_of(fault: &Fault, validates: bool, now: Timestamp) -> (u16, Cow<'static, str>) {
    let unauthorized = |reason: &str| -> (u16, Cow<'static, str>) {
        (
            401,
            format!("The request you have made requires authentication. ({reason})").into(),
        )
    };
    match fault {
        Fault::Malformed(reason) => (400, format!("Request body is invalid. ({reason})").into()),
        Fault::MissingParameter(_)
        | Fault::WrongType { .. }
        | Fault::InvalidParameter { .. }
        | Fault::UnknownFormat(_) => (400, format!("Request parameters invalid. ({fault})").into()),
        Fault::TooLarge { .. } => (413, fault.to_string().into()),
        Fault::UnknownMethod => (405, "The method is not allowed.".into()),
        Fault::UnknownPath
        | Fault::UnknownAction(_)
        | Fault::UnknownVersion(_)
        | Fault::NoSuchResource(_)
        | Fault::NotFound
        | Fault::Gone => (404, "Could not find what was requested.".into()),
        Fault::BadToken if validates => (403, "X-Auth-Token is invalid in the request.".into()),
        Fault::BadToken => unauthorized("the token is not valid"),
        Fault::ExpiredToken => unauthorized("the token has expired"),
        Fault::UnknownAlgorithm(_) => (
            401,
            "Attempted to authenticate with an unsupported method.".into(),
        ),
        // As the gateway tells it: a bar for each line feed.
        Fault::BadSignature { text } => unauthorized(&format!(
            "verify aksk signature fail, string to sign: {}",
            text.replace('\n', "|")
        )),
        Fault::Skewed { ahead_millis } => unauthorized(&format!(
            "signature expired, signature time:{},server time:{}",
            stamp::write_basic(now.plus_millis(*ahead_millis)),
            stamp::write_basic(now)
        )),
        Fault::LockedKey => unauthorized("AK access failed to reach the limit,forbidden"),
        Fault::MissingCredentials(_)
        | Fault::MalformedCredentials(_)
        | Fault::UnknownKey
        | Fault::DisabledKey
        | Fault::MalformedTime
        | Fault::Replayed => unauthorized(&fault.to_string()),
        Fault::Forbidden { .. } | Fault::WrongProject => (
            403,
            format!("You are not authorized to perform the requested action. ({fault})").into(),
        ),
        Fault::IdempotencyMismatch | Fault::ResourceInUse { .. } | Fault::Busy(_) => {
            (409, fault.to_string().into())
        }
        Fault::LimitReached { .. } | Fault::RulesTooLarge { .. } => (403, fault.to_string().into()),
        Fault::Throttled { .. } => (429, "Too many requests.".into()),
        Fault::Unavailable => (503, "The service is not available.".into()),
        Fault::Internal => (500, "Internal error.".into()),
    }
}

const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
