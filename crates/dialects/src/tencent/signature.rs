//! Signature 2.0: method, host, path and the parameters in the order of their names, under HMAC.
//!
//! The documents agree on the text as long as no name has a `_` and no value of a POST begins with `@`. Where one does,
//! the vendor's clients differ from each other, and a server has to take every reading that one of them signs.

use crate::form::Parameters;
use crate::{Algorithm, Texts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use std::borrow::Cow;

/// How long the text of a request may be for the clients' other readings to be tried. Each costs an HMAC over the whole,
/// before anybody has proved anything.
const READINGS_BYTES_MAX: usize = 64 * 1024;

/// How a client turns the `_` in names into the `.` that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Underscores {
    /// Before it sorts, as the documents and qcloudapi-sdk-python do.
    ThenSorted,
    /// After it has sorted, as qcloudcli does.
    Sorted,
    /// After it has sorted, and not in names that begin with one, as qcloudapi-sdk of npm does.
    SortedUnlessLeading,
    /// Not at all.
    Kept,
}

impl Underscores {
    const ALL: [Self; 4] = [
        Self::ThenSorted,
        Self::Sorted,
        Self::SortedUnlessLeading,
        Self::Kept,
    ];

    /// The name as it is sorted.
    fn sorted(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::ThenSorted => dotted(name),
            Self::Sorted | Self::SortedUnlessLeading | Self::Kept => Cow::Borrowed(name),
        }
    }

    /// The name as it is signed.
    fn signed(self, name: &str) -> Cow<'_, str> {
        let is_dotted = match self {
            Self::ThenSorted | Self::Sorted => true,
            Self::SortedUnlessLeading => !name.starts_with('_'),
            Self::Kept => false,
        };
        if is_dotted {
            dotted(name)
        } else {
            Cow::Borrowed(name)
        }
    }
}

fn dotted(name: &str) -> Cow<'_, str> {
    if name.contains('_') {
        Cow::Owned(name.replace('_', "."))
    } else {
        Cow::Borrowed(name)
    }
}

/// The texts that a client may have signed, the documented one first.
///
/// `unsigned_files` says whether values that begin with `@` may have been left out: the clients take them for names of
/// files in a POST.
pub(crate) fn texts<'a>(
    method: &'a Method,
    hosts: Vec<Cow<'a, str>>,
    path: &'static str,
    parameters: &Parameters,
    unsigned_files: bool,
) -> Texts<'a> {
    let tails = tails(parameters, unsigned_files);
    let text = move |number: usize| {
        let (tail, host) = (
            tails.get(number / hosts.len())?,
            &hosts[number % hosts.len()],
        );
        Some([method.as_str(), host, path, "?", tail].concat())
    };
    Texts::new(text(0).expect("there is a host and a tail"), text)
}

/// The text that our own client signs.
pub(crate) fn text(method: &str, host: &str, path: &str, parameters: &Parameters) -> String {
    let tail = tail(parameters, Underscores::ThenSorted, false);
    [method, host, path, "?", &tail].concat()
}

/// The signature of `text` as it stands in a request.
pub(crate) fn sign(algorithm: Algorithm, secret: &str, text: &str) -> String {
    STANDARD.encode(algorithm.sign(secret.as_bytes(), text.as_bytes()))
}

/// The parameters as they may have been signed, each reading once.
fn tails(parameters: &Parameters, unsigned_files: bool) -> Vec<String> {
    let mut tails = vec![tail(parameters, Underscores::ThenSorted, false)];
    let has_underscores = parameters.iter().any(|(name, _)| name.contains('_'));
    let has_files = unsigned_files && parameters.iter().any(|(_, value)| value.starts_with('@'));
    if !(has_underscores || has_files) || tails[0].len() > READINGS_BYTES_MAX {
        return tails;
    }
    for without_files in [false, true] {
        if without_files && !has_files {
            continue;
        }
        for underscores in Underscores::ALL {
            let tail = tail(parameters, underscores, without_files);
            if !tails.contains(&tail) {
                tails.push(tail);
            }
        }
    }
    tails
}

