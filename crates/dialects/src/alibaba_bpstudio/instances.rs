//! What became of each resource. The API itself has no place for it; programs on top of it put it into `Arguments`, in
//! the shape that is written and read here.

use crate::{Observed, wire};
use longrun_model::{Failure, Json, Operation, Resource, ResourceStatus};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the message of a resource begins with that was cancelled: the shape knows success and failure only.
const CANCELLED: &str = "Cancelled";

/// The results of an operation's resources, as JSON.
pub(super) fn write(operation: &Operation, message: &str) -> String {
    let outcome = Outcome {
        success: operation.counts_as_success(),
        message,
        attributes: Attributes {
            instances: Instances(operation),
        },
    };
    serde_json::to_string(&outcome).expect("the keys are texts")
}

#[derive(serde::Serialize)]
struct Outcome<'a> {
    success: bool,
    message: &'a str,
    attributes: Attributes<'a>,
}

#[derive(serde::Serialize)]
struct Attributes<'a> {
    instances: Instances<'a>,
}

struct Instances<'a>(&'a Operation);

impl Serialize for Instances<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let resources = self.0.resources.iter();
        let mut map = serializer.serialize_map(Some(resources.len()))?;
        for resource in resources {
            map.serialize_entry(resource.id.as_str(), &Instance::of(resource))?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct Instance<'a> {
    status: &'static str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a RawValue>,
}

impl<'a> Instance<'a> {
    fn of(resource: &'a Resource) -> Self {
        let error = resource.error.as_deref();
        let said = error.map_or_else(String::new, spelled);
        let message = match resource.status {
            ResourceStatus::Cancelled if error.is_none() => Cow::Borrowed(CANCELLED),
            ResourceStatus::Cancelled => Cow::Owned(format!("{CANCELLED}: {said}")),
            ResourceStatus::Pending
            | ResourceStatus::Running
            | ResourceStatus::Succeeded
            | ResourceStatus::Failed => Cow::Owned(said),
        };
        Self {
            status: status_word(resource.status),
            message,
            output: resource.output.as_ref().map(wire::raw),
        }
    }
}

fn status_word(status: ResourceStatus) -> &'static str {
    match status {
        ResourceStatus::Pending | ResourceStatus::Running => "Running",
        ResourceStatus::Succeeded => "Success",
        ResourceStatus::Failed | ResourceStatus::Cancelled => "Failed",
    }
}

/// A failure in one line: its code, and what it says.
pub(super) fn spelled(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

/// The failure that a line tells: `Code: words`, or only words.
pub(super) fn failure_of(line: &str) -> Failure {
    let is_code = |code: &&str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !code.is_empty() && code.bytes().all(fits)
    };
    match line.split_once(": ").filter(|(code, _)| is_code(code)) {
        Some((code, words)) => Failure::new(code, words),
        None => Failure::new("Failed", line),
    }
}

/// What `Arguments` tell of single resources, and whether they tell nothing else.
pub(super) struct Told {
    /// The resources, by their ids.
    pub(super) resources: Vec<Observed>,
    /// Whether there is more in them than the resources.
    pub(super) has_more: bool,
}

type Members = BTreeMap<String, Box<RawValue>>;

/// Reads the shape. Each level may be JSON, or a text that holds JSON.
pub(super) fn read(arguments: &str) -> Option<Told> {
    let outer: Members = serde_json::from_str(arguments).ok()?;
    let attributes: Members = serde_json::from_str(&text_of(outer.get("attributes")?)).ok()?;
    let instances: Members = serde_json::from_str(&text_of(attributes.get("instances")?)).ok()?;
    let is_shape = |name: &String| matches!(name.as_str(), "success" | "message" | "attributes");
    Some(Told {
        resources: instances
            .iter()
            .map(|(id, instance)| observed(id, instance))
            .collect(),
        has_more: attributes.len() > 1 || !outer.keys().all(is_shape),
    })
}

fn observed(id: &str, instance: &RawValue) -> Observed {
    let members: Members = serde_json::from_str(&text_of(instance)).unwrap_or_default();
    let text = |name: &str| {
        members
            .get(name)
            .map_or(Cow::Borrowed(""), |value| text_of(value))
    };
    let message = text("message");
    let status = status_of(&text("status"), &message);
    let output = members
        .get("output")
        .filter(|output| output.get() != "null");
    Observed {
        kind: None,
        id: id.to_owned(),
        status,
        output: output.map(|output| Json::from_checked(output.get())),
        error: error_of(status, &message),
    }
}

fn status_of(word: &str, message: &str) -> ResourceStatus {
    match word.trim().to_ascii_lowercase().as_str() {
        "success" | "succeeded" | "succeed" => ResourceStatus::Succeeded,
        "failed" | "failure" | "fail" if message.starts_with(CANCELLED) => {
            ResourceStatus::Cancelled
        }
        "failed" | "failure" | "fail" => ResourceStatus::Failed,
        "init" | "pending" => ResourceStatus::Pending,
        // A word that we do not know is neither an end nor a success.
        _ => ResourceStatus::Running,
    }
}

fn error_of(status: ResourceStatus, message: &str) -> Option<Failure> {
    match status {
        ResourceStatus::Pending | ResourceStatus::Running | ResourceStatus::Succeeded => None,
        ResourceStatus::Failed => Some(failure_of(message)),
        ResourceStatus::Cancelled => {
            let words = message.strip_prefix(CANCELLED)?.strip_prefix(": ")?;
            Some(failure_of(words))
        }
    }
}

/// The text that a value stands for: the content of a string, or the JSON of anything else.
pub(super) fn text_of(value: &RawValue) -> Cow<'_, str> {
    match serde_json::from_str::<String>(value.get()) {
        Ok(content) => Cow::Owned(content),
        Err(_) if value.get() == "null" => Cow::Borrowed(""),
        Err(_) => Cow::Borrowed(value.get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_read_leniently() {
        let plain = r#"{"success":true,"message":"","attributes":{"instances":{"i-1":{"status":"Success"}}}}"#;
        let in_texts = r#"{"success":"true","attributes":"{\"instances\":\"{\\\"i-1\\\":{\\\"status\\\":\\\"success\\\"}}\"}"}"#;
        for text in [plain, in_texts] {
            let told = read(text).unwrap();
            assert!(!told.has_more, "{text}");
            assert_eq!(told.resources[0].id, "i-1");
            assert_eq!(
                told.resources[0].status,
                ResourceStatus::Succeeded,
                "{text}"
            );
        }
        let more = r#"{"requestId":"r","attributes":{"instances":{"i-1":"gone","i-2":7}}}"#;
        let told = read(more).unwrap();
        assert!(told.has_more);
        assert!(
            told.resources
                .iter()
                .all(|one| one.status == ResourceStatus::Running)
        );
        for text in [
            "",
            "[]",
            "{}",
            r#"{"attributes":1}"#,
            r#"{"attributes":{"instances":[]}}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn failures_are_told_in_one_line() {
        for (line, code, words) in [
            ("DiskFull: no space: none", "DiskFull", "no space: none"),
            ("it broke: badly", "Failed", "it broke: badly"),
            (": odd", "Failed", ": odd"),
            ("", "Failed", ""),
        ] {
            assert_eq!(failure_of(line), Failure::new(code, words), "{line}");
        }
    }
}
