//! Workers: taking operations and keeping them.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::json;
use super::problem::Problem;
use super::query::{WAIT_MILLIS_MAX, in_range};
use super::view::{self, Detail};
use axum::body::Body;
use futures_util::future::join_all;
use http::{Response, StatusCode};
use longrun_model::{Command, Ids, KindName, Operation, OperationKey, Phase, WorkerName, limits};
use longrun_store::LeaseWish;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// Kinds that one call may name.
const KINDS_MAX: usize = 1_000;
/// How long a worker may be silent, when it does not say.
const LEASE_MILLIS_DEFAULT: i64 = 15_000;
/// What a worker is called that does not say.
const WORKER_DEFAULT: &str = "anonymous";

/// What became of a heartbeat: the operation, which is still held.
type Beat = Result<Arc<Operation>, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct LeaseCall {
    kinds: Vec<Box<str>>,
    max: Option<usize>,
    lease_ms: Option<i64>,
    wait_ms: Option<i64>,
    worker: Option<Box<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct HeartbeatCall<'a> {
    #[serde(borrow)]
    leases: Vec<Held<'a>>,
    wait_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a lease")]
struct Held<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    fence: u64,
}

/// `POST /api/v1/leases`
pub(super) async fn lease(caller: Caller, body: JsonBody) -> Result<Response<Body>, Problem> {
    let call: LeaseCall = body.read()?;
    let wait_millis = call.wait_ms.unwrap_or(0);
    let wait_millis = in_range("wait_ms", wait_millis, 0..=i64::MAX)?.min(WAIT_MILLIS_MAX);
    let wish = caller.wish(call)?;
    let lease_millis = wish.length_millis;
    let leased = caller.app.engine.lease(wish, wait_millis).await?;
    if wait_millis > 0 {
        caller.check_again()?;
    }
    let write = |bytes: &mut Vec<u8>, operation: &Operation| {
        write_lease(bytes, &caller.app.ids, operation, lease_millis);
    };
    let leased = leased.iter().map(|operation| &**operation);
    Ok(view::answer_list(StatusCode::OK, "leases", leased, write))
}

/// Appends what a worker is handed: the open part of an operation, and what proves the lease.
pub(crate) fn write_lease(bytes: &mut Vec<u8>, ids: &Ids, operation: &Operation, millis: i64) {
    json::object(bytes, |lease| {
        lease.with("operation", |bytes| {
            view::write_operation(bytes, ids, operation, Detail::Work);
        });
        lease.put("fence", operation.fence);
        lease.put("lease_ms", millis);
    });
}

impl Caller {
    fn wish(&self, call: LeaseCall) -> Result<LeaseWish, Problem> {
        in_range("kinds", call.kinds.len(), 1..=KINDS_MAX)?;
        for kind in &call.kinds {
            check_name("kinds", kind)?;
            self.allow(action::LEASE, Target::new("kind", kind))?;
        }
        let worker = call.worker.unwrap_or_else(|| WORKER_DEFAULT.into());
        check_name("worker", &worker)?;
        let lease_ms = call.lease_ms.unwrap_or(LEASE_MILLIS_DEFAULT);
        Ok(LeaseWish {
            sight: self.key.sight(),
            kinds: call.kinds.into_iter().map(KindName::new).collect(),
            max: in_range("max", call.max.unwrap_or(1), 1..=limits::LEASES_MAX)?,
            worker: WorkerName::new(worker),
            length_millis: in_range(
                "lease_ms",
                lease_ms,
                limits::LEASE_MILLIS_MIN..=limits::SPAN_MILLIS_MAX,
            )?,
        })
    }
}

fn check_name(field: &'static str, name: &str) -> Result<(), Problem> {
    if (1..=limits::NAME_BYTES_MAX).contains(&name.len()) {
        Ok(())
    } else {
        Err(longrun_model::Invalid::Name { field }.into())
    }
}

/// `POST /api/v1/leases:heartbeat`
pub(super) async fn heartbeat(caller: Caller, body: JsonBody) -> Result<Response<Body>, Problem> {
    let call: HeartbeatCall = body.read()?;
    in_range("leases", call.leases.len(), 0..=limits::LEASES_MAX)?;
    let wait_millis = in_range("wait_ms", call.wait_ms.unwrap_or(0), 0..=i64::MAX)?;
    let mut outcomes = caller.beats(&call.leases).await?;
    if let Some(held) = all_held(&outcomes).filter(|_| wait_millis > 0) {
        let wait_millis = wait_millis.min(WAIT_MILLIS_MAX).min(patience(&outcomes));
        caller.app.engine.wait_for_order(&held, wait_millis).await?;
        caller.check_again()?;
        outcomes = caller.beats(&call.leases).await?;
    }
    let answers = call.leases.iter().zip(outcomes);
    Ok(view::answer_list(
        StatusCode::OK,
        "leases",
        answers,
        |bytes, (held, outcome)| {
            let (state, reason) = match outcome {
                Ok(operation) if operation.phase == Phase::Cancelling => ("cancel", None),
                Ok(_) => ("held", None),
                Err(problem) => ("lost", Some(problem.name())),
            };
            json::object(bytes, |lease| {
                lease.put("id", &*held.id);
                lease.put("fence", held.fence);
                lease.put("state", state);
                lease.put("reason", reason);
            });
        },
    ))
}

impl Caller {
    async fn beats(&self, leases: &[Held<'_>]) -> Result<Vec<Beat>, Problem> {
        settle(join_all(leases.iter().map(|held| self.beat(held))).await)
    }

    async fn beat(&self, held: &Held<'_>) -> Beat {
        self.allow(action::REPORT, Target::new("operation", &held.id))?;
        let key = self.app.ids.key(&held.id).ok_or(Problem::NotFound)?;
        let command = Command::Heartbeat { fence: held.fence };
        let commanded = self
            .app
            .engine
            .command(key, self.key.sight(), command)
            .await?;
        Ok(commanded.operation)
    }
}

/// The operations and their fences, if all are held and none is to be cancelled: then there is something to wait for.
pub(crate) fn all_held<E>(
    outcomes: &[Result<Arc<Operation>, E>],
) -> Option<Vec<(OperationKey, u64)>> {
    let held = |outcome: &Result<Arc<Operation>, E>| {
        let operation = outcome.as_ref().ok()?;
        (operation.phase == Phase::Running).then_some((operation.key, operation.fence))
    };
    outcomes.iter().map(held).collect()
}

/// How long a heartbeat may wait without putting a lease at risk: half of the shortest.
pub(crate) fn patience<E>(outcomes: &[Result<Arc<Operation>, E>]) -> i64 {
    let leases = outcomes
        .iter()
        .flatten()
        .filter_map(|one| one.lease.as_ref());
    leases
        .map(|lease| lease.length_millis / 2)
        .min()
        .unwrap_or(0)
}

/// Makes the call fail as a whole if it can be tried again as a whole, or if nothing in it is allowed. Commands that
/// came through do no harm the second time.
pub(super) fn settle<T>(
    outcomes: Vec<Result<T, Problem>>,
) -> Result<Vec<Result<T, Problem>>, Problem> {
    let problems = || outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    if let Some(passing) = problems().find(|problem| problem.is_passing()) {
        return Err(passing.clone());
    }
    let forbidden = |problem: &&Problem| matches!(problem, Problem::Forbidden(_));
    let first = problems().next().filter(forbidden);
    match first {
        Some(first) if problems().filter(forbidden).count() == outcomes.len() => Err(first.clone()),
        Some(_) | None => Ok(outcomes),
    }
}
