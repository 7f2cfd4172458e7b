//! Signatures. Every scheme that the clouds use comes down to the same thing: a text, a key made from the secret, an
//! HMAC, and a time that must lie near the server's.

use crate::Fault;
use hmac::{Hmac, KeyInit, Mac};
use longrun_model::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use subtle::ConstantTimeEq;

/// What a signed request carries to prove who sent it.
#[derive(Debug)]
pub struct Proof<'a> {
    /// When it says to have been signed.
    pub signed_at: Timestamp,
    /// How far that may lie from the server's time, each way.
    pub window_millis: i64,
    /// What makes it unlike any other request, where the scheme has such a thing and requires it to be new.
    pub nonce: Option<Cow<'a, str>>,
    /// The hash function.
    pub algorithm: Algorithm,
    /// How the secret becomes the key.
    pub derivation: Derivation<'a>,
    /// The texts that the client may have signed.
    pub texts: Texts<'a>,
    /// The signature, decoded.
    pub signature: Vec<u8>,
}

/// The texts that a client may have signed, the usual one first: real clients differ in small ways, and one match is
/// enough. The others are written one at a time, when none before them has matched.
pub struct Texts<'a> {
    first: String,
    others: Box<dyn Fn(usize) -> Option<String> + Send + Sync + 'a>,
}

impl<'a> Texts<'a> {
    /// There is only one way to sign it.
    pub fn only(text: String) -> Self {
        Self::new(text, |_| None)
    }

    /// The usual text; `others` gives those after it by number, beginning with 1, and nothing after the last.
    pub fn new(first: String, others: impl Fn(usize) -> Option<String> + Send + Sync + 'a) -> Self {
        Self {
            first,
            others: Box::new(others),
        }
    }

    /// The usual one.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// All of them, each written when it is asked for.
    pub fn all(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let others = (1..).map_while(|number| (self.others)(number));
        std::iter::once(Cow::Borrowed(self.first())).chain(others.map(Cow::Owned))
    }
}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.all()).finish()
    }
}

/// The hash function of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
}

/// How the secret becomes the key of the last HMAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Derivation<'a> {
    /// The secret as it is.
    Plain,
    /// The secret with a text after it (Alibaba V1: `&`).
    Suffixed(&'static str),
    /// HMAC-SHA256 over several texts in turn, beginning with the key `prefix` + secret (TC3: `TC3`; Huawei: `SDK`).
    Chained {
        /// What stands before the secret.
        prefix: &'static str,
        /// The texts.
        steps: Vec<Cow<'a, str>>,
    },
    /// HKDF-SHA256 with the access key as salt, written as hexadecimal digits (Huawei V11).
    HkdfHex {
        /// The access key.
        salt: Cow<'a, str>,
        /// The context.
        info: Cow<'a, str>,
    },
}

impl Proof<'_> {
    /// Whether `secret` gives this signature and the time of signing lies near `now`.
    ///
    /// The signature is checked first: who has no secret learns nothing about the clock.
    pub fn verify(&self, secret: &[u8], now: Timestamp) -> Result<(), Fault> {
        self.verify_with(&self.derivation.key(secret), now)
    }

    /// The same with what the derivation has made of the secret, for whoever keeps it.
    pub fn verify_with(&self, key: &[u8], now: Timestamp) -> Result<(), Fault> {
        let matches = |text: Cow<str>| -> bool {
            self.algorithm
                .sign(key, text.as_bytes())
                .ct_eq(self.signature.as_slice())
                .into()
        };
        if !self.texts.all().any(matches) {
            return Err(Fault::BadSignature {
                text: self.texts.first().to_owned(),
            });
        }
        self.check_time(now)
    }

    /// Whether the time of signing lies near `now`.
    pub fn check_time(&self, now: Timestamp) -> Result<(), Fault> {
        let ahead_millis = self.signed_at.millis_since(now);
        if ahead_millis.abs() <= self.window_millis {
            Ok(())
        } else {
            Err(Fault::Skewed { ahead_millis })
        }
    }
}

impl Algorithm {
    /// The HMAC of `text` under `key`.
    pub fn sign(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        match self {
            Self::HmacSha1 => {
                let mut mac =
                    Hmac::<Sha1>::new_from_slice(key).expect("an HMAC key may have any length");
                mac.update(text);
                mac.finalize().into_bytes().to_vec()
            }
            Self::HmacSha256 => hmac_sha256(key, text).to_vec(),
        }
    }
}

