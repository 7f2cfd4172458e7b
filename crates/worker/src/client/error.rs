//! What can go wrong with a call.

use serde::Deserialize;
use std::error::Error;
use std::fmt;

/// Why a call told nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There was no answer.
    #[error("`{server}` cannot be reached: {cause}")]
    Unreachable {
        /// Which server.
        server: String,
        /// What the system said, in place of the many layers between it and us.
        cause: String,
    },
    /// The server refused.
    #[error("{0}")]
    Problem(Problem),
    /// There was an answer, and it is none of a Longrun server.
    #[error("`{server}` does not answer like a Longrun server (status {status}{})", redirect(*status))]
    Strange {
        /// Which server.
        server: String,
        /// The status that came.
        status: u16,
    },
    /// The call itself cannot be written.
    #[error("the call cannot be written")]
    Unwritable(#[source] serde_json::Error),
}

impl ClientError {
    pub(super) fn unreachable(server: &str, error: &reqwest::Error) -> Self {
        let mut cause: &dyn Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let cause = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            cause.to_string()
        };
        Self::Unreachable {
            server: server.to_owned(),
            cause,
        }
    }

    /// Whether the same call may do better later.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => is_transient(problem.status),
            // What stands in front of a server answers in words of its own while the server is away.
            Self::Strange { status, .. } => is_transient(*status),
            Self::Unwritable(_) => false,
        }
    }
}

/// What is said of a status that leads elsewhere.
const fn redirect(status: u16) -> &'static str {
    match status {
        300..=399 => ": redirects are not followed, as the token is for this server",
        _ => "",
    }
}

const fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 500..=599)
}

/// A refusal in the words of the server.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Problem {
    /// What kind of refusal it is, for programs: `urn:longrun:problem:NAME`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The same for people.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time.
    #[serde(default)]
    pub detail: Option<String>,
}

impl Problem {
    /// A refusal with this status and no words.
    pub const fn with_status(status: u16) -> Self {
        Self {
            kind: String::new(),
            title: String::new(),
            status,
            detail: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.detail.as_deref().unwrap_or(&self.title))?;
        write!(formatter, " (status {})", self.status)
    }
}

/// A text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{server}` is no address of a server: {reason}")]
pub struct BadAddress {
    /// The text.
    pub server: String,
    /// What is wrong with it.
    pub reason: String,
}
