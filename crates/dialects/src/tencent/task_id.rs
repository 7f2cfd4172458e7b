//! The `taskId`: a positive integer that every JSON reader keeps exact.

use crate::Fault;
use longrun_model::OperationKey;
use std::borrow::Cow;

/// Reads a `taskId`: digits only, 1 to 2^53 - 1.
pub(crate) fn parse(text: &str) -> Result<u64, Fault> {
    let invalid = |reason| Fault::InvalidParameter {
        name: Cow::Borrowed("taskId"),
        reason,
    };
    // `u64::from_str` takes a sign, and a sign is no digit.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("it is not a positive integer"));
    }
    text.parse()
        .ok()
        .and_then(OperationKey::new)
        .map(OperationKey::get)
        .ok_or_else(|| invalid("it is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_are_positive_and_exact() {
        for (text, expected) in [
            ("1", Some(1)),
            ("297", Some(297)),
            ("1000800001", Some(1_000_800_001)),
            ("0297", Some(297)),
            ("9007199254740991", Some((1 << 53) - 1)),
            ("9007199254740992", None),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            (&"9".repeat(1_000), None),
            ("0", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("1.0", None),
            ("1e3", None),
            ("0x1", None),
            ("abc", None),
            ("٣", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
