//! Signatures in headers: HMAC-SHA256 over the method, the query, the listed headers and the digest of the body.

use super::fresh::{WINDOW_MILLIS, check_nonce};
use super::sign::{self, Covered, V3_ALGORITHM};
use crate::form::Parameters;
use crate::proof::sha256_hex;
use crate::{
    Algorithm, Claim, Derivation, Fault, Identity, Options, Proof, Request, Texts, stamp, wire,
};
use http::HeaderName;
use std::borrow::Cow;

/// What the `Authorization` header of every V3 algorithm begins with.
pub(super) const SCHEME: &str = "ACS3-";

/// The header with the name of the action.
pub(super) const ACTION: HeaderName = HeaderName::from_static("x-acs-action");
/// The header with the version of the API.
pub(super) const VERSION: HeaderName = HeaderName::from_static("x-acs-version");
const DATE: HeaderName = HeaderName::from_static("x-acs-date");
const NONCE: HeaderName = HeaderName::from_static("x-acs-signature-nonce");
const DIGEST: HeaderName = HeaderName::from_static("x-acs-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-acs-security-token");

/// The headers that a signature must cover, besides all others whose names begin with `x-acs-`.
const MUST_COVER: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// Reads who signed. `query` holds the decoded parameters of the query, sorted.
pub(super) fn claim<'a>(
    request: &Request<'a>,
    method: &'static str,
    authorization: &'a str,
    query: &Parameters,
    options: &Options,
) -> Result<Claim<'a>, Fault> {
    let Authorization {
        key,
        signed,
        signature,
    } = read_authorization(authorization)?;
    let needed = |header, name| {
        let value = request.header(header).filter(|value| !value.is_empty());
        value.ok_or(Fault::MissingCredentials(name))
    };
    let date = needed(DATE, "Timestamp")?;
    let nonce = needed(NONCE, "SignatureNonce")?;
    check_covered(request, &signed)?;
    let body_hash = sha256_hex(request.body);
    let is_whole = signed
        .iter()
        .all(|name| request.headers.contains_key(name.as_ref()))
        && request.header(DIGEST) == Some(&body_hash);
    let token = request.header(TOKEN).filter(|token| !token.is_empty());
    Ok(Claim {
        identity: Identity::AccessKey(Cow::Borrowed(key)),
        proof: Some(Proof {
            signed_at: stamp::read_rfc3339(date).ok_or(Fault::MalformedTime)?,
            window_millis: options.clock_window_millis.unwrap_or(WINDOW_MILLIS),
            nonce: Some(check_nonce(Cow::Borrowed(nonce))?),
            algorithm: Algorithm::HmacSha256,
            derivation: Derivation::Plain,
            texts: texts(request, method, query, signed, body_hash, options),
            // A listed header that is absent and a body that is not the one that was signed are mismatches, whatever
            // the client made of them: nothing matches an empty signature.
            signature: is_whole
                .then(|| wire::read_digits(signature))
                .flatten()
                .map_or_else(Vec::new, Vec::from),
        }),
        session_token: token.map(Cow::Borrowed),
        project: None,
    })
}

/// The texts that a client may have signed: one for the host that it asked, and one for each alias.
fn texts<'a>(
    request: &Request<'a>,
    method: &'static str,
    query: &Parameters,
    signed: Vec<Cow<'a, str>>,
    body_hash: String,
    options: &Options,
) -> Texts<'a> {
    let (query, headers) = (sign::v3_query(query), request.headers);
    let text = move |host: &str| {
        Covered {
            method,
            query: &query,
            headers,
            host,
            signed: &signed,
            body_hash: &body_hash,
        }
        .text()
    };
    let aliases = options.host_aliases.clone();
    Texts::new(text(request.host()), move |number| {
        aliases.get(number - 1).map(|alias| text(alias))
    })
}

struct Authorization<'a> {
    key: &'a str,
    signed: Vec<Cow<'a, str>>,
    signature: &'a str,
}

/// Reads `ACS3-HMAC-SHA256 Credential=K,SignedHeaders=a;b,Signature=S`; blanks may follow the commas.
fn read_authorization(text: &str) -> Result<Authorization<'_>, Fault> {
    let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
    if algorithm != V3_ALGORITHM {
        return Err(Fault::UnknownAlgorithm(algorithm.to_owned()));
    }
    let [key, signed, signature] = fields(rest).ok_or(Fault::MalformedCredentials(
        "Authorization lacks one of its three fields",
    ))?;
    let mut signed: Vec<Cow<str>> = signed.split(';').map(lower_case).collect();
    signed.sort_unstable();
    Ok(Authorization {
        key,
        signed,
        signature,
    })
}

/// The access key, the names of the signed headers and the signature: of each the first, and none may be empty.
fn fields(text: &str) -> Option<[&str; 3]> {
    let mut found = [None; 3];
    let fields = text.split(',');
    for (name, value) in fields.filter_map(|field| field.trim().split_once('=')) {
        let place = match name {
            "Credential" => 0,
            "SignedHeaders" => 1,
            "Signature" => 2,
            _ => continue,
        };
        found[place].get_or_insert(value);
    }
    let [key, signed, signature] = found;
    let fields = [key?, signed?, signature?];
    fields
        .iter()
        .all(|value| !value.is_empty())
        .then_some(fields)
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Whether the signature covers what it must. Otherwise somebody on the way could change the call under it.
fn check_covered(request: &Request, signed: &[Cow<str>]) -> Result<(), Fault> {
    let covers = |name: &str| {
        signed
            .binary_search_by(|other| other.as_ref().cmp(name))
            .is_ok()
    };
    let mut public = request
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-acs-"));
    // Both are sorted, so that one is found behind the one before it.
    let mut rest = signed.iter();
    let mut must = MUST_COVER.into_iter();
    if !must.all(|name| rest.any(|signed| signed == name))
        || !public.all(|name| covers(name.as_str()))
    {
        return Err(Fault::MalformedCredentials(
            "SignedHeaders must list host and every x-acs- header, the action, the version, the date, the nonce and \
             the digest among them",
        ));
    }
    if !request.body.is_empty() && !covers("content-type") {
        return Err(Fault::MalformedCredentials(
            "SignedHeaders must list content-type when there is a body",
        ));
    }
    Ok(())
}
