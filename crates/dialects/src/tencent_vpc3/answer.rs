//! The answers: one of three words, and for those who asked by a request id what came out, and each resource.

use crate::tencent_vpc::query;
use crate::tencent3::envelope;
use crate::{Lent, Reply};
use longrun_model::{Operation, ResourceStatus, Resources};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ByRequest<'o> {
    status: &'static str,
    output: Cow<'o, str>,
    result: Listed<'o>,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ByNumber {
    task_id: u64,
    result: &'static str,
    request_id: String,
}

/// The resources, written without a list of them in between.
struct Listed<'o>(&'o Resources);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct One<'o> {
    resource_id: &'o str,
    status: &'static str,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|resource| One {
            resource_id: resource.id.as_str(),
            status: word_of(resource.status),
        }))
    }
}

const SUCCESS: &str = "SUCCESS";
const FAILED: &str = "FAILED";
const RUNNING: &str = "RUNNING";

/// Tells how `operation` stands to whoever asked by a request id.
pub(super) fn by_request(operation: &Operation, lent: &Lent) -> Reply {
    envelope::success(ByRequest {
        status: word(operation),
        output: output(operation, lent),
        result: Listed(&operation.resources),
        request_id: lent.request_id.to_string(),
    })
}

/// Tells how `operation` stands to whoever asked by a number.
pub(super) fn by_number(operation: &Operation, lent: &Lent) -> Reply {
    envelope::success(ByNumber {
        task_id: operation.key.get(),
        result: word(operation),
        request_id: lent.request_id.to_string(),
    })
}

fn word(operation: &Operation) -> &'static str {
    if !operation.phase.is_ended() {
        RUNNING
    } else if operation.counts_as_success() {
        SUCCESS
    } else {
        FAILED
    }
}

fn word_of(status: ResourceStatus) -> &'static str {
    match status {
        ResourceStatus::Pending | ResourceStatus::Running => RUNNING,
        ResourceStatus::Succeeded => SUCCESS,
        ResourceStatus::Failed | ResourceStatus::Cancelled => FAILED,
    }
}

/// What came out, as text: why it failed, or what it has made so far. Whether it has failed is for the status to say.
fn output<'o>(operation: &'o Operation, lent: &Lent) -> Cow<'o, str> {
    let failure = operation
        .error
        .as_ref()
        .filter(|_| word(operation) == FAILED);
    if let Some(failure) = failure {
        return Cow::Owned(format!("{}: {}", failure.code, failure.message));
    }
    match query::output(operation, lent) {
        None => Cow::Borrowed(""),
        Some(Cow::Borrowed(json)) => Cow::Borrowed(json.as_str()),
        Some(Cow::Owned(json)) => Cow::Owned(json.as_str().to_owned()),
    }
}
