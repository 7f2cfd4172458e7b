//! The description of the native API that programs read.

use http::header::{CONTENT_TYPE, HeaderName};

/// `OpenAPI` 3.1, written by hand beside the calls that it describes; the tests hold real answers against it.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`
pub(super) async fn openapi() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
