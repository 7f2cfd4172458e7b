//! The client half: reading an envelope. Nothing of one that refuses says anything about the operation; it says what to
//! do next.

use crate::tencent::read::{Object, again, is_about_region, no_answer};
use crate::{QueryError, Retry};
use http::HeaderMap;

/// Opens an envelope that should tell something.
pub(crate) fn open<'b>(
    status: u16,
    headers: &HeaderMap,
    body: &'b [u8],
) -> Result<Object<'b>, QueryError> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let envelope = Object::read(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let response = envelope.json("Response").and_then(Object::read);
    match response {
        Some(response) if response.json("Error").is_some() => {
            Err(refused(&response.object("Error"), headers))
        }
        Some(response) if status == 200 => Ok(response),
        Some(_) | None => Err(no_answer(status, headers, "API 3.0")),
    }
}

fn refused(error: &Object, headers: &HeaderMap) -> QueryError {
    let code = error.word("Code").unwrap_or_default();
    let message = error.word("Message").unwrap_or_default();
    QueryError {
        retry: retry(&code, &message, headers),
        message,
        code,
    }
}

/// What to do after an error. What follows the first dot tells more, and rarely something else.
///
/// Our polls always carry a well-formed id. That its value is refused means that there is no such task, unless it is the
/// region whose value is refused.
fn retry(code: &str, message: &str, headers: &HeaderMap) -> Retry {
    if code == "AuthFailure.SignatureExpire" {
        return Retry::Clock;
    }
    match code.split('.').next().unwrap_or_default() {
        "AuthFailure" | "UnauthorizedOperation" | "IpInBlacklist" | "IpNotInWhitelist" => {
            Retry::Forbidden
        }
        "InvalidParameterValue" if is_about_region(message) => Retry::Never,
        "ResourceNotFound" | "InvalidParameterValue" => Retry::Unknown,
        "ActionOffline"
        | "DryRunOperation"
        | "InvalidAction"
        | "InvalidParameter"
        | "InvalidRequest"
        | "MissingParameter"
        | "NoSuchProduct"
        | "NoSuchVersion"
        | "RequestSizeLimitExceeded"
        | "ResponseSizeLimitExceeded"
        | "UnknownParameter"
        | "UnsupportedOperation"
        | "UnsupportedProtocol"
        | "UnsupportedRegion" => Retry::Never,
        // RequestLimitExceeded, LimitExceeded, InternalError, ServiceUnavailable, FailedOperation, ResourceInUse and
        // the like pass. A code that nobody has written down may pass too, and whoever waits has a deadline.
        _ => again(headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do_next() {
        let again = Retry::Again { after_millis: None };
        for (code, expected) in [
            ("UnsupportedRegion", Retry::Never),
            ("AuthFailure.SignatureExpire", Retry::Clock),
            ("AuthFailure.SignatureFailure", Retry::Forbidden),
            ("AuthFailure.SecretIdNotFound", Retry::Forbidden),
            ("AuthFailure", Retry::Forbidden),
            ("UnauthorizedOperation.CamNoAuth", Retry::Forbidden),
            ("ResourceNotFound", Retry::Unknown),
            ("ResourceNotFound.TaskNotFound", Retry::Unknown),
            ("InvalidParameterValue.InvalidParameter", Retry::Unknown),
            ("InvalidParameter", Retry::Never),
            ("InvalidAction", Retry::Never),
            ("NoSuchVersion", Retry::Never),
            ("RequestLimitExceeded", again),
            ("RequestLimitExceeded.UinLimitExceeded", again),
            ("InternalError.DbError", again),
            ("ServiceUnavailable", again),
            ("FailedOperation", again),
            ("SomethingNew", again),
            ("", again),
        ] {
            assert_eq!(retry(code, "no", &HeaderMap::new()), expected, "{code}");
        }
    }

    /// A task that is not known is gone for good; a region that is not known is a slip of whoever asked.
    #[test]
    fn a_region_that_is_refused_is_no_task_that_is_unknown() {
        for (message, expected) in [
            (
                "A value specified in `Region` is not valid, is unsupported, or cannot be used.",
                Retry::Never,
            ),
            ("X-TC-Region is not valid", Retry::Never),
            ("The value of `TaskId` is not valid", Retry::Unknown),
            ("", Retry::Unknown),
        ] {
            let next = retry("InvalidParameterValue", message, &HeaderMap::new());
            assert_eq!(next, expected, "{message}");
        }
    }
}
