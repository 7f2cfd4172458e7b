//! A poll as a client signs it: V3, POST, the parameters in a form. It signs `host`, `content-type` and every `x-acs-`
//! header and nothing else, because proxies may change the rest.

use super::sign::{self, Covered, V3_ALGORITHM};
use super::{ACTION, OPERATION_ID_BYTES_MAX, VERSION};
use crate::form::{Parameters, UNRESERVED};
use crate::proof::sha256_hex;
use crate::{Algorithm, Credential, Endpoint, SignError, Signer, Target, stamp};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use percent_encoding::utf8_percent_encode;
use std::borrow::Cow;

/// Writes a signed request that asks how `target` stands.
pub(super) fn poll(target: &Target, signer: &Signer) -> Result<Request<Vec<u8>>, SignError> {
    let sending = Sending {
        method: Method::POST,
        action: ACTION,
        query: Vec::new(),
        content_type: Some("application/x-www-form-urlencoded"),
        accept: "application/json",
        body: form(target)?.into_bytes(),
    };
    proven(sending, signer)
}

/// A request before it is signed.
pub(super) struct Sending<'a> {
    pub(super) method: Method,
    pub(super) action: &'a str,
    /// Sorted.
    pub(super) query: Parameters<'a>,
    pub(super) content_type: Option<&'a str>,
    pub(super) accept: &'static str,
    pub(super) body: Vec<u8>,
}

/// Writes a request with what proves who asks.
pub(super) fn proven(sending: Sending, signer: &Signer) -> Result<Request<Vec<u8>>, SignError> {
    let Credential::AccessKey {
        id,
        secret,
        session_token,
    } = signer.credential
    else {
        return Err(SignError::Credential("an access key"));
    };
    let host = host(signer.endpoint);
    let hash = sha256_hex(&sending.body);
    let query = sign::v3_query(&sending.query);
    let mut headers = HeaderMap::with_capacity(16);
    let mut set = |name: &'static str, text: &str| -> Result<(), SignError> {
        headers.insert(HeaderName::from_static(name), value(text)?);
        Ok(())
    };
    set("host", host)?;
    if let Some(content_type) = sending.content_type {
        set("content-type", content_type)?;
    }
    set("x-acs-action", sending.action)?;
    set("x-acs-version", VERSION)?;
    set("x-acs-date", &stamp::write_seconds(signer.now))?;
    set("x-acs-signature-nonce", &format!("{:032x}", signer.nonce))?;
    set("x-acs-content-sha256", &hash)?;
    match session_token {
        Some(token) => {
            set("x-acs-credentials-provider", "static_sts")?;
            set("x-acs-accesskey-id", id)?;
            set("x-acs-security-token", token)?;
        }
        None => set("x-acs-credentials-provider", "static_ak")?,
    }
    let authorization = {
        let all = names(&headers);
        let covered = Covered {
            method: sending.method.as_str(),
            query: &query,
            headers: &headers,
            host,
            signed: &all,
            body_hash: &hash,
        };
        authorization(&covered, id, secret)
    };
    headers.insert(AUTHORIZATION, value(&authorization)?);
    headers.insert(ACCEPT, HeaderValue::from_static(sending.accept));
    let mark = if query.is_empty() { "" } else { "?" };
    let Endpoint { scheme, authority } = signer.endpoint;
    let uri = format!("{scheme}://{authority}/{mark}{query}");
    let mut request = Request::builder()
        .method(sending.method)
        .uri(uri)
        .body(sending.body)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The parameters. An id is the cloud's business: it is neither taken apart nor checked beyond its length.
fn form(target: &Target) -> Result<String, SignError> {
    if target.id.is_empty() || target.id.len() > OPERATION_ID_BYTES_MAX {
        return Err(SignError::Id(target.id.clone().into_owned()));
    }
    let id = utf8_percent_encode(&target.id, UNRESERVED);
    Ok(match &target.resource_group {
        None => format!("OperationId={id}"),
        Some(group) => {
            let group = utf8_percent_encode(group, UNRESERVED);
            format!("ResourceGroupId={group}&OperationId={id}")
        }
    })
}

/// What stands in the `Host` header, and is signed: the port only where it is not the scheme's own.
fn host<'a>(endpoint: &Endpoint<'a>) -> &'a str {
    let own_port = if endpoint.scheme == "https" {
        ":443"
    } else {
        ":80"
    };
    endpoint
        .authority
        .strip_suffix(own_port)
        .unwrap_or(endpoint.authority)
}

/// The names of all `headers`, in order.
fn names(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let names = headers.keys().map(HeaderName::as_str);
    let mut names: Vec<Cow<str>> = names.map(Cow::Borrowed).collect();
    names.sort_unstable();
    names
}

/// The header with the signature.
fn authorization(covered: &Covered, id: &str, secret: &str) -> String {
    let signature = Algorithm::HmacSha256.sign(secret.as_bytes(), covered.text().as_bytes());
    format!(
        "{V3_ALGORITHM} Credential={id},SignedHeaders={},Signature={}",
        covered.signed.join(";"),
        hex::encode(signature)
    )
}

fn value(text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|error| SignError::from(http::Error::from(error)))
}
