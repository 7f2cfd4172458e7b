//! The client half: a signed question how an operation stands, as JSON under a TC3 signature.
//!
//! Three headers are signed, as in the document's newer example: nobody on the way can change the action. The host goes
//! out in lower case, so that it does not matter whether a server folds it before it compares.

use super::Product;
use super::sign::{self, ALGORITHM, Covered, Scope, TERMINATOR};
use crate::proof::sha256_hex;
use crate::{Algorithm, Credential, SignError, Signer, Target, stamp};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Uri};
use longrun_model::Timestamp;

const SIGNED_HEADERS: &str = "content-type;host;x-tc-action";
pub(super) const JSON: &str = "application/json";

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
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let Asking {
        product,
        action,
        body,
    } = question;
    let sending = Sending {
        method: Method::POST,
        query: "",
        content_type: JSON,
        service: product.service,
        action,
        version: product.version,
        region: target.region.as_deref(),
        language: None,
        body,
    };
    proven(sending, signer)
}

/// A request before it is signed.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    pub(super) method: Method,
    /// As it is sent.
    pub(super) query: &'a str,
    pub(super) content_type: &'a str,
    pub(super) service: &'a str,
    pub(super) action: &'a str,
    pub(super) version: &'a str,
    pub(super) region: Option<&'a str>,
    /// In which language errors are told.
    pub(super) language: Option<&'a str>,
    pub(super) body: Vec<u8>,
}

/// Writes a request with what proves who asks.
pub(super) fn proven(
    sending: Sending,
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let Credential::AccessKey {
        id,
        secret,
        session_token,
    } = signer.credential
    else {
        return Err(SignError::Credential("an access key"));
    };
    let Signer { endpoint, now, .. } = *signer;
    let host = endpoint.authority.to_ascii_lowercase();
    let place = match sending.query {
        "" => super::PATH.to_owned(),
        query => format!("{}?{query}", super::PATH),
    };
    let uri = Uri::builder()
        .scheme(endpoint.scheme)
        .authority(endpoint.authority)
        .path_and_query(place)
        .build()?;
    let mut request = http::Request::builder()
        .method(sending.method.clone())
        .uri(uri)
        .header(
            AUTHORIZATION,
            authorization(&sending, &host, (id, secret), now),
        )
        .header(CONTENT_TYPE, sending.content_type)
        .header(ACCEPT, JSON)
        .header("x-tc-action", sending.action)
        .header("x-tc-version", sending.version)
        .header("x-tc-timestamp", now.as_seconds())
        // An HTTP client leaves out a port that is the scheme's own; what was signed must be what is sent.
        .header(HOST, host);
    for (name, value) in [
        ("x-tc-region", sending.region),
        ("x-tc-language", sending.language),
        ("x-tc-token", session_token.as_deref()),
    ] {
        if let Some(value) = value {
            request = request.header(name, value.as_bytes());
        }
    }
    Ok(request.body(sending.body)?)
}

/// The header with the signature.
fn authorization(
    sending: &Sending,
    host: &str,
    (id, secret): (&str, &str),
    now: Timestamp,
) -> String {
    let day = stamp::write_seconds(now);
    let date = day.split('T').next().unwrap_or_default();
    let service = sending.service;
    let scope = Scope { date, service };
    let covered = Covered {
        method: sending.method.as_str(),
        query: sending.query,
        headers: &[
            ("content-type", sending.content_type),
            ("host", host),
            ("x-tc-action", sending.action),
        ],
        signed: SIGNED_HEADERS,
        payload_hash: &sha256_hex(&sending.body),
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
