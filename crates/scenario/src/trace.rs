//! Traces: what polls were told, as lines of JSON, and the scenario that tells the same again.

use crate::file::{
    Answer, End, Error, Fault, Progress, ResourceAnswer, ResourceScript, Scenario, Script,
    Standing, Submitted, Wrong,
};
use crate::read::ReadError;
use crate::told::Meddled;
use crate::words::{Lasting, Patterns, Span};
use longrun_dialects::{Fault as Refusal, Observation, QueryError, Retry, Watched};
use longrun_model::{Failure, Json, Mix, Operation, Phase, ResourceStatus, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One poll, and what it was told.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When it was answered, in milliseconds since the Unix epoch.
    at_ms: i64,
    /// The dialect, or the cloud's service.
    dialect: String,
    /// What the task was called.
    id: String,
    /// The kind of operation, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// How it was said to stand, if anything was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Standing>,
    /// What was wrong with the poll itself, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<Wrong>,
    /// Its resources, as far as they were listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<One>,
    /// What had come out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Why it failed, or what was wrong with the poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

/// One resource of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct One {
    id: String,
    status: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

impl Line {
    fn new(at: Timestamp, dialect: &str, id: &str) -> Self {
        Self {
            at_ms: at.as_millis(),
            dialect: dialect.to_owned(),
            id: id.to_owned(),
            kind: None,
            status: None,
            fault: None,
            resources: Vec::new(),
            output: None,
            message: None,
            error: None,
        }
    }

    /// A cloud has told how a task stands.
    pub fn observed(at: Timestamp, dialect: &str, id: &str, seen: &Observation) -> Self {
        let resources = seen.resources.iter().map(|one| One {
            id: one.id.clone(),
            status: standing(one.status),
            output: one.output.as_ref().map(value),
            error: one.error.as_ref().map(error),
        });
        Self {
            status: Some(match &seen.state {
                Watched::Queued => Standing::Queued,
                Watched::Running(_) | Watched::Unclear(_) => Standing::Running,
                Watched::Succeeded => Standing::Succeeded,
                Watched::Failed | Watched::Partial => Standing::Failed,
            }),
            resources: resources.collect(),
            output: seen.output.as_ref().map(value),
            message: seen.message.clone(),
            error: seen.error.as_ref().map(error),
            ..Self::new(at, dialect, id)
        }
    }

    /// A cloud has answered, and told nothing about the task.
    pub fn refused(at: Timestamp, dialect: &str, id: &str, refusal: &QueryError) -> Self {
        let fault = match refusal.retry {
            Retry::Again {
                after_millis: Some(_),
            } => Wrong::Throttled,
            Retry::Again { after_millis: None } => Wrong::Unavailable,
            Retry::Clock => Wrong::Skewed,
            Retry::Unknown => Wrong::NotFound,
            Retry::Forbidden | Retry::Never => Wrong::Internal,
        };
        let said = Failure::new(refusal.code.as_str(), refusal.message.as_str());
        Self {
            fault: Some(fault),
            error: Some(error(&said)),
            ..Self::new(at, dialect, id)
        }
    }

    /// No answer came.
    pub fn lost(at: Timestamp, dialect: &str, id: &str) -> Self {
        Self {
            fault: Some(Wrong::Dropped),
            ..Self::new(at, dialect, id)
        }
    }

    /// An emulator has answered like this.
    pub fn told(
        at: Timestamp,
        dialect: &str,
        id: &str,
        told: &Operation,
        meddled: &Meddled,
    ) -> Self {
        let resources = told.resources.iter().map(|one| One {
            id: one.id.as_str().to_owned(),
            status: standing(one.status),
            output: one.output.as_ref().map(value),
            error: one.error.as_deref().map(error),
        });
        Self {
            kind: Some(told.kind.as_str().to_owned()),
            status: Some(match told.phase {
                Phase::Queued => Standing::Queued,
                Phase::Running | Phase::Cancelling => Standing::Running,
                Phase::Succeeded => Standing::Succeeded,
                Phase::Failed | Phase::Partial | Phase::Expired => Standing::Failed,
                Phase::Cancelled => Standing::Cancelled,
            }),
            fault: match meddled {
                Meddled::Nothing => None,
                Meddled::Refused(Refusal::Throttled { .. }) => Some(Wrong::Throttled),
                Meddled::Refused(Refusal::Unavailable) => Some(Wrong::Unavailable),
                Meddled::Refused(Refusal::NotFound) => Some(Wrong::NotFound),
                Meddled::Refused(Refusal::Gone) => Some(Wrong::Gone),
                Meddled::Refused(Refusal::Skewed { .. }) => Some(Wrong::Skewed),
                Meddled::Refused(Refusal::ExpiredToken) => Some(Wrong::ExpiredToken),
                Meddled::Refused(_) => Some(Wrong::Internal),
                Meddled::Foreign { .. } => Some(Wrong::Http),
                Meddled::Dropped => Some(Wrong::Dropped),
                Meddled::Truncated(_) => Some(Wrong::Truncated),
            },
            resources: resources.collect(),
            output: told.output.as_ref().map(value),
            message: told.progress.message.as_deref().map(str::to_owned),
            error: told.error.as_ref().map(error),
            ..Self::new(at, dialect, id)
        }
    }

    /// The line as it stands in a file, with its end.
    pub fn write(&self) -> String {
        let mut text = serde_json::to_string(self).expect("it has texts for keys");
        text.push('\n');
        text
    }
}

fn standing(status: ResourceStatus) -> Standing {
    match status {
        ResourceStatus::Pending => Standing::Queued,
        ResourceStatus::Running => Standing::Running,
        ResourceStatus::Succeeded => Standing::Succeeded,
        ResourceStatus::Failed => Standing::Failed,
        ResourceStatus::Cancelled => Standing::Cancelled,
    }
}

const fn is_end(standing: Standing) -> bool {
    match standing {
        Standing::Queued | Standing::Running => false,
        Standing::Succeeded | Standing::Failed | Standing::Cancelled => true,
    }
}

const fn end(standing: Standing) -> End {
    match standing {
        Standing::Queued | Standing::Running | Standing::Succeeded => End::Succeeded,
        Standing::Failed => End::Failed,
        Standing::Cancelled => End::Cancelled,
    }
}

/// What each resource is, as a set.
fn mix(standing: Standing) -> Mix {
    match standing {
        Standing::Queued | Standing::Running => Mix::UNFINISHED,
        Standing::Succeeded => Mix::SUCCEEDED,
        Standing::Failed | Standing::Cancelled => Mix::FAILED,
    }
}

fn value(json: &Json) -> Value {
    serde_json::from_str(json.as_str()).unwrap_or_default()
}

fn error(failure: &Failure) -> Error {
    Error {
        code: failure.code.to_string(),
        reason: failure.message.to_string(),
        retryable: failure.retryable,
    }
}

/// The scenario that tells the same as a trace, poll for poll, in the same time after its start.
pub fn replay(file: &str, text: &str) -> Result<Scenario, ReadError> {
    let mut tasks: BTreeMap<(String, String), Vec<Line>> = BTreeMap::new();
    for (index, text) in text
        .lines()
        .enumerate()
        .filter(|(_, text)| !text.trim().is_empty())
    {
        let line: Line = serde_json::from_str(text).map_err(|error| ReadError {
            file: file.to_owned(),
            line: Some(index + 1),
            key: String::new(),
            what: error.to_string(),
        })?;
        tasks
            .entry((line.dialect.clone(), line.id.clone()))
            .or_default()
            .push(line);
    }
    let start = tasks
        .values()
        .flatten()
        .map(|line| line.at_ms)
        .min()
        .unwrap_or_default();
    let operations = tasks.into_iter().map(|((dialect, id), mut lines)| {
        lines.sort_by_key(|line| line.at_ms);
        operation(&dialect, id, &lines, start)
    });
    Ok(Scenario {
        title: Some(format!("what {file} tells")),
        operations: operations.collect(),
        ..Scenario::default()
    })
}

fn operation(dialect: &str, id: String, lines: &[Line], start: i64) -> Submitted {
    let mut resources: Vec<String> = Vec::new();
    for one in lines.iter().flat_map(|line| &line.resources) {
        if !resources.contains(&one.id) {
            resources.push(one.id.clone());
        }
    }
    let kind = lines.iter().find_map(|line| line.kind.clone());
    let number = id.parse().ok().filter(|_| dialect.starts_with("tencent"));
    Submitted {
        kind: kind.unwrap_or_else(|| format!("{dialect}.replayed")),
        task_id: number,
        id: number.is_none().then_some(id),
        resources,
        script: Some(script(lines, start)),
        ..Submitted::default()
    }
}

/// The truth is what was told first of each end; what contradicts it later is told to those polls alone.
fn script(lines: &[Line], start: i64) -> Script {
    let told: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((line, line.status?)))
        .collect();
    let first = |holds: &dyn Fn(Standing) -> bool| told.iter().find(|(_, status)| holds(*status));
    let began = first(&|status| status != Standing::Queued).map(|(line, _)| line.at_ms - start);
    let ended = first(&is_end);
    let runs = ended
        .zip(began)
        .map(|((line, _), began)| line.at_ms - start - began);
    let since = began.unwrap_or_default();
    let mut script = Script {
        queued: Some(lasting(began)),
        runs: Some(lasting(runs)),
        end: ended.map_or(End::Succeeded, |(_, status)| end(*status)),
        error: ended.and_then(|(line, _)| line.error.clone()),
        output: ended.and_then(|(line, _)| line.output.clone()),
        message: ended.and_then(|(line, _)| line.message.clone()),
        resources: ends(&told, start, since),
        ..Script::default()
    };
    for (index, line) in lines.iter().enumerate() {
        let after = line.at_ms - start;
        let before = lines.get(index + 1).map(|next| Span(next.at_ms - start));
        if let Some(fault) = line.fault {
            let after = Some(Span(after));
            script.faults.push(Fault {
                answer: fault,
                after,
                before,
                ..Fault::default()
            });
        }
        if line.status.is_some_and(|status| !is_end(status)) && after >= since {
            script.progress.extend(progress(line, after - since));
        }
        if contradicts(&told, line) {
            script.answers.push(answer(line, after, before));
        }
    }
    script
}

