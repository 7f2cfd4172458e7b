//! What a request says in its body.

use super::problem::Problem;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

/// Bytes that a body may have.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

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
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::Malformed("the body ends too early".to_owned())),
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

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
