//! The texts that are signed. The server half builds them from what came in, the client half from what goes out.

use crate::form::UNRESERVED;
use crate::proof::sha256_hex;
use http::HeaderMap;
use percent_encoding::utf8_percent_encode;
use std::borrow::Cow;

/// What an `Authorization` header of a V3 signature begins with.
pub(super) const V3_ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// The text of a V1 signature: the method, the path, and every parameter but the signature itself, sorted by name.
pub(super) fn v1_text(method: &str, sorted: &[(Cow<str>, Cow<str>)]) -> String {
    let mut text = String::with_capacity(768);
    text.push_str(method);
    text.push_str("&%2F&");
    let start = text.len();
    for (name, value) in sorted.iter().filter(|(name, _)| name != "Signature") {
        if text.len() > start {
            text.push_str("%26");
        }
        push_escaped_twice(&mut text, name);
        text.push_str("%3D");
        push_escaped_twice(&mut text, value);
    }
    text
}

/// The pairs are escaped, joined, and the whole is escaped again: a percent sign of the first round becomes `%25`.
fn push_escaped_twice(text: &mut String, plain: &str) {
    for chunk in utf8_percent_encode(plain, UNRESERVED) {
        match chunk.strip_prefix('%') {
            Some(digits) => {
                text.push_str("%25");
                text.push_str(digits);
            }
            None => text.push_str(chunk),
        }
    }
}

/// Escapes parameters and joins them as V3 wants a query: sorted by name, equal names by value.
pub(super) fn v3_query(sorted: &[(Cow<str>, Cow<str>)]) -> String {
    let mut query = String::new();
    for (name, value) in sorted {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, UNRESERVED));
        query.push('=');
        query.extend(utf8_percent_encode(value, UNRESERVED));
    }
    query
}

/// What a V3 signature covers.
pub(super) struct Covered<'c> {
    /// The method, in upper case.
    pub(super) method: &'c str,
    /// The query, from [`v3_query`].
    pub(super) query: &'c str,
    /// The headers, of which only the listed ones count.
    pub(super) headers: &'c HeaderMap,
    /// What to take for the value of `host`.
    pub(super) host: &'c str,
    /// The names of the signed headers, lower-case and sorted.
    pub(super) signed: &'c [Cow<'c, str>],
    /// The digest of the body in hexadecimal digits.
    pub(super) body_hash: &'c str,
}

impl Covered<'_> {
    /// The text that is signed: the algorithm and the digest of the canonical request.
    pub(super) fn text(&self) -> String {
        format!("{V3_ALGORITHM}\n{}", sha256_hex(&self.canonical_request()))
    }

    /// The request in one spelling. The style of this API has no path but `/`.
    fn canonical_request(&self) -> Vec<u8> {
        let mut request = Vec::with_capacity(1024);
        for line in [self.method, "/", self.query] {
            request.extend_from_slice(line.as_bytes());
            request.push(b'\n');
        }
        for name in self.signed {
            request.extend_from_slice(name.as_bytes());
            request.push(b':');
            self.push_value(&mut request, name);
            request.push(b'\n');
        }
        request.push(b'\n');
        for (index, name) in self.signed.iter().enumerate() {
            if index > 0 {
                request.push(b';');
            }
            request.extend_from_slice(name.as_bytes());
        }
        request.push(b'\n');
        request.extend_from_slice(self.body_hash.as_bytes());
        request
    }

    /// The value of a header, trimmed; several values are sorted and joined by commas.
    fn push_value(&self, request: &mut Vec<u8>, name: &str) {
        if name == "host" {
            request.extend_from_slice(self.host.trim().as_bytes());
            return;
        }
        let mut values = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().trim_ascii());
        let Some(first) = values.next() else { return };
        let mut all: Vec<&[u8]> = values.collect();
        if all.is_empty() {
            request.extend_from_slice(first);
            return;
        }
        all.push(first);
        all.sort_unstable();
        request.extend_from_slice(&all.join(&b','));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form;
    use http::{HeaderName, HeaderValue};

    const VECTORS: &str = include_str!("../../../../testdata/alibaba-bpstudio/sign/vectors.json");

    /// Every recorded V3 request leads to the recorded canonical request, byte for byte.
    #[test]
    fn canonical_requests_are_as_recorded() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let mut compared = 0;
        for row in vectors["vectors"].as_array().unwrap() {
            let Some(expected) = row["canonical_request"].as_str() else {
                continue;
            };
            let headers: HeaderMap = row["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| {
                    let name: HeaderName = pair[0].as_str().unwrap().parse().unwrap();
                    (
                        name,
                        HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap(),
                    )
                })
                .collect();
            let mut query = form::parameters(row["query"].as_str().unwrap().as_bytes()).unwrap();
            query.sort_unstable();
            let signed: Vec<Cow<str>> = row["signed_headers"]
                .as_str()
                .unwrap()
                .split(';')
                .map(Cow::Borrowed)
                .collect();
            let covered = Covered {
                method: row["method"].as_str().unwrap(),
                query: &v3_query(&query),
                headers: &headers,
                host: headers["host"].to_str().unwrap(),
                signed: &signed,
                body_hash: &sha256_hex(row["body"].as_str().unwrap().as_bytes()),
            };
            let canonical = String::from_utf8(covered.canonical_request()).unwrap();
            assert_eq!(canonical, expected, "{}", row["id"]);
            assert_eq!(covered.text(), row["string_to_sign"].as_str().unwrap());
            compared += 1;
        }
        assert!(compared >= 7, "{compared}");
    }

    #[test]
    fn several_values_of_one_header_are_sorted() {
        let mut headers = HeaderMap::new();
        for value in [" b ", "a", "c"] {
            headers.append("x-acs-meta", HeaderValue::from_static(value));
        }
        let covered = Covered {
            method: "GET",
            query: "",
            headers: &headers,
            host: " example.com ",
            signed: &["host".into(), "x-acs-absent".into(), "x-acs-meta".into()],
            body_hash: "0",
        };
        let canonical = String::from_utf8(covered.canonical_request()).unwrap();
        assert_eq!(
            canonical,
            "GET\n/\n\nhost:example.com\nx-acs-absent:\nx-acs-meta:a,b,c\n\nhost;x-acs-absent;x-acs-meta\n0"
        );
    }

    #[test]
    fn parameters_are_escaped_twice() {
        let pairs = [
            ("A".into(), String::new().into()),
            ("Signature".into(), "left out".into()),
            ("b".into(), "*~ /é".into()),
        ];
        assert_eq!(
            v1_text("GET", &pairs),
            "GET&%2F&A%3D%26b%3D%252A~%2520%252F%25C3%25A9"
        );
    }
}