fn lasting(millis: Option<i64>) -> Lasting {
    millis.map_or(Lasting::Forever, |millis| Lasting::Fixed(Span(millis)))
}

/// When and how each resource ended.
fn ends(told: &[(&Line, Standing)], start: i64, since: i64) -> Vec<ResourceScript> {
    let mut ends: Vec<ResourceScript> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for (line, _) in told {
        for one in &line.resources {
            let id = Patterns::exactly(&one.id);
            let is_known = ends.iter().any(|end| end.id == id);
            if !is_known && is_end(one.status) {
                ends.push(ResourceScript {
                    id,
                    runs: Some(lasting(Some((line.at_ms - start - since).max(0)))),
                    end: end(one.status),
                    error: one.error.clone(),
                    output: one.output.clone(),
                    ..ResourceScript::default()
                });
            } else if !is_known && !open.contains(&one.id.as_str()) {
                open.push(&one.id);
            }
        }
    }
    // What never ended in the trace never ends, unless the whole did.
    let is_ended = told.iter().any(|(_, status)| is_end(*status));
    for id in open {
        let id = Patterns::exactly(id);
        if !is_ended && !ends.iter().any(|end| end.id == id) {
            ends.push(ResourceScript {
                id,
                runs: Some(Lasting::Forever),
                ..ResourceScript::default()
            });
        }
    }
    ends
}

