//! The `Authorization` header. Two incompatible signatures share the name `SDK-HMAC-SHA256`; the word after it tells
//! them apart: `Access=` for the flat form, `Credential=` for the scoped one. A third form has a name of its own.

use crate::{Derivation, Fault, wire};
use std::borrow::Cow;

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    /// Which of the three forms it is.
    pub(super) form: Form<'a>,
    /// The public half of the key.
    pub(super) access_key: &'a str,
    /// The names of the signed headers, joined by semicolons.
    pub(super) signed_headers: &'a str,
    /// The signature.
    pub(super) signature: [u8; 32],
}

/// How the string to sign is laid out and how the secret becomes the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// The signing guide of today: the secret itself is the key.
    Flat,
    /// The older Go and Python libraries: a key derived for `yyyymmdd/region/service/sdk_request`. The Go ones leave
    /// region and service empty.
    Scoped(&'a str),
    /// Services outside the regular domains: a key derived for `yyyymmdd/region/service`.
    V11(&'a str),
}

/// The name that the flat and the scoped form share.
const SDK: &str = "SDK-HMAC-SHA256";
/// The name of the third form.
const V11: &str = "V11-HMAC-SHA256";

/// Whether the header is of Huawei Cloud, readable or not.
pub(super) fn is_own(header: &str) -> bool {
    header.starts_with(SDK) || header.starts_with(V11)
}

impl<'a> Authorization<'a> {
    /// Reads the header.
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        let (algorithm, rest) = cut(text, " ")?;
        if ![SDK, V11].contains(&algorithm) {
            return Err(Fault::UnknownAlgorithm(algorithm.to_owned()));
        }
        let (credential, rest) = cut(rest, ", SignedHeaders=")?;
        let (signed_headers, signature) = cut(rest, ", Signature=")?;
        let (form, access_key) = read_credential(algorithm, credential)?;
        if access_key.is_empty() {
            return Err(Fault::MalformedCredentials("the access key is empty"));
        }
        Ok(Self {
            form,
            access_key,
            signed_headers,
            signature: read_signature(signature)?,
        })
    }
}

impl<'a> Form<'a> {
    /// The name that begins the header and the string to sign.
    pub(super) const fn algorithm(self) -> &'static str {
        match self {
            Self::Flat | Self::Scoped(_) => SDK,
            Self::V11(_) => V11,
        }
    }

    /// What the key is derived for, if it is.
    pub(super) const fn scope(self) -> Option<&'a str> {
        match self {
            Self::Flat => None,
            Self::Scoped(scope) | Self::V11(scope) => Some(scope),
        }
    }

    /// How the secret of `access_key` becomes the key.
    pub(super) fn derivation(self, access_key: &'a str) -> Derivation<'a> {
        match self {
            Self::Flat => Derivation::Plain,
            // An empty region or service is a step all the same.
            Self::Scoped(scope) => Derivation::Chained {
                prefix: "SDK",
                steps: scope.split('/').map(Cow::Borrowed).collect(),
            },
            Self::V11(info) => Derivation::HkdfHex {
                salt: Cow::Borrowed(access_key),
                info: Cow::Borrowed(info),
            },
        }
    }
}

fn read_credential<'a>(algorithm: &str, text: &'a str) -> Result<(Form<'a>, &'a str), Fault> {
    if algorithm == SDK
        && let Some(access_key) = text.strip_prefix("Access=")
    {
        return Ok((Form::Flat, access_key));
    }
    let credential = text
        .strip_prefix("Credential=")
        .ok_or(Fault::MalformedCredentials(UNREADABLE))?;
    let (access_key, scope) = cut(credential, "/")?;
    let slashes = scope.matches('/').count();
    if algorithm == V11 && slashes == 2 {
        Ok((Form::V11(scope), access_key))
    } else if algorithm == SDK && slashes == 3 && scope.ends_with("/sdk_request") {
        Ok((Form::Scoped(scope), access_key))
    } else {
        Err(Fault::MalformedCredentials("the scope cannot be read"))
    }
}

fn read_signature(text: &str) -> Result<[u8; 32], Fault> {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    // The service compares texts, so that upper-case digits would not do there either.
    wire::read_digits(text)
        .filter(|_| lower)
        .ok_or(Fault::MalformedCredentials(
            "a signature has 64 lower-case hexadecimal digits",
        ))
}

fn cut<'a>(text: &'a str, at: &str) -> Result<(&'a str, &'a str), Fault> {
    text.split_once(at)
        .ok_or(Fault::MalformedCredentials(UNREADABLE))
}

const UNREADABLE: &str = "the Authorization header cannot be read";

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "68e7d44eeac5fd77a8516cb7c89343518d7554b136b0531eec2debcdd40d8451";

    #[test]
    fn the_three_forms_are_told_apart() {
        for (begin, form) in [
            ("SDK-HMAC-SHA256 Access=AK", Form::Flat),
            (
                "SDK-HMAC-SHA256 Credential=AK/20261121///sdk_request",
                Form::Scoped("20261121///sdk_request"),
            ),
            (
                "SDK-HMAC-SHA256 Credential=AK/20261121/eu-de/elbv1/sdk_request",
                Form::Scoped("20261121/eu-de/elbv1/sdk_request"),
            ),
            (
                "V11-HMAC-SHA256 Credential=AK/20261121/eu-de/elb",
                Form::V11("20261121/eu-de/elb"),
            ),
        ] {
            let text = format!("{begin}, SignedHeaders=host;x-sdk-date, Signature={SIGNATURE}");
            let found = Authorization::parse(&text).unwrap();
            assert_eq!(
                (found.form, found.access_key, found.signed_headers),
                (form, "AK", "host;x-sdk-date"),
                "{begin}"
            );
            assert_eq!(hex::encode(found.signature), SIGNATURE);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let cut_signature = format!(
            "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature={}",
            &SIGNATURE[1..]
        );
        let upper = format!(
            "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature={}",
            SIGNATURE.to_uppercase()
        );
        let no_key = format!("SDK-HMAC-SHA256 Access=, SignedHeaders=host, Signature={SIGNATURE}");
        let scope = format!(
            "SDK-HMAC-SHA256 Credential=AK/20261121, SignedHeaders=host, Signature={SIGNATURE}"
        );
        let mixed = format!("V11-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature={SIGNATURE}");
        let commas = format!("SDK-HMAC-SHA256, Access=AK,SignedHeaders=host,Signature={SIGNATURE}");
        for text in [
            "",
            "SDK-HMAC-SHA256",
            "SDK-HMAC-SHA256 ",
            "SDK-HMAC-SHA256 Access=AK",
            "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature=",
            &cut_signature,
            &upper,
            &no_key,
            &scope,
            &mixed,
        ] {
            let found = Authorization::parse(text);
            assert!(
                matches!(found, Err(Fault::MalformedCredentials(_))),
                "{text}: {found:?}"
            );
        }
        for text in [
            "Bearer abc",
            "SDK-HMAC-SM3 Access=AK",
            "AWS4-HMAC-SHA256 x",
            &commas,
        ] {
            let found = Authorization::parse(text);
            assert!(
                matches!(found, Err(Fault::UnknownAlgorithm(_))),
                "{text}: {found:?}"
            );
        }
    }
}
