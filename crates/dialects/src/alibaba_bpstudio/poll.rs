//! A poll as a client signs it: V3, POST, the parameters in a form. It signs `host`, `content-type` and every `x-acs-`
//! header and nothing else, because proxies may change the rest.

use super::sign::{self, Covered, V3_ALGORITHM};
use super::{ACTION, OPERATION_ID_BYTES_MAX, VERSION};
use crate::form::UNRESERVED;
use crate::{Algorithm, Credential, Endpoint, SignError, Target, stamp};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use longrun_model::Timestamp;
use percent_encoding::utf8_percent_encode;
use std::borrow::Cow;

/// Writes a signed request that asks how `target` stands.
pub(super) fn poll(
    target: &Target,
    endpoint: &Endpoint,
    credential: &Credential,
    now: Timestamp,
    nonce: u128,
) -> Result<Request<Vec<u8>>, SignError> {
    let Credential::AccessKey {
        id,
        secret,
        session_token,
    } = credential
    else {
        return Err(SignError::Credential("an access key"));
    };
    let body = form(target)?;
    let hash = sign::sha256_hex(body.as_bytes());
    let mut headers = HeaderMap::with_capacity(16);
    let mut set = |name: &'static str, text: &str| -> Result<(), SignError> {
        headers.insert(HeaderName::from_static(name), value(text)?);
        Ok(())
    };
    set("host", host(endpoint))?;
    set("content-type", "application/x-www-form-urlencoded")?;
    set("x-acs-action", ACTION)?;
    set("x-acs-version", VERSION)?;
    set("x-acs-date", &stamp::write_seconds(now))?;
    set("x-acs-signature-nonce", &format!("{nonce:032x}"))?;
    set("x-acs-content-sha256", &hash)?;
    match session_token {
        Some(token) => {
            set("x-acs-credentials-provider", "static_sts")?;
            set("x-acs-accesskey-id", id)?;
            set("x-acs-security-token", token)?;
        }
        None => set("x-acs-credentials-provider", "static_ak")?,
    }
    let authorization = authorization(&headers, host(endpoint), &hash, id, secret);
    headers.insert(AUTHORIZATION, value(&authorization)?);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let uri = format!("{}://{}/", endpoint.scheme, endpoint.authority);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .body(body.into_bytes())?;
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

/// The header with the signature over all `headers`.
fn authorization(headers: &HeaderMap, host: &str, hash: &str, id: &str, secret: &str) -> String {
    debug_assert!(headers.contains_key(HOST) && headers.contains_key(CONTENT_TYPE));
    let mut signed: Vec<Cow<str>> = headers
        .keys()
        .map(|name| Cow::Borrowed(name.as_str()))
        .collect();
    signed.sort_unstable();
    let covered = Covered {
        method: "POST",
        query: "",
        headers,
        host,
        signed: &signed,
        body_hash: hash,
    };
    let signature = Algorithm::HmacSha256.sign(secret.as_bytes(), covered.text().as_bytes());
    format!(
        "{V3_ALGORITHM} Credential={id},SignedHeaders={},Signature={}",
        signed.join(";"),
        hex::encode(signature)
    )
}

fn value(text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|error| SignError::from(http::Error::from(error)))
}
