//! Where a request of API 2.0 carries its parameters: in the query of a GET, in the body of a POST, never in both.

use crate::form::{self, Parameters};
use crate::{Fault, Request};
use http::Method;
use std::borrow::Cow;

/// How much of a caller's text stands in an error.
pub(crate) const ECHO_CHARS_MAX: usize = 64;

/// The parameters, encoded.
///
/// When a connection is closed without an answer, the vendor's Python client sends its GET once more and puts the
/// parameters into the body.
pub(crate) fn encoded<'a>(request: &Request<'a>) -> &'a [u8] {
    if request.method == Method::POST || request.query.is_empty() {
        request.body
    } else {
        request.query.as_bytes()
    }
}

/// The parameters, decoded.
pub(crate) fn read<'a>(request: &Request<'a>) -> Result<Parameters<'a>, Fault> {
    if request.method != Method::GET && request.method != Method::POST {
        return Err(Fault::UnknownMethod);
    }
    let body_is_other = request.headers.contains_key("content-type") && !request.has_form();
    if request.method == Method::POST && body_is_other {
        return Err(Fault::Malformed("the body is not a form"));
    }
    form::parameters(encoded(request))
}

/// The value of `name`, if it is there and not empty.
pub(crate) fn present<'p, 'a>(
    parameters: &'p Parameters<'a>,
    name: &str,
) -> Option<&'p Cow<'a, str>> {
    let (_, value) = parameters.iter().find(|(found, _)| found == name)?;
    (!value.is_empty()).then_some(value)
}

/// The value of `name`, which must be there.
pub(crate) fn required<'p, 'a>(
    parameters: &'p Parameters<'a>,
    name: &'static str,
) -> Result<&'p Cow<'a, str>, Fault> {
    present(parameters, name).ok_or(Fault::MissingParameter(name.into()))
}

/// As much of a caller's text as an error may repeat.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}
