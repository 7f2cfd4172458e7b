//! Trying again: how often, after which pause, and what of an operation.

use crate::Failure;

/// When an attempt that failed is followed by another one.
///
/// Every lease is an attempt, unless the worker hands it back. One that is lost counts too, so that work which kills its
/// workers comes to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts there are at the most.
    pub attempts_max: u32,
    /// The longest pause after the first attempt; it doubles with each attempt.
    pub pause_first_millis: i64,
    /// The longest pause after any attempt.
    pub pause_max_millis: i64,
    /// The codes of failures that are tried again, besides those that say so themselves.
    pub codes: Vec<Box<str>>,
    /// What is tried again.
    pub scope: RetryScope,
}

/// What is done again after an attempt that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryScope {
    /// The resources that failed and may do better; what succeeded stays.
    #[default]
    Failed,
    /// All resources, as if none had been touched.
    All,
}

impl Retry {
    /// Whether trying again may help against this failure.
    pub fn covers(&self, failure: &Failure) -> bool {
        failure.retryable || self.codes.contains(&failure.code)
    }

    /// The pause after this attempt: any part of the longest one, as `chance` out of 2^32 says, so that what failed
    /// together does not come back together.
    pub fn pause_millis(&self, attempt: u32, chance: u32) -> i64 {
        let doublings = attempt.saturating_sub(1).min(62);
        let longest = i128::from(self.pause_first_millis.max(0)) << doublings;
        let longest = longest.min(i128::from(self.pause_max_millis.max(0)));
        i64::try_from((longest * i128::from(chance)) >> 32)
            .expect("it is no longer than the longest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Retry {
        Retry {
            attempts_max: 5,
            pause_first_millis: 1_000,
            pause_max_millis: 60_000,
            codes: vec!["Busy".into()],
            scope: RetryScope::Failed,
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_chance_takes_a_part() {
        for (attempt, chance, pause) in [
            (1, u32::MAX, 999),
            (1, 1 << 31, 500),
            (1, 0, 0),
            (2, 1 << 31, 1_000),
            (3, 1 << 31, 2_000),
            (7, 1 << 31, 30_000),
            (u32::MAX, u32::MAX, 59_999),
            (0, 1 << 31, 500),
        ] {
            assert_eq!(rule().pause_millis(attempt, chance), pause, "{attempt}");
        }
    }

    #[test]
    fn a_failure_says_it_itself_or_by_its_code() {
        for (code, retryable, covered) in [
            ("Busy", false, true),
            ("Busy", true, true),
            ("Broken", true, true),
            ("Broken", false, false),
        ] {
            let failure = Failure {
                retryable,
                ..Failure::new(code, "")
            };
            assert_eq!(rule().covers(&failure), covered, "{code} {retryable}");
        }
    }
}
