//! The answer: one of three numbers, how the execution went so far, and what a query has found.
//!
//! 0 is success here and 1 is failure, while bare metal says 1 for success.

use super::fault::BACKEND;
use super::query;
use crate::tencent::envelope;
use crate::{Lent, Reply, wire};
use longrun_model::{Json, Operation};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Data<'o> {
    status: u8,
    output: Output<'o>,
    #[serde(rename = "data", skip_serializing_if = "Option::is_none")]
    found: Option<&'o RawValue>,
}

#[derive(Serialize)]
struct Output<'o> {
    code: u32,
    message: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Number>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Succeeded,
    Failed,
    Running,
}

impl Standing {
    fn of(operation: &Operation) -> Self {
        if !operation.phase.is_ended() {
            Self::Running
        } else if operation.counts_as_success() {
            Self::Succeeded
        } else {
            Self::Failed
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::Running => 2,
        }
    }
}

/// Tells how `operation` stands.
///
/// `data.data` is what a query has found, and absent for all else; a task that failed has found nothing. The document's
/// example repeats the `total` of it in `output`, though no table names it there.
pub(super) fn answer(operation: &Operation, lent: &Lent) -> Reply {
    let standing = Standing::of(operation);
    let output_so_far = query::output(operation, lent);
    let found = output_so_far
        .as_deref()
        .filter(|found| standing != Standing::Failed && found.as_str() != "null");
    let data = Data {
        status: standing.code(),
        output: Output {
            total: found.and_then(total),
            ..output(operation, standing)
        },
        found: found.map(wire::raw),
    };
    envelope::success("", data)
}

/// How the execution went so far. Who asks is told of the first failure while the rest still runs; whether the task has
/// failed is for the status alone to say.
fn output(operation: &Operation, standing: Standing) -> Output<'_> {
    let failure = operation
        .error
        .as_ref()
        .filter(|_| standing != Standing::Succeeded);
    let code = match standing {
        Standing::Failed => BACKEND.code,
        Standing::Succeeded | Standing::Running => 0,
    };
    match failure {
        Some(failure) => Output {
            code: number(&failure.code).unwrap_or(BACKEND.code),
            message: &failure.message,
            total: None,
        },
        None => Output {
            code,
            message: if code == 0 { "OK" } else { "the task failed" },
            total: None,
        },
    }
}

/// The code of a failure, if it is a number that does not mean success.
fn number(code: &str) -> Option<u32> {
    let is_digits = code.bytes().all(|byte| byte.is_ascii_digit());
    code.parse().ok().filter(|number| is_digits && *number != 0)
}

/// The `total` of an object, if it has one that is a number.
fn total(found: &Json) -> Option<Number> {
    #[derive(Deserialize)]
    struct Counted {
        total: Number,
    }
    // A struct may also be read from an array, and most objects have no total: both are settled without parsing.
    let text = found.as_str();
    let may_have = text.starts_with('{') && text.contains("\"total\"");
    may_have
        .then(|| serde_json::from_str::<Counted>(text).ok())?
        .map(|counted| counted.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_numbers_of_objects() {
        for (found, expected) in [
            (r#"{"total":4,"detail":[]}"#, Some("4")),
            (r#"{"detail":{"total":4}}"#, None),
            (r#"{"detail":{"total":4},"total":0}"#, Some("0")),
            (r#"{"total":"4"}"#, None),
            (r#"{"total":null}"#, None),
            (r#"{"total":1,"total":2}"#, None),
            ("[4]", None),
            (r#""total""#, None),
            ("4", None),
        ] {
            let total = total(&Json::from_checked(found)).map(|total| total.to_string());
            assert_eq!(total.as_deref(), expected, "{found}");
        }
    }

    #[test]
    fn codes_of_failures_are_numbers_above_zero() {
        for (code, expected) in [
            ("29258", Some(29_258)),
            ("0", None),
            ("+1", None),
            ("-1", None),
            ("", None),
            ("DiskFull", None),
            ("4294967296", None),
        ] {
            assert_eq!(number(code), expected, "{code}");
        }
    }
}
