//! A call that is passed on: the caller's parameters under the upstream's signature.

use super::{parameters, poll, read, task_id};
use crate::form::{self, Parameters};
use crate::{Request, SignError, Signer, Target};
use http::HeaderMap;

/// The parameters that say who asks, and prove it.
const PROOF: [&str; 6] = [
    "Nonce",
    "SecretId",
    "Signature",
    "SignatureMethod",
    "Timestamp",
    "Token",
];

/// Writes a call with parameters anew, to `path`.
pub(crate) fn forward(
    path: &str,
    request: &Request,
    target: &Target,
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let mut parameters =
        parameters::read(request).map_err(|fault| SignError::Request(fault.to_string()))?;
    parameters.retain(|(name, _)| !PROOF.contains(&&**name));
    let asked = form::value(&parameters, "Region").unwrap_or_default();
    if let Some(region) = region(asked, target)? {
        parameters.retain(|(name, _)| name != "Region");
        parameters.push(("Region".into(), region.into()));
    }
    let parameters: Parameters = parameters;
    let place = (request.method.clone(), path);
    poll::proven(place, parameters, signer)
}

/// The region that the call is to name: the caller's if there is one, and it must be that in which the task is asked for
/// later.
pub(crate) fn region<'t>(asked: &str, target: &'t Target) -> Result<Option<&'t str>, SignError> {
    match target.region.as_deref() {
        Some(own) if asked.is_empty() => Ok(Some(own)),
        Some(own) if own != asked => Err(SignError::OtherRegion(asked.to_owned())),
        Some(_) | None => Ok(None),
    }
}

/// The number in the answer to a submission.
pub(crate) fn submitted(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let envelope = read::open(status, headers, body).ok()?;
    let word = envelope.object("data").word("taskId")?;
    let number = task_id::parse(&word).ok()?;
    Some(number.to_string())
}
