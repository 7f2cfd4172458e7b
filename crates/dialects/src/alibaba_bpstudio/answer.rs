//! Answers about operations.

use super::{ACTION, instances, xml};
use crate::{Format, Frame, Lent, Question, Reply, wire};
use http::{HeaderName, HeaderValue};
use longrun_model::{Failure, Json, MixedEnd, Operation, Phase};
use serde::Serialize;
use std::borrow::Cow;

/// Answers a submission with the id to ask by.
pub(super) const ID: &str = "id";
/// Answers a submission as if somebody had asked how it stands.
pub(super) const RESULT: &str = "result";

/// Tells that an operation was made.
pub(super) fn submitted(frame: &Frame, lent: &Lent, operation: &Operation) -> Reply {
    let request_id = request_id(lent);
    let id = lent.ids.text(operation.key);
    let body = match frame.format {
        Format::Json => wire::to_json(&Submitted {
            message: "",
            request_id: &request_id,
            data: id.prefixed(),
            code: 200,
        }),
        Format::Xml => write_submitted_xml(frame, &request_id, id.prefixed()),
    };
    reply(frame.format, &request_id, body)
}

/// Writes how an operation stands. Without one it is the answer about an operation that does not exist, or no longer:
/// a success with no data, so that nobody learns which of the two it is.
pub(super) fn answer(frame: &Frame, lent: &Lent, operation: Option<&Operation>) -> Reply {
    let request_id = request_id(lent);
    let id = operation.map(|operation| lent.ids.text(operation.key));
    let data = operation.zip(id.as_ref()).map(|(operation, id)| {
        let message = message(operation, lent);
        Data {
            operation_id: lent.followed.map_or_else(|| id.prefixed(), |it| it.id),
            status: status(operation),
            arguments: arguments(operation, &message),
            message,
        }
    });
    let body = match frame.format {
        Format::Json => wire::to_json(&Answer {
            message: "",
            request_id: &request_id,
            data,
            code: 200,
        }),
        Format::Xml => write_xml(frame, &request_id, data.as_ref()),
    };
    reply(frame.format, &request_id, body)
}

/// Wraps a body in what every answer of this cloud has.
pub(super) fn reply(format: Format, request_id: &str, body: Vec<u8>) -> Reply {
    let content_type = match format {
        Format::Json => "application/json;charset=utf-8",
        // Clients read an error as XML only if the type is spelt exactly like this.
        Format::Xml => "text/xml;charset=utf-8",
    };
    let value = HeaderValue::from_str(request_id).expect("a UUID is ASCII");
    Reply {
        content_type,
        ..Reply::json(body)
    }
    .with_header(HeaderName::from_static("x-acs-request-id"), value)
}

/// The id of the request as this cloud writes it, in upper case.
pub(super) fn request_id(lent: &Lent) -> String {
    let mut text = lent.request_id.to_string();
    text.make_ascii_uppercase();
    text
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Submitted<'a> {
    message: &'static str,
    request_id: &'a str,
    data: &'a str,
    code: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    message: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
    code: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data<'a> {
    operation_id: &'a str,
    status: &'static str,
    message: Cow<'a, str>,
    /// A text that holds JSON, or an empty one.
    arguments: Cow<'a, str>,
}

fn status(operation: &Operation) -> &'static str {
    match operation.phase {
        Phase::Queued if operation.started_at.is_none() => "INIT",
        Phase::Queued | Phase::Running | Phase::Cancelling => "RUNNING",
        Phase::Succeeded | Phase::Failed | Phase::Partial | Phase::Cancelled | Phase::Expired => {
            if operation.counts_as_success() {
                "SUCCESS"
            } else {
                "FAILURE"
            }
        }
    }
}

/// What is told about the operation: what its worker said last, or why it failed.
fn message<'a>(operation: &'a Operation, lent: &Lent<'a>) -> Cow<'a, str> {
    let said = match lent.followed {
        Some(followed) => followed.message,
        None => operation.progress.message.as_deref(),
    };
    let said = said.unwrap_or_default();
    let why = |reason: &str| Cow::Owned(because(reason, operation.error.as_ref()));
    match operation.phase {
        Phase::Queued | Phase::Running | Phase::Cancelling | Phase::Succeeded => {
            Cow::Borrowed(said)
        }
        Phase::Partial if operation.mixed_end == MixedEnd::Succeeded => Cow::Borrowed(said),
        Phase::Failed | Phase::Partial => match &operation.error {
            Some(error) => Cow::Owned(instances::spelled(error)),
            None => Cow::Borrowed("OperationFailed: nobody gave a reason"),
        },
        Phase::Cancelled => why("Cancelled"),
        Phase::Expired => why("DeadlineExceeded"),
    }
}

/// A sentence that begins with the reason, whatever code the worker chose.
fn because(reason: &str, error: Option<&Failure>) -> String {
    match error {
        Some(error) if *error.code == *reason => instances::spelled(error),
        Some(error) => format!("{reason}: {}", instances::spelled(error)),
        None => format!("{reason}: the operation ended before its work was done"),
    }
}

/// What came out of it: of the whole, or of each resource if some failed or there is nothing about the whole.
fn arguments<'a>(operation: &'a Operation, message: &str) -> Cow<'a, str> {
    let whole = operation
        .output
        .as_ref()
        .map(|output| Cow::Borrowed(Json::as_str(output)));
    let each = || Cow::Owned(instances::write(operation, message));
    let has_resources = operation.resources.total() > 0;
    match operation.phase {
        Phase::Queued | Phase::Running | Phase::Cancelling => Cow::Borrowed(""),
        Phase::Failed | Phase::Partial | Phase::Cancelled | Phase::Expired if has_resources => {
            each()
        }
        Phase::Succeeded | Phase::Failed | Phase::Partial | Phase::Cancelled | Phase::Expired => {
            let some_output = || operation.resources.iter().any(|one| one.output.is_some());
            whole.unwrap_or_else(|| {
                if some_output() {
                    each()
                } else {
                    Cow::Borrowed("")
                }
            })
        }
    }
}

/// What the outermost element is called.
fn root(frame: &Frame) -> String {
    let action = match &frame.question {
        Question::Poll => ACTION,
        Question::Submit(action) => &action.name,
    };
    format!("{action}Response")
}

fn write_submitted_xml(frame: &Frame, request_id: &str, id: &str) -> Vec<u8> {
    let root = root(frame);
    let mut writer = xml::Writer::new();
    writer.open(&root);
    for (name, text) in [
        ("Message", ""),
        ("RequestId", request_id),
        ("Data", id),
        ("Code", "200"),
    ] {
        writer.element(name, text);
    }
    writer.close(&root);
    writer.finish()
}

fn write_xml(frame: &Frame, request_id: &str, data: Option<&Data>) -> Vec<u8> {
    let root = root(frame);
    let mut writer = xml::Writer::new();
    writer.open(&root);
    writer.element("Message", "");
    writer.element("RequestId", request_id);
    if let Some(data) = data {
        writer.open("Data");
        writer.element("OperationId", data.operation_id);
        writer.element("Status", data.status);
        writer.element("Message", &data.message);
        writer.element("Arguments", &data.arguments);
        writer.close("Data");
    }
    writer.element("Code", "200");
    writer.close(&root);
    writer.finish()
}
