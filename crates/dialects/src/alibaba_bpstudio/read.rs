//! What the cloud answers, read with patience: numbers that became strings, strings that hold JSON, words in any case,
//! and the damage that the document's own sample shows.

use super::instances::{self, text_of};
use super::xml;
use crate::{Observation, Observed, QueryError, Retry, Watched};
use http::HeaderMap;
use longrun_model::{Failure, Json, Mix};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The longest pause that the cloud may ask for.
const RETRY_AFTER_MILLIS_MAX: u64 = 120_000;
/// What in a mismatch's message stands before the string that was signed. That string is for no log.
const SIGNED_TEXT: &str = "server string to sign is:";

/// Reads what came back.
pub(super) fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Observation, QueryError> {
    let Some(answer) = members(body) else {
        return Err(unreadable(status));
    };
    let code = text_in(&answer, &["Code", "code"]);
    let message = text_in(&answer, &["Message", "message", "Description", "Detail"]);
    let data = answer.get("Data").filter(|data| data.get() != "null");
    if code.is_empty() && data.is_none() {
        return Err(unreadable(status));
    }
    if !is_good(status, &code) {
        return Err(refused(status, headers, &code, &message));
    }
    let Some(data) = data else {
        return Err(QueryError {
            code: "NoData".to_owned(),
            message: "the operation does not exist, or its result is no longer kept".to_owned(),
            retry: Retry::Unknown,
        });
    };
    match serde_json::from_str(&text_of(data)) {
        Ok(data) => Ok(observation(&data, &message)),
        Err(_) => Err(unreadable(status)),
    }
}

type Members = BTreeMap<String, Box<RawValue>>;

/// The members of a JSON object, or of the root of an XML document.
fn members(body: &[u8]) -> Option<Members> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str(text)
        .ok()
        .or_else(|| serde_json::from_value(xml::to_value(text)?).ok())
}

