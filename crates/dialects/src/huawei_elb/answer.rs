//! The answer about a job: eight fields, and in `entities` what the job works on.

use super::elbaas;
use crate::{Lent, stamp, wire};
use longrun_model::{Failure, Json, Operation, Phase, Resource, ResourceStatus};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A job, or one of its sub-jobs: they have the same fields.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the cloud's")]
struct Job<'a> {
    status: Status,
    entities: Entities<'a>,
    job_id: Cow<'a, str>,
    job_type: Cow<'a, str>,
    begin_time: &'a str,
    /// Empty until the end, while the two below are null: the document's example has both ways to say nothing.
    end_time: &'a str,
    error_code: Option<&'a str>,
    fail_reason: Option<Cow<'a, str>>,
}

/// There are no others, and old Terraform providers fail on any that they do not know.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Init,
    Running,
    Success,
    Fail,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entities<'a> {
    Nothing {},
    Reported(&'a RawValue),
    Named {
        resource_id: &'a str,
    },
    Server {
        server_id: &'a str,
    },
    Batch {
        sub_jobs_total: u32,
        sub_jobs: Vec<Job<'a>>,
    },
}

/// An operation with the texts that its job and all sub-jobs share, written once.
struct Subject<'a> {
    operation: &'a Operation,
    id: &'a str,
    kind: &'a str,
    begin_time: &'a str,
    end_time: &'a str,
}

/// Writes the answer about an operation whose resources are all loaded.
pub(super) fn write(operation: &Operation, lent: &Lent) -> Vec<u8> {
    let id = lent.ids.text(operation.key);
    let subject = Subject {
        operation,
        id: lent.followed.map_or_else(|| id.digits(), |it| it.id),
        kind: lent
            .followed
            .and_then(|it| it.kind)
            .unwrap_or(operation.kind.as_str()),
        begin_time: &stamp::write_millis(operation.created_at),
        // Of a resource nothing is kept but that it has ended by the last change.
        end_time: &stamp::write_millis(operation.ended_at.unwrap_or(operation.updated_at)),
    };
    wire::to_json(&subject.job())
}

impl<'a> Subject<'a> {
    fn job(&self) -> Job<'a> {
        let operation = self.operation;
        let status = job_status(operation);
        let failure = operation.error.as_ref().filter(|_| status == Status::Fail);
        Job {
            status,
            entities: self.entities(),
            job_id: Cow::Borrowed(self.id),
            job_type: Cow::Borrowed(self.kind),
            begin_time: self.begin_time,
            end_time: self.end_time_of(status),
            error_code: failure.map(|failure| &*failure.code),
            fail_reason: failure.map(|failure| fail_reason(operation.phase, failure)),
        }
    }

    fn entities(&self) -> Entities<'a> {
        if let Some(prepared) = self.prepared() {
            return prepared;
        }
        match self.operation.resources.indexed() {
            [] => object(self.operation.output.as_ref())
                .map_or(Entities::Nothing {}, Entities::Reported),
            [(_, only)] => {
                object(only.output.as_ref()).map_or_else(|| named(only), Entities::Reported)
            }
            several => {
                let job =
                    u128::from_str_radix(self.id, 16).expect("an id is 32 hexadecimal digits");
                Entities::Batch {
                    sub_jobs_total: self.operation.resources.total(),
                    sub_jobs: several
                        .iter()
                        .map(|(index, one)| self.sub_job(job, *index, one))
                        .collect(),
                }
            }
        }
    }

    /// What a job on load balancers and members has in its entities, unless somebody reported something else: nothing
    /// before it has begun and after it has failed.
    fn prepared(&self) -> Option<Entities<'a>> {
        let operation = self.operation;
        let mut resources = operation.resources.indexed().iter();
        let is_reported = operation.output.is_some()
            || resources.any(|(_, one)| object(one.output.as_ref()).is_some());
        let prepared = elbaas::entities(operation).filter(|_| !is_reported)?;
        match job_status(operation) {
            Status::Running | Status::Success => Some(Entities::Reported(prepared)),
            Status::Fail if operation.resources.total() > 1 => None,
            Status::Init | Status::Fail => Some(Entities::Nothing {}),
        }
    }

    fn sub_job(&self, job: u128, index: u32, resource: &'a Resource) -> Job<'a> {
        let status = sub_job_status(resource.status);
        // A resource that ended with its operation may have no error of its own.
        let failure = resource.error.as_deref().or(self.operation.error.as_ref());
        let failure = failure.filter(|_| status == Status::Fail);
        // The Go library fails on the whole answer if a sub-job's entities hold anything but texts.
        let reported =
            object(resource.output.as_ref()).filter(|object| holds_only_texts(object.get()));
        Job {
            status,
            entities: reported.map_or_else(|| named(resource), Entities::Reported),
            job_id: Cow::Owned(sub_job_id(job, index)),
            job_type: sub_job_type(self.kind, resource),
            begin_time: self.begin_time,
            end_time: self.end_time_of(status),
            error_code: failure.map(|failure| &*failure.code),
            fail_reason: failure.map(|failure| Cow::Borrowed(&*failure.message)),
        }
    }

    fn end_time_of(&self, status: Status) -> &'a str {
        match status {
            Status::Init | Status::Running => "",
            Status::Success | Status::Fail => self.end_time,
        }
    }
}

fn job_status(operation: &Operation) -> Status {
    match operation.phase {
        Phase::Queued if operation.started_at.is_none() => Status::Init,
        // One that waits for its next try has begun, and no client expects a job to go back to the beginning.
        Phase::Queued | Phase::Running | Phase::Cancelling => Status::Running,
        Phase::Succeeded | Phase::Failed | Phase::Partial | Phase::Cancelled | Phase::Expired => {
            if operation.counts_as_success() {
                Status::Success
            } else {
                Status::Fail
            }
        }
    }
}

