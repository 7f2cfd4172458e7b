//! Who says to have sent a request, by the header of a TC3 signature.

use super::sign::{self, ALGORITHM, Covered, Scope, TERMINATOR};
use crate::proof::sha256_hex;
use crate::tencent::claim::Rules;
use crate::tencent::{claim, parameters};
use crate::{Algorithm, Claim, Fault, Identity, Options, Proof, Request, Texts, stamp, wire};
use http::Method;
use longrun_model::Timestamp;
use std::borrow::Cow;

/// What the `Authorization` header of every algorithm of this family begins with.
pub(super) const SCHEME: &str = "TC3-";

/// The body that a client says to have signed in place of the one that it sends.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Reads the claim.
pub(super) fn claim<'a>(
    request: &Request<'a>,
    options: &Options,
    rules: Rules,
) -> Result<Claim<'a>, Fault> {
    let header = |name| request.header(name).filter(|value| !value.is_empty());
    let authorization = Authorization::read(header("authorization"))?;
    let timestamp = header("x-tc-timestamp").ok_or(Fault::MissingParameter("Timestamp".into()))?;
    let signed_at = claim::timestamp(timestamp)?;
    check_date(authorization.scope, signed_at)?;
    let headers = authorization.headers(request)?;
    let proof = Proof {
        signed_at,
        window_millis: options.clock_window_millis.unwrap_or(claim::WINDOW_MILLIS),
        // The scheme has none: within the window a poll may be sent again. Of what changes something the signature is
        // remembered, with the action, which it does not cover; no client wants the same change twice within the second
        // that it is signed with.
        nonce: (rules == Rules::Change).then(|| {
            let action = header("x-tc-action").unwrap_or_default();
            format!("{action} {}", hex::encode(authorization.signature)).into()
        }),
        algorithm: Algorithm::HmacSha256,
        derivation: authorization.scope.derivation(),
        texts: texts(request, options, timestamp, &authorization, headers),
        signature: authorization.signature.into(),
    };
    Ok(Claim {
        identity: Identity::AccessKey(Cow::Borrowed(authorization.key)),
        proof: Some(proof),
        session_token: header("x-tc-token").map(Cow::Borrowed),
        project: None,
    })
}

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    key: &'a str,
    scope: Scope<'a>,
    /// The names of the signed headers, as they are sent.
    signed: &'a str,
    signature: [u8; 32],
}

impl<'a> Authorization<'a> {
    /// Reads `TC3-HMAC-SHA256 Credential=K/DATE/SERVICE/tc3_request, SignedHeaders=a;b, Signature=S`.
    fn read(text: Option<&'a str>) -> Result<Self, Fault> {
        let malformed = Fault::MalformedCredentials;
        let text = text.ok_or(malformed("`Authorization` is missing"))?;
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        if algorithm != ALGORITHM {
            return Err(Fault::UnknownAlgorithm(parameters::shortened(algorithm)));
        }
        let field = |name: &str| {
            let mut fields = rest
                .split(',')
                .filter_map(|field| field.trim().split_once('='));
            fields.find_map(|(found, value)| (found == name).then_some(value))
        };
        let (Some(credential), Some(signed), Some(signature)) = (
            field("Credential"),
            field("SignedHeaders"),
            field("Signature"),
        ) else {
            return Err(malformed("`Authorization` lacks one of its three fields"));
        };
        let (key, scope) =
            read_credential(credential).ok_or(malformed("the credential cannot be read"))?;
        check_signed(signed)?;
        Ok(Self {
            key,
            scope,
            signed,
            signature: read_signature(signature)?,
        })
    }

    /// The signed headers with their values.
    fn headers(&self, request: &Request<'a>) -> Result<Vec<(&'a str, &'a str)>, Fault> {
        let value = |name| {
            let value = request.header(name).ok_or(Fault::MalformedCredentials(
                "a header that `SignedHeaders` lists is missing",
            ))?;
            Ok((name, value.trim()))
        };
        self.signed.split(';').map(value).collect()
    }
}

