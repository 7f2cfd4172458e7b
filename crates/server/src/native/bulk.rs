//! The same done to many operations at once, for those who run the service.
//!
//! A call looks at a bounded number of operations and says where the next one goes on. What is done is what could be
//! done to each operation by itself, one command each: one that has changed meanwhile is skipped.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::problem::Problem;
use super::query::in_range;
use super::{Pairs, json, operations, told, view};
use crate::KindSettings;
use axum::body::Body;
use futures_util::future::join_all;
use http::{Response, StatusCode};
use longrun_engine::EngineError;
use longrun_model::{
    Command, Finish, IdText, Idempotency, KindName, NewResource, Operation, OperationKey, Phase,
    ProjectId, ResourceStatus, RetryScope, Submission, limits,
};
use longrun_store::Filter;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Operations of one call, at the most and if it does not say.
const OPERATIONS_MAX: usize = 1_000;
/// Pages of the list that one call looks at.
const PAGES_MAX: usize = 10;
/// The label that says which operation another one tries again.
const RETRY_OF: &str = "retry_of";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct BulkCall<'a> {
    action: Box<str>,
    preview: Option<bool>,
    status: Option<Box<str>>,
    kind: Option<Box<str>>,
    project: Option<Box<str>>,
    labels: Option<Pairs<Box<str>>>,
    stuck: Option<bool>,
    created_after: Option<Box<str>>,
    extend_ms: Option<i64>,
    #[serde(borrow)]
    finish: Option<&'a RawValue>,
    limit: Option<usize>,
    page_token: Option<Box<str>>,
}

/// What is done.
enum Action {
    Cancel,
    Retry,
    ExtendDeadline { millis: i64 },
    Finish(Finish),
    Delete,
}

impl Action {
    fn read(call: &BulkCall) -> Result<Self, Problem> {
        let needs = |field: &str| Problem::Invalid(format!("`{}` needs `{field}`", call.action));
        let action = match &*call.action {
            "cancel" => Self::Cancel,
            "retry" => Self::Retry,
            "extend_deadline" => {
                let millis = call.extend_ms.ok_or_else(|| needs("extend_ms"))?;
                let millis = in_range("extend_ms", millis, 1..=limits::SPAN_MILLIS_MAX)?;
                Self::ExtendDeadline { millis }
            }
            "finish" => {
                let finish = call.finish.ok_or_else(|| needs("finish"))?;
                let finish = told::read_finish(finish);
                Self::Finish(finish.ok_or_else(|| {
                    Problem::Malformed("`finish` is none that a worker could send".to_owned())
                })?)
            }
            "delete" => Self::Delete,
            other => {
                return Err(Problem::Malformed(format!("`action` cannot be `{other}`")));
            }
        };
        Ok(action)
    }

    /// What policies call it.
    const fn policy(&self) -> &'static str {
        match self {
            Self::Cancel => action::CANCEL,
            Self::Delete => action::DELETE,
            Self::Retry | Self::ExtendDeadline { .. } | Self::Finish(_) => action::OPERATE,
        }
    }

    /// Whether it would do something to an operation that stands like this.
    fn concerns(&self, operation: &Operation) -> bool {
        let phase = operation.phase;
        match self {
            Self::Cancel => !phase.is_ended() && phase != Phase::Cancelling,
            Self::Retry => has_failed(phase) || waits_for_retry(operation),
            Self::ExtendDeadline { .. } => !phase.is_ended() && operation.deadline_at.is_some(),
            Self::Finish(_) => !phase.is_ended(),
            Self::Delete => phase.is_ended(),
        }
    }
}

const fn has_failed(phase: Phase) -> bool {
    match phase {
        Phase::Failed | Phase::Partial | Phase::Expired => true,
        Phase::Queued
        | Phase::Running
        | Phase::Cancelling
        | Phase::Succeeded
        | Phase::Cancelled => false,
    }
}

fn waits_for_retry(operation: &Operation) -> bool {
    operation.not_before.is_some() && operation.attempt > 0
}

/// `POST /api/v1/operations:bulk`
pub(super) async fn bulk(caller: Caller, body: JsonBody) -> Result<Response<Body>, Problem> {
    let call: BulkCall = body.read()?;
    let action = Action::read(&call)?;
    caller.allow(action.policy(), Target::new("operation", "*"))?;
    let is_preview = call.preview.unwrap_or(false);
    let filter = caller.bulk_filter(call)?;
    let (matched, next) = caller.matched(&action, filter).await?;
    let done = if is_preview {
        0
    } else {
        caller.carry_out(&action, &matched).await?
    };
    let skipped = if is_preview { 0 } else { matched.len() - done };
    let mut body = Vec::new();
    json::object(&mut body, |answer| {
        answer.put("preview", is_preview);
        answer.put("matched", matched.len() as u64);
        answer.put("done", done as u64);
        answer.put("skipped", skipped as u64);
        let next = next.map(|key| caller.app.ids.text(key));
        answer.put("next_page_token", next.as_ref().map(IdText::digits));
    });
    Ok(view::answer(StatusCode::OK, body))
}

