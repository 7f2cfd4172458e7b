//! What goes over the wire of the native API.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A wish for an operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Submission {
    /// What shall be done.
    pub kind: String,
    /// What it works on, if on anything in particular.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<NewResource>,
    /// What the worker needs to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<RawValue>>,
    /// The project it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The region it is said to be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The resource group that permission is checked against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group: Option<String>,
    /// What it can be found by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// From 0 to 9; higher is carried out earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Before when no worker gets it, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// How long to wait before a worker gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<i64>,
    /// How long the work may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<i64>,
    /// How long the result is kept after the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_ms: Option<i64>,
}

/// A resource to work on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewResource {
    /// What it is called.
    pub id: String,
    /// What it is.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What the worker needs to know about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<RawValue>>,
}

/// An operation.
#[derive(Clone, Debug, Deserialize)]
pub struct Operation {
    /// Its name in this API.
    pub id: String,
    /// Its name where names are numbers.
    pub task_id: u64,
    /// Its name where names are 32 hexadecimal digits.
    pub job_id: String,
    /// What is done.
    pub kind: String,
    /// `queued`, `running`, `cancelling`, `succeeded`, `failed`, `partial`, `cancelled` or `expired`.
    pub status: String,
    /// How many of its resources stand how.
    pub tally: Tally,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What it works on; in a lease only what is still open, in lists nothing.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// What its worker needs to know; shown to the worker.
    pub input: Option<Box<RawValue>>,
    /// What came of it as a whole.
    pub output: Option<Box<RawValue>>,
    /// What went wrong with it as a whole.
    pub error: Option<Failure>,
    /// How many tries there were.
    pub attempt: u32,
    /// How many there may be, if it is tried again at all.
    pub attempts_max: Option<u32>,
    /// Grows with each change.
    pub version: u64,
    /// The project it belongs to.
    pub project: Option<String>,
    /// The region it is said to be in.
    pub region: Option<String>,
    /// The resource group that permission is checked against.
    pub resource_group: Option<String>,
    /// What it can be found by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was submitted; all times are RFC 3339.
    pub created_at: String,
    /// When a worker got it first.
    pub started_at: Option<String>,
    /// When it changed last.
    pub updated_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Before when no worker gets it.
    pub not_before: Option<String>,
    /// When it expires if it has not ended.
    pub deadline_at: Option<String>,
    /// When it is forgotten.
    pub expires_at: Option<String>,
    /// Why it does not get on, in lists of what is stuck.
    pub stuck: Option<String>,
}

impl Operation {
    /// Whether nothing more will happen to it.
    pub const fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// Its output, read as `T`; one that is not there reads as `null`.
    pub fn read_output<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read(self.output.as_deref())
    }
}

/// Reads what may be absent: `null` then.
pub(crate) fn read<T: DeserializeOwned>(value: Option<&RawValue>) -> Result<T, serde_json::Error> {
    serde_json::from_str(value.map_or("null", RawValue::get))
}

/// How many of its resources stand how.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Tally {
    /// Went well.
    pub succeeded: u32,
    /// Did not, or were cancelled.
    pub failed: u32,
    /// Have not ended.
    pub unfinished: u32,
}

/// How far it is.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: Option<f64>,
    /// In words.
    pub message: Option<String>,
}

/// One thing that an operation works on.
#[derive(Clone, Debug, Deserialize)]
pub struct Resource {
    /// What it is called.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `pending`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// What the worker needs to know about it; shown to the worker.
    pub input: Option<Box<RawValue>>,
    /// What came of it.
    pub output: Option<Box<RawValue>>,
    /// What went wrong with it.
    pub error: Option<Failure>,
}

impl Resource {
    /// Its input, read as `T`; one that is not there reads as `null`.
    pub fn read_input<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read(self.input.as_deref())
    }
}

/// What went wrong.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Failure {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether another try may do better.
    #[serde(default)]
    pub retryable: bool,
}

/// Which operations are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those that stand so.
    pub status: Option<String>,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Those of this project.
    pub project: Option<String>,
    /// Those that were submitted later, as RFC 3339.
    pub created_after: Option<String>,
    /// Only those that do not get on.
    pub stuck: bool,
    /// How many on a page, up to 1,000.
    pub page_size: Option<usize>,
    /// Which page: what the page before says of the next.
    pub page_token: Option<String>,
}