fn progress(line: &Line, after: i64) -> Option<Progress> {
    let said = line.message.is_some() || line.output.is_some();
    said.then(|| Progress {
        after: Some(Span(after)),
        message: line.message.clone(),
        output: line.output.clone(),
        ..Progress::default()
    })
}

/// Whether a line takes back what one before it has told.
fn contradicts(told: &[(&Line, Standing)], line: &Line) -> bool {
    let before = || {
        told.iter()
            .take_while(|(earlier, _)| !std::ptr::eq(*earlier, line))
    };
    let whole = line.status.is_some_and(|status| {
        let ended = before()
            .map(|(_, earlier)| *earlier)
            .find(|earlier| is_end(*earlier));
        let went_back =
            status == Standing::Queued && before().any(|(_, earlier)| *earlier != status);
        went_back || ended.is_some_and(|ended| ended != status)
    });
    let parts = line.resources.iter().any(|one| {
        let earlier = before()
            .flat_map(|(earlier, _)| &earlier.resources)
            .filter(|it| it.id == one.id);
        let mut ended = earlier.map(|it| it.status).filter(|status| is_end(*status));
        ended
            .next()
            .is_some_and(|ended| mix(ended) != mix(one.status))
    });
    whole || parts
}

fn answer(line: &Line, after: i64, before: Option<Span>) -> Answer {
    let resources = line.resources.iter().map(|one| ResourceAnswer {
        id: Patterns::exactly(&one.id),
        status: one.status,
    });
    Answer {
        after: Some(Span(after)),
        before,
        status: line.status,
        error: line.error.clone(),
        output: line.output.clone(),
        message: line.message.clone(),
        resources: resources.collect(),
        ..Answer::default()
    }
}