impl Caller {
    fn bulk_filter(&self, call: BulkCall) -> Result<Filter, Problem> {
        let wrong =
            |field: &str, text: &str| Problem::Malformed(format!("`{field}` cannot be `{text}`"));
        let phase = call
            .status
            .map(|word| Phase::from_word(&word).ok_or_else(|| wrong("status", &word)));
        let created_after = call.created_after.map(|text| {
            operations::read_instant(&text).ok_or_else(|| wrong("created_after", &text))
        });
        let before = call.page_token.map(|token| {
            let key = self.app.ids.key(&token);
            key.ok_or_else(|| wrong("page_token", &token))
        });
        let limit = call.limit.unwrap_or(OPERATIONS_MAX);
        Ok(Filter {
            account: self.account(),
            phase: phase.transpose()?,
            kind: call.kind.map(KindName::new),
            project: call.project.map(ProjectId::new),
            labels: call.labels.map(|labels| labels.0).unwrap_or_default(),
            stuck: call
                .stuck
                .unwrap_or(false)
                .then(|| (self.app.stuck, self.app.engine.now())),
            created_after: created_after.transpose()?,
            before: before.transpose()?,
            limit: in_range("limit", limit, 1..=OPERATIONS_MAX)?,
        })
    }

    /// The operations that the action is for and that the caller may do it to, and where to go on.
    async fn matched(
        &self,
        action: &Action,
        mut filter: Filter,
    ) -> Result<(Vec<Operation>, Option<OperationKey>), Problem> {
        let limit = filter.limit;
        let mut matched = Vec::new();
        for _ in 0..PAGES_MAX {
            filter.limit = limit - matched.len();
            let page = self.app.engine.list(filter.clone()).await?;
            let own = page.operations.into_iter().filter(|operation| {
                action.concerns(operation)
                    && self.works_on(operation)
                    && self.allow_on(action.policy(), operation).is_ok()
            });
            matched.extend(own);
            filter.before = page.next;
            if page.next.is_none() || matched.len() == limit {
                break;
            }
        }
        Ok((matched, filter.before))
    }

    /// Does it to all of them, and says to how many. What cannot be done any more is skipped.
    async fn carry_out(&self, action: &Action, matched: &[Operation]) -> Result<usize, Problem> {
        let calls = matched.iter().map(|operation| self.act(action, operation));
        let mut done = 0;
        for outcome in join_all(calls).await {
            match outcome {
                Ok(changed) => done += usize::from(changed),
                Err(
                    EngineError::NotFound
                    | EngineError::Gone
                    | EngineError::IdempotencyMismatch
                    | EngineError::ResourceHeld { .. }
                    | EngineError::DocumentChanged
                    | EngineError::DocumentTooLong
                    | EngineError::Rejected(_),
                ) => (),
                Err(
                    error @ (EngineError::TooManyWatchers
                    | EngineError::Overloaded
                    | EngineError::Unavailable),
                ) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    async fn act(&self, action: &Action, operation: &Operation) -> Result<bool, EngineError> {
        let command = match action {
            Action::Cancel => Command::Cancel,
            Action::Retry if operation.phase.is_ended() => {
                return self.submit_again(operation).await;
            }
            Action::Retry => Command::Hasten,
            Action::ExtendDeadline { millis } => Command::ExtendDeadline { millis: *millis },
            Action::Finish(finish) => Command::Finish(finish.clone()),
            Action::Delete => Command::Delete,
        };
        let engine = &self.app.engine;
        let commanded = engine.command(operation.key, self.account(), command);
        commanded.await.map(|_| true)
    }

    /// Submits what did not succeed of an operation that has ended: that one stays as it is. False if that was done
    /// before.
    async fn submit_again(&self, operation: &Operation) -> Result<bool, EngineError> {
        let engine = &self.app.engine;
        let account = Some(&operation.account);
        let whole = engine.get(operation.key, account).await?;
        let usual = KindSettings::default();
        let settings = self.app.kinds.get(whole.kind.as_str()).unwrap_or(&usual);
        let mut submission = again(&whole, settings);
        let id = self.app.ids.text(whole.key);
        submission.labels.retain(|(key, _)| **key != *RETRY_OF);
        if submission.labels.len() < limits::LABELS_MAX {
            submission
                .labels
                .push((RETRY_OF.into(), id.prefixed().into()));
        }
        let deadline = settings.deadline_ms;
        submission.deadline_at = deadline.map(|millis| engine.now().plus_millis(millis));
        submission.idempotency = Some(Idempotency {
            // No key that comes in a header has such a character.
            key: format!("\u{1f}retry\u{1f}{}", id.prefixed()).into(),
            digest: [0; 16],
        });
        let submitted = engine.submit(submission).await?;
        Ok(!submitted.repeated)
    }
}

/// What did not succeed of an operation, as a submission.
fn again(operation: &Operation, settings: &KindSettings) -> Submission {
    let scope = settings.retry.as_ref().map(|retry| retry.scope);
    let all = scope == Some(RetryScope::All);
    let open = operation
        .resources
        .iter()
        .filter(|resource| all || resource.status != ResourceStatus::Succeeded);
    let resources = open.map(|resource| NewResource {
        id: resource.id.clone(),
        kind: resource.kind.clone(),
        input: resource.input.clone(),
    });
    Submission {
        project: operation.project.clone(),
        region: operation.region.clone(),
        resource_group: operation.resource_group.clone(),
        labels: operation.labels.clone(),
        priority: operation.priority,
        input: operation.input.clone(),
        resources: resources.collect(),
        retention_millis: operation.retention_millis,
        mixed_end: settings.mixed_end,
        retry: settings.retry.clone(),
        exclusive: settings.exclusive.clone(),
        ..Submission::new(operation.account.clone(), operation.kind.clone())
    }
}
