//! What proves to a receiver that a delivery is ours, and new.

use hmac::{Hmac, KeyInit, Mac};
use longrun_model::Timestamp;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The header that it stands in.
pub(super) const HEADER: &str = "longrun-signature";

/// What deliveries to one receiver are signed with.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<String>);

impl SigningSecret {
    /// This secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The value of the header: the time in seconds, and the HMAC-SHA256 of that time, a full stop and the body.
    pub(super) fn sign(&self, body: &[u8], now: Timestamp) -> String {
        let seconds = now.as_millis() / 1_000;
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes());
        let mut mac = mac.expect("an HMAC takes a key of any length");
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        let digest = hex::encode(mac.finalize().into_bytes());
        format!("t={seconds},v1={digest}")
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest was computed by another program: `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac …`.
    #[test]
    fn the_time_and_the_body_are_signed() {
        let secret = SigningSecret::new("a secret of the tests");
        let now = Timestamp::from_millis(1_700_000_000_999);
        assert_eq!(
            secret.sign(br#"{"a":1}"#, now),
            "t=1700000000,v1=7b2992c1f41ac383ed7caf6d966ef2b7b897d4ad70fa29241394a7316e268e9e"
        );
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
    }
}
