//! The calls that only an emulator has: its clock, its reset, its figures.

use crate::Inner;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use longrun_engine::Clock;
use longrun_model::{Timestamp, limits};
use longrun_server::{invalid_value, not_available};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Operations that are listed.
const LISTED_MAX: usize = 1_000;

/// The calls, over an emulator.
pub(crate) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/api/v1/clock", get(clock))
        .route("/api/v1/clock:advance", post(advance))
        .route("/api/v1/emulator", get(figures))
        .route("/api/v1/emulator:reset", post(reset))
        .with_state(inner)
}

#[derive(Serialize)]
struct Shown {
    now: String,
    frozen: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// How far.
    millis: i64,
}

#[derive(Serialize)]
struct Figures {
    clock: Shown,
    polls: BTreeMap<String, u64>,
    faults: u64,
    untrue: u64,
    rules: Vec<Followed>,
    operations: Vec<Listed>,
}

#[derive(Serialize)]
struct Followed {
    name: Option<String>,
    operations: u64,
}

#[derive(Serialize)]
struct Listed {
    task_id: u64,
    rule: Option<usize>,
    polls: u64,
    due_at: Option<String>,
}

fn rfc3339(instant: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(instant.as_millis()).map_or_else(
        |_| instant.as_millis().to_string(),
        |instant| format!("{instant:.3}"),
    )
}

fn json(value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(value).expect("it has texts for keys");
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], text).into_response()
}

fn shown(inner: &Inner) -> Shown {
    let stage = inner.stage();
    Shown {
        now: rfc3339(stage.clock().now()),
        frozen: stage.clock().is_frozen(),
    }
}

/// `GET /api/v1/clock`
async fn clock(State(inner): State<Arc<Inner>>) -> Response<Body> {
    json(&shown(&inner))
}

/// `POST /api/v1/clock:advance`
async fn advance(State(inner): State<Arc<Inner>>, body: Bytes) -> Response<Body> {
    let call: Advance = match serde_json::from_slice(&body) {
        Ok(call) => call,
        Err(error) => return invalid_value(error.to_string()),
    };
    if !(0..=limits::SPAN_MILLIS_MAX).contains(&call.millis) {
        return invalid_value("`millis` must lie between 0 and ten years".to_owned());
    }
    match inner.stage().advance(call.millis).await {
        Ok(_) => json(&shown(&inner)),
        Err(_) => not_available(),
    }
}

/// `GET /api/v1/emulator`
async fn figures(State(inner): State<Arc<Inner>>) -> Response<Body> {
    let stage = inner.stage();
    let counts = stage.counts();
    let rules = stage.rules().into_iter();
    let operations = stage.parts(LISTED_MAX).into_iter();
    json(&Figures {
        clock: shown(&inner),
        polls: counts.polls,
        faults: counts.faults,
        untrue: counts.untrue,
        rules: rules
            .map(|(name, operations)| Followed { name, operations })
            .collect(),
        operations: operations
            .map(|one| Listed {
                task_id: one.key.get(),
                rule: one.rule,
                polls: one.polls,
                due_at: one.due_at.map(rfc3339),
            })
            .collect(),
    })
}

/// `POST /api/v1/emulator:reset`
async fn reset(State(inner): State<Arc<Inner>>) -> Response<Body> {
    match inner.reset().await {
        Ok(()) => json(&shown(&inner)),
        Err(error) => invalid_value(error.to_string()),
    }
}
