//! Submitting operations.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::problem::Problem;
use super::query::{PreferWait, in_range};
use super::view;
use super::{Pairs, json, opaque, operations};
use crate::app::App;
use crate::{KindSettings, gateway};
use axum::body::Body;
use axum::extract::FromRequestParts;
use http::header::{HeaderName, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use longrun_model::{
    Idempotency, Ids, Json, KindName, NewResource, Operation, ProjectId, ResourceId, Submission,
    Timestamp, limits,
};
use longrun_store::Submitted;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What `Idempotency-Key` says.
pub(super) struct IdempotencyKey(Option<Box<str>>);

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A submission as it comes in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an operation")]
struct Draft<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    resources: Option<Vec<DraftResource<'a>>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    project: Option<Box<str>>,
    region: Option<Box<str>>,
    resource_group: Option<Box<str>>,
    labels: Option<Pairs<Box<str>>>,
    priority: Option<i64>,
    not_before: Option<Box<str>>,
    delay_ms: Option<i64>,
    deadline_ms: Option<i64>,
    retention_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a resource")]
struct DraftResource<'a> {
    id: Box<str>,
    #[serde(rename = "type")]
    kind: Option<Box<str>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Batch<'a> {
    #[serde(borrow)]
    operations: Vec<Draft<'a>>,
}

