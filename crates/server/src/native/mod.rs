//! The native API: JSON over HTTP, for callers and for workers, and the pages for those who run the server.
//!
//! A call passes through the same stations each time: whose token it bears ([`caller`]), what it says ([`body`],
//! [`query`]), whether that is allowed, what the engine makes of it, and the answer ([`view`]). Whatever goes wrong on
//! the way is a [`problem`], and no other module writes an error.
//!
//! What a policy can allow, and on what:
//!
//! | action | resource | calls |
//! | --- | --- | --- |
//! | `longrun:SubmitOperation` | `kind/KIND` | submit, batch submit |
//! | `longrun:GetOperation` | `operation/ID` | get, resources, events; also what a list shows |
//! | `longrun:ListOperations` | `operation/*` | list |
//! | `longrun:CancelOperation` | `operation/ID` | cancel, also of many |
//! | `longrun:DeleteOperation` | `operation/ID` | delete, also of many |
//! | `longrun:OperateOperations` | `operation/ID` | of many: retry, extend the deadline, finish by hand |
//! | `longrun:LeaseOperations` | `kind/KIND` | lease |
//! | `longrun:ReportOperations` | `operation/ID` | heartbeat, report |
//! | `longrun:GetShelf`, `longrun:PutShelf` | `shelf/SHELF` | shelves |
//! | `longrun:ManageKeys` | `key/ID` | everything with keys |
//! | `longrun:Emulate` | `emulator/*` | the clock, the reset and the figures of an emulator |
//!
//! Callers are asked for the resource group of the operation, or of the submission. Workers are not: a lease is given
//! by kind before its operation is known, and afterwards the fence proves it.

mod body;
mod bulk;
mod caller;
mod health;
mod json;
mod keys;
mod leases;
mod live;
mod opaque;
mod openapi;
mod operations;
mod pairs;
mod problem;
mod query;
mod reports;
mod shelves;
mod submit;
#[cfg(test)]
mod tests;
mod told;
mod view;

pub(crate) use leases::{all_held, patience, write_lease};
pub(crate) use pairs::Pairs;
pub(crate) use problem::Problem;
pub(crate) use told::{Accepted, RefusedPart, Told, refusal_word};
pub(crate) use view::instant;

use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use caller::{Caller, Target, action};
use http::{Request, Response};
use longrun_dialects::{Fault, Reply};
use std::sync::Arc;

/// The native API over `app`. A request may carry the address of its sender as an extension of type `IpAddr`.
///
/// `annex` is further calls, for those who are allowed `longrun:Emulate`.
pub(crate) fn router(app: Arc<App>, annex: Router) -> Router {
    let annex = annex.layer(from_fn_with_state(Arc::clone(&app), admit));
    let keys = Router::new()
        .route("/api/v1/keys", post(keys::create).get(keys::list))
        .route(
            "/api/v1/keys/{id}",
            post(keys::act).merge(delete(keys::remove)),
        )
        .with_state(keys::Desk::new(Arc::clone(&app)));
    let one = get(operations::get)
        .merge(delete(operations::remove))
        .merge(post(operations::cancel));
    Router::new()
        .route(
            "/api/v1/operations",
            post(submit::submit).get(operations::list),
        )
        .route("/api/v1/operations:batch", post(submit::submit_all))
        .route("/api/v1/operations:bulk", post(bulk::bulk))
        .route("/api/v1/operations/{id}", one)
        .route(
            "/api/v1/operations/{id}/resources",
            get(operations::resources),
        )
        .route("/api/v1/operations/{id}/events", get(operations::events))
        .route("/api/v1/leases", post(leases::lease))
        .route("/api/v1/leases:heartbeat", post(leases::heartbeat))
        .route("/api/v1/leases:report", post(reports::report))
        .route(
            "/api/v1/shelves/{shelf}",
            get(shelves::get).put(shelves::put),
        )
        .route("/openapi.json", get(openapi::openapi))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .with_state(app)
        .merge(keys)
        .merge(annex)
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
}

/// Lets a call of the annex pass, if whoever makes it may.
async fn admit(
    caller: Caller,
    request: Request<Body>,
    next: Next,
) -> Result<Response<Body>, Problem> {
    caller.allow(action::EMULATE, Target::new("emulator", "*"))?;
    Ok(next.run(request).await)
}

/// The answer to a call that says something impossible.
pub(crate) fn invalid_value(detail: String) -> Response<Body> {
    Problem::Invalid(detail).into_response()
}

/// The answer to a call while the store is away.
pub(crate) fn not_available() -> Response<Body> {
    Problem::Unavailable.into_response()
}

/// The answer to a request that nobody claims.
pub(crate) fn problem_not_found() -> Response<Body> {
    Problem::NotFound.into_response()
}

/// The answer to a request that could not be read as HTTP.
pub(crate) fn refusal(fault: &Fault) -> Reply {
    let problem = if let Fault::TooLarge { limit_bytes } = *fault {
        Problem::TooLarge { limit_bytes }
    } else {
        Problem::Malformed(fault.to_string())
    };
    problem.reply()
}
