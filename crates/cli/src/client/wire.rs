//! What goes over the wire of the native API, as far as this program needs it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A wish for an operation.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Submission {
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<NewResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_group: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention_ms: Option<i64>,
}

/// A resource to work on.
#[derive(Debug, Serialize)]
pub(crate) struct NewResource {
    pub(crate) id: String,
}

/// An operation.
#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) task_id: u64,
    pub(crate) job_id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) tally: Tally,
    pub(crate) progress: Option<Progress>,
    #[serde(default)]
    pub(crate) resources: Vec<Resource>,
    pub(crate) input: Option<Box<RawValue>>,
    pub(crate) output: Option<Box<RawValue>>,
    pub(crate) error: Option<Failure>,
    pub(crate) attempt: u32,
    pub(crate) version: u64,
    pub(crate) project: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) created_at: String,
    pub(crate) started_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    pub(crate) deadline_at: Option<String>,
    pub(crate) expires_at: Option<String>,
}

/// How many of its resources stand how.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) unfinished: u32,
}

/// How far it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    pub(crate) percent: Option<f64>,
    pub(crate) message: Option<String>,
}

/// One thing that it works on.
#[derive(Debug, Deserialize)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) input: Option<Box<RawValue>>,
    pub(crate) output: Option<Box<RawValue>>,
    pub(crate) error: Option<Failure>,
}

/// What went wrong.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) retryable: bool,
}

/// A page of operations, each as it came.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct OperationPage {
    pub(crate) operations: Vec<Box<RawValue>>,
    #[serde(skip_serializing)]
    pub(crate) next_page_token: Option<String>,
}

/// A page of a history, each event as it came.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<Box<RawValue>>,
    #[serde(skip_serializing)]
    pub(crate) next_after: Option<u64>,
}

/// What happened once. Which of the later fields are there depends on what it was.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) at: String,
    #[serde(rename = "type")]
    pub(crate) what: String,
    pub(crate) worker: Option<String>,
    pub(crate) fence: Option<u64>,
    #[serde(default)]
    pub(crate) resources: Vec<Touched>,
    pub(crate) progress: Option<Progress>,
    pub(crate) reason: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) error: Option<Failure>,
}

/// A resource whose status changed.
#[derive(Debug, Deserialize)]
pub(crate) struct Touched {
    pub(crate) id: String,
    pub(crate) status: String,
}

/// A wish for operations to carry out.
#[derive(Debug, Serialize)]
pub(crate) struct LeaseWish<'a> {
    pub(crate) kinds: &'a [String],
    pub(crate) max: usize,
    pub(crate) lease_ms: u64,
    pub(crate) wait_ms: u64,
    pub(crate) worker: &'a str,
}

/// What was leased.
#[derive(Debug, Deserialize)]
pub(super) struct Leases {
    pub(super) leases: Vec<Leased>,
}

/// An operation to carry out: what is still open of it, and the inputs.
#[derive(Debug, Deserialize)]
pub(crate) struct Leased {
    pub(crate) operation: Operation,
    pub(crate) fence: u64,
    pub(crate) lease_ms: u64,
}

/// Which lease is meant.
#[derive(Debug, Serialize)]
pub(crate) struct LeaseName<'a> {
    pub(crate) id: &'a str,
    pub(crate) fence: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Heartbeat<'a> {
    pub(super) leases: [&'a LeaseName<'a>; 1],
}

#[derive(Debug, Deserialize)]
pub(super) struct Beats {
    pub(super) leases: Vec<Beat>,
}

/// How a lease stands.
#[derive(Debug, Deserialize)]
pub(crate) struct Beat {
    pub(crate) state: LeaseState,
    pub(crate) reason: Option<String>,
}

/// The states of a lease.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LeaseState {
    /// Still ours.
    Held,
    /// Still ours, and the operation shall be cancelled.
    Cancel,
    /// Somebody else's, or nobody's.
    Lost,
}

/// What a worker tells about an operation.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) id: &'a str,
    pub(crate) fence: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) resources: &'a [ResourceReport],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish: Option<&'a Finish>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) release: bool,
}

/// What a worker tells about a resource.
#[derive(Debug, Serialize)]
pub(crate) struct ResourceReport {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

/// How a worker ends an operation as a whole.
#[derive(Debug, Serialize)]
pub(crate) struct Finish {
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

#[derive(Debug, Serialize)]
pub(super) struct Reports<'a> {
    pub(super) reports: [&'a Report<'a>; 1],
}

#[derive(Debug, Deserialize)]
pub(super) struct ReportedAll {
    pub(super) reports: Vec<Reported>,
}

/// What the server made of a report.
#[derive(Debug, Deserialize)]
pub(crate) struct Reported {
    pub(crate) accepted: bool,
    pub(crate) reason: Option<String>,
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) refused: Vec<Refused>,
}

/// A part of a report that was not taken.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    pub(crate) resource: Option<String>,
    pub(crate) reason: String,
}

/// A wish for a key.
#[derive(Debug, Default, Serialize)]
pub(crate) struct KeyWish {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) projects: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Box<RawValue>>,
}

/// A new key: the only time that its secret and its token are shown.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) account: String,
    pub(crate) projects: Vec<String>,
}

/// All keys.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<KeyInfo>,
}

/// What may be shown of a key.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct KeyInfo {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) projects: Vec<String>,
    pub(crate) disabled: bool,
    pub(crate) created_at: String,
    pub(crate) policy: Option<Box<RawValue>>,
}
