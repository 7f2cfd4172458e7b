//! What comes of a handler.

use crate::wire::Failure;
use serde::Serialize;
use serde_json::value::RawValue;
use std::error::Error;

/// Bytes of an output or of a message that a server takes.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a code that a server takes.
const CODE_BYTES_MAX: usize = 256;

/// What came of a resource, or of an operation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It went well.
    Succeeded(Option<Box<RawValue>>),
    /// It went wrong.
    Failed(Failure),
}

impl Outcome {
    /// It went well, and this came of it; `null` is nothing.
    pub fn succeeded(output: &impl Serialize) -> Self {
        match serde_json::value::to_raw_value(output) {
            Ok(output) if output.get() == "null" => Self::Succeeded(None),
            Ok(output) => Self::Succeeded(Some(output)),
            Err(error) => Self::Failed(Failure::new("no-json", error.to_string())),
        }
    }

    /// The same within what a server takes.
    pub(crate) fn fitting(self) -> Self {
        match self {
            Self::Succeeded(Some(output)) if output.get().len() > PAYLOAD_BYTES_MAX => {
                let output_bytes = output.get().len();
                let message =
                    format!("the output has {output_bytes} bytes, of {PAYLOAD_BYTES_MAX}");
                Self::Failed(Failure::new("output-too-large", message))
            }
            Self::Succeeded(output) => Self::Succeeded(output),
            Self::Failed(mut failure) => {
                cut(&mut failure.code, CODE_BYTES_MAX);
                cut(&mut failure.message, PAYLOAD_BYTES_MAX);
                Self::Failed(failure)
            }
        }
    }
}

/// Cuts a text where a letter ends.
pub(crate) fn cut(text: &mut String, limit_bytes: usize) {
    let end = (0..=limit_bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
}

impl<T: Serialize, E: Into<Failure>> From<Result<T, E>> for Outcome {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(output) => Self::succeeded(&output),
            Err(error) => Self::Failed(error.into()),
        }
    }
}

impl Failure {
    /// A failure that another try would not mend.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
        }
    }

    /// The same, and another try may do better.
    #[must_use]
    pub fn retryable(self) -> Self {
        Self {
            retryable: true,
            ..self
        }
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new("error", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: Outcome) -> String {
        match outcome.fitting() {
            Outcome::Succeeded(output) => output.map_or("-".to_owned(), |it| it.get().to_owned()),
            Outcome::Failed(failure) => format!("{}: {}", failure.code, failure.message),
        }
    }

    #[test]
    fn what_a_handler_returns_becomes_an_outcome() {
        let unreadable = serde_json::from_str::<u8>("x").unwrap_err();
        let long = "x".repeat(PAYLOAD_BYTES_MAX);
        for (outcome, expected) in [
            (Ok::<_, Failure>(7).into(), "7"),
            (Ok::<_, Failure>(()).into(), "-"),
            (Ok::<_, Failure>(None::<u8>).into(), "-"),
            (
                Err::<(), _>(Failure::new("full", "no room")).into(),
                "full: no room",
            ),
            (
                Err::<(), _>(unreadable).into(),
                "error: expected value at line 1 column 1",
            ),
            (
                Ok::<_, Failure>(&long).into(),
                "output-too-large: the output has 65538 bytes, of 65536",
            ),
        ] {
            assert_eq!(told(outcome), expected);
        }
    }

    #[test]
    fn texts_are_cut_between_letters() {
        for (text, limit_bytes, expected) in [
            ("abc", 2, "ab"),
            ("abc", 3, "abc"),
            ("aü", 2, "a"),
            ("ü", 1, ""),
            ("", 5, ""),
        ] {
            let mut cut_text = text.to_owned();
            cut(&mut cut_text, limit_bytes);
            assert_eq!(cut_text, expected, "{text} {limit_bytes}");
        }
    }
}
