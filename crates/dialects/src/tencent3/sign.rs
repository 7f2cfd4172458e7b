//! The text of a TC3 signature. The server half builds it from what came in, the client half from what goes out.

use crate::Derivation;
use crate::proof::sha256_hex;
use std::borrow::Cow;

/// The name of the scheme, as it stands in the header and in the text.
pub(super) const ALGORITHM: &str = "TC3-HMAC-SHA256";
/// What every scope ends with.
pub(super) const TERMINATOR: &str = "tc3_request";

/// What a key is derived for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    /// The day in UTC, as `2026-11-21`.
    pub(super) date: &'a str,
    /// The product; some clients put the first label of whatever host they ask.
    pub(super) service: &'a str,
}

impl<'a> Scope<'a> {
    /// How the secret becomes the key.
    pub(super) fn derivation(self) -> Derivation<'a> {
        let steps = [self.date, self.service, TERMINATOR].map(Cow::Borrowed);
        Derivation::Chained {
            prefix: "TC3",
            steps: steps.into(),
        }
    }
}

/// What a signature covers.
#[derive(Debug)]
pub(super) struct Covered<'c> {
    /// The method, in capitals.
    pub(super) method: &'c str,
    /// The query of a GET as it is sent; nothing for a POST.
    pub(super) query: &'c str,
    /// Names in lower case and values, sorted by name.
    pub(super) headers: &'c [(&'c str, &'c str)],
    /// The names of the headers, joined by semicolons.
    pub(super) signed: &'c str,
    /// The digest of the body, in hexadecimal digits.
    pub(super) payload_hash: &'c str,
}

impl Covered<'_> {
    /// The request in one spelling. `host` stands for the value of that header; the other values are folded to lower
    /// case, as the documents want it, or left as they are, as some clients do.
    pub(super) fn canonical_request(&self, host: &str, is_folded: bool) -> String {
        let mut request = String::with_capacity(512);
        for line in [self.method, "\n/\n", self.query, "\n"] {
            request.push_str(line);
        }
        for (name, value) in self.headers {
            request.push_str(name);
            request.push(':');
            let start = request.len();
            request.push_str(if *name == "host" { host } else { value });
            if is_folded && *name != "host" {
                request[start..].make_ascii_lowercase();
            }
            request.push('\n');
        }
        for line in ["\n", self.signed, "\n", self.payload_hash] {
            request.push_str(line);
        }
        request
    }
}

/// The text that is signed, for a request and the time of its header.
pub(super) fn text(timestamp: &str, scope: Scope, canonical_request: &str) -> String {
    let Scope { date, service } = scope;
    let hash = sha256_hex(canonical_request.as_bytes());
    format!("{ALGORITHM}\n{timestamp}\n{date}/{service}/{TERMINATOR}\n{hash}")
}

/// A host without the scheme that tccli puts before it when its endpoint has one.
pub(super) fn without_scheme(host: &str) -> &str {
    host.strip_prefix("http://")
        .or_else(|| host.strip_prefix("https://"))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;
    use serde_json::Value;

    const VECTORS: &str = include_str!("../../../../testdata/tencent/sign/vectors.json");

    /// Our own signer gives, stage by stage, what the vendor's clients and documents give for the same request.
    #[test]
    fn known_answers() {
        let file: Value = serde_json::from_str(VECTORS).unwrap();
        let rows = file["vectors"].as_array().unwrap().iter();
        let rows: Vec<&Value> = rows.filter(|row| row["dialect"] == "v3-tc3").collect();
        assert_eq!(rows.len(), 12);
        for row in rows {
            check(row);
        }
    }

    fn check(row: &Value) {
        let id = &row["id"];
        let field = |name: &str| row[name].as_str().unwrap();
        // The canonical request has the names and the host as they were signed.
        let canonical = field("canonical_request");
        let lines: Vec<&str> = canonical.split('\n').collect();
        let signed = lines[lines.len() - 2];
        let sent = |name: &str| {
            let mut headers = row["headers"].as_array().unwrap().iter();
            let header =
                headers.find(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name));
            header.unwrap()[1].as_str().unwrap()
        };
        let headers: Vec<(&str, &str)> = signed.split(';').map(|name| (name, sent(name))).collect();
        let host = lines
            .iter()
            .find_map(|line| line.strip_prefix("host:"))
            .unwrap();
        let covered = Covered {
            method: field("method"),
            query: field("query"),
            headers: &headers,
            signed,
            payload_hash: &sha256_hex(field("body").as_bytes()),
        };
        assert_eq!(covered.canonical_request(host, true), canonical, "{id}");

        let text_of_row = field("string_to_sign");
        let date = &text_of_row.split('\n').nth(2).unwrap()[..10];
        let scope = Scope {
            date,
            service: field("service"),
        };
        let timestamp = row["timestamp"].to_string();
        let text = text(&timestamp, scope, canonical);
        assert_eq!(text, text_of_row, "{id}");
        let key = scope
            .derivation()
            .key(field("secret_key").as_bytes())
            .into_owned();
        let signature = Algorithm::HmacSha256.sign(&key, text.as_bytes());
        assert_eq!(hex::encode(signature), field("expected_signature"), "{id}");
    }

    /// The document prints the derived key and the signature of its newer example, and hides the secret.
    #[test]
    fn the_signature_that_the_document_prints() {
        let file: Value = serde_json::from_str(VECTORS).unwrap();
        let mut rows = file["vectors"].as_array().unwrap().iter();
        let row = rows.find(|row| row["id"] == "tc-doc-06").unwrap();
        let key = hex::decode("b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af")
            .unwrap();
        let text = row["string_to_sign"].as_str().unwrap();
        assert_eq!(
            hex::encode(Algorithm::HmacSha256.sign(&key, text.as_bytes())),
            "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
        );
    }
}
