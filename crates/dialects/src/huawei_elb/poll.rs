//! The client half: a request that asks how a job stands, with a token or signed in the flat form.

use super::sign;
use crate::{Credential, Endpoint, SignError, Signer, Target, stamp};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::request::Builder;
use http::{HeaderValue, Method, Request};

/// Writes the request. `version` is what the path begins with.
pub(super) fn poll(
    version: &str,
    target: &Target,
    signer: &Signer,
) -> Result<Request<Vec<u8>>, SignError> {
    let project = target.project.as_deref().ok_or(SignError::NoProject)?;
    for id in [project, &target.id] {
        check_id(id)?;
    }
    let path = format!("/{version}/{project}/jobs/{}", target.id);
    let sending = Sending {
        method: Method::GET,
        path: &path,
        query: "",
        content_type: Some("application/json"),
        body: Vec::new(),
    };
    proven(sending, project, signer)
}

/// A request before it is signed.
pub(super) struct Sending<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    /// As it is sent.
    pub(super) query: &'a str,
    pub(super) content_type: Option<&'a str>,
    pub(super) body: Vec<u8>,
}

/// Writes a request about a project with what proves who asks.
pub(super) fn proven(
    sending: Sending,
    project: &str,
    signer: &Signer,
) -> Result<Request<Vec<u8>>, SignError> {
    let Endpoint { scheme, authority } = signer.endpoint;
    let Sending { path, query, .. } = sending;
    let mark = if query.is_empty() { "" } else { "?" };
    let mut builder = Request::builder()
        .method(sending.method)
        .uri(format!("{scheme}://{authority}{path}{mark}{query}"))
        .header(HOST, *authority);
    if let Some(content_type) = sending.content_type {
        builder = builder.header(CONTENT_TYPE, content_type);
    }
    let mut request = match signer.credential {
        Credential::Token(token) => {
            with_secret(builder, "x-auth-token", token)?.body(sending.body)?
        }
        Credential::AccessKey {
            id,
            secret,
            session_token,
        } => {
            let mut builder = builder
                .header("x-project-id", project)
                .header("x-sdk-date", stamp::write_basic(signer.now));
            if let Some(token) = session_token {
                builder = with_secret(builder, "x-security-token", token)?;
            }
            let mut request = builder.body(sending.body)?;
            sign::sign(&mut request, id, secret)?;
            request
        }
    };
    // Not signed: a proxy may change it.
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// Ids are opaque to clients, but one that needs escapes is none.
pub(super) fn check_id(id: &str) -> Result<(), SignError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !id.is_empty() && id.bytes().all(fits) {
        Ok(())
    } else {
        Err(SignError::Id(id.to_owned()))
    }
}

fn with_secret(builder: Builder, name: &str, secret: &str) -> Result<Builder, http::Error> {
    let mut value = HeaderValue::try_from(secret)?;
    value.set_sensitive(true);
    Ok(builder.header(name, value))
}
