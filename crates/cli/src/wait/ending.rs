//! How a wait for one target ended, and what that means.

use super::view::{View, error_words};
use crate::exit::Outcome;
use jiff::SignedDuration;
use longrun_poller::{Next, Outcome as End, Reason, Trouble};

/// How a wait ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// What it means for the exit status.
    pub(super) outcome: Outcome,
    /// Whether the target itself has ended, rather than the wait for it.
    pub(super) is_final: bool,
    /// In one word.
    pub(super) status: String,
    /// What there is to say.
    pub(super) words: Option<String>,
    /// How the target was last seen.
    pub(super) view: Option<View>,
}

impl Ending {
    /// The target has ended, as `view` tells.
    pub(super) fn of_target(outcome: Outcome, view: View) -> Self {
        let error = view.error.as_ref().map(error_words);
        Self {
            outcome,
            is_final: true,
            status: view.status.clone(),
            words: error.or_else(|| view.message.clone()),
            view: Some(view),
        }
    }

    /// Only the wait has ended.
    pub(super) fn of_wait(outcome: Outcome, words: String, view: Option<View>) -> Self {
        let status = match outcome {
            Outcome::TimedOut => "timed out",
            Outcome::Unknown => "unknown",
            Outcome::Forbidden => "not allowed",
            Outcome::Unreachable
            | Outcome::Succeeded
            | Outcome::Failed
            | Outcome::Usage
            | Outcome::Partial
            | Outcome::Cancelled
            | Outcome::Interrupted => "unreachable",
        };
        Self {
            outcome,
            is_final: false,
            status: status.to_owned(),
            words: Some(words),
            view,
        }
    }

    /// The end of a watch, which must be over.
    pub(super) fn of_watch(next: &Next, view: Option<View>, trouble: Option<&Trouble>) -> Self {
        let outcome = match next {
            Next::AskAt(_) | Next::TooLate { .. } => unreachable!("the watch goes on"),
            Next::GaveUp(reason) => return Self::of_reason(reason, view),
            Next::Ended(End::Succeeded) => Outcome::Succeeded,
            Next::Ended(End::Failed) => Outcome::Failed,
            Next::Ended(End::Partial) => Outcome::Partial,
            Next::Ended(End::Unknown { was_known }) => {
                let words = unknown_words(*was_known, trouble);
                return Self::of_wait(Outcome::Unknown, words, view);
            }
        };
        Self::of_target(outcome, view.expect("an end was observed"))
    }

    fn of_reason(reason: &Reason, view: Option<View>) -> Self {
        let (outcome, words) = match reason {
            Reason::NotAllowed(error) => (Outcome::Forbidden, format!("we may not ask: {error}")),
            Reason::Refused(error) => (
                Outcome::Unreachable,
                format!("asking again is of no use: {error}"),
            ),
            Reason::Clock {
                offset_millis,
                error,
            } => {
                let words = match offset_millis {
                    Some(offset) => format!("{}; {error}", clock_words(*offset)),
                    None => format!("the cloud does not accept our clock: {error}"),
                };
                (Outcome::Forbidden, words)
            }
            Reason::TimedOut { trouble } => (
                Outcome::TimedOut,
                timed_out_words(view.as_ref(), trouble.as_ref()),
            ),
            Reason::Unreachable(trouble) => (
                Outcome::Unreachable,
                format!("no poll was answered until the end of the wait: {trouble}"),
            ),
        };
        Self::of_wait(outcome, words, view)
    }
}

fn unknown_words(was_known: bool, trouble: Option<&Trouble>) -> String {
    let words = if was_known {
        "it is no longer known there: its result may have expired, and it may have ended either way"
    } else {
        "it is not known there, or no longer"
    };
    match trouble {
        Some(trouble) => format!("{words} ({trouble})"),
        None => words.to_owned(),
    }
}

/// That the end did not come in time, and what was seen last.
pub(super) fn timed_out_words(
    view: Option<&View>,
    trouble: Option<&impl std::fmt::Display>,
) -> String {
    let seen = match view {
        Some(view) => format!("it did not end in time; last seen: {}", view.words()),
        None => "it did not end in time, and was never seen".to_owned(),
    };
    match trouble {
        Some(trouble) => format!("{seen}; the last poll told nothing: {trouble}"),
        None => seen,
    }
}

/// How far the cloud's clock is from ours.
pub(super) fn clock_words(offset_millis: i64) -> String {
    // The header that tells the time has whole seconds.
    let offset = SignedDuration::from_secs(offset_millis / 1_000);
    let way = if offset.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    format!(
        "the cloud's clock is {:#} {way} this machine's",
        offset.abs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_dialects::{QueryError, Retry};

    fn error() -> QueryError {
        QueryError {
            code: "4100".to_owned(),
            message: "no".to_owned(),
            retry: Retry::Forbidden,
        }
    }

    #[test]
    fn reasons_have_outcomes_and_words() {
        let clock = |offset_millis| Reason::Clock {
            offset_millis,
            error: error(),
        };
        let lost = || Trouble::Lost("connection reset".into());
        for (reason, outcome, words) in [
            (Reason::NotAllowed(error()), Outcome::Forbidden, "4100: no"),
            (Reason::Refused(error()), Outcome::Unreachable, "4100: no"),
            (
                clock(Some(3_602_900)),
                Outcome::Forbidden,
                "1h 2s ahead of this machine's",
            ),
            (
                clock(Some(-60_000)),
                Outcome::Forbidden,
                "1m behind this machine's",
            ),
            (clock(None), Outcome::Forbidden, "does not accept our clock"),
            (
                Reason::TimedOut {
                    trouble: Some(lost()),
                },
                Outcome::TimedOut,
                "told nothing: connection reset",
            ),
            (
                Reason::TimedOut { trouble: None },
                Outcome::TimedOut,
                "never seen",
            ),
            (
                Reason::Unreachable(lost()),
                Outcome::Unreachable,
                "connection reset",
            ),
        ] {
            let ending = Ending::of_reason(&reason, None);
            assert_eq!(ending.outcome, outcome, "{reason:?}");
            let said = ending.words.unwrap();
            assert!(said.contains(words), "{said}");
            assert!(!ending.is_final);
        }
    }

    #[test]
    fn what_is_not_known_may_have_ended_either_way() {
        let end = |was_known| Next::Ended(End::Unknown { was_known });
        for (was_known, words) in [(false, "not known there"), (true, "either way")] {
            let ending = Ending::of_watch(&end(was_known), None, None);
            assert_eq!(ending.outcome, Outcome::Unknown);
            assert!(ending.words.unwrap().contains(words));
        }
    }
}
