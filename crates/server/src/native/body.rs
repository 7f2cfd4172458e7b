//! What a request says in its body.

use super::problem::Problem;
use crate::body::{TOO_SLOW, announced_bytes};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use std::time::Duration;

/// Bytes that a body may have.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a body may be on its way: the longest one over a slow line.
const BODY_TIMEOUT: Duration = Duration::from_secs(300);

/// A body that claims to be JSON, not yet read.
pub(super) struct JsonBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        if !may_be_json(&head.headers) {
            return Err(Problem::UnsupportedMediaType);
        }
        if announced_bytes(&head.headers).is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
            return Err(too_large());
        }
        receive(body).await.map(Self)
    }
}

impl JsonBody {
    /// Reads it.
    pub(super) fn read<'b, T: Deserialize<'b>>(&'b self) -> Result<T, Problem> {
        let text = std::str::from_utf8(&self.0)
            .map_err(|error| Problem::Malformed(format!("the body is no UTF-8: {error}")))?;
        // A list of the members' values would be taken for the object.
        if text.trim_start().starts_with('[') {
            return Err(Problem::Malformed(
                "the body must be an object and no array".to_owned(),
            ));
        }
        serde_json::from_str(text).map_err(|error| Problem::Malformed(error.to_string()))
    }
}

async fn receive(body: Body) -> Result<Bytes, Problem> {
    let collecting = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::Malformed("the body ends too early".to_owned())),
        Err(_) => Err(Problem::Malformed(TOO_SLOW.to_owned())),
    }
}

fn too_large() -> Problem {
    Problem::TooLarge {
        limit_bytes: BODY_BYTES_MAX,
    }
}

/// Whether the content type is JSON, or not told.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
        let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
        let problem = Problem::Malformed(TOO_SLOW.to_owned());
        assert_eq!(receive(body).await, Err(problem));
    }
}
