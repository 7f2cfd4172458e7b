//! The client half: a signed question how an operation stands.
//!
//! It keeps clear of everything that the clouds' own clients sign differently: no `_` in names, no `@` at the beginning
//! of a value in a POST (it is a GET), and the signature method is always named.

use super::{PATH, signature, task_id};
use crate::form::{Parameters, UNRESERVED};
use crate::{Algorithm, Credential, Endpoint, SignError, Target};
use http::header::{ACCEPT, HOST};
use http::{Method, Uri};
use longrun_model::Timestamp;
use percent_encoding::utf8_percent_encode;

/// Writes a request with `action` that asks how `target` stands.
pub(crate) fn poll(
    action: &'static str,
    target: &Target,
    endpoint: &Endpoint,
    credential: &Credential,
    now: Timestamp,
    nonce: u128,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let Credential::AccessKey {
        id,
        secret,
        session_token,
    } = credential
    else {
        return Err(SignError::Credential("an access key"));
    };
    let number =
        task_id::parse(target.id.trim()).map_err(|_| SignError::Id(target.id.to_string()))?;
    let mut parameters: Parameters = vec![
        ("Action".into(), action.into()),
        ("taskId".into(), number.to_string().into()),
        ("SecretId".into(), id.as_ref().into()),
        ("SignatureMethod".into(), "HmacSHA256".into()),
        ("Timestamp".into(), now.as_seconds().to_string().into()),
        ("Nonce".into(), positive(nonce).to_string().into()),
    ];
    for (name, value) in [("Region", &target.region), ("Token", session_token)] {
        if let Some(value) = value {
            parameters.push((name.into(), value.as_ref().into()));
        }
    }
    let text = signature::text("GET", endpoint.authority, PATH, &parameters);
    let signature = signature::sign(Algorithm::HmacSha256, secret, &text);
    parameters.push(("Signature".into(), signature.into()));
    write(endpoint, &parameters)
}

/// A positive integer that fits in 63 bits, as the largest that the vendor's clients send.
fn positive(nonce: u128) -> u64 {
    let below = nonce % u128::from(u64::MAX >> 1);
    u64::try_from(below).expect("a remainder of a 63-bit number fits in 63 bits") + 1
}

fn write(
    endpoint: &Endpoint,
    parameters: &Parameters,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let encoded: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, UNRESERVED)))
        .collect();
    let uri = Uri::builder()
        .scheme(endpoint.scheme)
        .authority(endpoint.authority)
        .path_and_query(format!("{PATH}?{}", encoded.join("&")))
        .build()?;
    let request = http::Request::builder()
        .method(Method::GET)
        .uri(uri)
        // An HTTP client leaves out a port that is the scheme's own; what was signed must be what is sent.
        .header(HOST, endpoint.authority)
        .header(ACCEPT, "application/json");
    Ok(request.body(Vec::new())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_positive_and_have_63_bits() {
        for (nonce, expected) in [
            (0, 1),
            (7_309_647_616_048_725_654, 7_309_647_616_048_725_655),
            (u128::from(u64::MAX >> 1) - 1, u64::MAX >> 1),
            (u128::from(u64::MAX >> 1), 1),
        ] {
            assert_eq!(positive(nonce), expected, "{nonce}");
        }
        assert!(positive(u128::MAX) <= u64::MAX >> 1);
    }
}
