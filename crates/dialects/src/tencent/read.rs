//! The client half: reading an envelope, with the damage that the clouds' documents show.
//!
//! Keys and texts may have blanks at their ends, numbers may be texts, an empty map may be an empty array. Nothing of an
//! envelope that refuses says anything about the operation; it says what to do next.

use crate::{QueryError, Retry};
use http::HeaderMap;
use longrun_model::Json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An object of an answer: trimmed keys, unread values.
#[derive(Debug, Default)]
pub(crate) struct Object<'b>(BTreeMap<String, &'b RawValue>);

impl<'b> Object<'b> {
    /// Reads an object; none if it is something else.
    pub(crate) fn read(text: &'b str) -> Option<Self> {
        let keyed: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        let trimmed = keyed
            .into_iter()
            .map(|(key, value)| (key.trim().to_owned(), value));
        Some(Self(trimmed.collect()))
    }

    /// The JSON of a field, unless it is missing or null.
    pub(crate) fn json(&self, name: &str) -> Option<&'b str> {
        let json = self.0.get(name)?.get();
        (json != "null").then_some(json)
    }

    /// The object in a field; an empty one if the field has none. PHP writes an empty map as `[]`.
    pub(crate) fn object(&self, name: &str) -> Self {
        self.json(name).and_then(Self::read).unwrap_or_default()
    }

    /// The elements of an array in a field.
    pub(crate) fn array(&self, name: &str) -> Option<Vec<&'b RawValue>> {
        serde_json::from_str(self.json(name)?).ok()
    }

    /// A number as it is written, or a text without blanks at its ends.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        let json = self.json(name)?;
        match json.as_bytes().first()? {
            b'"' => serde_json::from_str(json)
                .ok()
                .map(|text: String| text.trim().to_owned()),
            b'-' | b'0'..=b'9' => Some(json.to_owned()),
            _ => None,
        }
    }

    /// A text that says something: not empty, and not the `OK` of some products.
    pub(crate) fn message(&self, name: &str) -> Option<String> {
        self.word(name)
            .filter(|text| !text.is_empty() && text != "OK")
    }
}

/// Opens an envelope that should tell something.
pub(crate) fn open<'b>(
    status: u16,
    headers: &HeaderMap,
    body: &'b [u8],
) -> Result<Object<'b>, QueryError> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let envelope = Object::read(text.trim_start_matches('\u{feff}'));
    let code = envelope.as_ref().and_then(|envelope| envelope.word("code"));
    match (envelope, code.as_deref()) {
        (Some(envelope), Some("0")) if status == 200 => Ok(envelope),
        (Some(envelope), Some(code)) if code != "0" => Err(refused(&envelope, code, headers)),
        (Some(_) | None, _) => Err(no_answer(status, headers, "API 2.0")),
    }
}

fn refused(envelope: &Object, code: &str, headers: &HeaderMap) -> QueryError {
    let message = envelope.word("message").unwrap_or_default();
    let mut retry = retry(code, module_code(&message), headers);
    if retry == Retry::Unknown && is_about_region(&message) {
        retry = Retry::Never;
    }
    QueryError {
        code: code.to_owned(),
        retry,
        message,
    }
}

/// Whether a refusal is about the region of the call. In a region that there is not, nobody has looked for the task.
pub(crate) fn is_about_region(message: &str) -> bool {
    message.contains("Region")
}

/// The number in `(10001)some words`.
fn module_code(message: &str) -> Option<&str> {
    let (code, _) = message.strip_prefix('(')?.split_once(')')?;
    Some(code.trim())
}

/// What to do after an error. A module code counts where the public one is only that of a parameter, or where it stands
/// in the place of the public one.
///
/// Our polls always carry a well-formed `taskId`. That bare metal refuses it (10001) means that there is no such task;
/// its page has no other code for that. The codes of vpc are those of the table of `DescribeNetTaskResult`.
fn retry(code: &str, module: Option<&str>, headers: &HeaderMap) -> Retry {
    let code = match module {
        Some(module @ ("9001" | "9005" | "10001" | "29254" | "29257" | "29258"))
            if code == "4000" =>
        {
            module
        }
        Some(_) | None => code,
    };
    match code {
        "4500" | "4200" => Retry::Clock,
        "4100" | "4101" | "4102" | "4103" | "4104" | "4105" | "4106" | "4110" | "4300"
        | "29254" => Retry::Forbidden,
        "5000" | "10001" | "29258" => Retry::Unknown,
        "4000" | "4600" | "5100" | "5200" | "5300" | "5400" | "5500" | "6100" | "9003" => {
            Retry::Never
        }
        // 4400, 6000, 6200, 9001, 9005 and 29257 pass. A code that nobody has written down may pass too, and whoever
        // waits has a deadline.
        _ => again(headers),
    }
}

