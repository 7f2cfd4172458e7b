//! How often a key may call.
//!
//! Calls are counted once they are proved, so that nobody uses up what is another's. Each server counts for itself, and
//! forgets it when it ends. Keys without a limit are not looked up at all if no key has one.

use longrun_model::Timestamp;
use longrun_poller::{Bucket, Quota};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;

/// The key that stands for all that are not named.
const OTHERS: &str = "*";

/// What keys may call, and have called.
pub(crate) struct Rates {
    quotas: HashMap<String, Quota>,
    buckets: RwLock<HashMap<Box<str>, Arc<Mutex<Bucket>>>>,
}

impl Rates {
    /// By the ids of the keys, `*` for those that are not named.
    pub(crate) fn new(quotas: HashMap<String, Quota>) -> Self {
        Self {
            quotas,
            buckets: RwLock::default(),
        }
    }

    /// Counts a call of the key with this id. If it is one too many, says for how long there is no room for another.
    pub(crate) fn count(&self, id: &str, now: Timestamp) -> Result<(), u64> {
        let Some(quota) = self.quota(id) else {
            return Ok(());
        };
        let known = self.buckets.read().get(id).map(Arc::clone);
        let bucket = known.unwrap_or_else(|| {
            let mut buckets = self.buckets.write();
            Arc::clone(
                buckets
                    .entry(id.into())
                    .or_insert_with(|| Arc::new(Mutex::new(Bucket::new(quota)))),
            )
        });
        let taken = bucket.lock().take(now);
        taken.map_err(|next| next.millis_since(now).max(1).unsigned_abs())
    }

    fn quota(&self, id: &str) -> Option<Quota> {
        if self.quotas.is_empty() {
            return None;
        }
        let own = self.quotas.get(id).or_else(|| self.quotas.get(OTHERS));
        own.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn quota(calls: u32, per_millis: u32) -> Quota {
        Quota {
            calls: NonZeroU32::new(calls).unwrap(),
            per_millis: NonZeroU32::new(per_millis).unwrap(),
        }
    }

    fn rates<const N: usize>(quotas: [(&str, Quota); N]) -> Rates {
        Rates::new(quotas.map(|(id, quota)| (id.to_owned(), quota)).into())
    }

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn ten_seconds_let_through_what_was_agreed() {
        for (calls, per_millis, agreed) in [(50, 1_000, 500), (7, 500, 140), (300, 2_000, 1_500)] {
            for every in [1, 3, 7] {
                let rates = rates([("k", quota(calls, per_millis))]);
                let offered = (0..10_000).step_by(every);
                let passed = offered.filter(|now| rates.count("k", at(*now)).is_ok());
                let passed = passed.count().min(10_000 / every);
                let expected = agreed.min(10_000_usize.div_ceil(every));
                assert!(
                    passed.abs_diff(expected) * 20 <= expected,
                    "{calls} in {per_millis} ms, a call each {every} ms: {passed}"
                );
            }
        }
    }

    #[test]
    fn who_is_turned_away_is_told_until_when() {
        let rates = rates([("k", quota(2, 1_000))]);
        for (now, expected) in [
            (0, Ok(())),
            (400, Ok(())),
            (700, Err(300)),
            (1_000, Ok(())),
            (1_001, Err(399)),
        ] {
            assert_eq!(rates.count("k", at(now)), expected, "at {now}");
        }
    }

    #[test]
    fn each_key_has_its_own_quota_and_only_those_that_are_meant() {
        let one = quota(1, 1_000);
        let named = rates([("a", one)]);
        assert_eq!(named.count("a", at(0)), Ok(()));
        assert_eq!(named.count("a", at(0)), Err(1_000));
        assert_eq!(
            (named.count("b", at(0)), named.count("b", at(0))),
            (Ok(()), Ok(()))
        );
        let others = rates([("a", quota(2, 1_000)), ("*", one)]);
        for (id, expected) in [
            ("a", Ok(())),
            ("b", Ok(())),
            ("c", Ok(())),
            ("a", Ok(())),
            ("b", Err(1_000)),
            ("a", Err(1_000)),
        ] {
            assert_eq!(others.count(id, at(0)), expected, "{id}");
        }
        assert_eq!(Rates::new(HashMap::new()).count("a", at(0)), Ok(()));
    }
}