impl Filter {
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let plain = [
            ("status", self.status.clone()),
            ("kind", self.kind.clone()),
            ("project", self.project.clone()),
            ("created_after", self.created_after.clone()),
            ("stuck", self.stuck.then(|| "true".to_owned())),
            ("page_size", self.page_size.map(|size| size.to_string())),
            ("page_token", self.page_token.clone()),
        ];
        let plain = plain
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let labels = self.labels.iter();
        let labels = labels.map(|(key, value)| ("label", format!("{key}={value}")));
        plain.chain(labels).collect()
    }
}

/// A page of operations. It may be short, or empty, and still have a next one.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OperationPage {
    /// They, without their resources.
    pub operations: Vec<Operation>,
    /// What to ask for the next page with, if there is one.
    pub next_page_token: Option<String>,
}

/// A wish for operations to carry out.
#[derive(Clone, Debug, Serialize)]
pub struct LeaseWish<'a> {
    /// Of which kinds.
    pub kinds: &'a [String],
    /// How many at most.
    pub max: usize,
    /// How long a lease lasts when it is not kept.
    pub lease_ms: u64,
    /// How long the call may wait for something to do.
    pub wait_ms: u64,
    /// What the worker calls itself.
    pub worker: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Leases {
    pub(super) leases: Vec<Leased>,
}

/// An operation to carry out: what is still open of it, and the inputs.
#[derive(Clone, Debug, Deserialize)]
pub struct Leased {
    /// The operation.
    pub operation: Operation,
    /// What proves the lease.
    pub fence: u64,
    /// How long the lease lasts when it is not kept.
    pub lease_ms: u64,
}

/// Which lease is meant.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HeldLease<'a> {
    /// The operation.
    pub id: &'a str,
    /// What proves the lease.
    pub fence: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Held<'a> {
    pub(super) leases: &'a [HeldLease<'a>],
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) wait_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is how serde asks")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Deserialize)]
pub(super) struct Beats {
    pub(super) leases: Vec<Beat>,
}

/// How a lease stands.
#[derive(Clone, Debug, Deserialize)]
pub struct Beat {
    /// In a word.
    pub state: LeaseState,
    /// Why it is lost.
    pub reason: Option<String>,
}

/// The states of a lease.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// Still ours.
    Held,
    /// Still ours, and the operation shall be cancelled.
    Cancel,
    /// Somebody else's, or nobody's.
    Lost,
}

/// What a worker tells about an operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report<'a> {
    /// The operation.
    pub id: &'a str,
    /// What proves the lease.
    pub fence: u64,
    /// What became of its resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<&'a ResourceReport>,
    /// How far it is, from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    /// How it ends as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<&'a Finish>,
    /// Whether it is handed back undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub release: bool,
}

/// What a worker tells about a resource.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceReport {
    /// Which one.
    pub id: String,
    /// `running`, `succeeded`, `failed` or `cancelled`.
    pub status: &'static str,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
    /// What went wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// How a worker ends an operation as a whole.
#[derive(Clone, Debug, Serialize)]
pub struct Finish {
    /// `succeeded`, `failed` or `cancelled`; so ends what is still open of it.
    pub status: &'static str,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
    /// What went wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

#[derive(Debug, Serialize)]
pub(super) struct Reports<'a> {
    pub(super) reports: &'a [Report<'a>],
}

#[derive(Debug, Deserialize)]
pub(super) struct ReportedAll {
    pub(super) reports: Vec<Reported>,
}

/// What the server made of a report.
#[derive(Clone, Debug, Deserialize)]
pub struct Reported {
    /// Whether the lease was good.
    pub accepted: bool,
    /// Why not.
    pub reason: Option<String>,
    /// How the operation stands now.
    pub status: Option<String>,
    /// The parts that were not taken.
    #[serde(default)]
    pub refused: Vec<Refused>,
}

/// A part of a report that was not taken.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    /// The resource that it was about; none if it was about the whole.
    pub resource: Option<String>,
    /// Why.
    pub reason: String,
}
