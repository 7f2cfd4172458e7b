//! What goes wrong, as RFC 9457 writes it.

use super::json;
use crate::keys::KeyError;
use axum::body::Body;
use axum::response::IntoResponse;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use longrun_dialects::{Fault, Reply};
use longrun_engine::EngineError;
use longrun_model::{Invalid, OperationKey, Rejected, ResourceId, limits};

/// What the types of problems begin with.
const TYPE: &str = "urn:longrun:problem:";
/// The content type of problems.
const PROBLEM_JSON: &str = "application/problem+json";

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    Invalid(String),
    #[error("a valid bearer token is needed")]
    Unauthenticated,
    #[error("{0}")]
    Forbidden(String),
    #[error("there is no such thing here, or not for this caller")]
    NotFound,
    #[error("the path exists, but not for this method")]
    MethodNotAllowed,
    #[error("the operation has ended")]
    Ended,
    #[error("the operation has not ended")]
    NotEnded,
    #[error("the fence is not the current one")]
    StaleFence,
    #[error("the lease has ended")]
    LeaseLost,
    #[error("the result has been deleted")]
    Gone,
    #[error("a report may have at most {max} resources", max = limits::RESOURCES_MAX)]
    TooManyResources,
    #[error("a body may have at most {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("the body must be application/json")]
    UnsupportedMediaType,
    #[error("the idempotency key was used for another payload")]
    IdempotencyMismatch,
    #[error("another operation works on the resource `{resource}`{}", task(*by))]
    ResourceHeld {
        resource: ResourceId,
        by: Option<OperationKey>,
    },
    #[error("the key has made as many calls as it may")]
    CallsSpent { retry_after_millis: u64 },
    #[error("{0}")]
    Throttled(&'static str),
    #[error("the server made a mistake; its log says more")]
    Internal,
    #[error("the store is not available")]
    Unavailable,
}

/// The answer to a method that a path does not have, although it has these.
pub(super) fn not_among(allowed: &'static str) -> Response<Body> {
    let mut response = Problem::MethodNotAllowed.into_response();
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

impl Problem {
    /// The end of its type, its HTTP status, and its title.
    fn words(&self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => ("malformed", StatusCode::BAD_REQUEST, "Malformed request"),
            Self::Invalid(_) => ("invalid", StatusCode::BAD_REQUEST, "Invalid value"),
            Self::Unauthenticated => (
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                "Not authenticated",
            ),
            Self::Forbidden(_) => ("forbidden", StatusCode::FORBIDDEN, "Not allowed"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
            ),
            Self::Ended => ("ended", StatusCode::CONFLICT, "Operation has ended"),
            Self::NotEnded => ("not-ended", StatusCode::CONFLICT, "Operation has not ended"),
            Self::StaleFence => ("stale-fence", StatusCode::CONFLICT, "Stale fence"),
            Self::LeaseLost => ("lease-lost", StatusCode::CONFLICT, "Lease lost"),
            Self::Gone => ("gone", StatusCode::GONE, "Result deleted"),
            Self::TooManyResources => (
                "too-many-resources",
                StatusCode::BAD_REQUEST,
                "Too many resources",
            ),
            Self::TooLarge { .. } => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Body too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type",
            ),
            Self::IdempotencyMismatch => (
                "idempotency-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Idempotency key reused",
            ),
            Self::ResourceHeld { .. } => (
                "resource-held",
                StatusCode::CONFLICT,
                "Resource is not free",
            ),
            Self::CallsSpent { .. } | Self::Throttled(_) => (
                "throttled",
                StatusCode::TOO_MANY_REQUESTS,
                "Too much at once",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal error",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Not available",
            ),
        }
    }

    /// The end of its type. It also is the reason that a report or a heartbeat is told.
    pub(crate) fn name(&self) -> &'static str {
        self.words().0
    }

    /// When the same call may be made again. Nobody knows when a store is back: then it is the shortest time there is.
    fn retry_after_seconds(&self) -> u64 {
        if let Self::CallsSpent { retry_after_millis } = self {
            retry_after_millis.div_ceil(1_000)
        } else {
            1
        }
    }

    /// Whether it is no fault of the call, so that the same call may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        let (_, status, _) = self.words();
        status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
    }
}

