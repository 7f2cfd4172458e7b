//! What a query has found so far.
//!
//! The answer to a query is known when it is submitted, and stands in its input. It is told as the operation gets on, and
//! as a whole once that has succeeded, unless whoever carries it out brings an output of its own.

use crate::Lent;
use longrun_model::{Json, Operation, Phase};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The dialect whose kinds these are.
const DIALECT: &str = "tencent-vpc";

#[derive(Deserialize)]
struct Input {
    result: Found,
}

#[derive(Serialize, Deserialize)]
struct Found {
    total: usize,
    detail: Vec<Value>,
}

/// The output of an operation, or what a query that has none has found.
pub(crate) fn output<'o>(operation: &'o Operation, lent: &Lent) -> Option<Cow<'o, Json>> {
    let own = operation.output.as_ref().map(Cow::Borrowed);
    own.or_else(|| found(operation, lent).map(Cow::Owned))
}

fn found(operation: &Operation, lent: &Lent) -> Option<Json> {
    let maker = lent.catalogue.maker(DIALECT, &operation.kind)?;
    let input = operation.input.as_ref().filter(|_| maker.reads)?;
    let Input { mut result } = serde_json::from_str(input.as_str()).ok()?;
    let percent = match operation.phase {
        Phase::Queued => return None,
        Phase::Succeeded => 100,
        Phase::Running
        | Phase::Cancelling
        | Phase::Failed
        | Phase::Partial
        | Phase::Cancelled
        | Phase::Expired => usize::from(operation.percent()),
    };
    let told = result.detail.len() * percent / 100;
    result.detail.truncate(told);
    result.total = told;
    serde_json::to_string(&result).ok().map(Json::from_checked)
}
