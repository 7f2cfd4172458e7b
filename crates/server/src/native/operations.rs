//! Asking about operations, and ending them.

use super::caller::{Caller, Target, action};
use super::problem::{Problem, not_among};
use super::query::{PreferWait, Query, Segment};
use super::view::{self, Detail};
use super::{json, live};
use crate::spoiled;
use axum::body::Body;
use http::{HeaderMap, Response, StatusCode};
use longrun_model::{
    Command, IdText, KindName, Operation, Phase, ProjectId, Resource, ResourceStatus, Timestamp,
};
use longrun_store::Filter;

/// Items on a page, when the caller does not say.
const OPERATIONS_DEFAULT: usize = 50;
const RESOURCES_DEFAULT: usize = 100;
const EVENTS_DEFAULT: usize = 100;

/// `GET /api/v1/operations/{id}`
pub(super) async fn get(
    caller: Caller,
    Segment(id): Segment,
    PreferWait(wait_millis): PreferWait,
    mut query: Query,
) -> Result<Response<Body>, Problem> {
    let since: Option<u64> = query.take_number("since")?;
    query.finish()?;
    let mut operation = caller.find(action::GET, &id).await?;
    if wait_millis > 0 && !operation.phase.is_ended() {
        let (engine, key, account) = (&caller.app.engine, operation.key, caller.key.confined_to());
        operation = match since {
            Some(since) => {
                engine
                    .wait_for_change(key, account, wait_millis, since)
                    .await?
            }
            None => engine.wait_for_end(key, account, wait_millis).await?,
        };
        caller.check_again()?;
    }
    let answer =
        |operation: &Operation| view::answer_operation(StatusCode::OK, &caller.app, operation);
    match caller.app.meddle(&operation, None).await {
        None => Ok(answer(&operation)),
        Some(Err(fault)) => Err(Problem::of_fault(&fault)),
        Some(Ok(told)) => Ok(spoiled::spoil(answer(&told.operation), told.outcome).await),
    }
}

/// `GET /api/v1/operations`
///
/// The list is open to whoever may list; what stands in it is what the caller may get.
pub(super) async fn list(caller: Caller, query: Query) -> Result<Response<Body>, Problem> {
    let filter = caller.filter(query)?;
    caller.allow(action::LIST, Target::new("operation", "*"))?;
    if !caller.works_in(filter.project.as_ref()) {
        return Ok(view::answer_page("operations", [], |_, ()| (), None));
    }
    let stuck = filter.stuck;
    let page = caller.app.engine.list(filter).await?;
    let ids = &caller.app.ids;
    let shown = page.operations.iter().filter(|operation| {
        caller.works_on(operation) && caller.allow_on(action::GET, operation).is_ok()
    });
    let write = |bytes: &mut Vec<u8>, operation: &Operation| {
        let reason = stuck.and_then(|(rule, now)| rule.reason(operation, now));
        view::write_operation(bytes, ids, operation, Detail::Head(reason));
    };
    let next = page.next.map(|key| ids.text(key));
    Ok(view::answer_page(
        "operations",
        shown,
        write,
        next.as_ref().map(IdText::digits),
    ))
}

impl Caller {
    fn filter(&self, mut query: Query) -> Result<Filter, Problem> {
        let filter = Filter {
            account: self.account(),
            phase: query.take_as("status", Phase::from_word)?,
            kind: query.take("kind")?.map(KindName::from),
            project: query.take("project")?.map(ProjectId::from),
            labels: query
                .take_all("label")
                .iter()
                .map(|label| read_label(label))
                .collect::<Result<_, _>>()?,
            stuck: query
                .take_as("stuck", |word| word.parse().ok())?
                .filter(|stuck| *stuck)
                .map(|_: bool| (self.app.stuck, self.app.engine.now())),
            created_after: query.take_as("created_after", read_instant)?,
            before: query.take_as("page_token", |token| self.app.ids.key(token))?,
            limit: query.take_page_size(OPERATIONS_DEFAULT)?,
        };
        query.finish()?;
        Ok(filter)
    }
}