/// The parameters without the signature, sorted by name and joined.
fn tail(parameters: &Parameters, underscores: Underscores, without_files: bool) -> String {
    let mut pairs: Vec<(Cow<str>, &str, &str)> = parameters
        .iter()
        .filter(|(name, value)| name != "Signature" && !(without_files && value.starts_with('@')))
        .map(|(name, value)| (underscores.sorted(name), name.as_ref(), value.as_ref()))
        .collect();
    pairs.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let bytes = pairs
        .iter()
        .map(|(_, name, value)| name.len() + value.len() + 2);
    let mut tail = String::with_capacity(bytes.sum());
    for (_, name, value) in pairs {
        if !tail.is_empty() {
            tail.push('&');
        }
        tail.push_str(&underscores.signed(name));
        tail.push('=');
        tail.push_str(value);
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form;

    fn tails_of(encoded: &str, unsigned_files: bool) -> Vec<String> {
        tails(
            &form::parameters(encoded.as_bytes()).unwrap(),
            unsigned_files,
        )
    }

    #[test]
    fn every_reading_stands_once() {
        for (encoded, unsigned_files, expected) in [
            ("b=2&a=1&Signature=x", true, vec!["a=1&b=2"]),
            ("Region=&B=&a", true, vec!["B=&Region=&a="]),
            ("a.2=1&a.12=2", true, vec!["a.12=2&a.2=1"]),
            (
                "i_0=1&iB=2",
                true,
                vec!["i.0=1&iB=2", "iB=2&i.0=1", "iB=2&i_0=1"],
            ),
            (
                "a_0=1&aA=2",
                true,
                vec!["a.0=1&aA=2", "aA=2&a.0=1", "aA=2&a_0=1"],
            ),
            (
                "_a_b=1&c_d=2",
                true,
                vec![".a.b=1&c.d=2", "_a_b=1&c.d=2", "_a_b=1&c_d=2"],
            ),
            ("f=@x&a=1", false, vec!["a=1&f=@x"]),
            ("f=@x&a=1", true, vec!["a=1&f=@x", "a=1"]),
            ("f_0=@x&a=1", true, vec!["a=1&f.0=@x", "a=1&f_0=@x", "a=1"]),
        ] {
            assert_eq!(tails_of(encoded, unsigned_files), expected, "{encoded}");
        }
    }

    /// A long request with a `_` or an `@` in it is read in one way only.
    #[test]
    fn long_requests_have_one_reading() {
        let encoded = format!("a_0=@1&b={}", "x".repeat(READINGS_BYTES_MAX));
        assert_eq!(tails_of(&encoded, true).len(), 1);
    }

    /// Our own signer gives what the vendor's clients and documents give for the same parameters.
    #[test]
    fn known_answers() {
        let file: serde_json::Value = serde_json::from_str(include_str!(
            "../../../../testdata/tencent/sign/vectors.json"
        ))
        .unwrap();
        let rows = file["vectors"].as_array().unwrap().iter();
        let rows = rows.filter(|row| row["dialect"] == "v2" && row["valid"] == true);
        let mut checked = 0;
        for row in rows {
            let field = |name: &str| row[name].as_str().unwrap();
            let encoded = [field("query"), field("body")].concat();
            let parameters = form::parameters(encoded.as_bytes()).unwrap();
            let algorithm = match form::value(&parameters, "SignatureMethod") {
                Some("HmacSHA256") => Algorithm::HmacSha256,
                Some(_) | None => Algorithm::HmacSha1,
            };
            let text = text(field("method"), field("host"), field("path"), &parameters);
            assert_eq!(text, field("string_to_sign"), "{}", row["id"]);
            let signature = sign(algorithm, field("secret_key"), &text);
            assert_eq!(signature, field("expected_signature"), "{}", row["id"]);
            checked += 1;
        }
        assert_eq!(checked, 11);
    }
}
