//! The canonical request: six parts joined by line feeds, of which the string to sign holds the hash.
//!
//! The signing guide describes one way to write it. Two families of real signers deviate, each in its own way, and have
//! to be understood as well.

use crate::form::{self, Parameters, UNRESERVED};
use crate::proof::sha256_hex;
use crate::{Fault, Request};
use http::Method;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use std::borrow::Cow;

/// Whose way to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// The signing guide's.
    Documented,
    /// The npm library's, which does not decode the path before it escapes it.
    UndecodedPath,
    /// The Go libraries': of a repeated name only the first value counts, names are sorted without regard to case, runs
    /// of white space in headers become one blank, and the query of a POST without a body is hashed as if it were one.
    Go,
}

/// Everything but letters, digits and `-_.~/`.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Writes the canonical request. `names` are the signed headers as the `Authorization` header lists them.
pub(super) fn write(
    request: &Request,
    names: &str,
    host: &str,
    rules: Rules,
) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(request.method.as_str().as_bytes());
    text.push(b'\n');
    write_path(&mut text, request.path, rules)?;
    text.push(b'\n');
    let parameters = form::parameters(request.query.as_bytes())?;
    let form = if is_folded(request, rules) {
        Some(as_form(parameters))
    } else {
        write_query(&mut text, parameters, rules);
        None
    };
    text.push(b'\n');
    write_headers(&mut text, request, names, host, rules)?;
    text.push(b'\n');
    text.extend_from_slice(names.as_bytes());
    text.push(b'\n');
    if let Some(declared) = declared_hash(request, rules) {
        text.extend_from_slice(declared);
    } else {
        let body = form.as_ref().map_or(request.body, String::as_bytes);
        write_hash(&mut text, body);
    }
    Ok(text)
}

/// Writes the SHA-256 of `data` in hexadecimal digits.
pub(super) fn write_hash(text: &mut Vec<u8>, data: &[u8]) {
    text.extend_from_slice(sha256_hex(data).as_bytes());
}

/// Whether the Go libraries write this request otherwise than the guide does.
pub(super) fn go_differs(request: &Request, names: &str) -> bool {
    let has_runs = |name: &str| {
        let value = request
            .headers
            .get(name)
            .map_or(&[][..], |value| value.as_bytes());
        value.contains(&b'\t') || value.windows(2).any(|pair| pair == b"  ")
    };
    !request.query.is_empty()
        || names.split(';').any(has_runs)
        || (request.body.is_empty() && request.headers.contains_key(CONTENT_HASH))
}

fn write_path(text: &mut Vec<u8>, path: &str, rules: Rules) -> Result<(), Fault> {
    let decoded = match rules {
        Rules::Documented | Rules::Go => form::decode_path(path)?,
        Rules::UndecodedPath => Cow::Borrowed(path),
    };
    for piece in utf8_percent_encode(&decoded, PATH) {
        text.extend_from_slice(piece.as_bytes());
    }
    // The request is sent without this slash, and signed with it.
    if !decoded.ends_with('/') {
        text.push(b'/');
    }
    Ok(())
}

fn write_query(text: &mut Vec<u8>, mut parameters: Parameters, rules: Rules) {
    match rules {
        Rules::Documented | Rules::UndecodedPath => parameters.sort_unstable(),
        Rules::Go => {
            // The sort is stable: the first value stays the first, and is the one that is kept.
            parameters.sort_by(|(one, _), (next, _)| one.cmp(next));
            parameters.dedup_by(|(next, _), (one, _)| next == one);
            parameters.sort_by_cached_key(|(name, _)| escaped(name).to_ascii_lowercase());
        }
    }
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        write_escaped(text, name);
        text.push(b'=');
        write_escaped(text, value);
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn write_escaped(text: &mut Vec<u8>, part: &str) {
    for piece in utf8_percent_encode(part, UNRESERVED) {
        text.extend_from_slice(piece.as_bytes());
    }
}

fn write_headers(
    text: &mut Vec<u8>,
    request: &Request,
    names: &str,
    host: &str,
    rules: Rules,
) -> Result<(), Fault> {
    for name in names.split(';') {
        // Of a header that stands twice the first counts, as everywhere else that this dialect reads one.
        let value = request
            .headers
            .get(name)
            .ok_or(Fault::MalformedCredentials("a signed header is missing"))?;
        let value = if name == "host" {
            host.as_bytes()
        } else {
            value.as_bytes()
        };
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        match rules {
            Rules::Documented | Rules::UndecodedPath => text.extend_from_slice(value.trim_ascii()),
            Rules::Go => write_squeezed(text, value),
        }
        // Each header ends with a line feed, so that an empty line follows the last.
        text.push(b'\n');
    }
    Ok(())
}

/// Writes `value` with every run of white space as one blank.
fn write_squeezed(text: &mut Vec<u8>, value: &[u8]) {
    let mut in_run = false;
    for byte in value {
        let is_space = byte.is_ascii_whitespace();
        if !is_space {
            text.push(*byte);
        } else if !in_run {
            text.push(b' ');
        }
        in_run = is_space;
    }
}

/// Where clients say the hash of the body, or that they did not take it.
const CONTENT_HASH: &str = "x-sdk-content-sha256";

fn declared_hash<'a>(request: &Request<'a>, rules: Rules) -> Option<&'a [u8]> {
    let counts = !request.body.is_empty() || rules == Rules::Go;
    let value = counts.then(|| request.headers.get(CONTENT_HASH))??;
    Some(value.as_bytes())
}

