//! Everything that can be wrong with a call, once for all dialects.

use std::borrow::Cow;

/// Why a call is refused. Each dialect turns it into its own error in one exhaustive function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The request cannot be read: broken escapes, bytes that are not UTF-8, a body that ends too early.
    #[error("the request cannot be read: {0}")]
    Malformed(&'static str),
    /// The query or the body is longer than it may be.
    #[error("the request is longer than {limit_bytes} bytes")]
    TooLarge {
        /// How long it may be.
        limit_bytes: usize,
    },
    /// The method is not one that the API knows.
    #[error("the method is not supported")]
    UnknownMethod,
    /// The path is not one that the API knows.
    #[error("the path is not known")]
    UnknownPath,
    /// The action is not one that is served.
    #[error("the action `{0}` is not known")]
    UnknownAction(String),
    /// The version is not one that is served.
    #[error("the version `{0}` is not known")]
    UnknownVersion(String),
    /// The answer is wanted in a format that there is not.
    #[error("the format `{0}` is not known")]
    UnknownFormat(String),
    /// A parameter that must be there is missing or empty.
    #[error("the parameter `{0}` is missing")]
    MissingParameter(Cow<'static, str>),
    /// A parameter is of another type than it must be.
    #[error("the parameter `{name}` must be {expected}")]
    WrongType {
        /// Which one.
        name: Cow<'static, str>,
        /// What it must be.
        expected: &'static str,
    },
    /// A parameter cannot be what it is.
    #[error("the parameter `{name}` is not valid: {reason}")]
    InvalidParameter {
        /// Which one.
        name: Cow<'static, str>,
        /// Why not.
        reason: &'static str,
    },

    /// Neither a signature nor a token came along; the word is the parameter or header that is missing.
    #[error("`{0}` is missing")]
    MissingCredentials(&'static str),
    /// The signature or the header that carries it cannot be read.
    #[error("the credentials cannot be read: {0}")]
    MalformedCredentials(&'static str),
    /// The signature is of a kind that is not supported.
    #[error("the signature method `{0}` is not supported")]
    UnknownAlgorithm(String),
    /// There is no such access key.
    #[error("the access key does not exist")]
    UnknownKey,
    /// The access key has been disabled.
    #[error("the access key is disabled")]
    DisabledKey,
    /// So many bad signatures in a row came with the access key from this address that no more are looked at for a while.
    #[error("the access key has failed too often and is locked")]
    LockedKey,
    /// The signature is not the one that the secret gives.
    #[error("the signature does not match")]
    BadSignature {
        /// The text that was signed here. It may hold passwords: it is told to the caller, and never logged.
        text: String,
    },
    /// The time of signing cannot be read.
    #[error("the time of signing cannot be read")]
    MalformedTime,
    /// The request was signed too long ago, or lies in the future.
    #[error("the request was signed {}", beside_the_clock(*ahead_millis))]
    Skewed {
        /// How far its time lies after the server's; negative when it lies before.
        ahead_millis: i64,
    },
    /// The same signed request came before.
    #[error("the request was sent before")]
    Replayed,
    /// The token is not one of ours, or not of this key.
    #[error("the token is not valid")]
    BadToken,
    /// The token was valid once.
    #[error("the token has expired")]
    ExpiredToken,

    /// The policy of the key does not allow it.
    #[error("`{action}` is not allowed")]
    Forbidden {
        /// The action.
        action: Cow<'static, str>,
        /// Whether a statement forbids it, rather than none allowing it.
        explicit: bool,
        /// Whose key it is.
        account: Box<str>,
    },
    /// The key or the token does not belong to the project.
    #[error("the project is not one of the caller's")]
    WrongProject,

    /// The same idempotency key came with another order.
    #[error("the idempotency key came with another request before")]
    IdempotencyMismatch,
    /// What the call is about does not exist, or something that it refers to.
    #[error("the resource `{0}` does not exist")]
    NoSuchResource(Box<str>),
    /// What the call is about is needed by something else.
    #[error("the resource `{id}` is used by `{by}`")]
    ResourceInUse {
        /// Which one.
        id: Box<str>,
        /// By what.
        by: Box<str>,
    },
    /// There would be more of something than there may be.
    #[error("there may be at most {max} {what}")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// What refers to the resource would grow beyond its limit with the change.
    #[error("`{id}` would have {size} rules, and may have at most {max}")]
    RulesTooLarge {
        /// What refers to it.
        id: Box<str>,
        /// How many rules it would have.
        size: usize,
        /// How many it may have.
        max: usize,
    },
    /// Something that the call is about is being changed.
    #[error("the resource `{0}` is being changed")]
    Busy(Box<str>),

    /// There is no such operation for this caller.
    #[error("the operation does not exist")]
    NotFound,
    /// There was such an operation, and its result has been deleted.
    #[error("the operation's result has been deleted")]
    Gone,
    /// Too many calls.
    #[error("too many calls")]
    Throttled {
        /// When to come again.
        retry_after_millis: u64,
    },
    /// The store cannot be reached, or the server is about to end.
    #[error("the service is not available")]
    Unavailable,
    /// Something went wrong here; the cause is in the log.
    #[error("internal error")]
    Internal,
}

/// Where a time lies that is so far ahead of the server's clock.
fn beside_the_clock(ahead_millis: i64) -> String {
    let millis = ahead_millis.unsigned_abs();
    let side = if ahead_millis < 0 {
        "behind"
    } else {
        "ahead of"
    };
    format!("{millis} ms {side} the server's clock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_with_its_side() {
        for (ahead_millis, expected) in [
            (301_000, "signed 301000 ms ahead of the server's clock"),
            (-301_000, "signed 301000 ms behind the server's clock"),
            (
                i64::MIN,
                "signed 9223372036854775808 ms behind the server's clock",
            ),
        ] {
            let text = Fault::Skewed { ahead_millis }.to_string();
            assert_eq!(text, format!("the request was {expected}"));
        }
    }
}
