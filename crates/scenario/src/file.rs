//! What can stand in a scenario file.

use crate::words::{Lasting, Numbers, Patterns, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A scenario: what is there when the emulator starts, and what becomes of the operations that are submitted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// What it shows, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What chance is drawn from. The same seed gives the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The number of the first operation that is submitted: the `taskId` of Tencent's dialects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_task_id: Option<u64>,
    /// The clock.
    #[serde(skip_serializing_if = "Clock::is_usual")]
    pub clock: Clock,
    /// Access keys that are there from the start.
    #[serde(rename = "key", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// Operations that are there from the start.
    #[serde(rename = "operation", skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Submitted>,
    /// What accounts keep in the clouds from the start.
    #[serde(rename = "shelf", skip_serializing_if = "Vec::is_empty")]
    pub shelves: Vec<Shelf>,
    /// What becomes of operations. The first rule that matches holds.
    #[serde(rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What goes wrong with polls, whatever they ask for.
    #[serde(rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// How time passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// The time at the start, in RFC 3339; the machine's if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Whether time stands still until it is moved.
    pub frozen: bool,
}

impl Clock {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// An access key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The bearer token that goes with it; one is made up if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whose it is; `dev` if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The projects it works in; the one of the key for development if none is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
}

/// An operation that is there from the start.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Submitted {
    /// Its kind.
    pub kind: String,
    /// Its number: the `taskId` of Tencent's dialects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<u64>,
    /// Another id that it is known by: Huawei's `job_id`, or Alibaba's `OperationId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whose it is; `dev` if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The project it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The region it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The resource group it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group: Option<String>,
    /// What it works on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Its input, of any form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Its labels.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What becomes of it, instead of what a rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
}

/// What an account keeps in a cloud: templates and what refers to them, or load balancers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shelf {
    /// In which dialect.
    pub dialect: String,
    /// Whose it is; `dev` if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What is kept, as `PUT /api/v1/shelves/{shelf}` takes it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub things: Value,
}

/// What becomes of some operations.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// What it is called where the emulator tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which operations. All, if nothing is said.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What becomes of them.
    pub script: Script,
}

/// Which operations a rule is about. Everything that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Of this kind.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub kind: Patterns,
    /// Of a kind of this dialect: `tencent-bm`, `tencent-vpc`, `alibaba-bpstudio`, `huawei-elb`, or `native` for all others.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub dialect: Patterns,
    /// With a resource whose id is like this.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub resource: Patterns,
    /// With these values in the input, by name, or by a path such as `listener.port` or `ids.0`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameter: BTreeMap<String, Patterns>,
    /// With these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label: BTreeMap<String, Patterns>,
    /// In this project.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub project: Patterns,
    /// In this region.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub region: Patterns,
    /// Of this account.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub account: Patterns,
    /// The first, second, ... submission for which all the rest holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<Numbers>,
    /// The first, second, ... attempt of an operation that is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Numbers>,
}

/// How something ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Well.
    #[default]
    Succeeded,
    /// Badly.
    Failed,
    /// As if somebody had cancelled it.
    Cancelled,
    /// Without a result, as nobody can learn any more how the work ended.
    Expired,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Error {
    /// A code for programs, in the words of the cloud.
    pub code: String,
    /// A sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether trying again may help.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
}

/// What becomes of an operation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// How long it waits before it runs; 100 ms if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<Lasting>,
    /// How long it runs; until 2 s after it was submitted if nothing is said about its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Lasting>,
    /// It begins to run when it is polled for the n-th time, if it does not run before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at_poll: Option<u64>,
    /// It ends when it is polled for the n-th time, if it has not ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at_poll: Option<u64>,
    /// How it ends.
    pub end: End,
    /// What went wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// What came out of it: for queries of VPC what they found, for Huawei's jobs the entities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What is said at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What becomes of it when it is to be cancelled: how long it takes to give in, or `forever` if it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Lasting>,
    /// Whether a real worker is to carry it out: then nothing above and below holds but faults and answers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_worker: bool,
    /// What is told while it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Progress>,
    /// What becomes of single resources. For each resource the first entry that matches holds.
    #[serde(rename = "resource", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceScript>,
    /// What polls are told instead of the truth.
    #[serde(rename = "answer", skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// What goes wrong with polls.
    #[serde(rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// What is told while an operation runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Progress {
    /// How long after it began to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// When it is polled for the n-th time, instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_poll: Option<u64>,
    /// How much is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// What is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What has come out of it so far. Polls are told it until there is something newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// What becomes of some of the resources of an operation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceScript {
    /// Whose id is like this; all, if it is not said.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub id: Patterns,
    /// The first, second, ... of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<Numbers>,
    /// With which probability, from 0 to 1, this is what becomes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// How long it takes from when the operation runs; until the operation ends if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Lasting>,
    /// It ends when the operation is polled for the n-th time, instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at_poll: Option<u64>,
    /// How it ends.
    pub end: End,
    /// What went wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// What came out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// How an operation or a resource is said to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Not begun.
    Queued,
    /// Begun.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Ended on request.
    Cancelled,
}

/// What some polls are told instead of the truth, which stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// Which polls of the operation, counted from 1; all, if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polls: Option<Numbers>,
    /// From how long after the submission on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Until how long after the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Span>,
    /// Only in these dialects; `native` is one of them.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub dialect: Patterns,
    /// How it is said to stand, and with it all resources that no entry below names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Standing>,
    /// What is said to have gone wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// What is said to have come out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What is said to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How single resources are said to stand.
    #[serde(rename = "resource", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceAnswer>,
}

/// How some resources are said to stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceAnswer {
    /// Whose id is like this.
    pub id: Patterns,
    /// How.
    pub status: Standing,
}

/// What can go wrong with a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wrong {
    /// Too many calls, as that cloud says it.
    Throttled,
    /// The service is not available, as that cloud says it.
    Unavailable,
    /// Something broke inside, as that cloud says it.
    #[default]
    Internal,
    /// There is no such operation, as that cloud says it.
    NotFound,
    /// The result has been deleted, as that cloud says it.
    Gone,
    /// The signature is not accepted because of its time, as that cloud says it.
    Skewed,
    /// The token is no longer valid, as that cloud says it.
    ExpiredToken,
    /// An answer of something in between: `status`, `content_type` and `body` say which.
    Http,
    /// The connection ends without an answer.
    Dropped,
    /// The right answer ends in the middle, and with it the connection.
    Truncated,
    /// The right answer, but late: `delay` says how late.
    Slow,
}

/// What goes wrong with some polls.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// What goes wrong.
    pub answer: Wrong,
    /// Only in these dialects; `native` is one of them.
    #[serde(skip_serializing_if = "Patterns::is_empty")]
    pub dialect: Patterns,
    /// Which polls of an operation, counted from 1; all, if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polls: Option<Numbers>,
    /// From how long after the submission on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Until how long after the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Span>,
    /// With which probability, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// How often at the most, over all polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How late the answer is, in real time, whatever the clock says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// When to come again, for those that say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// The status of `http`; 502 if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The content type of `http`; `text/html` if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body of `http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How many bytes of the body come before a `truncated` answer ends; half of them if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
}
