//! A quota of calls, kept.
//!
//! A bucket that fills drop by drop lets a full bucket and the drops of a second pass in one second, nearly twice the
//! quota. Here every token comes back exactly one period after it was taken. So in no stretch of that length, wherever
//! it begins, are there more calls than the quota has, and yet all of them may come at once.

use crate::pace::later;
use longrun_model::Timestamp;
use std::collections::VecDeque;
use std::num::NonZeroU32;

/// How many calls a cloud allows.
///
/// The cloud counts calls as they arrive, and two may travel differently long. A period that is a little longer than
/// the cloud's makes up for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many calls.
    pub calls: NonZeroU32,
    /// In each stretch of this length.
    pub per_millis: NonZeroU32,
}

/// The tokens of one account for one API.
#[derive(Clone, Debug)]
pub struct Bucket {
    quota: Quota,
    /// When the tokens that are out come back, the earliest first.
    back_at: VecDeque<Timestamp>,
    closed_until: Option<Timestamp>,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(quota: Quota) -> Self {
        Self {
            quota,
            back_at: VecDeque::new(),
            closed_until: None,
        }
    }

    /// Takes a token for a call that is made now. If there is none, says when there will be one.
    ///
    /// Those who are told an instant should stand in line: it is that of one token.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let next = self.next_at(now);
        if next > now {
            return Err(next);
        }
        while self.back_at.front().is_some_and(|back| *back <= now) {
            self.back_at.pop_front();
        }
        let back = later(now, u64::from(self.quota.per_millis.get()));
        self.back_at.push_back(back);
        Ok(())
    }

    /// When the next token can be taken, which may be now.
    pub fn next_at(&self, now: Timestamp) -> Timestamp {
        // Those that are back count as out until the next one is taken, but then the earliest does not lie ahead.
        let is_empty = self.back_at.len() >= self.quota.calls.get() as usize;
        let back = self.back_at.front().copied().filter(|_| is_empty);
        [back, self.closed_until]
            .into_iter()
            .flatten()
            .fold(now, Timestamp::max)
    }

    /// Gives out no token before `instant`: the cloud has turned one call away and means all of this account.
    pub fn close_until(&mut self, instant: Timestamp) {
        self.closed_until = self.closed_until.max(Some(instant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(calls: u32, per_millis: u32) -> Bucket {
        Bucket::new(Quota {
            calls: NonZeroU32::new(calls).unwrap(),
            per_millis: NonZeroU32::new(per_millis).unwrap(),
        })
    }

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_token_comes_back_one_period_after_it_was_taken() {
        let mut bucket = bucket(2, 1_000);
        for (now, expected) in [
            (0, Ok(())),
            (600, Ok(())),
            (700, Err(at(1_000))),
            (999, Err(at(1_000))),
            (1_000, Ok(())),
            (1_000, Err(at(1_600))),
            (1_600, Ok(())),
            (9_000, Ok(())),
            (9_000, Ok(())),
            (9_000, Err(at(10_000))),
        ] {
            assert_eq!(bucket.take(at(now)), expected, "at {now}");
        }
    }

    #[test]
    fn a_closed_bucket_keeps_its_tokens() {
        let mut bucket = bucket(1, 1_000);
        bucket.close_until(at(5_000));
        bucket.close_until(at(2_000));
        assert_eq!(bucket.take(at(0)), Err(at(5_000)));
        assert_eq!(bucket.take(at(5_000)), Ok(()));
        assert_eq!(bucket.next_at(at(5_000)), at(6_000));
    }

    #[test]
    fn two_hundred_in_line_under_ten_a_second_take_twenty_seconds_and_no_longer() {
        let (mut bucket, mut now) = (bucket(10, 1_000), at(0));
        for _ in 0..200 {
            while let Err(next) = bucket.take(now) {
                now = next;
            }
        }
        assert_eq!(now, at(19_000));
    }
}
