//! Refusals. Two layers answer in the real cloud, each in its own shape: the gateway in front of all services, and the
//! service behind it.

use crate::{Fault, Reply, stamp, wire};
use longrun_model::Timestamp;
use serde::Serialize;
use std::borrow::Cow;

/// A fault in this cloud's words.
struct Refusal {
    status: u16,
    layer: Layer,
    code: &'static str,
    message: Cow<'static, str>,
}

/// Who refuses, and so in which shape.
enum Layer {
    /// `{"error_msg","error_code","request_id"}`.
    Gateway,
    /// `{"error":{"message","code"}}`, the one shape that every client understands.
    Service,
}

#[derive(Serialize)]
struct GatewayError<'a> {
    error_msg: &'a str,
    error_code: &'a str,
    request_id: &'a str,
}

#[derive(Serialize)]
struct ServiceError<'a> {
    error: ServiceErrorBody<'a>,
}

#[derive(Serialize)]
struct ServiceErrorBody<'a> {
    message: &'a str,
    code: &'a str,
}

/// Writes the answer to a call that is refused.
pub(super) fn write(fault: &Fault, now: Timestamp, request_id: &str) -> Reply {
    let refusal = refusal(fault, now);
    let (message, code) = (&*refusal.message, refusal.code);
    let body = match refusal.layer {
        Layer::Gateway => wire::to_json(&GatewayError {
            error_msg: message,
            error_code: code,
            request_id,
        }),
        Layer::Service => wire::to_json(&ServiceError {
            error: ServiceErrorBody { message, code },
        }),
    };
    Reply::json(body).with_status(refusal.status)
}

/// Turns a fault into this cloud's error.
///
/// | fault | status | shape | code |
/// | --- | --- | --- | --- |
/// | a request or a parameter that cannot be read | 400 | service | `ELB.1001` |
/// | a resource that does not exist | 404 | service | `ELB.1002` |
/// | a resource that is used or being changed | 409 | service | `ELB.1001` |
/// | more than there may be | 403 | service | `ELB.1001` |
/// | too long | 413 | gateway | `APIGW.0201` |
/// | unknown path, method, action, version, format | 404 | gateway | `APIGW.0101` |
/// | missing, unreadable or wrong credentials; the clock; a replay | 401 | gateway | `APIGW.0301` |
/// | expired token | 401 | gateway | `APIGW.0307` |
/// | no permission, or another project | 403 | gateway | `APIGW.0302` |
/// | unknown job | 404 | service | `ELB.1002` |
/// | deleted job | 410 | service | `ELB.1002` |
/// | too many calls | 429 | gateway | `APIGW.0308` |
/// | internal error | 500 | service | `authFault` |
/// | not available | 503 | service | `serviceUnavailable` |
///
/// The table of the job query names conditions where a code would be wanted. Its words stand in for the codes of the
/// last two, which no document has; the numbers come from the error pages of the gateway and of the classic load
/// balancer. 410 is in no table either: the real service forgets its jobs, and a client that takes 404 for "deleted
/// as I wished" must not be told so of a job whose result alone is gone.
fn refusal(fault: &Fault, now: Timestamp) -> Refusal {
    match fault {
        Fault::Malformed(reason) => invalid(reason),
        Fault::MissingParameter(_)
        | Fault::WrongType { .. }
        | Fault::InvalidParameter { .. }
        | Fault::IdempotencyMismatch => invalid(&fault.to_string()),
        Fault::NoSuchResource(_) => service(404, "ELB.1002", fault.to_string()),
        Fault::ResourceInUse { .. } | Fault::Busy(_) => service(409, "ELB.1001", fault.to_string()),
        Fault::LimitReached { .. } | Fault::RulesTooLarge { .. } => {
            service(403, "ELB.1001", fault.to_string())
        }
        Fault::TooLarge { .. } => gateway(413, "APIGW.0201", format!("Bad request: {fault}")),
        Fault::UnknownMethod
        | Fault::UnknownPath
        | Fault::UnknownAction(_)
        | Fault::UnknownVersion(_)
        | Fault::UnknownFormat(_) => gateway(404, "APIGW.0101", NO_SUCH_API),
        Fault::MissingCredentials(name) => unauthorized(&format!("{name} not found")),
        Fault::MalformedCredentials(reason) => unauthorized(&unverified(reason)),
        Fault::UnknownAlgorithm(_) | Fault::Replayed => {
            unauthorized(&unverified(&fault.to_string()))
        }
        Fault::UnknownKey => unauthorized("Get secretKey failed,err:ak not exist"),
        Fault::DisabledKey => unauthorized("Get secretKey failed,err:ak disabled"),
        Fault::LockedKey => unauthorized("AK access failed to reach the limit,forbidden"),
        // The gateway shows what it computed, with a bar for each line feed, so that a signer can be mended.
        Fault::BadSignature { text } => {
            let text = text.replace('\n', "|");
            unauthorized(&unverified(&format!("string to sign: {text}")))
        }
        Fault::MalformedTime => unauthorized(&unverified("x-sdk-date is not YYYYMMDDTHHMMSSZ")),
        Fault::Skewed { ahead_millis } => unauthorized(&format!(
            "signature expired, signature time:{},server time:{}",
            stamp::write_basic(now.plus_millis(*ahead_millis)),
            stamp::write_basic(now)
        )),
        Fault::BadToken => unauthorized("decrypt token fail"),
        Fault::ExpiredToken => gateway(401, "APIGW.0307", "The token must be updated"),
        Fault::Forbidden { .. } | Fault::WrongProject => gateway(
            403,
            "APIGW.0302",
            format!("The IAM user is not authorized to access the API: {fault}"),
        ),
        Fault::NotFound => service(404, "ELB.1002", "The job does not exist."),
        Fault::Gone => service(410, "ELB.1002", "The result of the job has been deleted."),
        Fault::Throttled { .. } => gateway(
            429,
            "APIGW.0308",
            "The throttling threshold has been reached",
        ),
        Fault::Unavailable => service(503, "serviceUnavailable", "The service is not available."),
        Fault::Internal => service(500, "authFault", "Internal error."),
    }
}

const NO_SUCH_API: &str = "The API does not exist or has not been published in the environment";

fn invalid(reason: &str) -> Refusal {
    service(
        400,
        "ELB.1001",
        format!("Request parameters invalid. ({reason})"),
    )
}

fn unauthorized(reason: &str) -> Refusal {
    let message = format!("Incorrect IAM authentication information: {reason}");
    gateway(401, "APIGW.0301", message)
}

fn unverified(reason: &str) -> String {
    format!("verify aksk signature fail, {reason}")
}

fn gateway(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal {
        status,
        layer: Layer::Gateway,
        code,
        message: message.into(),
    }
}

fn service(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal {
        status,
        layer: Layer::Service,
        code,
        message: message.into(),
    }
}
