//! Keys that were derived from a secret for a day, a region or a product. Deriving one takes more hashes than checking a
//! signature with it, and a client uses the same one all day.

use longrun_dialects::{Derivation, Dialect, Fault, Proof};
use longrun_model::Timestamp;
use parking_lot::Mutex;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// How many are kept of one secret: a few products, on two days about midnight.
const KEPT_MAX: usize = 8;

/// What was derived from one secret lately, newest last.
#[derive(Default)]
pub(crate) struct DerivedKeys(Mutex<VecDeque<(Derivation<'static>, DerivedKey)>>);

type DerivedKey = Zeroizing<Vec<u8>>;

impl DerivedKeys {
    /// Holds a proof against `secret`, which is always the same one.
    pub(crate) fn verify(
        &self,
        dialect: &dyn Dialect,
        proof: &Proof,
        secret: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        if !proof.derivation.is_costly() {
            return dialect.verify(proof, secret, now);
        }
        if let Some(key) = self.find(&proof.derivation) {
            return proof.verify_with(&key, now);
        }
        let key = Zeroizing::new(proof.derivation.key(secret).into_owned());
        proof.verify_with(&key, now)?;
        // Only what was proved is kept: others cannot push it out with days and products that they make up.
        self.keep(proof.derivation.clone().into_owned(), key);
        Ok(())
    }

    fn find(&self, derivation: &Derivation) -> Option<DerivedKey> {
        let kept = self.0.lock();
        let mut newest_first = kept.iter().rev();
        let found = newest_first.find(|(other, _)| other == derivation);
        found.map(|(_, key)| key.clone())
    }

    fn keep(&self, derivation: Derivation<'static>, key: DerivedKey) {
        let mut kept = self.0.lock();
        // Two requests at a time may both find it missing.
        if kept.iter().any(|(other, _)| *other == derivation) {
            return;
        }
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((derivation, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_dialects::{ALL, Algorithm, Texts};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn derivation(day: &str) -> Derivation<'_> {
        Derivation::Chained {
            prefix: "TC3",
            steps: vec![day.into(), "bm".into()],
        }
    }

    fn proof<'a>(derivation: Derivation<'a>, secret: &[u8]) -> Proof<'a> {
        let algorithm = Algorithm::HmacSha256;
        Proof {
            signed_at: NOW,
            window_millis: 1_000,
            nonce: None,
            algorithm,
            signature: algorithm.sign(&derivation.key(secret), b"text"),
            derivation,
            texts: Texts::only("text".to_owned()),
        }
    }

    #[test]
    fn what_is_kept_judges_as_what_was_derived() {
        let derived = DerivedKeys::default();
        let verify = |proof: &Proof, now| derived.verify(ALL[0], proof, b"secret", now);
        let late = NOW.plus_millis(5_000);
        for derivation in [
            derivation("2026-11-21"),
            derivation("2026-11-22"),
            Derivation::HkdfHex {
                salt: "AK".into(),
                info: "20261121/r/s".into(),
            },
            Derivation::Plain,
        ] {
            let (good, bad) = (
                proof(derivation.clone(), b"secret"),
                proof(derivation.clone(), b"other"),
            );
            // Before the key is kept, when that is done, and after it.
            for _ in 0..3 {
                assert!(matches!(verify(&bad, NOW), Err(Fault::BadSignature { .. })));
                let skewed = Fault::Skewed {
                    ahead_millis: -5_000,
                };
                assert_eq!(verify(&good, late), Err(skewed));
                assert_eq!(verify(&good, NOW), Ok(()), "{derivation:?}");
            }
        }
        assert_eq!(derived.0.lock().len(), 3);
    }

    #[test]
    fn only_what_was_proved_is_kept_and_not_for_ever() {
        let derived = DerivedKeys::default();
        let kept = || derived.0.lock().len();
        let days: Vec<String> = (0..20).map(|day| format!("2026-11-{day}")).collect();
        for day in &days {
            let forged = proof(derivation(day), b"other");
            assert!(derived.verify(ALL[0], &forged, b"secret", NOW).is_err());
        }
        assert_eq!(kept(), 0);
        for day in &days {
            let proof = proof(derivation(day), b"secret");
            assert_eq!(derived.verify(ALL[0], &proof, b"secret", NOW), Ok(()));
        }
        assert_eq!(kept(), KEPT_MAX);
        assert!(derived.find(&derivation(&days[19])).is_some());
        assert!(derived.find(&derivation(&days[0])).is_none());
    }
}