impl Problem {
    /// Its HTTP status and its body.
    fn write(&self) -> (StatusCode, Vec<u8>) {
        let (name, status, title) = self.words();
        let detail = self.to_string();
        let mut body = Vec::with_capacity(192 + detail.len());
        json::object(&mut body, |problem| {
            problem.put("type", &*[TYPE, name].concat());
            problem.put("title", title);
            problem.put("status", u64::from(status.as_u16()));
            problem.put("detail", &*detail);
        });
        (status, body)
    }

    /// The same as an answer that is written without the HTTP library.
    pub(super) fn reply(&self) -> Reply {
        let (status, body) = self.write();
        Reply {
            content_type: PROBLEM_JSON,
            ..Reply::json(body)
        }
        .with_status(status.as_u16())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, body) = self.write();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        } else if status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::SERVICE_UNAVAILABLE
        {
            headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after_seconds()));
        }
        response
    }
}

impl Problem {
    /// What a fault that somebody has put in place of an answer is called here.
    pub(super) fn of_fault(fault: &Fault) -> Self {
        if let Fault::Throttled { .. } = fault {
            return Self::Throttled("too many calls");
        }
        let mut named = [
            (Fault::NotFound, Self::NotFound),
            (Fault::Gone, Self::Gone),
            (Fault::Unavailable, Self::Unavailable),
            (Fault::ExpiredToken, Self::Unauthenticated),
        ]
        .into_iter();
        let found = named.find(|(known, _)| known == fault);
        found.map_or(Self::Internal, |(_, problem)| problem)
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound => Self::NotFound,
            EngineError::Gone | EngineError::Rejected(Rejected::Removed) => Self::Gone,
            EngineError::IdempotencyMismatch => Self::IdempotencyMismatch,
            EngineError::ResourceHeld { resource, by } => Self::ResourceHeld { resource, by },
            EngineError::Rejected(Rejected::Ended) => Self::Ended,
            EngineError::Rejected(Rejected::NotEnded) => Self::NotEnded,
            EngineError::Rejected(Rejected::StaleFence) => Self::StaleFence,
            EngineError::Rejected(Rejected::LeaseLost) => Self::LeaseLost,
            // Only the store leases single operations, and it asks for those that wait; actions on many skip these.
            // Documents are the dialects' own.
            EngineError::Rejected(
                Rejected::NotLeasable | Rejected::NotDelayed | Rejected::NoDeadline,
            )
            | EngineError::DocumentChanged
            | EngineError::DocumentTooLong => Self::Internal,
            EngineError::TooManyWatchers => {
                Self::Throttled("too many callers wait for this operation")
            }
            EngineError::Overloaded => Self::Throttled("too many commands wait to be committed"),
            EngineError::Unavailable => Self::Unavailable,
        }
    }
}

/// Which task it is, in brackets.
fn task(key: Option<OperationKey>) -> String {
    key.map_or(String::new(), |key| format!(" (task {})", key.get()))
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid.to_string())
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown(_) => Self::NotFound,
            KeyError::Exists(_)
            | KeyError::UserExists(_)
            | KeyError::NamedProject(_)
            | KeyError::Unnameable(_)
            | KeyError::Unusable(_) => Self::Invalid(error.to_string()),
            KeyError::Policy(fault) => {
                let causes = std::iter::successors(Some(&fault as &dyn std::error::Error), |one| {
                    one.source()
                });
                let texts: Vec<String> = causes.map(ToString::to_string).collect();
                Self::Invalid(texts.join(": "))
            }
            KeyError::Store(_) => Self::Unavailable,
            KeyError::Engine(error) => error.into(),
        }
    }
}
