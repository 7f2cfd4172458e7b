//! Signatures: the string to sign and the key, for whoever signs and for whoever checks.

use super::authorization::{Authorization, Form};
use super::canonical::{self, Rules};
use crate::{Algorithm, Fault, Options, Proof, Request, SignError, Texts, stamp};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// How far the clocks may be apart, each way.
const WINDOW_MILLIS: i64 = 15 * 60 * 1_000;

/// The header with the time of signing. It must be there and it must be signed; all others may be left unsigned.
const DATE: HeaderName = HeaderName::from_static("x-sdk-date");

/// What a request shows to prove who sent it: the access key, and the rest.
pub(super) fn proof<'a>(
    request: &Request<'a>,
    options: &Options,
) -> Result<(&'a str, Proof<'a>), Fault> {
    let header = request
        .header(AUTHORIZATION.as_str())
        .ok_or(Fault::MalformedCredentials(
            "the Authorization header is not text",
        ))?;
    let authorization = Authorization::parse(header)?;
    check_digest(request)?;
    let date = request
        .header(DATE.as_str())
        .ok_or(Fault::MissingCredentials("x-sdk-date"))?;
    let signed_at = stamp::read_basic(date).ok_or(Fault::MalformedTime)?;
    let proof = Proof {
        signed_at,
        window_millis: options.clock_window_millis.unwrap_or(WINDOW_MILLIS),
        // The scheme has none: a copied request is good for as long as the window is open.
        nonce: None,
        algorithm: Algorithm::HmacSha256,
        derivation: authorization.form.derivation(authorization.access_key),
        texts: texts(request, &authorization, date, options)?,
        signature: authorization.signature.to_vec(),
    };
    Ok((authorization.access_key, proof))
}

/// Who sends the body's digest along has signed that instead of the body, which must be the one that it is of.
fn check_digest(request: &Request) -> Result<(), Fault> {
    let digest = request.header("x-sdk-content-sha256").unwrap_or_default();
    let is_of_body = digest.is_empty()
        || digest == "UNSIGNED-PAYLOAD"
        || request.body.is_empty()
        || digest.eq_ignore_ascii_case(&hex::encode(Sha256::digest(request.body)));
    if is_of_body {
        return Ok(());
    }
    Err(Fault::MalformedCredentials(
        "x-sdk-content-sha256 is not of this body",
    ))
}

/// Signs a request with the flat form: all headers that are there now, in the order of their names.
pub(super) fn sign(
    unsigned: &mut http::Request<Vec<u8>>,
    access_key: &str,
    secret: &str,
) -> Result<(), SignError> {
    let names = {
        let mut names: Vec<_> = unsigned.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names.join(";")
    };
    let request = Request {
        method: unsigned.method(),
        path: unsigned.uri().path(),
        query: unsigned.uri().query().unwrap_or_default(),
        headers: unsigned.headers(),
        body: unsigned.body(),
    };
    let date = request.header(DATE.as_str()).unwrap_or_default();
    let text = string_to_sign(
        &request,
        &names,
        Form::Flat,
        date,
        request.host(),
        Rules::Documented,
    )
    .map_err(|fault| SignError::Request(fault.to_string()))?;
    let signature = hex::encode(Algorithm::HmacSha256.sign(secret.as_bytes(), text.as_bytes()));
    let value = format!(
        "{} Access={access_key}, SignedHeaders={names}, Signature={signature}",
        Form::Flat.algorithm()
    );
    let mut value = HeaderValue::try_from(value).map_err(http::Error::from)?;
    value.set_sensitive(true);
    unsigned.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

/// Every text that a real client may have signed for this request.
fn texts<'a>(
    request: &Request<'a>,
    authorization: &Authorization<'a>,
    date: &'a str,
    options: &Options,
) -> Result<Texts<'a>, Fault> {
    let Authorization { form, .. } = *authorization;
    let names = lower_case(authorization.signed_headers);
    check_scope(form, date)?;
    if !names.split(';').any(|name| name == DATE.as_str()) {
        return Err(Fault::MalformedCredentials("x-sdk-date is not signed"));
    }
    let host = request.host();
    let first = string_to_sign(request, &names, form, date, host, Rules::Documented)?;
    let ways = match deviation(request, &names, form) {
        Some(rules) => vec![Rules::Documented, rules],
        None => vec![Rules::Documented],
    };
    let (request, aliases) = (*request, options.host_aliases.clone());
    Ok(Texts::new(first, move |number| {
        let rules = ways[number % ways.len()];
        let host = match number / ways.len() {
            0 => host,
            place => aliases.get(place - 1)?,
        };
        // What can be wrong with a request was found when the first text was written.
        string_to_sign(&request, &names, form, date, host, rules).ok()
    }))
}

/// How the signers that use this form write the request otherwise than the guide says, if it makes a difference.
fn deviation(request: &Request, names: &str, form: Form) -> Option<Rules> {
    match form {
        Form::Scoped(_) => canonical::go_differs(request, names).then_some(Rules::Go),
        Form::Flat | Form::V11(_) => request.path.contains('%').then_some(Rules::UndecodedPath),
    }
}

/// Whether the key is derived for the day on which the request was signed.
fn check_scope(form: Form, date: &str) -> Result<(), Fault> {
    let day = form.scope().and_then(|scope| scope.split('/').next());
    if day.is_none_or(|day| date.get(..8) == Some(day)) {
        Ok(())
    } else {
        Err(Fault::MalformedCredentials(
            "the scope is of another day than x-sdk-date",
        ))
    }
}

fn string_to_sign(
    request: &Request,
    names: &str,
    form: Form,
    date: &str,
    host: &str,
    rules: Rules,
) -> Result<String, Fault> {
    let canonical = canonical::write(request, names, host, rules)?;
    let mut text = Vec::with_capacity(160);
    for line in [Some(form.algorithm()), Some(date), form.scope()]
        .into_iter()
        .flatten()
    {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    canonical::write_hash(&mut text, &canonical);
    Ok(String::from_utf8(text).expect("three texts and some digits are text"))
}

fn lower_case(names: &str) -> Cow<'_, str> {
    if names.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(names.to_ascii_lowercase())
    } else {
        Cow::Borrowed(names)
    }
}
