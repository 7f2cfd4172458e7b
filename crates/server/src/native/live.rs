//! The history of an operation as it grows: server-sent events, as HTML defines them.
//!
//! The id of each is the event's number, so that whoever comes back with `Last-Event-ID` goes on where the connection
//! broke. The stream ends with the operation, or when the server does; who comes back after the end is told so by 204,
//! upon which browsers stay away.

use super::caller::Caller;
use super::problem::Problem;
use super::view;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, StreamExt};
use http::header::ACCEPT;
use http::{HeaderMap, Response, StatusCode};
use longrun_model::Operation;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// What a caller accepts who wants to watch.
const EVENT_STREAM: &str = "text/event-stream";
/// Where a caller says what it has heard last.
const LAST_EVENT_ID: &str = "last-event-id";
/// How many events are read from the store at a time.
const EVENTS_MAX: usize = 100;
/// After how long without a change the key is looked at again.
const WAIT_MILLIS: i64 = 30_000;
/// After how long without an event a sign of life is sent.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How soon whoever was cut off should come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// Whether the caller wants to watch.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).into_iter();
    let mut ranges = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|range| range.split(';').next());
    ranges.any(|range| range.trim().eq_ignore_ascii_case(EVENT_STREAM))
}

/// The number of the event that the caller has heard last, if it says so.
pub(super) fn last_heard(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| {
        Problem::Malformed("`Last-Event-ID` must be the number of an event".to_owned())
    })
}

/// Everything that happens to `operation` after the event with the number `heard`.
pub(super) fn watch(caller: Caller, operation: Arc<Operation>, heard: u64) -> Response<Body> {
    let watch = Watch {
        caller,
        operation,
        heard,
    };
    if watch.is_over() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let first = stream::iter([Event::default().retry(COME_BACK)]);
    let events = first.chain(stream::unfold(watch, Watch::next).flat_map(stream::iter));
    Sse::new(events.map(Ok::<_, Infallible>))
        .keep_alive(KeepAlive::new().interval(SILENCE_MAX))
        .into_response()
}

/// Somebody who watches an operation.
struct Watch {
    caller: Caller,
    /// How it was last seen.
    operation: Arc<Operation>,
    /// The number of the last event that was told.
    heard: u64,
}

impl Watch {
    /// Whether everything has been told.
    fn is_over(&self) -> bool {
        self.operation.phase.is_ended() && self.heard >= self.operation.version
    }

    /// The next events, as soon as there are any. None at the end, and if something is in the way: whoever comes back
    /// is told what.
    async fn next(mut self) -> Option<(Vec<Event>, Self)> {
        let app = Arc::clone(&self.caller.app);
        let (engine, key) = (&app.engine, self.operation.key);
        loop {
            let entries = engine.history(key, self.heard, EVENTS_MAX).await.ok()?;
            let account = self.caller.key.confined_to();
            if let Some(last) = entries.last() {
                // It may name resources that have come to light since.
                self.operation = engine.get(key, account).await.ok()?;
                let told = entries.iter().map(|entry| {
                    let mut data = Vec::new();
                    view::write_event(&mut data, entry, &self.operation.resources);
                    let data = String::from_utf8(data).expect("JSON is a text");
                    Event::default().id(entry.number.to_string()).data(data)
                });
                let told = told.collect();
                self.heard = last.number;
                return Some((told, self));
            }
            if self.is_over() || app.draining.load(SeqCst) {
                return None;
            }
            let wait = engine.wait_for_change(key, account, WAIT_MILLIS, self.heard);
            self.operation = wait.await.ok()?;
            self.caller.check_again().ok()?;
        }
    }
}
