//! Who says to have sent a request: the common parameters that carry the key and the signature.

use super::{parameters, signature};
use crate::form::Parameters;
use crate::{Algorithm, Claim, Derivation, Fault, Identity, Options, Proof, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use longrun_model::Timestamp;
use std::borrow::Cow;

/// How far a client's clock may be off, each way. The newer pages of the API say five minutes; those of bare metal said
/// two hours once.
pub(crate) const WINDOW_MILLIS: i64 = 300_000;

/// How strict a claim is taken, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A poll changes nothing, and clients with nonces of 16 bits repeat them by chance.
    Poll,
    /// What is submitted only reads: it may come again, but all of it has to be signed.
    Read,
    /// What is submitted changes something: it may come once.
    Change,
}

/// Reads the claim. `path` is the one that stands in the signed text.
pub(crate) fn claim<'a>(
    request: &Request<'a>,
    options: &Options,
    path: &'static str,
    parameters: &Parameters<'a>,
    rules: Rules,
) -> Result<Claim<'a>, Fault> {
    let secret_id = credential(parameters, "SecretId")?;
    let signature = STANDARD
        .decode(credential(parameters, "Signature")?.as_bytes())
        .map_err(|_| Fault::MalformedCredentials("`Signature` is not base64"))?;
    let timestamp_text = parameters::required(parameters, "Timestamp")?;
    let signed_at = timestamp(timestamp_text)?;
    // Real clients send anything from 16 to 63 bits: it has to be there, and it is never taken for a number.
    let nonce = parameters::required(parameters, "Nonce")?;
    let unsigned_files = options.lenient && request.method == Method::POST && rules == Rules::Poll;
    let texts = signature::texts(
        request.method,
        hosts(request.host(), &options.host_aliases),
        path,
        parameters,
        unsigned_files,
    );
    let proof = Proof {
        signed_at,
        window_millis: options.clock_window_millis.unwrap_or(WINDOW_MILLIS),
        // With the time, so that the short nonces of one client collide within a second only.
        nonce: (rules == Rules::Change).then(|| format!("{timestamp_text} {nonce}").into()),
        algorithm: algorithm(parameters),
        derivation: Derivation::Plain,
        texts,
        signature,
    };
    Ok(Claim {
        identity: Identity::AccessKey(secret_id.clone()),
        proof: Some(proof),
        session_token: parameters::present(parameters, "Token").cloned(),
        project: None,
    })
}

fn credential<'p, 'a>(
    parameters: &'p Parameters<'a>,
    name: &'static str,
) -> Result<&'p Cow<'a, str>, Fault> {
    parameters::present(parameters, name).ok_or(Fault::MissingCredentials(name))
}

/// SHA-256 if that is asked for by its exact name; nothing and anything else mean SHA-1.
fn algorithm(parameters: &Parameters) -> Algorithm {
    match crate::form::value(parameters, "SignatureMethod") {
        Some("HmacSHA256") => Algorithm::HmacSha256,
        Some(_) | None => Algorithm::HmacSha1,
    }
}

/// Reads a `Timestamp`: whole seconds, digits only.
pub(crate) fn timestamp(text: &str) -> Result<Timestamp, Fault> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::MalformedTime);
    }
    let seconds = text.parse().map_err(|_| Fault::MalformedTime)?;
    Ok(Timestamp::from_seconds(seconds))
}

/// The hosts that a client may have signed: the one it asked, with and without the port, and the aliases; each as it is
/// and in lower case.
pub(crate) fn hosts<'a>(received: &'a str, aliases: &[String]) -> Vec<Cow<'a, str>> {
    let mut hosts: Vec<Cow<str>> = Vec::with_capacity(2);
    let spelled = [received, without_port(received)].map(Cow::Borrowed);
    let aliases = aliases.iter().map(|alias| Cow::Owned(alias.clone()));
    for host in spelled.into_iter().chain(aliases) {
        let has_capitals = host.bytes().any(|byte| byte.is_ascii_uppercase());
        let folded = has_capitals.then(|| Cow::Owned(host.to_ascii_lowercase()));
        add(&mut hosts, host);
        if let Some(folded) = folded {
            add(&mut hosts, folded);
        }
    }
    hosts
}

fn add<'a>(hosts: &mut Vec<Cow<'a, str>>, host: Cow<'a, str>) {
    if !hosts.contains(&host) {
        hosts.push(host);
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_tried_with_and_without_port() {
        let aliases = ["VPC.api.qcloud.com".to_owned(), "bm.example".to_owned()];
        for (received, aliases, expected) in [
            ("bm.example", &aliases[..0], vec!["bm.example"]),
            (
                "127.0.0.1:80",
                &aliases[..0],
                vec!["127.0.0.1:80", "127.0.0.1"],
            ),
            ("[::1]:80", &aliases[..0], vec!["[::1]:80", "[::1]"]),
            ("[::1]", &aliases[..0], vec!["[::1]"]),
            (
                "BM.x:1",
                &aliases[..0],
                vec!["BM.x:1", "bm.x:1", "BM.x", "bm.x"],
            ),
            (
                "bm.example",
                &aliases[..],
                vec!["bm.example", "VPC.api.qcloud.com", "vpc.api.qcloud.com"],
            ),
            ("", &aliases[..0], vec![""]),
        ] {
            assert_eq!(hosts(received, aliases), expected, "{received}");
        }
    }

    #[test]
    fn timestamps_are_whole_seconds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1795226472", Some(1_795_226_472_000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("1795226472 ", None),
        ] {
            assert_eq!(
                timestamp(text).ok().map(Timestamp::as_millis),
                expected,
                "{text}"
            );
        }
    }
}
