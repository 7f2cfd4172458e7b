//! Pages for those who run the server.

use super::problem::Problem;
use crate::app::App;
use crate::gateway::Followed;
use axum::extract::State;
use http::header::CONTENT_TYPE;
use longrun_engine::Snapshot;
use longrun_model::Stuck;
use std::fmt::{self, Write};
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

/// The name of a figure, what it says, and what it is.
type Metric = (&'static str, &'static str, u64);

/// `GET /metrics`: what the server has counted, as Prometheus reads it.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl axum::response::IntoResponse {
    let mut text = String::new();
    for (name, help, value) in counters(&app.engine.figures().snapshot()) {
        put_head(&mut text, name, help, "counter");
        put(&mut text, format_args!("{name} {value}"));
    }
    for (name, help, value) in gauges(&app) {
        put_head(&mut text, name, help, "gauge");
        put(&mut text, format_args!("{name} {value}"));
    }
    put_upstreams(&mut text, &app);
    // A store that does not answer is told by other figures.
    if let Ok(stuck) = app.engine.stuck(app.stuck).await {
        let name = "longrun_stuck_operations";
        let help = "Operations that do not get on, looked at twice a minute.";
        put_head(&mut text, name, help, "gauge");
        for reason in Stuck::ALL {
            let (word, count) = (reason.as_str(), stuck.of(reason));
            put(
                &mut text,
                format_args!("{name}{{reason=\"{word}\"}} {count}"),
            );
        }
    }
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}

/// What is counted of one upstream.
type OfUpstream = fn(&Followed) -> u64;

fn put_upstreams(text: &mut String, app: &App) {
    let upstreams = app.gateway.upstreams();
    if upstreams.is_empty() {
        return;
    }
    let figures: [(&str, &str, &str, OfUpstream); 5] = [
        (
            "longrun_upstream_polls_total",
            "Polls of tasks in another cloud.",
            "counter",
            |it| it.polls.load(Relaxed),
        ),
        (
            "longrun_upstream_failures_total",
            "Polls without an answer, or only with one of an outage.",
            "counter",
            |it| it.failures.load(Relaxed),
        ),
        (
            "longrun_upstream_throttled_total",
            "Polls that were turned away as too many.",
            "counter",
            |it| it.throttled.load(Relaxed),
        ),
        (
            "longrun_upstream_passed_total",
            "Calls that were passed on.",
            "counter",
            |it| it.passed.load(Relaxed),
        ),
        (
            "longrun_upstream_down",
            "1 while the cloud does not answer and is probed.",
            "gauge",
            |it| u64::from(it.stale_since().is_some()),
        ),
    ];
    for (name, help, kind, figure) in figures {
        put_head(text, name, help, kind);
        for followed in upstreams {
            // As JSON, the name is in quotes and what is odd in it is escaped.
            let upstream = serde_json::Value::from(&*followed.upstream.name);
            let value = figure(followed);
            put(text, format_args!("{name}{{upstream={upstream}}} {value}"));
        }
    }
}

fn put_head(text: &mut String, name: &str, help: &str, kind: &str) {
    put(
        text,
        format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"),
    );
}

fn put(text: &mut String, line: fmt::Arguments) {
    writeln!(text, "{line}").expect("a text can be written into memory");
}

fn counters(figures: &Snapshot) -> [Metric; 9] {
    [
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
            "longrun_late_calls_total",
            "Heartbeats and reports after the lease or the operation had ended.",
            figures.late_calls,
        ),
        (
            "longrun_retries_total",
            "Attempts that failed and are followed by another one.",
            figures.retries,
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
    ]
}

fn gauges(app: &App) -> [Metric; 3] {
    [
        (
            "longrun_watched_operations",
            "Operations that callers wait for.",
            app.engine.watched() as u64,
        ),
        (
            "longrun_waiting_commands",
            "Commands that wait to be committed.",
            app.engine.waiting() as u64,
        ),
        (
            "longrun_draining",
            "1 while the server ends.",
            u64::from(app.draining.load(Relaxed)),
        ),
    ]
}
