//! What goes over the wire of the native API, as far as only this program needs it, or needs it as it came.

pub(crate) use longrun_worker::wire::{
    Failure, NewResource, Operation, Progress, Resource, Submission, Tally,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

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
    pub(crate) not_before: Option<String>,
    pub(crate) error: Option<Failure>,
}

/// A resource whose status changed.
#[derive(Debug, Deserialize)]
pub(crate) struct Touched {
    pub(crate) id: String,
    pub(crate) status: String,
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
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) project_names: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
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
    #[serde(default)]
    pub(crate) project_names: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
}

/// A wish for a user of a key, or what became of it.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
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
    #[serde(default)]
    pub(crate) project_names: BTreeMap<String, String>,
    pub(crate) user: Option<String>,
    pub(crate) disabled: bool,
    pub(crate) created_at: String,
    pub(crate) policy: Option<Box<RawValue>>,
}

/// What to do to many operations.
#[derive(Debug, Serialize)]
pub(crate) struct Bulk {
    pub(crate) action: &'static str,
    pub(crate) preview: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stuck: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extend_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finish: Option<BTreeMap<&'static str, &'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page_token: Option<String>,
}

/// How many operations it was done to.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct BulkAnswer {
    pub(crate) preview: bool,
    pub(crate) matched: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    #[serde(skip_serializing)]
    pub(crate) next_page_token: Option<String>,
}
