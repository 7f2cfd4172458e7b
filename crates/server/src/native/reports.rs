//! Workers: telling results.
//!
//! A call holds many reports, a report many results. Each is judged by itself: one that is wrong is refused, and the
//! rest is kept.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::problem::Problem;
use super::query::in_range;
use super::{json, leases, opaque, view};
use crate::chance;
use axum::body::Body;
use futures_util::future::join_all;
use http::{Response, StatusCode};
use longrun_model::{
    Command, Failure, Finish, FinishStatus, Outcome, Phase, Progress, Refusal, Report, ResourceId,
    ResourceResult, ResourceStatus, limits,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a part of a report is refused that the model never sees.
const INVALID: &str = "invalid";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct ReportCall<'a> {
    #[serde(borrow)]
    reports: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportItem<'a> {
    id: String,
    fence: u64,
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

/// One report of a call: who it is from, and the command that it comes to.
struct Told {
    name: ReportName,
    report: Result<Report, Problem>,
    refused: Vec<RefusedPart>,
}

/// A part of a report that was refused: the resource, if it was about one, and the reason.
type RefusedPart = (Option<Box<str>>, &'static str);

/// What became of a report: the operation's phase, and what else was refused.
type Accepted = (Phase, Vec<RefusedPart>);

/// `POST /api/v1/leases:report`
pub(super) async fn report(caller: Caller, body: JsonBody) -> Result<Response<Body>, Problem> {
    let call: ReportCall = body.read()?;
    in_range("reports", call.reports.len(), 0..=limits::LEASES_MAX)?;
    let (names, reports): (Vec<_>, Vec<_>) = call
        .reports
        .into_iter()
        .map(read_report)
        .map(|told| ((told.name.id.clone(), told.name.fence), told))
        .unzip();
    let outcomes = join_all(reports.into_iter().map(|told| caller.pass_on(told))).await;
    let answers = names.into_iter().zip(leases::settle(outcomes)?);
    Ok(view::answer_list(
        StatusCode::OK,
        "reports",
        answers,
        |bytes, ((id, fence), outcome)| {
            let (reason, status, refused) = match &outcome {
                Ok((phase, refused)) => (None, Some(phase.as_str()), refused.as_slice()),
                Err(problem) => (Some(problem.name()), None, [].as_slice()),
            };
            json::object(bytes, |answer| {
                answer.put("id", id.as_deref());
                answer.put("fence", fence);
                answer.put("accepted", outcome.is_ok());
                answer.put("reason", reason);
                answer.put("status", status);
                answer.array("refused", refused, |bytes, (resource, reason)| {
                    json::object(bytes, |refused| {
                        refused.put("resource", resource.as_deref());
                        refused.put("reason", *reason);
                    });
                });
            });
        },
    ))
}

impl Caller {
    async fn pass_on(&self, told: Told) -> Result<Accepted, Problem> {
        let Told {
            name,
            report,
            mut refused,
        } = told;
        let id = name.id.unwrap_or_default();
        let report = report?;
        self.allow(action::REPORT, Target::new("operation", &id))?;
        let key = self.app.ids.key(&id).ok_or(Problem::NotFound)?;
        let commanded = self
            .app
            .engine
            .command(key, self.account(), Command::Report(report))
            .await?;
        refused.extend(commanded.refused.into_iter().map(|part| {
            (
                part.resource.map(|id| id.as_str().into()),
                refusal_word(part.reason),
            )
        }));
        Ok((commanded.operation.phase, refused))
    }
}

const fn refusal_word(reason: Refusal) -> &'static str {
    match reason {
        Refusal::UnknownResource => "unknown-resource",
        Refusal::ResourceEnded => "resource-ended",
        Refusal::NotAResult => "not-a-result",
        Refusal::TooManyResources => "too-many-resources",
        Refusal::Contradiction => "contradiction",
    }
}

fn read_report(raw: &RawValue) -> Told {
    let item: ReportItem = match serde_json::from_str(raw.get()) {
        Ok(item) => item,
        Err(error) => {
            let name = serde_json::from_str(raw.get()).unwrap_or_default();
            return Told {
                name,
                report: Err(Problem::Malformed(error.to_string())),
                refused: Vec::new(),
            };
        }
    };
    let mut refused = Vec::new();
    let mut results = Vec::new();
    for raw in item.resources.unwrap_or_default() {
        match read_result(raw) {
            Some(result) => results.push(result),
            None => refused.push((result_name(raw), INVALID)),
        }
    }
    let mut keep = |refuse: bool| {
        if refuse {
            refused.push((None, INVALID));
        }
    };
    let percent = item.progress.map(read_percent);
    keep(percent == Some(None));
    let message = item.message.map(read_message);
    keep(message == Some(None));
    let finish = item.finish.map(read_finish);
    keep(finish == Some(None));
    let report = Report {
        fence: item.fence,
        found: Vec::new(),
        results,
        progress: Progress {
            percent: percent.flatten(),
            message: message.flatten(),
        },
        finish: finish.flatten(),
        release: item.release.unwrap_or(false),
        chance: chance::any(),
    };
    let name = ReportName {
        id: Some(item.id),
        fence: Some(item.fence),
    };
    Told {
        name,
        report: Ok(report),
        refused,
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
