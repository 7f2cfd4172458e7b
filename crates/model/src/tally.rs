//! How the resources of an operation stand, counted.

/// A non-empty subset of {succeeded, failed, unfinished}.
///
/// There are seven of them, and that is why the oldest dialect counts its statuses from 1 to 7: the codes are this bit
/// set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mix(u8);

impl Mix {
    /// Only succeeded.
    pub const SUCCEEDED: Self = Self(1);
    /// Only failed.
    pub const FAILED: Self = Self(2);
    /// Only unfinished.
    pub const UNFINISHED: Self = Self(4);

    /// The set with this code, 1 to 7.
    pub const fn from_code(code: u8) -> Option<Self> {
        if code >= 1 && code <= 7 {
            Some(Self(code))
        } else {
            None
        }
    }

    /// The code, 1 to 7.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether something is still unfinished.
    pub const fn is_unfinished(self) -> bool {
        self.0 & Self::UNFINISHED.0 != 0
    }

    /// Whether something has succeeded.
    pub const fn has_succeeded(self) -> bool {
        self.0 & Self::SUCCEEDED.0 != 0
    }

    /// Whether something has failed.
    pub const fn has_failed(self) -> bool {
        self.0 & Self::FAILED.0 != 0
    }
}

/// How many resources an operation has and how they ended. Those that did not end yet are the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: u32,
    /// Those that succeeded.
    pub succeeded: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were cancelled. Every dialect counts them as failed.
    pub cancelled: u32,
}

impl Tally {
    /// Those that did not end yet.
    pub const fn unfinished(self) -> u32 {
        self.total - self.succeeded - self.failed - self.cancelled
    }

    /// The set of what the resources are; none for an operation that names no resource.
    pub fn mix(self) -> Option<Mix> {
        let bit = |count: u32, mix: Mix| if count > 0 { mix.code() } else { 0 };
        Mix::from_code(
            bit(self.succeeded, Mix::SUCCEEDED)
                | bit(self.failed + self.cancelled, Mix::FAILED)
                | bit(self.unfinished(), Mix::UNFINISHED),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seven_codes() {
        for (succeeded, failed, unfinished, code) in [
            (1, 0, 0, Some(1)),
            (0, 1, 0, Some(2)),
            (1, 1, 0, Some(3)),
            (0, 0, 1, Some(4)),
            (1, 0, 1, Some(5)),
            (0, 1, 1, Some(6)),
            (1, 1, 1, Some(7)),
            (0, 0, 0, None),
        ] {
            let total = succeeded + failed + unfinished;
            let tally = Tally {
                total,
                succeeded,
                failed,
                cancelled: 0,
            };
            assert_eq!(tally.mix().map(Mix::code), code, "{tally:?}");
            let tally = Tally {
                total,
                succeeded,
                failed: 0,
                cancelled: failed,
            };
            assert_eq!(
                tally.mix().map(Mix::code),
                code,
                "cancelled counts as failed: {tally:?}"
            );
        }
    }
}