impl Derivation<'_> {
    /// Whether it takes hashes, so that its key is worth keeping.
    pub const fn is_costly(&self) -> bool {
        match self {
            Self::Plain | Self::Suffixed(_) => false,
            Self::Chained { .. } | Self::HkdfHex { .. } => true,
        }
    }

    /// The same, whatever happens to the request.
    pub fn into_owned(self) -> Derivation<'static> {
        let owned = |text: Cow<str>| Cow::Owned(text.into_owned());
        match self {
            Self::Plain => Derivation::Plain,
            Self::Suffixed(suffix) => Derivation::Suffixed(suffix),
            Self::Chained { prefix, steps } => Derivation::Chained {
                prefix,
                steps: steps.into_iter().map(owned).collect(),
            },
            Self::HkdfHex { salt, info } => Derivation::HkdfHex {
                salt: owned(salt),
                info: owned(info),
            },
        }
    }

    /// The key that `secret` gives.
    pub fn key<'s>(&self, secret: &'s [u8]) -> Cow<'s, [u8]> {
        match self {
            Self::Plain => Cow::Borrowed(secret),
            Self::Suffixed(suffix) => Cow::Owned([secret, suffix.as_bytes()].concat()),
            Self::Chained { prefix, steps } => {
                let first = [prefix.as_bytes(), secret].concat();
                Cow::Owned(steps.iter().fold(first, |key, step| {
                    hmac_sha256(&key, step.as_bytes()).to_vec()
                }))
            }
            Self::HkdfHex { salt, info } => {
                let extracted = hmac_sha256(salt.as_bytes(), secret);
                let expanded = hmac_sha256(&extracted, &[info.as_bytes(), &[1]].concat());
                Cow::Owned(hex::encode(expanded).into_bytes())
            }
        }
    }
}

/// The SHA-256 of `bytes` in lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    // Nearly every poll has no body.
    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    if bytes.is_empty() {
        return OF_NOTHING.to_owned();
    }
    let mut digits = vec![0; 64];
    hex::encode_to_slice(Sha256::digest(bytes), &mut digits).expect("32 bytes are 64 digits");
    String::from_utf8(digits).expect("digits are text")
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    fn proof(signed_at: i64) -> Proof<'static> {
        let text = "GETexample.com/?a=1".to_owned();
        let signature = Algorithm::HmacSha1.sign(b"secret", text.as_bytes());
        Proof {
            signed_at: Timestamp::from_millis(signed_at),
            window_millis: 300_000,
            nonce: None,
            algorithm: Algorithm::HmacSha1,
            derivation: Derivation::Plain,
            texts: Texts::new("another reading".to_owned(), move |number| {
                (number == 1).then(|| text.clone())
            }),
            signature,
        }
    }

    #[test]
    fn the_window_is_closed_at_both_ends() {
        let now = Timestamp::from_millis(1_000_000);
        for (signed_at, good) in [
            (1_000_000, true),
            (700_000, true),
            (1_300_000, true),
            (699_999, false),
            (1_300_001, false),
        ] {
            assert_eq!(
                proof(signed_at).verify(b"secret", now).is_ok(),
                good,
                "{signed_at}"
            );
        }
    }

    /// What matches ends the search: whoever signs as most do makes the server write one text.
    #[test]
    fn texts_are_written_as_they_are_asked_for() {
        let written = Arc::new(AtomicUsize::new(0));
        let (counted, signed) = (Arc::clone(&written), ["zero", "one", "two", "three"]);
        let proof = |place: usize| Proof {
            texts: Texts::new(signed[0].to_owned(), {
                let counted = Arc::clone(&counted);
                move |number| {
                    counted.fetch_add(1, Relaxed);
                    signed.get(number).map(|text| (*text).to_owned())
                }
            }),
            signature: Algorithm::HmacSha1.sign(b"secret", signed[place].as_bytes()),
            ..proof(0)
        };
        for place in 0..signed.len() {
            written.store(0, Relaxed);
            let verified = proof(place).verify(b"secret", Timestamp::from_millis(0));
            assert_eq!((verified, written.load(Relaxed)), (Ok(()), place));
        }
        assert_eq!(proof(0).texts.all().collect::<Vec<_>>(), signed);
        let fault = proof(2).verify(b"other", Timestamp::from_millis(0));
        let text = "zero".to_owned();
        assert_eq!(fault, Err(Fault::BadSignature { text }));
    }

    /// A wrong secret is told before a wrong clock, and a signature that is cut short matches nothing.
    #[test]
    fn the_signature_comes_first() {
        let now = Timestamp::from_millis(9_000_000);
        assert!(matches!(
            proof(0).verify(b"other", now),
            Err(Fault::BadSignature { .. })
        ));
        assert_eq!(
            proof(0).verify(b"secret", now),
            Err(Fault::Skewed {
                ahead_millis: -9_000_000
            })
        );
        let mut short = proof(9_000_000);
        short.signature.pop();
        assert!(matches!(
            short.verify(b"secret", now),
            Err(Fault::BadSignature { .. })
        ));
    }
}
