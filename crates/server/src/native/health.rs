//! Pages for those who run the server.

use super::problem::Problem;
use crate::app::App;
use axum::extract::State;
use http::header::CONTENT_TYPE;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long the store may take to answer before the server counts as not ready.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /healthz`: the server runs.
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// `GET /readyz`: the server takes work.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.draining.load(Relaxed) {
        return Err(Problem::Unavailable);
    }
    let asked = tokio::time::timeout(STORE_TIMEOUT, app.engine.access_keys()).await;
    asked.map_err(|_| Problem::Unavailable)??;
    Ok("ok")
}

/// `GET /metrics`: what the server has counted, as Prometheus reads it.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl axum::response::IntoResponse {
    let figures = app.engine.figures().snapshot();
    let counters = [
        (
            "longrun_commits_total",
            "Commits that succeeded: each is one flush of the disk.",
            figures.commits,
        ),
        (
            "longrun_writes_total",
            "Writes in these commits.",
            figures.writes,
        ),
        (
            "longrun_failed_commits_total",
            "Commits that failed.",
            figures.failed_commits,
        ),
        (
            "longrun_stale_fences_total",
            "Heartbeats and reports with an old fence.",
            figures.stale_fences,
        ),
        (
            "longrun_leases_lost_total",
            "Leases whose worker was not heard of in time.",
            figures.leases_lost,
        ),
        (
            "longrun_cache_hits_total",
            "Reads of an operation that needed no store.",
            figures.cache_hits,
        ),
        (
            "longrun_cache_misses_total",
            "Reads of an operation from the store.",
            figures.cache_misses,
        ),
    ];
    let gauges = [
        (
            "longrun_watched_operations",
            "Operations that callers wait for.",
            app.engine.watched() as u64,
        ),
        (
            "longrun_draining",
            "1 while the server ends.",
            u64::from(app.draining.load(Relaxed)),
        ),
    ];
    let mut text = String::new();
    for (kind, metrics) in [("counter", &counters[..]), ("gauge", &gauges)] {
        for (name, help, value) in metrics {
            writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
            )
            .expect("a text can be written into memory");
        }
    }
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}
