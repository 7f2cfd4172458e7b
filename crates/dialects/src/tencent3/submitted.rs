//! The answer to a submission. The words are those of the catalogue.

use super::{envelope, read as answers};
use crate::tencent::task_id;
use crate::{Action, Lent, Question, Reply};
use http::HeaderMap;
use longrun_model::Operation;
use serde_json::{Map, Value};

/// The number to ask by, as a number.
pub(crate) const TASK_ID: &str = "TaskId";
/// The same as a text, as the actions on elastic IPs have it.
pub(crate) const TASK_ID_TEXT: &str = "TaskIdText";
/// Nothing but the id of the request, by which the operation is asked for.
pub(crate) const REQUEST_ID: &str = "RequestId";

/// Tells that `operation` was made. The id of the request is always that of the operation.
pub(crate) fn answer(operation: &Operation, action: &Action, lent: &Lent) -> Reply {
    let number = operation.key.get();
    let task_id = match &*action.answer {
        TASK_ID => Some(Value::from(number)),
        TASK_ID_TEXT => Some(Value::from(number.to_string())),
        _ => None,
    };
    let mut response = Map::new();
    response.extend(task_id.map(|task_id| ("TaskId".to_owned(), task_id)));
    let request_id = uuid(lent.ids.text(operation.key).digits());
    response.insert("RequestId".to_owned(), request_id.into());
    envelope::success(response)
}

/// The 32 digits of an operation in the groups of a UUID, which is what ids of requests look like.
pub(crate) fn uuid(digits: &str) -> String {
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups.map(|group| &digits[group]).join("-")
}

/// The number in the answer to a submission.
pub(crate) fn number(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let response = answers::open(status, headers, body).ok()?;
    let number = task_id::parse(&response.word("TaskId")?).ok()?;
    Some(number.to_string())
}

/// The same, or the id of the request where the action is known to be asked for by that. Every answer has one, and most
/// of them name no task.
pub(crate) fn read(
    question: &Question,
    is_at_once: fn(&str) -> bool,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<String> {
    let by_request = match question {
        Question::Submit(action) => !is_at_once(&action.name) && &*action.answer == REQUEST_ID,
        Question::Poll => false,
    };
    number(status, headers, body).or_else(|| {
        let response = answers::open(status, headers, body).ok()?;
        response.word("RequestId").filter(|_| by_request)
    })
}