fn read_label(label: &str) -> Result<(Box<str>, Box<str>), Problem> {
    let pair = label
        .split_once('=')
        .map(|(key, value)| (key.into(), value.into()));
    pair.ok_or_else(|| Problem::Malformed(format!("`label` must be KEY=VALUE and not `{label}`")))
}

/// Reads an instant in RFC 3339.
pub(super) fn read_instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

/// `GET /api/v1/operations/{id}/resources`
pub(super) async fn resources(
    caller: Caller,
    Segment(id): Segment,
    mut query: Query,
) -> Result<Response<Body>, Problem> {
    let status = query.take_as("status", ResourceStatus::from_word)?;
    // The place of the first resource of the page: places stay, whatever becomes of the resources.
    let start: u32 = query.take_number("page_token")?.unwrap_or(0);
    let size = query.take_page_size(RESOURCES_DEFAULT)?;
    query.finish()?;
    let operation = caller.find(action::GET, &id).await?;
    let wanted = |resource: &Resource| status.is_none_or(|status| resource.status == status);
    let indexed = operation.resources.indexed();
    let later = indexed
        .iter()
        .skip(start as usize)
        .filter(|(_, resource)| wanted(resource));
    let mut page: Vec<_> = later.take(size + 1).collect();
    let next = (page.len() > size)
        .then(|| page.pop())
        .flatten()
        .map(|(index, _)| index.to_string());
    let write = |bytes: &mut Vec<u8>, (_, resource): &(u32, Resource)| {
        view::write_resource(bytes, resource);
    };
    Ok(view::answer_page("resources", page, write, next.as_deref()))
}

/// `GET /api/v1/operations/{id}/events`
///
/// A page of the history; or, for a caller who accepts a stream of events, all of it and whatever follows.
pub(super) async fn events(
    caller: Caller,
    Segment(id): Segment,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response<Body>, Problem> {
    let after: u64 = query.take_number("after")?.unwrap_or(0);
    if live::is_wanted(&headers) {
        query.finish()?;
        let heard = live::last_heard(&headers)?.unwrap_or(after);
        let operation = caller.find(action::GET, &id).await?;
        return Ok(live::watch(caller, operation, heard));
    }
    let size = query.take_page_size(EVENTS_DEFAULT)?;
    query.finish()?;
    let operation = caller.find(action::GET, &id).await?;
    let mut entries = caller
        .app
        .engine
        .history(operation.key, after, size + 1)
        .await?;
    let more = entries.len() > size;
    entries.truncate(size);
    let next_after = entries.last().filter(|_| more).map(|entry| entry.number);
    let mut body = Vec::new();
    json::object(&mut body, |page| {
        let resources = &operation.resources;
        page.array("events", &entries, |bytes, entry| {
            view::write_event(bytes, entry, resources);
        });
        page.put("next_after", next_after);
    });
    Ok(view::answer(StatusCode::OK, body))
}

/// `POST /api/v1/operations/{id}:cancel`
pub(super) async fn cancel(
    caller: Caller,
    Segment(segment): Segment,
) -> Result<Response<Body>, Problem> {
    let Some((id, verb)) = segment.split_once(':') else {
        return Ok(not_among("GET,HEAD,DELETE"));
    };
    if verb != "cancel" {
        return Err(Problem::NotFound);
    }
    let operation = caller.find(action::CANCEL, id).await?;
    let commanded = caller
        .app
        .engine
        .command(operation.key, caller.account(), Command::Cancel)
        .await?;
    Ok(view::answer_operation(
        StatusCode::OK,
        &caller.app,
        &commanded.operation,
    ))
}

/// `DELETE /api/v1/operations/{id}`
pub(super) async fn remove(caller: Caller, Segment(id): Segment) -> Result<StatusCode, Problem> {
    let operation = caller.find(action::DELETE, &id).await?;
    caller
        .app
        .engine
        .command(operation.key, caller.account(), Command::Delete)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
