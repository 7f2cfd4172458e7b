//! Signatures in parameters: HMAC-SHA1 over all of them. The documents say "V2" or "RPC" for it, the wire says
//! `SignatureVersion=1.0`.

use super::fresh::{WINDOW_MILLIS, check_nonce};
use super::sign;
use crate::form::{self, Parameters, take};
use crate::{Algorithm, Claim, Derivation, Fault, Identity, Options, Proof, Texts, stamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longrun_model::Timestamp;
use std::borrow::Cow;

/// Reads who signed. The parameters are sorted; the values that only a signature needs are taken out of them.
pub(super) fn claim<'a>(
    method: &str,
    parameters: &mut Parameters<'a>,
    options: &Options,
) -> Result<Claim<'a>, Fault> {
    for name in ["AccessKeyId", "Signature"] {
        if form::value(parameters, name).is_none_or(str::is_empty) {
            return Err(Fault::MissingCredentials(name));
        }
    }
    check_scheme(parameters)?;
    let signed_at = signed_at(parameters)?;
    let text = sign::v1_text(method, parameters);
    let mut needed = |name| take(parameters, name).ok_or(Fault::MissingCredentials(name));
    let nonce = check_nonce(needed("SignatureNonce")?)?;
    let identity = Identity::AccessKey(needed("AccessKeyId")?);
    // What is no base64 at all cannot be anybody's signature: nothing matches an empty one.
    let signature = STANDARD
        .decode(needed("Signature")?.as_bytes())
        .unwrap_or_default();
    Ok(Claim {
        identity,
        proof: Some(Proof {
            signed_at,
            window_millis: options.clock_window_millis.unwrap_or(WINDOW_MILLIS),
            nonce: Some(nonce),
            algorithm: Algorithm::HmacSha1,
            derivation: Derivation::Suffixed("&"),
            texts: Texts::only(text),
            signature,
        }),
        session_token: take(parameters, "SecurityToken"),
        project: None,
    })
}

/// Whether it is the one scheme that there is. The method may be left out, says the list of error codes.
fn check_scheme(parameters: &Parameters) -> Result<(), Fault> {
    let method = form::value(parameters, "SignatureMethod").unwrap_or("HMAC-SHA1");
    // One client sends an empty type; `BEARERTOKEN` and others would need no secret.
    let kind = form::value(parameters, "SignatureType").unwrap_or_default();
    let version = form::value(parameters, "SignatureVersion").unwrap_or_default();
    if !method.eq_ignore_ascii_case("HMAC-SHA1") {
        Err(Fault::UnknownAlgorithm(method.to_owned()))
    } else if !kind.is_empty() {
        Err(Fault::UnknownAlgorithm(kind.to_owned()))
    } else if version.is_empty() {
        Err(Fault::MissingCredentials("SignatureVersion"))
    } else if version != "1.0" {
        Err(Fault::UnknownAlgorithm(format!(
            "SignatureVersion {version}"
        )))
    } else {
        Ok(())
    }
}

/// When it was signed. A sample of the vendor spells the name `TimeStamp`.
fn signed_at(parameters: &Parameters) -> Result<Timestamp, Fault> {
    let text = match ["Timestamp", "TimeStamp"].map(|name| form::value(parameters, name)) {
        [Some(_), Some(_)] => {
            return Err(Fault::InvalidParameter {
                name: Cow::Borrowed("Timestamp"),
                reason: "it is there in two spellings",
            });
        }
        [Some(text), None] | [None, Some(text)] if !text.is_empty() => text,
        [Some(_), None] | [None, Some(_) | None] => {
            return Err(Fault::MissingCredentials("Timestamp"));
        }
    };
    stamp::read_rfc3339(text).ok_or(Fault::MalformedTime)
}
