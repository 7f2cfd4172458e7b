//! The error codes of API 3.0.

use crate::Fault;

/// Turns a fault into its code, for every product of API 3.0.
///
/// The codes are those of the table of common errors. It has one for a key that does not exist or is disabled, and one
/// for a resource that does not exist: an operation that was deleted is told from one that never was by the message
/// alone. There is none for a request that came before, and the one for a signature whose time has passed is nearest.
pub(super) fn code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Malformed(_)
        | Fault::UnknownFormat(_)
        | Fault::MalformedTime
        | Fault::WrongType { .. }
        | Fault::IdempotencyMismatch => "InvalidParameter",
        Fault::TooLarge { .. } => "RequestSizeLimitExceeded",
        Fault::UnknownMethod => "UnsupportedProtocol",
        Fault::UnknownPath | Fault::UnknownAction(_) => "InvalidAction",
        Fault::UnknownVersion(_) => "NoSuchVersion",
        Fault::MissingParameter(_) | Fault::MissingCredentials(_) => "MissingParameter",
        Fault::InvalidParameter { .. } => "InvalidParameterValue",
        Fault::MalformedCredentials(_) | Fault::UnknownAlgorithm(_) => {
            "AuthFailure.InvalidAuthorization"
        }
        Fault::UnknownKey | Fault::DisabledKey | Fault::LockedKey => "AuthFailure.SecretIdNotFound",
        Fault::BadSignature { .. } => "AuthFailure.SignatureFailure",
        Fault::Skewed { .. } | Fault::Replayed => "AuthFailure.SignatureExpire",
        Fault::BadToken | Fault::ExpiredToken => "AuthFailure.TokenFailure",
        Fault::Forbidden { .. } | Fault::WrongProject => "AuthFailure.UnauthorizedOperation",
        Fault::NotFound | Fault::Gone | Fault::NoSuchResource(_) => "ResourceNotFound",
        Fault::ResourceInUse { .. } | Fault::Busy(_) => "ResourceInUse",
        Fault::LimitReached { .. } | Fault::RulesTooLarge { .. } => "LimitExceeded",
        Fault::Throttled { .. } => "RequestLimitExceeded",
        Fault::Unavailable | Fault::Internal => "InternalError",
    }
}
