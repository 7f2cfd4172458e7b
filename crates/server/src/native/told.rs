//! What a worker tells of an operation, read from its JSON.
//!
//! A part that is wrong is refused by itself, and the rest is kept.

use super::opaque;
use super::problem::Problem;
use crate::chance;
use longrun_engine::Engine;
use longrun_model::{
    Command, Failure, Finish, FinishStatus, OperationKey, Outcome, Phase, Progress, Refusal,
    Report, ResourceId, ResourceResult, ResourceStatus, limits,
};
use longrun_store::Sight;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a part of a report is refused that the model never sees.
const INVALID: &str = "invalid";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportItem<'a> {
    id: Option<String>,
    fence: Option<u64>,
    #[serde(borrow)]
    resources: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    progress: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    finish: Option<&'a RawValue>,
    release: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultItem<'a> {
    id: Box<str>,
    status: Box<str>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    error: Option<FailureItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FinishItem<'a> {
    status: Box<str>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    error: Option<FailureItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureItem {
    code: Box<str>,
    message: Option<Box<str>>,
    retryable: Option<bool>,
}

/// What a wrong report can still be told by.
#[derive(Default, Deserialize)]
struct ReportName {
    id: Option<String>,
    fence: Option<u64>,
}

/// What a wrong result can still be told by.
#[derive(Deserialize)]
struct ResultName {
    id: Box<str>,
}

/// A report as it came: which lease it is about, and what it says.
pub(crate) struct Told {
    pub(crate) id: Option<String>,
    pub(crate) fence: Option<u64>,
    pub(crate) report: Result<Report, Problem>,
    pub(crate) refused: Vec<RefusedPart>,
}

/// A part of a report that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedPart {
    /// The resource, if it was about one.
    pub(crate) resource: Option<Box<str>>,
    pub(crate) reason: &'static str,
}

/// What became of a report: how the operation stands, and what of it was refused.
pub(crate) struct Accepted {
    pub(crate) phase: Phase,
    pub(crate) refused: Vec<RefusedPart>,
}

impl Told {
    /// Reads a report that says itself which lease it is about.
    pub(crate) fn read(raw: &RawValue) -> Self {
        match serde_json::from_str(raw.get()) {
            Ok(item) => Self::of(item),
            Err(error) => {
                let name: ReportName = serde_json::from_str(raw.get()).unwrap_or_default();
                Self {
                    id: name.id,
                    fence: name.fence,
                    report: Err(Problem::Malformed(error.to_string())),
                    refused: Vec::new(),
                }
            }
        }
    }

    /// Reads a report that can only be about this lease, whether it says so or not.
    pub(crate) fn answer(text: &[u8], id: &str, fence: u64) -> Result<Self, Problem> {
        let item: ReportItem =
            serde_json::from_slice(text).map_err(|error| Problem::Malformed(error.to_string()))?;
        let is_other = item.id.as_deref().is_some_and(|other| other != id)
            || item.fence.is_some_and(|other| other != fence);
        if is_other {
            let text = "the report is about another lease".to_owned();
            return Err(Problem::Malformed(text));
        }
        let id = Some(id.to_owned());
        let fence = Some(fence);
        Ok(Self::of(ReportItem { id, fence, ..item }))
    }

    fn of(item: ReportItem) -> Self {
        let resources = item.resources.as_ref().map_or(0, Vec::len);
        if resources > limits::RESOURCES_MAX {
            return Self {
                id: item.id,
                fence: item.fence,
                report: Err(Problem::TooManyResources),
                refused: Vec::new(),
            };
        }
        let mut refused = Vec::new();
        let mut results = Vec::new();
        for raw in item.resources.unwrap_or_default() {
            match read_result(raw) {
                Some(result) => results.push(result),
                None => refused.push(invalid(result_name(raw))),
            }
        }
        let mut keep = |refuse: bool| {
            if refuse {
                refused.push(invalid(None));
            }
        };
        let percent = item.progress.map(read_percent);
        keep(percent == Some(None));
        let message = item.message.map(read_message);
        keep(message == Some(None));
        let finish = item.finish.map(read_finish);
        keep(finish == Some(None));
        let missing = |field| Problem::Malformed(format!("missing field `{field}`"));
        let report = match (&item.id, item.fence) {
            (Some(_), Some(fence)) => Ok(Report {
                fence,
                found: Vec::new(),
                results,
                progress: Progress {
                    percent: percent.flatten(),
                    message: message.flatten(),
                },
                finish: finish.flatten(),
                release: item.release.unwrap_or(false),
                chance: chance::any(),
            }),
            (None, _) => Err(missing("id")),
            (Some(_), None) => Err(missing("fence")),
        };
        Self {
            id: item.id,
            fence: item.fence,
            report,
            refused,
        }
    }

