//! What is shown of an operation, and how.

use super::json::{Object, Value, object};
use crate::app::App;
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use longrun_model::{
    Change, Failure, Ids, Operation, Outcome, Progress, ReleaseReason, RemovalReason, Resource,
    Resources, Stuck, Timestamp,
};
use longrun_store::HistoryEntry;

/// About how many bytes an operation takes, without its resources and payloads, and each of its resources.
const HEAD_BYTES: usize = 900;
const RESOURCE_BYTES: usize = 120;

/// How much of an operation is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Without its resources, as in lists; those of what is stuck say why.
    Head(Option<Stuck>),
    /// With its resources.
    Whole,
    /// The same of what follows a task in another cloud that does not answer since then.
    Stale(Timestamp),
    /// For a worker: with inputs, and only with the resources that are still open.
    Work,
}

/// An instant as the value of a header.
pub(crate) fn instant(instant: Timestamp) -> HeaderValue {
    let mut text = Vec::new();
    instant.write(&mut text);
    // Without the quotes that JSON has around it.
    HeaderValue::from_bytes(&text[1..text.len() - 1]).expect("digits and dashes are a header")
}

/// An answer that is a JSON document.
pub(super) fn answer(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer that is one whole operation.
pub(super) fn answer_operation(
    status: StatusCode,
    app: &App,
    operation: &Operation,
) -> Response<Body> {
    let resources = operation.resources.total() as usize;
    let mut body = Vec::with_capacity(HEAD_BYTES + RESOURCE_BYTES * resources);
    write_operation(&mut body, &app.ids, operation, detail(app, operation));
    answer(status, body)
}

/// The whole of an operation, with what the server knows of it beside the store.
pub(super) fn detail(app: &App, operation: &Operation) -> Detail {
    let stale_since = app.gateway.stale_since(operation);
    stale_since.map_or(Detail::Whole, Detail::Stale)
}

/// Appends an operation.
pub(super) fn write_operation(
    bytes: &mut Vec<u8>,
    ids: &Ids,
    operation: &Operation,
    detail: Detail,
) {
    object(bytes, |shown| {
        put_identity(shown, ids, operation);
        put_state(shown, operation);
        match detail {
            Detail::Head(None) => (),
            Detail::Head(Some(reason)) => shown.put("stuck", reason.as_str()),
            Detail::Whole => shown.array("resources", operation.resources.iter(), write_resource),
            Detail::Stale(since) => {
                shown.put("stale_since", since);
                shown.array("resources", operation.resources.iter(), write_resource);
            }
            Detail::Work => {
                shown.put("input", operation.input.as_ref());
                let open = operation
                    .resources
                    .iter()
                    .filter(|resource| !resource.status.is_ended());
                shown.array("resources", open, write_open_resource);
            }
        }
        put_outcome(shown, operation);
        put_context(shown, operation);
        put_times(shown, operation);
    });
}

fn put_identity(shown: &mut Object, ids: &Ids, operation: &Operation) {
    let id = ids.text(operation.key);
    shown.put("id", id.prefixed());
    shown.put("task_id", operation.key.get());
    shown.put("job_id", id.digits());
    shown.put("kind", operation.kind.as_str());
}

fn put_state(shown: &mut Object, operation: &Operation) {
    shown.put("status", operation.phase.as_str());
    shown.object("tally", |tally| {
        tally.put("succeeded", u64::from(operation.tally.succeeded));
        // As everywhere else, what was cancelled did not succeed.
        tally.put(
            "failed",
            u64::from(operation.tally.failed + operation.tally.cancelled),
        );
        tally.put("unfinished", u64::from(operation.tally.unfinished()));
    });
    shown.object("progress", |progress| {
        progress.put("percent", u64::from(operation.percent()));
        progress.put("message", operation.progress.message.as_deref());
    });
}

fn put_outcome(shown: &mut Object, operation: &Operation) {
    shown.put("output", operation.output.as_ref());
    shown.maybe_object("error", operation.error.as_ref(), put_failure);
    shown.put("attempt", u64::from(operation.attempt));
    let retry = operation.retry.as_ref();
    shown.put(
        "attempts_max",
        retry.map(|retry| u64::from(retry.attempts_max)),
    );
    shown.put("version", operation.version);
}

fn put_context(shown: &mut Object, operation: &Operation) {
    shown.put(
        "project",
        operation
            .project
            .as_ref()
            .map(longrun_model::ProjectId::as_str),
    );
    shown.put("region", operation.region.as_deref());
    shown.put("resource_group", operation.resource_group.as_deref());
    shown.object("labels", |labels| {
        for (key, value) in &operation.labels {
            labels.put_as(key, &**value);
        }
    });
}

fn put_times(shown: &mut Object, operation: &Operation) {
    shown.put("created_at", operation.created_at);
    shown.put("started_at", operation.started_at);
    shown.put("updated_at", operation.updated_at);
    shown.put("ended_at", operation.ended_at);
    shown.put("not_before", operation.not_before);
    if operation.blocked_by > 0 {
        shown.put("blocked", true);
    }
    shown.put("deadline_at", operation.deadline_at);
    shown.put("expires_at", operation.expires_at());
}

/// Appends a resource with its result.
pub(super) fn write_resource(bytes: &mut Vec<u8>, resource: &Resource) {
    object(bytes, |shown| put_resource(shown, resource));
}

fn write_open_resource(bytes: &mut Vec<u8>, resource: &Resource) {
    object(bytes, |shown| {
        put_resource(shown, resource);
        shown.put("input", resource.input.as_ref());
    });
}

fn put_resource(shown: &mut Object, resource: &Resource) {
    shown.put("id", resource.id.as_str());
    shown.put("type", resource.kind.as_deref());
    shown.put("status", resource.status.as_str());
    shown.put("output", resource.output.as_ref());
    shown.maybe_object("error", resource.error.as_deref(), put_failure);
}

fn put_failure(shown: &mut Object, failure: &Failure) {
    shown.put("code", &*failure.code);
    shown.put("message", &*failure.message);
    shown.put("retryable", failure.retryable);
}

/// Appends an event of the history of the operation with these resources.
pub(super) fn write_event(bytes: &mut Vec<u8>, entry: &HistoryEntry, resources: &Resources) {
    object(bytes, |shown| {
        shown.put("number", entry.number);
        shown.put("at", entry.event.at);
        put_change(shown, &entry.event.change, resources);
    });
}

fn put_change(shown: &mut Object, change: &Change, resources: &Resources) {
    match change {
        Change::Submitted => shown.put("type", "submitted"),
        Change::Leased {
            worker,
            fence,
            length_millis,
        } => {
            shown.put("type", "leased");
            shown.put("worker", worker.as_str());
            shown.put("fence", *fence);
            shown.put("lease_ms", *length_millis);
        }
        Change::Extended => shown.put("type", "extended"),
        Change::Found { resources } => {
            shown.put("type", "found");
            shown.array("resources", resources, |bytes, resource| {
                object(bytes, |shown| shown.put("id", resource.id.as_str()));
            });
        }
        Change::Reported { results, progress } => {
            shown.put("type", "reported");
            put_results(shown, results, resources);
            shown.object("progress", |shown| put_progress(shown, progress));
        }
        Change::Released { reason } => {
            shown.put("type", "released");
            shown.put("reason", release_word(*reason));
        }
        Change::Retried {
            reopened,
            not_before,
            error,
        } => {
            shown.put("type", "retried");
            shown.object("error", |shown| put_failure(shown, error));
            shown.put("not_before", *not_before);
            let named = reopened.iter().filter_map(|(index, error)| {
                resources.get(*index).map(|resource| (resource, error))
            });
            shown.array("resources", named, |bytes, (resource, error)| {
                object(bytes, |shown| {
                    shown.put("id", resource.id.as_str());
                    shown.put("status", "pending");
                    shown.maybe_object("error", error.as_deref(), put_failure);
                });
            });
        }
        Change::Blocked { lines } => {
            shown.put("type", "blocked");
            shown.put("resources", u64::from(*lines));
        }
        Change::Advanced { .. } => shown.put("type", "advanced"),
        Change::Unblocked => shown.put("type", "unblocked"),
        Change::Ready => shown.put("type", "ready"),
        Change::DeadlineMoved { deadline_at } => {
            shown.put("type", "deadline_moved");
            shown.put("deadline_at", *deadline_at);
        }
        Change::CancelRequested => shown.put("type", "cancel_requested"),
        Change::Ended { phase, error, .. } => {
            shown.put("type", "ended");
            shown.put("status", phase.as_str());
            shown.maybe_object("error", error.as_ref(), put_failure);
        }
        Change::Removed { reason } => {
            shown.put("type", "removed");
            shown.put("reason", removal_word(*reason));
        }
    }
}

fn put_results(shown: &mut Object, results: &[(u32, Outcome)], resources: &Resources) {
    let named = results.iter().filter_map(|(index, outcome)| {
        resources
            .get(*index)
            .map(|resource| (resource, outcome.status))
    });
    shown.array("resources", named, |bytes, (resource, status)| {
        object(bytes, |result| {
            result.put("id", resource.id.as_str());
            result.put("status", status.as_str());
        });
    });
}

fn put_progress(shown: &mut Object, progress: &Progress) {
    shown.put("percent", progress.percent.map(u64::from));
    shown.put("message", progress.message.as_deref());
}

const fn release_word(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::HandedBack => "handed_back",
        ReleaseReason::Lost => "lost",
    }
}

const fn removal_word(reason: RemovalReason) -> &'static str {
    match reason {
        RemovalReason::Deleted => "deleted",
        RemovalReason::Retention => "retention",
    }
}

/// An answer that is one page: its items under `name`, and where the next page begins.
pub(super) fn answer_page<T>(
    name: &'static str,
    items: impl IntoIterator<Item = T>,
    write: impl FnMut(&mut Vec<u8>, T),
    next: Option<&str>,
) -> Response<Body> {
    let mut body = Vec::new();
    object(&mut body, |page| {
        page.array(name, items, write);
        page.put("next_page_token", next);
    });
    answer(StatusCode::OK, body)
}

/// An answer that is a list under `name`.
pub(super) fn answer_list<T>(
    status: StatusCode,
    name: &'static str,
    items: impl IntoIterator<Item = T>,
    write: impl FnMut(&mut Vec<u8>, T),
) -> Response<Body> {
    let mut body = Vec::new();
    object(&mut body, |list| list.array(name, items, write));
    answer(status, body)
}
