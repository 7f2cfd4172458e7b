//! What a watch is told, and what it advises.

use crate::pace::Ask;
use longrun_dialects::{Observation, QueryError, Watched};
use longrun_model::Timestamp;
use std::fmt;

/// What came of one poll.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The cloud told how the task stands.
    Observed(Observation),
    /// The cloud answered, and told nothing about the task.
    Refused {
        /// What it said.
        error: QueryError,
        /// What time it is there, as its `Date` header says.
        cloud_time: Option<Timestamp>,
    },
    /// There was no answer, for this reason: no name, no connection, no certificate, no end.
    Lost(Box<str>),
}

/// Why the last poll told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The cloud refused to answer.
    Refused(QueryError),
    /// There was no answer.
    Lost(Box<str>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(formatter),
            Self::Lost(why) => formatter.write_str(why),
        }
    }
}

/// The cloud's last word on a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// It ended, well for some resources and badly for others.
    Partial,
    /// The cloud does not know it. That says nothing about how it ended.
    Unknown {
        /// Whether it was seen before, so that it must have expired or been deleted.
        was_known: bool,
    },
}

impl Outcome {
    /// The end that this state is, if it is one.
    pub(crate) fn of(state: &Watched) -> Option<Self> {
        match state {
            Watched::Queued | Watched::Running(_) | Watched::Unclear(_) => None,
            Watched::Succeeded => Some(Self::Succeeded),
            Watched::Failed => Some(Self::Failed),
            Watched::Partial => Some(Self::Partial),
        }
    }
}

/// Why a watch ended before its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// We may not ask.
    NotAllowed(QueryError),
    /// Asking again is of no use.
    Refused(QueryError),
    /// The cloud does not accept our clock, even corrected.
    Clock {
        /// How far the cloud's clock is ahead of ours, if it told.
        offset_millis: Option<i64>,
        /// What it said.
        error: QueryError,
    },
    /// The deadline came first.
    TimedOut {
        /// What was wrong with the last poll, if something was.
        trouble: Option<Trouble>,
    },
    /// The deadline came, and not one poll had been answered.
    Unreachable(Trouble),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask at this instant, or at once if it has passed.
    AskAt(Timestamp),
    /// Do not ask any more: the cloud wants to be left alone until after the deadline. The watch ends then.
    TooLate {
        /// When the next poll would be due.
        wanted: Timestamp,
    },
    /// The cloud has had its last word.
    Ended(Outcome),
    /// The watch is over, the task perhaps not.
    GaveUp(Reason),
}

impl Next {
    /// Whether the watch is over.
    pub const fn is_over(&self) -> bool {
        match self {
            Self::AskAt(_) | Self::TooLate { .. } => false,
            Self::Ended(_) | Self::GaveUp(_) => true,
        }
    }
}

impl From<Ask> for Next {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::At(instant) => Self::AskAt(instant),
            Ask::TooLate { wanted } => Self::TooLate { wanted },
        }
    }
}

/// What one answer led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether [`crate::Watch::seen`] is different from before.
    pub changed: bool,
    /// What to do next.
    pub next: Next,
}