    /// Has the engine hear it, from somebody who sees so much.
    pub(crate) async fn tell(
        self,
        engine: &Engine,
        key: OperationKey,
        sight: Sight,
    ) -> Result<Accepted, Problem> {
        let command = Command::Report(self.report?);
        let commanded = engine.command(key, sight, command).await?;
        let mut refused = self.refused;
        refused.extend(commanded.refused.into_iter().map(|part| RefusedPart {
            resource: part.resource.map(|id| id.as_str().into()),
            reason: refusal_word(part.reason),
        }));
        Ok(Accepted {
            phase: commanded.operation.phase,
            refused,
        })
    }
}

const fn invalid(resource: Option<Box<str>>) -> RefusedPart {
    RefusedPart {
        resource,
        reason: INVALID,
    }
}

/// Why a part of a report was refused, in a word.
pub(crate) const fn refusal_word(reason: Refusal) -> &'static str {
    match reason {
        Refusal::UnknownResource => "unknown-resource",
        Refusal::ResourceEnded => "resource-ended",
        Refusal::NotAResult => "not-a-result",
        Refusal::TooManyResources => "too-many-resources",
        Refusal::Contradiction => "contradiction",
    }
}

fn result_name(raw: &RawValue) -> Option<Box<str>> {
    serde_json::from_str(raw.get())
        .ok()
        .map(|name: ResultName| name.id)
}

fn read_result(raw: &RawValue) -> Option<ResourceResult> {
    let item: ResultItem = serde_json::from_str(raw.get()).ok()?;
    let error = match item.error {
        Some(error) => Some(Box::new(read_failure(error)?)),
        None => None,
    };
    let outcome = Outcome {
        status: ResourceStatus::from_word(&item.status)?,
        output: opaque::read("output", item.output).ok()?,
        error,
    };
    Some(ResourceResult {
        id: ResourceId::new(item.id),
        outcome,
    })
}

fn read_percent(raw: &RawValue) -> Option<u8> {
    raw.get().parse().ok().filter(|percent| *percent <= 100)
}

fn read_message(raw: &RawValue) -> Option<Box<str>> {
    let text: Box<str> = serde_json::from_str(raw.get()).ok()?;
    (text.len() <= limits::PAYLOAD_BYTES_MAX).then_some(text)
}

/// What ends an operation, if it can be read.
pub(super) fn read_finish(raw: &RawValue) -> Option<Finish> {
    let item: FinishItem = serde_json::from_str(raw.get()).ok()?;
    let status = match &*item.status {
        "succeeded" => FinishStatus::Succeeded,
        "failed" => FinishStatus::Failed,
        "cancelled" => FinishStatus::Cancelled,
        _ => return None,
    };
    let output = opaque::read("output", item.output).ok()?;
    let error = match item.error {
        Some(error) => Some(read_failure(error)?),
        None => None,
    };
    Some(Finish {
        status,
        output,
        error,
    })
}

/// The error, unless it is over a limit.
fn read_failure(item: FailureItem) -> Option<Failure> {
    let message = item.message.unwrap_or_default();
    let fits =
        item.code.len() <= limits::NAME_BYTES_MAX && message.len() <= limits::PAYLOAD_BYTES_MAX;
    let retryable = item.retryable.unwrap_or(false);
    fits.then_some(Failure {
        code: item.code,
        message,
        retryable,
    })
}
