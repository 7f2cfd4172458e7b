//! The client half: a signed question how an operation stands.
//!
//! It keeps clear of everything that the clouds' own clients sign differently: no `_` in names, no `@` at the beginning
//! of a value in a POST (it is a GET), and the signature method is always named.

use super::{PATH, signature, task_id};
use crate::form::{Parameters, UNRESERVED};
use crate::{Algorithm, Credential, Endpoint, SignError, Signer, Target};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Method, Uri};
use percent_encoding::utf8_percent_encode;

/// Writes a request with `action` that asks how `target` stands.
pub(crate) fn poll(
    action: &'static str,
    target: &Target,
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let number =
        task_id::parse(target.id.trim()).map_err(|_| SignError::Id(target.id.to_string()))?;
    let mut parameters: Parameters = vec![
        ("Action".into(), action.into()),
        ("taskId".into(), number.to_string().into()),
    ];
    if let Some(region) = &target.region {
        parameters.push(("Region".into(), region.as_ref().into()));
    }
    proven((Method::GET, PATH), parameters, signer)
}

/// Writes a request with these parameters and what proves who asks.
pub(super) fn proven<'a>(
    (method, path): (Method, &str),
    mut parameters: Parameters<'a>,
    signer: &'a Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let Credential::AccessKey {
        id,
        secret,
        session_token,
    } = signer.credential
    else {
        return Err(SignError::Credential("an access key"));
    };
    parameters.extend([
        ("SecretId".into(), id.as_ref().into()),
        ("SignatureMethod".into(), "HmacSHA256".into()),
        (
            "Timestamp".into(),
            signer.now.as_seconds().to_string().into(),
        ),
        ("Nonce".into(), positive(signer.nonce).to_string().into()),
    ]);
    if let Some(token) = session_token {
        parameters.push(("Token".into(), token.as_ref().into()));
    }
    let text = signature::text(
        method.as_str(),
        signer.endpoint.authority,
        path,
        &parameters,
    );
    let signature = signature::sign(Algorithm::HmacSha256, secret, &text);
    parameters.push(("Signature".into(), signature.into()));
    write((method, path), signer.endpoint, &parameters)
}

/// A positive integer that fits in 63 bits, as the largest that the vendor's clients send.
fn positive(nonce: u128) -> u64 {
    let below = nonce % u128::from(u64::MAX >> 1);
    u64::try_from(below).expect("a remainder of a 63-bit number fits in 63 bits") + 1
}

/// The parameters stand in the query of a GET and in the body of a POST.
fn write(
    (method, path): (Method, &str),
    endpoint: &Endpoint,
    parameters: &Parameters,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let encoded: Vec<String> = parameters
        .iter()
        .map(|(name, value)| {
            let [name, value] = [name, value].map(|text| utf8_percent_encode(text, UNRESERVED));
            format!("{name}={value}")
        })
        .collect();
    let encoded = encoded.join("&");
    let is_post = method == Method::POST;
    let place = if is_post {
        path.to_owned()
    } else {
        format!("{path}?{encoded}")
    };
    let uri = Uri::builder()
        .scheme(endpoint.scheme)
        .authority(endpoint.authority)
        .path_and_query(place)
        .build()?;
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        // An HTTP client leaves out a port that is the scheme's own; what was signed must be what is sent.
        .header(HOST, endpoint.authority)
        .header(ACCEPT, "application/json");
    if is_post {
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        return Ok(request.body(encoded.into_bytes())?);
    }
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
