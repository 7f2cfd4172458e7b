//! What stands in the blobs of the tables.
//!
//! Every blob opens with the number of its format, and the rest is `postcard`, which writes fields in order and without
//! names. A field may therefore never move or vanish: a change of any struct here is a new format. Reading never panics,
//! whatever the bytes are.

mod access_key;
mod code;
mod events;
mod feed;
mod head;
mod line;
mod resources;
mod state;

pub(crate) use access_key::{read_access_key, write_access_key};
pub(crate) use code::{phase_code, phase_of};
pub(crate) use events::{read_events, write_events};
pub(crate) use feed::{read_feed, write_feed};
pub(crate) use head::{Columns, read_head, read_project, write_head};
pub(crate) use line::write_line;
pub(crate) use resources::{read_resources, write_resources};
pub(crate) use state::{read_state, write_state};

use longrun_model::{Failure, Json, Timestamp};
use serde::{Deserialize, Serialize};

/// The bytes are not what this program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The format of all blobs but the heads and the access keys, so far the only one.
const FORMAT: u8 = 1;

/// Begins a blob in `buffer`, whose room is used again.
fn begin(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.push(FORMAT);
}

/// Adds `value` to the blob in `buffer`.
fn put<T: Serialize>(buffer: &mut Vec<u8>, value: &T) {
    let blob = std::mem::take(buffer);
    *buffer = postcard::to_extend(value, blob).expect("a record holds nothing that has no bytes");
}

/// What follows the number of the format.
fn body(blob: &[u8]) -> Result<&[u8], Unreadable> {
    match blob.split_first() {
        Some((&FORMAT, body)) => Ok(body),
        Some(_) | None => Err(Unreadable),
    }
}

/// Reads one value off the front of `bytes`.
fn take<'b, T: Deserialize<'b>>(bytes: &mut &'b [u8]) -> Result<T, Unreadable> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| Unreadable)?;
    *bytes = rest;
    Ok(value)
}

/// Reads the one value that a blob consists of.
fn only<'b, T: Deserialize<'b>>(blob: &'b [u8]) -> Result<T, Unreadable> {
    let mut rest = body(blob)?;
    let value = take(&mut rest)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(Unreadable)
    }
}

/// What went wrong, as it is stored.
#[derive(Serialize, Deserialize)]
struct FailureRecord<'a> {
    code: &'a str,
    message: &'a str,
    retryable: bool,
}

impl<'a> From<&'a Failure> for FailureRecord<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            code: &failure.code,
            message: &failure.message,
            retryable: failure.retryable,
        }
    }
}

impl From<FailureRecord<'_>> for Failure {
    fn from(record: FailureRecord<'_>) -> Self {
        Self {
            code: record.code.into(),
            message: record.message.into(),
            retryable: record.retryable,
        }
    }
}

/// An instant is stored as its distance from the submission, which is mostly short. Wrapping keeps every instant exact.
fn distance(instant: Timestamp, from: Timestamp) -> i64 {
    instant.as_millis().wrapping_sub(from.as_millis())
}

/// The instant at this distance.
fn at_distance(distance: i64, from: Timestamp) -> Timestamp {
    Timestamp::from_millis(from.as_millis().wrapping_add(distance))
}

fn json(text: Option<&str>) -> Option<Json> {
    text.map(Json::from_checked)
}

fn text(json: Option<&Json>) -> Option<&str> {
    json.map(Json::as_str)
}