/// `POST /api/v1/operations`
pub(super) async fn submit(
    caller: Caller,
    PreferWait(wait_millis): PreferWait,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let draft: Draft = body.read()?;
    let (mut submission, digest) = caller.accept(draft, key.is_some())?;
    submission.idempotency = key.map(|key| Idempotency { key, digest });
    caller.complete(&mut submission).await?;
    submission.check()?;
    let Submitted {
        operation,
        repeated,
    } = caller.app.engine.submit(submission).await?;
    let ids = &caller.app.ids;
    let waiting = wait_millis > 0 && !operation.phase.is_ended();
    let operation = if waiting {
        let account = caller.key.confined_to();
        let waited = caller
            .app
            .engine
            .wait_for_end(operation.key, account, wait_millis)
            .await;
        caller.check_again()?;
        // It has been submitted, whatever comes of the wait: then the answer is that of one who does not wait.
        waited.unwrap_or(operation)
    } else {
        operation
    };
    let finished = wait_millis > 0 && operation.phase.is_ended();
    let status = if repeated || finished {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = view::answer_operation(status, &caller.app, &operation);
    response
        .headers_mut()
        .insert(LOCATION, location(ids, &operation));
    if repeated {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `POST /api/v1/operations:batch`
pub(super) async fn submit_all(
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    let batch: Batch = body.read()?;
    in_range("operations", batch.operations.len(), 1..=limits::BATCH_MAX)?;
    let mut digests = Sha256::new();
    let mut submissions = Vec::with_capacity(batch.operations.len());
    for (index, draft) in batch.operations.into_iter().enumerate() {
        let (submission, digest) = caller
            .accept(draft, key.is_some())
            .and_then(|(submission, digest)| {
                submission
                    .check()
                    .map(|()| (submission, digest))
                    .map_err(Into::into)
            })
            .map_err(|problem| in_item(index, problem))?;
        digests.update(digest);
        submissions.push(submission);
    }
    if let Some(key) = key {
        let digest = first_half(digests);
        for (index, submission) in submissions.iter_mut().enumerate() {
            // The key of the batch and the place in it; no key that comes in a header has such a character.
            let key = format!("{key}\u{1f}{index}").into();
            submission.idempotency = Some(Idempotency { key, digest });
        }
    }
    for (index, submission) in submissions.iter_mut().enumerate() {
        let completed = caller.complete(submission).await;
        completed.map_err(|problem| in_item(index, problem))?;
    }
    let submitted = caller.app.engine.submit_all(submissions).await?;
    let repeated = submitted.iter().all(|one| one.repeated);
    let status = if repeated {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = view::answer_list(status, "operations", &submitted, |bytes, one| {
        let detail = view::detail(&caller.app, &one.operation);
        view::write_operation(bytes, &caller.app.ids, &one.operation, detail);
    });
    if repeated {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The same problem, saying which operation of a batch has it.
fn in_item(index: usize, problem: Problem) -> Problem {
    match problem {
        Problem::Malformed(detail) => Problem::Malformed(format!("operations[{index}]: {detail}")),
        Problem::Invalid(detail) => Problem::Invalid(format!("operations[{index}]: {detail}")),
        Problem::Forbidden(detail) => Problem::Forbidden(format!("operations[{index}]: {detail}")),
        Problem::Unauthenticated
        | Problem::NotFound
        | Problem::MethodNotAllowed
        | Problem::Ended
        | Problem::NotEnded
        | Problem::StaleFence
        | Problem::LeaseLost
        | Problem::Gone
        | Problem::TooManyResources
        | Problem::TooLarge { .. }
        | Problem::UnsupportedMediaType
        | Problem::IdempotencyMismatch
        | Problem::ResourceHeld { .. }
        | Problem::CallsSpent { .. }
        | Problem::Throttled(_)
        | Problem::Internal
        | Problem::Unavailable => problem,
    }
}

fn location(ids: &Ids, operation: &Operation) -> HeaderValue {
    let path = ["/api/v1/operations/", ids.text(operation.key).prefixed()].concat();
    HeaderValue::try_from(path).expect("an id is ASCII by construction")
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Self(None));
        };
        let key = value
            .to_str()
            .map_err(|_| Problem::Malformed("`Idempotency-Key` must be ASCII".to_owned()))?;
        if key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX {
            let max = limits::IDEMPOTENCY_KEY_BYTES_MAX;
            return Err(Problem::Invalid(format!(
                "`Idempotency-Key` must have 1 to {max} bytes"
            )));
        }
        Ok(Self(Some(key.into())))
    }
}

impl Caller {
    /// Turns a draft into a submission of this caller, if the caller may hand it in, and digests it if `digested`.
    fn accept(&self, draft: Draft, digested: bool) -> Result<(Submission, [u8; 16]), Problem> {
        let times = Times::of(&draft);
        let usual = KindSettings::default();
        let settings = self.app.kinds.get(&*draft.kind).unwrap_or(&usual);
        let submission = self.submission(draft, settings)?;
        if !self.works_in(submission.project.as_ref()) {
            return Err(Problem::Forbidden(
                "the key does not work in `project`".to_owned(),
            ));
        }
        let target = Target {
            relative: ("kind", submission.kind.as_str()),
            region: submission.region.as_deref().unwrap_or_default(),
            group: submission.resource_group.as_deref(),
        };
        self.allow(action::SUBMIT, target)?;
        let digest = if digested {
            digest(&submission, &times)
        } else {
            [0; 16]
        };
        Ok((submission, digest))
    }

    /// What follows a task in another cloud is found by that task, whatever key it was handed in under.
    async fn complete(&self, submission: &mut Submission) -> Result<(), Problem> {
        if !gateway::is_tracking(&submission.kind) {
            return Ok(());
        }
        let App {
            gateway, engine, ..
        } = &*self.app;
        let completed = gateway.complete(engine, &self.key, submission).await?;
        completed.map_err(|bad| Problem::Invalid(bad.to_string()))
    }

    fn submission(&self, draft: Draft, settings: &KindSettings) -> Result<Submission, Problem> {
        let mut submission = Submission::new(self.key.account.clone(), KindName::new(draft.kind));
        submission.project = draft.project.map(ProjectId::new);
        submission.region = draft.region;
        submission.resource_group = draft.resource_group;
        submission.labels = draft.labels.map(|labels| labels.0).unwrap_or_default();
        // A number that is too large for the field is out of its range as well.
        submission.priority = u8::try_from(draft.priority.unwrap_or(0)).unwrap_or(u8::MAX);
        submission.input = opaque::read("input", draft.input)?;
        let resources = draft.resources.unwrap_or_default().into_iter();
        submission.resources = resources.map(new_resource).collect::<Result<_, _>>()?;
        submission.not_before = start(draft.not_before.as_deref(), draft.delay_ms, || {
            self.app.engine.now()
        })?;
        submission.deadline_at = deadline(draft.deadline_ms.or(settings.deadline_ms), || {
            self.app.engine.now()
        })?;
        if let Some(retention_ms) = draft.retention_ms.or(settings.retention_ms) {
            submission.retention_millis = retention_ms;
        }
        submission.mixed_end = settings.mixed_end;
        submission.retry.clone_from(&settings.retry);
        submission.exclusive.clone_from(&settings.exclusive);
        Ok(submission)
    }
}

fn new_resource(draft: DraftResource) -> Result<NewResource, Problem> {
    let input = opaque::read("resources.input", draft.input)?;
    Ok(NewResource {
        id: ResourceId::new(draft.id),
        kind: draft.kind,
        input,
    })
}

/// Before when no worker gets it.
fn start(
    not_before: Option<&str>,
    delay_ms: Option<i64>,
    now: impl FnOnce() -> Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let max = limits::SPAN_MILLIS_MAX;
    match (not_before, delay_ms) {
        (None, None) => Ok(None),
        (None, Some(millis)) => {
            let millis = in_range("delay_ms", millis, 0..=max)?;
            Ok(Some(now().plus_millis(millis)))
        }
        (Some(text), None) => {
            let instant = operations::read_instant(text)
                .ok_or_else(|| Problem::Malformed(format!("`not_before` cannot be `{text}`")))?;
            let near = instant.millis_since(now()) <= max;
            let far = || Problem::Invalid("`not_before` must lie within ten years".to_owned());
            near.then_some(Some(instant)).ok_or_else(far)
        }
        (Some(_), Some(_)) => Err(Problem::Invalid(
            "`not_before` and `delay_ms` say the same: one of them is enough".to_owned(),
        )),
    }
}

fn deadline(
    deadline_ms: Option<i64>,
    now: impl FnOnce() -> Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let Some(millis) = deadline_ms else {
        return Ok(None);
    };
    let millis = in_range("deadline_ms", millis, 1..=limits::SPAN_MILLIS_MAX)?;
    Ok(Some(now().plus_millis(millis)))
}

/// The times as the caller said them: what they lead to depends on the clock and on the settings.
struct Times {
    not_before: Option<Box<str>>,
    delay_ms: Option<i64>,
    deadline_ms: Option<i64>,
    retention_ms: Option<i64>,
}

impl Times {
    fn of(draft: &Draft) -> Self {
        Self {
            not_before: draft.not_before.clone(),
            delay_ms: draft.delay_ms,
            deadline_ms: draft.deadline_ms,
            retention_ms: draft.retention_ms,
        }
    }
}

/// A digest of what was handed in, whatever way it was written.
fn digest(submission: &Submission, times: &Times) -> [u8; 16] {
    let mut labels: Vec<_> = submission.labels.iter().collect();
    labels.sort_unstable();
    let mut form = Vec::with_capacity(256);
    json::object(&mut form, |form| {
        form.put("kind", submission.kind.as_str());
        form.array("resources", &submission.resources, |bytes, resource| {
            json::object(bytes, |form| {
                form.put("id", resource.id.as_str());
                form.put("type", resource.kind.as_deref());
                form.put("input", resource.input.as_ref().map(Canonical));
            });
        });
        form.put("input", submission.input.as_ref().map(Canonical));
        form.put(
            "project",
            submission.project.as_ref().map(ProjectId::as_str),
        );
        form.put("region", submission.region.as_deref());
        form.put("resource_group", submission.resource_group.as_deref());
        form.object("labels", |form| {
            for (key, value) in labels {
                form.put_as(key, &**value);
            }
        });
        form.put("priority", u64::from(submission.priority));
        form.put("deadline_ms", times.deadline_ms);
        form.put("retention_ms", times.retention_ms);
        // What can be left out came later, and must not change the digests that are stored.
        if let Some(not_before) = &times.not_before {
            form.put("not_before", &**not_before);
        }
        if let Some(delay_ms) = times.delay_ms {
            form.put("delay_ms", delay_ms);
        }
    });
    first_half(Sha256::new_with_prefix(form))
}

fn first_half(digest: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = digest.finalize().into();
    let (half, _) = digest.split_first_chunk().expect("32 bytes begin with 16");
    *half
}

/// Opaque JSON in its canonical form.
struct Canonical<'j>(&'j Json);

impl json::Value for Canonical<'_> {
    fn write(self, bytes: &mut Vec<u8>) {
        opaque::write_canonical(self.0, bytes);
    }
}
