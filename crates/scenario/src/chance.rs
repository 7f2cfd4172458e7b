//! Chance out of a seed: the same seed and the same operation draw the same numbers, in whatever order operations come.

/// A stream of numbers (`SplitMix64`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chance(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// The stream of one operation under one seed.
    pub(crate) fn new(seed: u64, operation: u64) -> Self {
        let mut mixed = Self(seed);
        Self(mixed.next() ^ operation.wrapping_mul(STEP))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number from `least` to `most`.
    pub(crate) fn within(&mut self, least: i64, most: i64) -> i64 {
        let span = u128::from(most.abs_diff(least)) + 1;
        let drawn = (u128::from(self.next()) * span) >> 64;
        least.wrapping_add_unsigned(u64::try_from(drawn).expect("it is below the span"))
    }

    /// Whether something happens whose probability is `share`.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        const DIGITS: u32 = 1 << 31;
        let drawn = u32::try_from(self.next() >> 33).expect("31 bits are left");
        f64::from(drawn) < share * f64::from(DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_numbers_and_another_one_others() {
        let draw = |seed, operation| {
            let mut chance = Chance::new(seed, operation);
            [chance.next(), chance.next()]
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1)[0], draw(1, 1)[1]);
    }

    #[test]
    fn numbers_lie_in_their_range_and_reach_both_ends() {
        let mut chance = Chance::new(7, 0);
        let drawn: Vec<i64> = (0..200).map(|_| chance.within(-1, 1)).collect();
        for number in [-1, 0, 1] {
            assert!(drawn.contains(&number));
        }
        assert!(drawn.iter().all(|number| (-1..=1).contains(number)));
        assert_eq!(chance.within(5, 5), 5);
        chance.within(i64::MIN, i64::MAX);
    }

    #[test]
    fn shares_are_kept() {
        let mut chance = Chance::new(7, 0);
        for (share, least, most) in [(0.0, 0, 0), (1.0, 1_000, 1_000), (0.3, 250, 350)] {
            let happened = (0..1_000).filter(|_| chance.happens(share)).count();
            assert!((least..=most).contains(&happened), "{share}: {happened}");
        }
    }
}
