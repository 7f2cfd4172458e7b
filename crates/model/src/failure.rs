//! What went wrong.

/// What went wrong with an operation or a resource, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short code for programs.
    pub code: Box<str>,
    /// A sentence for people.
    pub message: Box<str>,
    /// Whether trying again may help.
    pub retryable: bool,
}

impl Failure {
    /// A failure that trying again does not mend.
    pub fn new(code: impl Into<Box<str>>, message: impl Into<Box<str>>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
        }
    }
}
