//! How many tests passed and failed, as the runners say.

use std::fmt;
use std::ops::AddAssign;
use std::process::ExitCode;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// A program that runs tests and sums them up in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `cargo nextest`: one line in the end.
    Nextest,
    /// `cargo test`: a line for each test program.
    Libtest,
}

impl Runner {
    /// What this line of the runner's output counts, if it is a line that does.
    ///
    /// Only the runner's own lines are understood: nextest shows what failed tests wrote, and libtest's sums are in it.
    pub(crate) fn read(self, line: &str) -> Option<Counts> {
        let line = without_colours(line);
        let parts = match self {
            Self::Nextest => {
                let (_, parts) = line.trim().strip_prefix("Summary [")?.split_once("run: ")?;
                without_parentheses(parts)
            }
            Self::Libtest => {
                let (_, parts) = line.strip_prefix("test result: ")?.split_once(". ")?;
                parts.to_owned()
            }
        };
        Some(sum(&parts))
    }
}

impl Counts {
    pub(crate) fn exit_code(self) -> ExitCode {
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed } = self;
        write!(formatter, "{passed} passed, {failed} failed")
    }
}

/// Adds up `3 passed, 1 failed, 1 timed out`, with commas or semicolons.
fn sum(parts: &str) -> Counts {
    let mut counts = Counts::default();
    for part in parts.split([',', ';']) {
        let Some((number, what)) = part.trim().split_once(' ') else {
            continue;
        };
        let number = number.parse().unwrap_or(0);
        match what {
            "passed" => counts.passed += number,
            "failed" | "exec failed" | "timed out" => counts.failed += number,
            _ => (),
        }
    }
    counts
}

/// Takes out what stands in parentheses: parts of a number that was counted already.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let is_outside = |letter: &char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    let outside: String = text.chars().filter(is_outside).collect();
    outside.replace(" ,", ",")
}

/// Takes out the escape sequences for colours, which a setting can force upon a runner that writes into a pipe.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| {
        plain + piece.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_understood() {
        use Runner::{Libtest, Nextest};
        for (runner, line, counts) in [
            (
                Nextest,
                "     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped",
                Some((3, 0)),
            ),
            (
                Nextest,
                "     Summary [   0.005s] 1 test run: 1 passed, 0 skipped",
                Some((1, 0)),
            ),
            (
                Nextest,
                "     Summary [  62.1s] 8/9 tests run: 4 passed (1 slow, 1 flaky), 2 failed (1 due to being leaky), \
                 1 exec failed, 1 timed out, 3 skipped",
                Some((4, 4)),
            ),
            (
                Nextest,
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \
                 \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped",
                Some((2, 0)),
            ),
            (
                Nextest,
                "        PASS [   0.004s] longrun-model tally::tests::the_seven_codes",
                None,
            ),
            (
                Nextest,
                "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured",
                None,
            ),
            (
                Libtest,
                "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out",
                Some((5, 0)),
            ),
            (
                Libtest,
                "test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured",
                Some((4, 1)),
            ),
            (
                Libtest,
                "test result: \u{1b}[32mok\u{1b}[m. 5 passed; 0 failed; 0 ignored",
                Some((5, 0)),
            ),
            (Libtest, "running 5 tests", None),
        ] {
            let expected = counts.map(|(passed, failed)| Counts { passed, failed });
            assert_eq!(runner.read(line), expected, "{runner:?}: {line}");
        }
    }

    #[test]
    fn the_last_line_has_one_form() {
        let mut counts = Counts::default();
        counts += Counts {
            passed: 3,
            failed: 0,
        };
        counts += Counts {
            passed: 0,
            failed: 1,
        };
        assert_eq!(counts.to_string(), "3 passed, 1 failed");
    }
}