/// The first of these members that says something. Only quotes and blanks say nothing: the sample's `" "`.
fn text_in(members: &Members, names: &[&str]) -> String {
    let texts = names.iter().filter_map(|name| members.get(*name));
    let says_something = |text: &Cow<str>| !text.trim_matches(is_quote_or_blank).is_empty();
    texts
        .map(|value| text_of(value))
        .find(says_something)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn is_quote_or_blank(letter: char) -> bool {
    letter == '"' || letter.is_whitespace()
}

/// A business error comes with HTTP status 200 and a code of its own; nothing else in such an answer counts.
fn is_good(status: u16, code: &str) -> bool {
    let is_good_code = matches!(code, "" | "200" | "OK" | "Success" | "success");
    (200..300).contains(&status) && is_good_code
}

fn observation(data: &Members, outer_message: &str) -> Observation {
    let arguments = text_in(data, &["Arguments"]);
    let told = instances::read(&arguments);
    let has_output = told.as_ref().is_none_or(|told| told.has_more) && !arguments.is_empty();
    let resources = told.map_or_else(Vec::new, |told| told.resources);
    let own_message = unwrapped(text_in(data, &["Message"]));
    let message = if own_message.is_empty() {
        outer_message.to_owned()
    } else {
        own_message
    };
    let state = state(&text_in(data, &["Status"]), &resources);
    Observation {
        kind: None,
        error: error(&state, &message),
        state,
        resources,
        output: has_output.then(|| output(&arguments)),
        message: Some(message).filter(|message| !message.is_empty()),
    }
}

/// A text without the quotes that the document's sample has around its JSON.
fn unwrapped(text: String) -> String {
    let inner = text
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'));
    match inner {
        Some(inner) if !is_json(&text) && is_json(inner) => inner.to_owned(),
        Some(_) | None => text,
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What the word and the resources say together. A word that is none of the four, or several of them, is no end.
fn state(word: &str, resources: &[Observed]) -> Watched {
    let mix = resources
        .iter()
        .map(|one| one.status.mix())
        .reduce(Mix::union);
    let has = |part: fn(Mix) -> bool| mix.is_some_and(part);
    match word.to_ascii_uppercase().as_str() {
        "INIT" => Watched::Queued,
        "RUNNING" => Watched::Running(Mix::UNFINISHED.union(mix.unwrap_or(Mix::UNFINISHED))),
        "SUCCESS" | "FAILURE" if has(Mix::has_succeeded) && has(Mix::has_failed) => {
            Watched::Partial
        }
        "SUCCESS" if has(Mix::has_failed) => Watched::Failed,
        "SUCCESS" => Watched::Succeeded,
        "FAILURE" => Watched::Failed,
        _ => Watched::Unclear(word.to_owned()),
    }
}

fn error(state: &Watched, message: &str) -> Option<Failure> {
    match state {
        Watched::Failed | Watched::Partial => Some(instances::failure_of(message)),
        Watched::Queued | Watched::Running(_) | Watched::Succeeded | Watched::Unclear(_) => None,
    }
}

/// The arguments as compact JSON; what is no JSON becomes a JSON string.
fn output(arguments: &str) -> Json {
    if !is_json(arguments) {
        return Json::from_checked(serde_json::Value::from(arguments).to_string());
    }
    let mut compact = String::with_capacity(arguments.len());
    let (mut in_string, mut escaped) = (false, false);
    for letter in arguments.chars() {
        if in_string || !letter.is_ascii_whitespace() {
            compact.push(letter);
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => (),
        }
    }
    Json::from_checked(compact)
}

/// An answer from somebody who is not the cloud, such as a proxy on the way.
fn unreadable(status: u16) -> QueryError {
    let retry = match status {
        401 | 403 => Retry::Forbidden,
        408 | 429 => AGAIN,
        300..=499 => Retry::Never,
        _ => AGAIN,
    };
    QueryError {
        code: format!("Http{status}"),
        message: "the answer is neither JSON nor XML of this cloud".to_owned(),
        retry,
    }
}

const AGAIN: Retry = Retry::Again { after_millis: None };

fn refused(status: u16, headers: &HeaderMap, code: &str, message: &str) -> QueryError {
    let message = match message.split_once(SIGNED_TEXT) {
        Some((before, _)) => before.trim_end(),
        None => message,
    };
    let code = if code.is_empty() {
        format!("Http{status}")
    } else {
        code.to_owned()
    };
    QueryError {
        retry: retry(status, headers, &code),
        message: message.to_owned(),
        code,
    }
}

fn retry(status: u16, headers: &HeaderMap, code: &str) -> Retry {
    let begins = |starts: &[&str]| starts.iter().any(|start| code.starts_with(start));
    if code.contains("Throttling") || status == 429 {
        Retry::Again {
            after_millis: retry_after(headers),
        }
    } else if begins(&["InvalidTimeStamp"]) {
        Retry::Clock
    } else if begins(&["SignatureNonceUsed", "ServiceUnavailable", "InternalError"])
        || status >= 500
    {
        // A nonce is used once: the next poll has another one.
        AGAIN
    } else if begins(&["InvalidOperationId.NotFound"]) || code == "8004" {
        // BPStudio answers 8004 about an application that does not exist.
        Retry::Unknown
    } else if is_about_permission(code) || matches!(status, 401 | 403) {
        Retry::Forbidden
    } else {
        Retry::Never
    }
}

fn is_about_permission(code: &str) -> bool {
    let starts = [
        "NoPermission",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidSecurityToken",
    ];
    starts.iter().any(|start| code.starts_with(start))
        || matches!(
            code,
            "SignatureDoesNotMatch" | "MissingSecurityToken" | "InvalidAccessKeySecret"
        )
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get("x-acs-retry-after")?.to_str().ok()?;
    let millis: u64 = text.trim().parse().ok()?;
    Some(millis.min(RETRY_AFTER_MILLIS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(data: &str) -> Observation {
        let body = format!(r#"{{"Code":"200","Message":"\" \"","RequestId":"R","Data":{data}}}"#);
        read(200, &HeaderMap::new(), body.as_bytes()).unwrap()
    }

    #[test]
    fn statuses_are_read() {
        for (word, expected) in [
            ("INIT", Watched::Queued),
            (" running\\n", Watched::Running(Mix::UNFINISHED)),
            ("success", Watched::Succeeded),
            ("Failure", Watched::Failed),
            ("", Watched::Unclear(String::new())),
            ("SUCCESSFUL", Watched::Unclear("SUCCESSFUL".to_owned())),
            (
                "初始化:INIT;运行中:RUNNING; 成功:SUCCESS;失败:FAILURE;\\n",
                Watched::Unclear(
                    "初始化:INIT;运行中:RUNNING; 成功:SUCCESS;失败:FAILURE;".to_owned(),
                ),
            ),
        ] {
            let observed = answered(&format!(r#"{{"Status":"{word}"}}"#));
            assert_eq!(observed.state, expected, "{word}");
            assert_eq!(observed.message, None);
        }
    }

    #[test]
    fn arguments_of_any_kind_are_read() {
        for (arguments, expected) in [
            (r#""""#, None),
            ("null", None),
            (r#""\" \"""#, None),
            (
                r#""{\n  \"a b\": [ 1.50, \"x \\\" y\" ]\n}""#,
                Some(r#"{"a b":[1.50,"x \" y"]}"#),
            ),
            (r#"{ "a" : 1 }"#, Some(r#"{"a":1}"#)),
            ("[1, 2]", Some("[1,2]")),
            (r#""not json""#, Some(r#""not json""#)),
            ("7", Some("7")),
        ] {
            let observed = answered(&format!(
                r#"{{"Status":"SUCCESS","Arguments":{arguments}}}"#
            ));
            let output = observed.output.as_ref().map(Json::as_str);
            assert_eq!(output, expected, "{arguments}");
        }
    }

    /// The quotes around the JSON in the sample's message are damage; around other texts they are the cloud's.
    #[test]
    fn messages_are_read() {
        for (message, expected) in [
            (r#""\"[{\"a\":1}]\"""#, Some(r#"[{"a":1}]"#)),
            (r#""\"so\" he said \"no\"""#, Some(r#""so" he said "no""#)),
            (r#"{"a":1}"#, Some(r#"{"a":1}"#)),
            ("null", None),
        ] {
            let observed = answered(&format!(r#"{{"Status":"RUNNING","Message":{message}}}"#));
            assert_eq!(observed.message.as_deref(), expected, "{message}");
        }
    }

    /// The word and the resources together decide; a success with a failed resource is none.
    #[test]
    fn resources_have_a_say() {
        for (word, statuses, expected) in [
            ("SUCCESS", ["Success", "Success"], Watched::Succeeded),
            ("SUCCESS", ["Success", "Failed"], Watched::Partial),
            ("FAILURE", ["Success", "Failed"], Watched::Partial),
            ("SUCCESS", ["Failed", "Failed"], Watched::Failed),
            ("FAILURE", ["Success", "Success"], Watched::Failed),
            (
                "RUNNING",
                ["Success", "strange"],
                Watched::Running(Mix::from_code(5).unwrap()),
            ),
            ("INIT", ["Pending", "Pending"], Watched::Queued),
        ] {
            let [one, two] = statuses;
            let observed = answered(&format!(
                r#"{{"Status":"{word}","Arguments":{{"attributes":{{"instances":{{"a":{{"status":"{one}"}},"b":{{"status":"{two}"}}}}}}}}}}"#
            ));
            assert_eq!(observed.state, expected, "{word} {statuses:?}");
            assert_eq!(observed.resources.len(), 2);
            assert_eq!(observed.output, None);
        }
    }

    #[test]
    fn refusals_are_sorted() {
        let after = |after_millis| Retry::Again { after_millis };
        for (status, code, expected) in [
            (400, r#""Throttling.User""#, after(Some(120_000))),
            (503, r#""ServiceUnavailable""#, after(None)),
            (500, r#""SomethingNew""#, after(None)),
            (400, r#""SignatureNonceUsed""#, after(None)),
            (400, r#""InvalidTimeStamp.Expired""#, Retry::Clock),
            (404, r#""InvalidOperationId.NotFound""#, Retry::Unknown),
            (200, "8004", Retry::Unknown),
            (200, "500", Retry::Never),
            (403, r#""NoPermission""#, Retry::Forbidden),
            (404, r#""InvalidAccessKeyId.NotFound""#, Retry::Forbidden),
            (400, r#""SignatureDoesNotMatch""#, Retry::Forbidden),
            (404, r#""InvalidAction.NotFound""#, Retry::Never),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-acs-retry-after", 900_000.into());
            let body =
                format!(r#"{{"Code":{code},"Message":"no. server string to sign is:GET&secret"}}"#);
            let error = read(status, &headers, body.as_bytes()).unwrap_err();
            assert_eq!(error.retry, expected, "{status} {code}");
            assert_eq!(error.message, "no.", "{status} {code}");
        }
    }

    /// However deep the answer is nested, the stack is not.
    #[test]
    fn depth_does_no_harm() {
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        let observed = answered(&format!(r#"{{"Status":"SUCCESS","Arguments":{deep}}}"#));
        assert_eq!(observed.output.as_ref().map(Json::as_str), Some(&*deep));
        let unclosed = read(200, &HeaderMap::new(), &deep.as_bytes()[..100_000]);
        assert_eq!(unclosed.unwrap_err().retry, AGAIN);
    }

    #[test]
    fn what_is_not_the_clouds_is_no_answer() {
        for (status, body, expected) in [
            (200, &b""[..], AGAIN),
            (200, b"<html><body>hello</body></html>", AGAIN),
            (200, b"<!DOCTYPE html><html></html>", AGAIN),
            (200, b"[1]", AGAIN),
            (200, b"\xff\xfe", AGAIN),
            (200, br#"{"Code":200,"Data":"a text"}"#, AGAIN),
            (502, b"Bad Gateway", AGAIN),
            (429, b"slow down", AGAIN),
            (302, b"", Retry::Never),
            (403, b"", Retry::Forbidden),
            (404, b"", Retry::Never),
            (200, br#"{"Code":200}"#, Retry::Unknown),
            (200, br#"{"Code":200,"Data":null}"#, Retry::Unknown),
        ] {
            let error = read(status, &HeaderMap::new(), body).unwrap_err();
            assert_eq!(
                error.retry,
                expected,
                "{status} {}",
                String::from_utf8_lossy(body)
            );
        }
    }
}