const fn sub_job_status(status: ResourceStatus) -> Status {
    match status {
        ResourceStatus::Pending => Status::Init,
        ResourceStatus::Running => Status::Running,
        ResourceStatus::Succeeded => Status::Success,
        ResourceStatus::Failed | ResourceStatus::Cancelled => Status::Fail,
    }
}

/// The reason in words. There is no status for a job that was cancelled or ran out of time, so the words say it.
fn fail_reason(phase: Phase, failure: &Failure) -> Cow<'_, str> {
    let message = &*failure.message;
    match phase {
        Phase::Cancelled => Cow::Owned(format!("cancelled: {message}")),
        Phase::Expired => Cow::Owned(format!("expired: {message}")),
        Phase::Queued
        | Phase::Running
        | Phase::Cancelling
        | Phase::Succeeded
        | Phase::Failed
        | Phase::Partial => Cow::Borrowed(message),
    }
}

/// The id of a sub-job: the job's 32 digits as a number, plus the place of the resource counted from one.
///
/// So it is the same in every answer and unlike any other in the job. It leads nowhere: only jobs can be asked for.
fn sub_job_id(job: u128, index: u32) -> String {
    wire::digits(job.wrapping_add(u128::from(index) + 1))
}

/// What resources are called that are servers, whose jobs the cloud's clients know best.
const SERVER: &str = "server";

/// The type of a sub-job: that of the resource, or else that of the job. That of a server follows from the job's as
/// `createSingleServer` does from `createServer`.
fn sub_job_type<'a>(kind: &'a str, resource: &'a Resource) -> Cow<'a, str> {
    match (resource.kind.as_deref(), kind.strip_suffix("Server")) {
        (Some(SERVER), Some(deed)) => Cow::Owned(format!("{deed}SingleServer")),
        (Some(SERVER) | None, _) => Cow::Borrowed(kind),
        (Some(other), _) => Cow::Borrowed(other),
    }
}

fn named(resource: &Resource) -> Entities<'_> {
    let id = resource.id.as_str();
    if resource.kind.as_deref() == Some(SERVER) {
        Entities::Server { server_id: id }
    } else {
        Entities::Named { resource_id: id }
    }
}

/// The output if it is an object: `entities` is never anything else.
fn object(output: Option<&Json>) -> Option<&RawValue> {
    output
        .filter(|json| json.as_str().trim_start().starts_with('{'))
        .map(wire::raw)
}

fn holds_only_texts(object: &str) -> bool {
    serde_json::from_str(object).is_ok_and(|Texts(only)| only)
}

/// Whether the values of an object are all texts. Nothing is made of them, nor an error of one that is none.
struct Texts(bool);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Texts(true))
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((IgnoredAny, value)) = map.next_entry::<IgnoredAny, &RawValue>()? {
            self.0 &= value.get().starts_with('"');
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_model::ResourceId;

    #[test]
    fn objects_of_texts_are_told_from_others() {
        for (text, expected) in [
            ("{}", true),
            (r#"{"server_id":"1","name":"a \" b"}"#, true),
            (r#"{"server_id":"1","size":1}"#, false),
            (r#"{"ok":true}"#, false),
            (r#"{"a":null}"#, false),
            (r#"{"a":{"b":"c"}}"#, false),
            (r#"["a"]"#, false),
        ] {
            assert_eq!(holds_only_texts(text), expected, "{text}");
        }
    }

    #[test]
    fn only_objects_become_entities() {
        for (text, expected) in [
            (r#"{"a":1}"#, true),
            (" {}", true),
            ("[]", false),
            ("null", false),
            (r#""{}""#, false),
        ] {
            assert_eq!(
                object(Some(&Json::from_checked(text))).is_some(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn servers_are_called_as_their_jobs_have_them() {
        for (kind, sort, job_type, entities) in [
            (
                "createServer",
                "server",
                "createSingleServer",
                r#"{"server_id":"s-1"}"#,
            ),
            (
                "createBoot",
                "server",
                "createBoot",
                r#"{"server_id":"s-1"}"#,
            ),
            ("createServer", "nic", "nic", r#"{"resource_id":"s-1"}"#),
            (
                "createServer",
                "",
                "createServer",
                r#"{"resource_id":"s-1"}"#,
            ),
        ] {
            let resource = Resource {
                id: ResourceId::new("s-1"),
                kind: (!sort.is_empty()).then(|| sort.into()),
                input: None,
                status: ResourceStatus::Pending,
                output: None,
                error: None,
            };
            assert_eq!(sub_job_type(kind, &resource), job_type, "{kind} {sort}");
            let told = wire::to_json(&named(&resource));
            assert_eq!(String::from_utf8(told).unwrap(), entities, "{kind} {sort}");
        }
    }

    #[test]
    fn sub_jobs_have_ids_of_their_own() {
        for (job, index, expected) in [
            (
                0x4010_b39b_4fd3_d5ff_014f_d943_bac4_1619,
                0,
                "4010b39b4fd3d5ff014fd943bac4161a",
            ),
            (
                0x4010_b39b_4fd3_d5ff_014f_d943_bac4_1619,
                99_999,
                "4010b39b4fd3d5ff014fd943bac59cb9",
            ),
            (u128::MAX, 0, "00000000000000000000000000000000"),
        ] {
            assert_eq!(sub_job_id(job, index), expected);
        }
    }
}
