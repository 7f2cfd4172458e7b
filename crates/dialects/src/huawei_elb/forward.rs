//! A call that is passed on: the caller's method, path, query and body about the upstream's project, with the upstream's
//! token or signature.

use super::parse;
use super::poll::{self, Sending};
use crate::{Fault, Request, SignError, Signer, Target};
use http::Method;
use serde_json::Value;

/// Writes a call anew.
pub(super) fn forward(
    request: &Request,
    target: &Target,
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let project = target.project.as_deref().ok_or(SignError::NoProject)?;
    poll::check_id(project)?;
    let (version, rest) = parse::below_project(request.path)
        .ok_or_else(|| SignError::Request("its path names no project".to_owned()))?;
    let path = format!("/{version}/{project}/{rest}");
    let sending = Sending {
        method: request.method.clone(),
        path: &path,
        query: request.query,
        content_type: request.header("content-type"),
        body: request.body.to_vec(),
    };
    poll::proven(sending, project, signer)
}

/// What a policy calls a call to a path that is not served: the words of the path that are no ids, and the deed, for
/// example `elb:elbaas:whitelists:create`. Ids have digits. Jobs are asked for and nothing
/// else.
pub(super) fn unserved(request: &Request, fault: &Fault) -> Option<String> {
    if !matches!(fault, Fault::UnknownPath | Fault::UnknownMethod) {
        return None;
    }
    let (version, rest) = parse::below_project(request.path)?;
    let service = if version == "v1.0" { "elb" } else { "v1" };
    let deed = match *request.method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT | Method::PATCH => "put",
        Method::DELETE => "delete",
        _ => return None,
    };
    // What needs escapes could be read as another path than the one that is named here.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let parts: Vec<&str> = rest.split('/').collect();
    let are_plain = |part: &&str| !part.is_empty() && part.bytes().all(is_plain);
    if parts[0] == "jobs" || !parts.iter().all(are_plain) {
        return None;
    }
    let is_word = |word: &&str| !word.bytes().any(|byte| byte.is_ascii_digit());
    let mut words: Vec<&str> = parts.into_iter().filter(is_word).collect();
    words.insert(0, service);
    words.push(deed);
    Some(words.join(":"))
}

/// The id in the answer to a submission.
pub(super) fn submitted(status: u16, body: &[u8]) -> Option<String> {
    if !(200..300).contains(&status) {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).ok()?;
    let id = answer.get("job_id")?.as_str()?;
    poll::check_id(id).ok()?;
    Some(id.to_owned())
}