/// The key and the scope. Only a key may have slashes in it.
fn read_credential(text: &str) -> Option<(&str, Scope<'_>)> {
    let (rest, terminator) = text.rsplit_once('/')?;
    let (rest, service) = rest.rsplit_once('/')?;
    let (key, date) = rest.rsplit_once('/')?;
    (terminator == TERMINATOR && !key.is_empty()).then_some((key, Scope { date, service }))
}

/// Without the host and the content type a signature is not taken. The names are in order, so that none can stand a
/// thousand times and make the text a thousand times as long.
fn check_signed(signed: &str) -> Result<(), Fault> {
    let names = || signed.split(';');
    if !names().is_sorted_by(|one, next| one < next) {
        let reason = "`SignedHeaders` is not in ascending order";
        return Err(Fault::MalformedCredentials(reason));
    }
    let lists = |wanted| names().any(|name| name == wanted);
    if lists("content-type") && lists("host") {
        Ok(())
    } else {
        let reason = "`SignedHeaders` must list content-type and host";
        Err(Fault::MalformedCredentials(reason))
    }
}

fn read_signature(text: &str) -> Result<[u8; 32], Fault> {
    wire::read_digits(text).ok_or(Fault::MalformedCredentials(
        "a signature has 64 hexadecimal digits",
    ))
}

/// The day that the key was derived for must be that of the time of signing.
fn check_date(scope: Scope, signed_at: Timestamp) -> Result<(), Fault> {
    if stamp::write_seconds(signed_at)
        .strip_prefix(scope.date)
        .is_some_and(|rest| rest.starts_with('T'))
    {
        Ok(())
    } else {
        let reason = "the date of the credential is not that of `X-TC-Timestamp`";
        Err(Fault::MalformedCredentials(reason))
    }
}

/// The texts that a client may have signed: each host, and the values of the headers folded or as they are.
fn texts<'a>(
    request: &Request<'a>,
    options: &Options,
    timestamp: &'a str,
    authorization: &Authorization<'a>,
    headers: Vec<(&'a str, &'a str)>,
) -> Texts<'a> {
    let is_unsigned = request.header("x-tc-content-sha256") == Some(UNSIGNED_PAYLOAD);
    let payload = if is_unsigned {
        UNSIGNED_PAYLOAD.as_bytes()
    } else {
        request.body
    };
    let payload_hash = sha256_hex(payload);
    let method = request.method.as_str();
    let is_get = request.method == Method::GET;
    let query = if is_get { request.query } else { "" };
    let has_capitals = |(name, value): &(&str, &str)| {
        *name != "host" && value.bytes().any(|byte| byte.is_ascii_uppercase())
    };
    let foldings: &[bool] = if headers.iter().any(has_capitals) {
        &[true, false]
    } else {
        &[true]
    };
    let hosts = hosts(request.host(), options);
    let (signed, scope) = (authorization.signed, authorization.scope);
    let text = move |number: usize| {
        let covered = Covered {
            method,
            query,
            headers: &headers,
            signed,
            payload_hash: &payload_hash,
        };
        let is_folded = foldings[number % foldings.len()];
        let host = hosts.get(number / foldings.len())?;
        let canonical = covered.canonical_request(host, is_folded);
        Some(sign::text(timestamp, scope, &canonical))
    };
    Texts::new(text(0).expect("there is a host"), text)
}

