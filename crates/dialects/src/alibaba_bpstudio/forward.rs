//! A call that is passed on: the caller's parameters under the upstream's signature, which is V3 whatever the caller's
//! was. In V3 action and version stand in headers, and the format is what is accepted.

use super::answer;
use super::parse;
use super::poll::{self, Sending};
use super::v3;
use crate::form::{self, Parameters, UNRESERVED};
use crate::{Fault, Format, Question, Request, SignError, Signer};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

/// The parameters of V1 that say who asks and prove it, or what V3 has headers for.
const COMMON: [&str; 12] = [
    "AccessKeyId",
    "Action",
    "Format",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "TimeStamp",
    "Timestamp",
    "Version",
];

/// Writes a call anew.
pub(super) fn forward(
    request: &Request,
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    let is_v3 = request
        .header("authorization")
        .is_some_and(|text| text.starts_with(v3::SCHEME));
    let format = parse::format(request, is_v3);
    let unreadable = |fault: Fault| SignError::Request(fault.to_string());
    let query = form::parameters(request.query.as_bytes()).map_err(unreadable)?;
    let form = if request.has_form() {
        form::parameters(request.body).map_err(unreadable)?
    } else {
        Parameters::new()
    };
    // In V1 the form goes before the query.
    let named = |name| form::value(&form, name).or_else(|| form::value(&query, name));
    let action = if is_v3 {
        request.header("x-acs-action")
    } else {
        named("Action")
    };
    let action = action.unwrap_or_default().to_owned();
    let body = if is_v3 || !request.has_form() {
        request.body.to_vec()
    } else {
        encoded(&own(form)).into_bytes()
    };
    let mut query = if is_v3 { query } else { own(query) };
    query.sort_unstable();
    let sending = Sending {
        method: request.method.clone(),
        action: &action,
        query,
        content_type: request.header("content-type"),
        accept: match format {
            Format::Json => "application/json",
            Format::Xml => "application/xml",
        },
        body,
    };
    poll::proven(sending, signer)
}

fn own(mut parameters: Parameters<'_>) -> Parameters<'_> {
    parameters.retain(|(name, _)| !COMMON.contains(&&**name));
    parameters
}

fn encoded(parameters: &Parameters) -> String {
    let escaped = |text| utf8_percent_encode(text, UNRESERVED);
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The id in the answer to a submission. It is `Data` itself where the action is known to answer so, as others have ids
/// of other things there.
pub(super) fn submitted(question: &Question, status: u16, body: &[u8]) -> Option<String> {
    if status != 200 {
        return None;
    }
    let data = match serde_json::from_slice::<Value>(body) {
        Ok(answer) => answer.get("Data")?.clone(),
        Err(_) => return submitted_xml(question, body),
    };
    let is_bare = answers_with_id(question);
    let id = if is_bare {
        data.as_str().map(str::to_owned)
    } else {
        data["OperationId"].as_str().map(str::to_owned)
    };
    id.filter(|id| !id.is_empty())
}

fn answers_with_id(question: &Question) -> bool {
    match question {
        Question::Submit(action) => &*action.answer == answer::ID,
        Question::Poll => false,
    }
}

fn submitted_xml(question: &Question, body: &[u8]) -> Option<String> {
    let name = if answers_with_id(question) {
        "Data"
    } else {
        "OperationId"
    };
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (id, _) = rest.split_once(&format!("</{name}>"))?;
    let is_plain = !id.is_empty() && !id.contains(['<', '&']);
    is_plain.then(|| id.trim().to_owned())
}
