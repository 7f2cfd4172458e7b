//! The client half: a signed question how an operation stands, as JSON under a TC3 signature.
//!
//! Three headers are signed, as in the document's newer example: nobody on the way can change the action. The host goes
//! out in lower case, so that it does not matter whether a server folds it before it compares.

use super::Product;
use super::sign::{self, ALGORITHM, Covered, Scope, TERMINATOR};
use crate::{Algorithm, Credential, Endpoint, SignError, Target, stamp};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Uri};
use longrun_model::Timestamp;

const SIGNED_HEADERS: &str = "content-type;host;x-tc-action";
const JSON: &str = "application/json";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Asking {
    /// The product.
    pub(crate) product: &'static Product,
    /// The action.
    pub(crate) action: &'static str,
    /// Its arguments.
    pub(crate) body: Vec<u8>,
}

/// Writes the request that asks `question`.
pub(crate) fn poll(
    question: Asking,
    target: &Target,
    endpoint: &Endpoint,
    credential: &Credential,
    now: Timestamp,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let Credential::AccessKey {
        id,
        secret,
        session_token,
    } = credential
    else {
        return Err(SignError::Credential("an access key"));
    };
    let Asking {
        product,
        action,
        body,
    } = question;
    let host = endpoint.authority.to_ascii_lowercase();
    let uri = Uri::builder()
        .scheme(endpoint.scheme)
        .authority(endpoint.authority)
        .path_and_query(super::PATH)
        .build()?;
    let mut request = http::Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(
            AUTHORIZATION,
            authorization(product.service, action, &host, &body, (id, secret), now),
        )
        .header(CONTENT_TYPE, JSON)
        .header(ACCEPT, JSON)
        .header("x-tc-action", action)
        .header("x-tc-version", product.version)
        .header("x-tc-timestamp", now.as_seconds())
        // An HTTP client leaves out a port that is the scheme's own; what was signed must be what is sent.
        .header(HOST, host);
    for (name, value) in [
        ("x-tc-region", &target.region),
        ("x-tc-token", session_token),
    ] {
        if let Some(value) = value {
            request = request.header(name, value.as_bytes());
        }
    }
    Ok(request.body(body)?)
}

/// The header with the signature.
fn authorization(
    service: &str,
    action: &str,
    host: &str,
    body: &[u8],
    (id, secret): (&str, &str),
    now: Timestamp,
) -> String {
    let day = stamp::write_seconds(now);
    let date = day.split('T').next().unwrap_or_default();
    let scope = Scope { date, service };
    let covered = Covered {
        method: "POST",
        query: "",
        headers: &[
            ("content-type", JSON),
            ("host", host),
            ("x-tc-action", action),
        ],
        signed: SIGNED_HEADERS,
        payload_hash: &sign::sha256_hex(body),
    };
    let canonical = covered.canonical_request(host, true);
    let text = sign::text(&now.as_seconds().to_string(), scope, &canonical);
    let key = scope.derivation().key(secret.as_bytes()).into_owned();
    let signature = hex::encode(Algorithm::HmacSha256.sign(&key, text.as_bytes()));
    format!(
        "{ALGORITHM} Credential={id}/{date}/{service}/{TERMINATOR}, SignedHeaders={SIGNED_HEADERS}, \
         Signature={signature}"
    )
}