/// Whether the query is hashed in the place of the body.
fn is_folded(request: &Request, rules: Rules) -> bool {
    rules == Rules::Go && request.method == Method::POST && request.body.is_empty()
}

/// The parameters as a form: sorted by name, a blank as `+`.
fn as_form(mut parameters: Parameters) -> String {
    parameters.sort_by(|(one, _), (next, _)| one.cmp(next));
    let plus = |text: &str| escaped(text).replace("%20", "+");
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", plus(name), plus(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};
    use sha2::{Digest, Sha256};

    const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn canonical(method: &Method, path: &str, query: &str, body: &[u8], rules: Rules) -> String {
        let headers = HeaderMap::from_iter([
            (
                http::header::HOST,
                HeaderValue::from_static("elb.example.com"),
            ),
            (
                http::header::USER_AGENT,
                HeaderValue::from_static("go  1 \t 2"),
            ),
        ]);
        let request = Request {
            method,
            path,
            query,
            headers: &headers,
            body,
        };
        let text = write(&request, "host;user-agent", "elb.example.com", rules).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_family_writes_the_query_in_its_own_way() {
        for (rules, expected) in [
            (Rules::Documented, "Z=1&a=x%20y&b=1&b=2&c="),
            (Rules::UndecodedPath, "Z=1&a=x%20y&b=1&b=2&c="),
            (Rules::Go, "a=x%20y&b=2&c=&Z=1"),
        ] {
            let text = canonical(&Method::GET, "/", "b=2&Z=1&b=1&a=x+y&c", b"", rules);
            assert_eq!(text.lines().nth(2), Some(expected), "{rules:?}");
        }
    }

    #[test]
    fn each_family_writes_the_path_in_its_own_way() {
        for (path, rules, expected) in [
            ("/", Rules::Documented, "/"),
            ("/v1/a", Rules::Documented, "/v1/a/"),
            ("/v1/a/", Rules::Documented, "/v1/a/"),
            ("/a%20b%3ac@~", Rules::Documented, "/a%20b%3Ac%40~/"),
            ("/a%20b", Rules::Go, "/a%20b/"),
            ("/a%20b", Rules::UndecodedPath, "/a%2520b/"),
        ] {
            let text = canonical(&Method::GET, path, "", b"", rules);
            assert_eq!(text.lines().nth(1), Some(expected), "{path} {rules:?}");
        }
    }

    #[test]
    fn headers_end_with_an_empty_line() {
        for (rules, agent) in [(Rules::Documented, "go  1 \t 2"), (Rules::Go, "go 1 2")] {
            assert_eq!(
                canonical(&Method::GET, "/", "", b"", rules),
                format!(
                    "GET\n/\n\nhost:elb.example.com\nuser-agent:{agent}\n\nhost;user-agent\n{NOTHING}"
                )
            );
        }
    }

    /// Go hashes the query of a POST that has no body, written as a form.
    #[test]
    fn a_post_without_a_body() {
        let hash = |data: &[u8]| hex::encode(Sha256::digest(data));
        for (body, rules, query, payload) in [
            (
                &b""[..],
                Rules::Documented,
                "a=x%20y&b=2",
                NOTHING.to_owned(),
            ),
            (b"", Rules::Go, "", hash(b"a=x+y&b=2")),
            (b"{}", Rules::Go, "a=x%20y&b=2", hash(b"{}")),
        ] {
            let text = canonical(&Method::POST, "/", "b=2&a=x%20y", body, rules);
            assert_eq!(text.split('\n').nth(2), Some(query), "{rules:?}");
            assert_eq!(text.lines().last(), Some(&*payload), "{rules:?}");
        }
    }

    #[test]
    fn a_declared_hash_takes_the_place_of_the_body() {
        let headers = HeaderMap::from_iter([
            (http::header::HOST, HeaderValue::from_static("h")),
            (
                http::HeaderName::from_static(CONTENT_HASH),
                HeaderValue::from_static("UNSIGNED-PAYLOAD"),
            ),
        ]);
        for (body, expected) in [(&b"image"[..], "UNSIGNED-PAYLOAD"), (b"", NOTHING)] {
            let request = Request {
                method: &Method::PUT,
                path: "/",
                query: "",
                headers: &headers,
                body,
            };
            let text = write(&request, "host", "h", Rules::Documented).unwrap();
            assert!(text.ends_with(expected.as_bytes()));
        }
    }
}
