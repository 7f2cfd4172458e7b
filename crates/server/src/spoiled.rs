//! Answers that do not arrive as they were written.

use crate::Spoiling;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use std::io;

/// Marks an answer in place of which the connection ends.
#[derive(Clone, Copy)]
pub(crate) struct Dropped;

/// The reason for which a connection ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was to end without an answer")]
pub(crate) struct HungUp;

/// What becomes of an answer.
pub(crate) async fn spoil(answer: Response<Body>, spoiling: Option<Spoiling>) -> Response<Body> {
    match spoiling {
        None => answer,
        Some(Spoiling::Foreign {
            status,
            content_type,
            body,
        }) => foreign(status, &content_type, body),
        Some(Spoiling::Dropped) => dropped(),
        Some(Spoiling::Truncated(bytes)) => truncated(answer, bytes).await,
    }
}

/// An answer in place of which the connection ends.
fn dropped() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Dropped);
    response
}

/// The answer, unless it is one in place of which the connection ends.
pub(crate) fn kept(response: Response<Body>) -> Result<Response<Body>, HungUp> {
    match response.extensions().get() {
        Some(Dropped) => Err(HungUp),
        None => Ok(response),
    }
}

/// An answer of something that stands between.
fn foreign(status: u16, content_type: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// The same answer, that ends after so many bytes of its body, or after half of it. Its head says that more would come.
async fn truncated(response: Response<Body>, bytes: Option<usize>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let whole = body
        .collect()
        .await
        .map_or(Bytes::new(), http_body_util::Collected::to_bytes);
    let length = whole.len();
    // One byte is missing at least.
    let kept = bytes.unwrap_or(length / 2).min(length.saturating_sub(1));
    head.headers
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
    let beginning = whole.slice(..kept);
    let parts = stream::unfold(Some(beginning), |rest| async move {
        match rest {
            Some(beginning) if !beginning.is_empty() => Some((Ok(beginning), Some(Bytes::new()))),
            Some(_) => {
                // What came before is to be sent first.
                tokio::task::yield_now().await;
                Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
            }
            None => None,
        }
    });
    Response::from_parts(head, Body::from_stream(parts))
}