/// What is made of an answer that is none of `api`: its HTTP status says what to do next.
pub(crate) fn no_answer(status: u16, headers: &HeaderMap, api: &str) -> QueryError {
    let retry = match status {
        200 | 408 | 425 | 429 | 500..=599 => again(headers),
        401 | 403 => Retry::Forbidden,
        _ => Retry::Never,
    };
    let code = if status == 200 {
        String::new()
    } else {
        format!("HTTP {status}")
    };
    QueryError {
        code,
        message: format!("the answer is not one of {api}"),
        retry,
    }
}

/// To ask again, after as many seconds as a gateway in between may have said.
pub(crate) fn again(headers: &HeaderMap) -> Retry {
    let seconds = headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    Retry::Again {
        after_millis: seconds.map(|seconds| seconds.saturating_mul(1_000)),
    }
}

/// The same JSON without blanks between its tokens, its numbers and its order untouched.
pub(crate) fn compact(json: &str) -> Json {
    let (mut in_text, mut escaped) = (false, false);
    let kept = json.chars().filter(|char| {
        if in_text {
            in_text = escaped || *char != '"';
            escaped = !escaped && *char == '\\';
            true
        } else {
            in_text = *char == '"';
            !char.is_ascii_whitespace()
        }
    });
    Json::from_checked(kept.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compacted_outside_of_texts() {
        for (json, expected) in [
            ("{ \"a b\" : [ 1.50 ,\n 2 ] }", "{\"a b\":[1.50,2]}"),
            (r#""a \" b \\" "#, r#""a \" b \\""#),
            (r#"["\\", " \\\" "]"#, r#"["\\"," \\\" "]"#),
            ("12345678901234567890123", "12345678901234567890123"),
        ] {
            assert_eq!(compact(json).as_str(), expected, "{json}");
        }
    }

    #[test]
    fn errors_say_what_to_do_next() {
        let again = Retry::Again { after_millis: None };
        for (code, message, expected) in [
            ("4000", "missing", Retry::Never),
            ("4000", "(10001)no", Retry::Unknown),
            ("4000", "(9003)no", Retry::Never),
            ("4000", "(9123)no", Retry::Never),
            ("4000", "(29258)no", Retry::Unknown),
            ("4000", "(9005)busy", again),
            ("10001", "", Retry::Unknown),
            ("9001", "", again),
            ("9003", "", Retry::Never),
            ("9005", "", again),
            ("29254", "", Retry::Forbidden),
            ("29257", "", again),
            ("4100", "", Retry::Forbidden),
            ("4104", "", Retry::Forbidden),
            ("4200", "", Retry::Clock),
            ("4400", "", again),
            ("4500", "", Retry::Clock),
            ("5000", "", Retry::Unknown),
            ("6000", "(9001)", again),
            ("6100", "", Retry::Never),
            ("6200", "", again),
            ("7777", "", again),
        ] {
            let next = retry(code, module_code(message), &HeaderMap::new());
            assert_eq!(next, expected, "{code} {message}");
        }
    }

    #[test]
    fn a_region_that_is_refused_is_no_task_that_is_unknown() {
        for (code, message, expected) in [
            (4000, "(10001)no such task", Retry::Unknown),
            (4000, "(10001)Region is not valid", Retry::Never),
            (4000, "Region is not valid", Retry::Never),
        ] {
            let body = format!("{{\"code\":{code},\"message\":\"{message}\"}}");
            let error = open(200, &HeaderMap::new(), body.as_bytes()).unwrap_err();
            assert_eq!(error.retry, expected, "{message}");
        }
    }
}