/// The hosts that a client may have signed; see there. A client whose endpoint has a scheme sends and signs that too,
/// or sends it and signs the rest.
fn hosts<'a>(received: &'a str, options: &Options) -> Vec<Cow<'a, str>> {
    let mut hosts = claim::hosts(received.trim(), &options.host_aliases);
    let bare = sign::without_scheme(received.trim());
    if bare.len() < received.trim().len() {
        hosts.extend(claim::hosts(bare, &[]));
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168";

    fn header(credential: &str, signed: &str, signature: &str) -> String {
        format!(
            "TC3-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"
        )
    }

    #[test]
    fn headers_are_read() {
        let good = header(
            "AK/2019-02-25/cvm/tc3_request",
            "content-type;host",
            SIGNATURE,
        );
        for (text, key, service) in [
            (good.clone(), "AK", "cvm"),
            (good.replace(", ", ","), "AK", "cvm"),
            (good.replace("AK", "AK/+ID"), "AK/+ID", "cvm"),
            (good.replace("cvm", "127"), "AK", "127"),
            (good.replace("cvm", ""), "AK", ""),
            (good.replace(";host", ";host;x-tc-action"), "AK", "cvm"),
        ] {
            let found = Authorization::read(Some(&text)).unwrap();
            assert_eq!((found.key, found.scope.service), (key, service), "{text}");
            assert_eq!(hex::encode(found.signature), SIGNATURE);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let scope = "AK/2019-02-25/cvm/tc3_request";
        let both = "content-type;host";
        for text in [
            header("AK/2019-02-25/cvm/tc4_request", both, SIGNATURE),
            header("/2019-02-25/cvm/tc3_request", both, SIGNATURE),
            header("2019-02-25/cvm/tc3_request", both, SIGNATURE),
            header("AK", both, SIGNATURE),
            header("", both, SIGNATURE),
            header(scope, "", SIGNATURE),
            header(scope, "host", SIGNATURE),
            header(scope, "content-type", SIGNATURE),
            header(scope, "host;content-type", SIGNATURE),
            header(scope, "content-type;host;host", SIGNATURE),
            header(scope, "Content-Type;Host", SIGNATURE),
            header(scope, both, ""),
            header(scope, both, &SIGNATURE[1..]),
            header(scope, both, &SIGNATURE.replace('7', "g")),
            "TC3-HMAC-SHA256".to_owned(),
            "TC3-HMAC-SHA256 ".to_owned(),
            "TC3-HMAC-SHA256 Credential".to_owned(),
        ] {
            let found = Authorization::read(Some(&text));
            let refused = matches!(found, Err(Fault::MalformedCredentials(_)));
            assert!(refused, "{text}: {found:?}");
        }
        for (text, algorithm) in [
            ("SKIP", "SKIP"),
            ("TC3-HMAC-SM3 Credential=A", "TC3-HMAC-SM3"),
        ] {
            let fault = Authorization::read(Some(text)).unwrap_err();
            assert_eq!(fault, Fault::UnknownAlgorithm(algorithm.to_owned()));
        }
        assert!(Authorization::read(None).is_err());
    }

    #[test]
    fn the_day_is_that_of_the_time() {
        let at = Timestamp::from_seconds(1_551_113_065);
        for (date, good) in [
            ("2019-02-25", true),
            ("2019-02-26", false),
            ("20190225", false),
            ("2019-02-2", false),
            ("2019", false),
            ("", false),
        ] {
            let scope = Scope {
                date,
                service: "bm",
            };
            assert_eq!(check_date(scope, at).is_ok(), good, "{date}");
        }
        let beyond = Timestamp::from_millis(i64::MAX);
        assert!(
            check_date(
                Scope {
                    date: "2019-02-25",
                    service: ""
                },
                beyond
            )
            .is_err()
        );
    }

    #[test]
    fn hosts_with_a_scheme_are_tried_without() {
        let options = Options::default();
        for (received, expected) in [
            ("bm.x", vec!["bm.x"]),
            ("127.0.0.1:80", vec!["127.0.0.1:80", "127.0.0.1"]),
            (
                "http://127.0.0.1:80",
                vec![
                    "http://127.0.0.1:80",
                    "http://127.0.0.1",
                    "127.0.0.1:80",
                    "127.0.0.1",
                ],
            ),
            ("https://bm.x", vec!["https://bm.x", "bm.x"]),
        ] {
            assert_eq!(hosts(received, &options), expected, "{received}");
        }
    }
}
