//! How the program ends. The one place that knows exit statuses.

use crate::client::ClientError;
use crate::usage::UsageError;
use longrun_model::Phase;
use longrun_server::KeyError;

/// How a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, and whatever was waited for succeeded.
    Succeeded,
    /// It was not done, or what was waited for failed.
    Failed,
    /// The arguments or the settings cannot be used.
    Usage,
    /// What was waited for succeeded in part.
    Partial,
    /// What was waited for was cancelled.
    Cancelled,
    /// What was waited for did not end in time.
    TimedOut,
    /// There is no such operation or key, or no longer.
    Unknown,
    /// It is not allowed.
    Forbidden,
    /// The server cannot be reached.
    Unreachable,
    /// Somebody did not want to wait any longer.
    Interrupted,
}

/// The exit status that tells a script how it went.
pub(crate) const fn status(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Succeeded => 0,
        Outcome::Failed => 1,
        Outcome::Usage => 2,
        Outcome::Partial => 3,
        Outcome::Cancelled => 4,
        Outcome::TimedOut => 5,
        Outcome::Unknown => 6,
        Outcome::Forbidden => 7,
        Outcome::Unreachable => 8,
        // As shells say it of whatever ends by Ctrl-C.
        Outcome::Interrupted => 130,
    }
}

impl Outcome {
    /// From the best to the worst. Worse is what needs more to be done about it: nothing, look at the rest, begin
    /// again, wait longer, try later, look for the task, look for the right to ask, repair what failed.
    const BEST_TO_WORST: [Self; 10] = [
        Self::Succeeded,
        Self::Partial,
        Self::Cancelled,
        Self::TimedOut,
        Self::Unreachable,
        Self::Unknown,
        Self::Forbidden,
        Self::Failed,
        Self::Usage,
        Self::Interrupted,
    ];

    /// The worst of several; nothing at all is a success.
    pub(crate) fn worst(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let badness = |outcome: &Self| Self::BEST_TO_WORST.iter().position(|it| it == outcome);
        let worst = outcomes.into_iter().max_by_key(badness);
        worst.unwrap_or(Self::Succeeded)
    }

    /// What it means for the one who waited that the operation ended like this.
    pub(crate) const fn of_end(phase: Phase) -> Self {
        match phase {
            Phase::Succeeded => Self::Succeeded,
            Phase::Partial => Self::Partial,
            Phase::Cancelled => Self::Cancelled,
            Phase::Expired => Self::Unknown,
            // The first three are no ends: whoever stopped waiting has no success to tell of.
            Phase::Queued | Phase::Running | Phase::Cancelling | Phase::Failed => Self::Failed,
        }
    }

    /// What went wrong.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        if error.is::<UsageError>() {
            return Self::Usage;
        }
        if let Some(error) = error.downcast_ref() {
            return Self::of_key_error(error);
        }
        match error.downcast_ref() {
            Some(ClientError::Unreachable { .. }) => Self::Unreachable,
            Some(ClientError::Problem(problem)) => Self::of_status(problem.status),
            Some(ClientError::Strange { .. } | ClientError::Unwritable(_)) | None => Self::Failed,
        }
    }

    const fn of_key_error(error: &KeyError) -> Self {
        match error {
            KeyError::Unknown(_) => Self::Unknown,
            KeyError::Unusable(_)
            | KeyError::Unnameable(_)
            | KeyError::NamedProject(_)
            | KeyError::Policy(_) => Self::Usage,
            KeyError::Exists(_)
            | KeyError::UserExists(_)
            | KeyError::Store(_)
            | KeyError::Engine(_) => Self::Failed,
        }
    }

    const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Forbidden,
            404 | 410 => Self::Unknown,
            502..=504 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Problem;
    use anyhow::Context;

    #[test]
    fn ends_have_the_statuses_of_wait() {
        for (phase, expected) in [
            (Phase::Succeeded, 0),
            (Phase::Failed, 1),
            (Phase::Partial, 3),
            (Phase::Cancelled, 4),
            (Phase::Expired, 6),
        ] {
            assert_eq!(status(Outcome::of_end(phase)), expected, "{phase:?}");
        }
    }

    #[test]
    fn the_worst_of_several_is_told() {
        use Outcome::{
            Cancelled, Failed, Forbidden, Partial, Succeeded, TimedOut, Unknown, Unreachable,
        };
        for (outcomes, expected) in [
            (&[][..], 0),
            (&[Succeeded, Succeeded], 0),
            (&[Succeeded, Partial], 3),
            (&[Cancelled, Partial], 4),
            (&[TimedOut, Cancelled], 5),
            (&[Unreachable, TimedOut], 8),
            (&[Unknown, Unreachable], 6),
            (&[Unknown, Forbidden], 7),
            (&[Failed, Forbidden, Succeeded], 1),
        ] {
            let worst = Outcome::worst(outcomes.iter().copied());
            assert_eq!(status(worst), expected, "{outcomes:?}");
        }
        for outcome in Outcome::BEST_TO_WORST {
            assert_eq!(Outcome::worst([Succeeded, outcome]), outcome);
        }
    }

    #[test]
    fn errors_have_their_statuses_whatever_was_being_done() {
        let problem = |status| ClientError::Problem(Problem::with_status(status)).into();
        let unreachable = ClientError::Unreachable {
            server: "http://h".to_owned(),
            cause: "connection refused".to_owned(),
        };
        let errors: [(anyhow::Error, u8); 13] = [
            (KeyError::Unknown("AK".to_owned()).into(), 6),
            (KeyError::Exists("AK".to_owned()).into(), 1),
            (KeyError::Unusable("id").into(), 2),
            (UsageError("no".to_owned()).into(), 2),
            (unreachable.into(), 8),
            (problem(400), 1),
            (problem(401), 7),
            (problem(403), 7),
            (problem(404), 6),
            (problem(409), 1),
            (problem(410), 6),
            (problem(503), 8),
            (anyhow::anyhow!("anything else"), 1),
        ];
        for (error, expected) in errors {
            let text = format!("{error:#}");
            let error = Err::<(), _>(error).context("while trying").unwrap_err();
            assert_eq!(status(Outcome::of_error(&error)), expected, "{text}");
        }
    }
}
