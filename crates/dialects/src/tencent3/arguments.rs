//! The arguments of an action: in a query, in a form, or in a JSON object.

use crate::form::{self, Parameters};
use crate::tencent::{parameters, task_id};
use crate::{Fault, Given, Request};
use http::Method;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The arguments of an action, none of them named twice.
#[derive(Debug)]
pub(crate) struct Arguments<'a>(Vec<(Cow<'a, str>, Argument<'a>)>);

#[derive(Debug)]
enum Argument<'a> {
    /// A value from a query or a form.
    Text(Cow<'a, str>),
    /// A value from a JSON object, not yet read.
    Json(&'a RawValue),
}

impl<'a> Arguments<'a> {
    /// Those of a form, common parameters among them.
    pub(super) fn of_form(parameters: Parameters<'a>) -> Result<Self, Fault> {
        let texts = parameters.into_iter();
        Self::unique(
            texts
                .map(|(name, value)| (name, Argument::Text(value)))
                .collect(),
        )
    }

    /// Those of a request that has its common parameters in headers: the query of a GET, or the JSON body of a POST,
    /// whose query is not signed and not looked at.
    pub(super) fn of_request(request: &Request<'a>) -> Result<Self, Fault> {
        if request.method == Method::GET {
            Self::of_form(form::parameters(request.query.as_bytes())?)
        } else if request.method != Method::POST {
            Err(Fault::UnknownMethod)
        } else if has_json(request) {
            Self::of_json(request.body)
        } else {
            Err(Fault::Malformed("the content type is not application/json"))
        }
    }

    fn of_json(body: &'a [u8]) -> Result<Self, Fault> {
        if body.trim_ascii().is_empty() {
            return Ok(Self(Vec::new()));
        }
        let members: Members = serde_json::from_slice(body)
            .map_err(|_| Fault::Malformed("the body is not a JSON object"))?;
        Self::unique(members.0)
    }

    fn unique(arguments: Vec<(Cow<'a, str>, Argument<'a>)>) -> Result<Self, Fault> {
        match form::repeated(&arguments) {
            None => Ok(Self(arguments)),
            Some(name) => Err(Fault::InvalidParameter {
                name: parameters::shortened(name).into(),
                reason: "it stands more than once",
            }),
        }
    }

    /// All of them, for the catalogue: as they are in a JSON object, taken apart in a form.
    pub(super) fn given(self, is_known: impl Fn(&str) -> bool) -> Result<Given, Fault> {
        let is_form = self.0.iter().any(|(_, it)| matches!(it, Argument::Text(_)));
        if is_form {
            let pairs = self.0.iter().filter_map(|(name, it)| match it {
                Argument::Text(text) => Some((&**name, &**text)),
                Argument::Json(_) => None,
            });
            return Given::of_form(pairs, &['.'], is_known);
        }
        let members = self.0.into_iter().filter_map(|(name, it)| match it {
            Argument::Json(json) => Some((name.into_owned(), json)),
            Argument::Text(_) => None,
        });
        Given::of_members(members)
    }

    /// A text, or a number as it is written; nothing if it is missing, null or empty.
    pub(crate) fn word(&self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        let word = match self.0.iter().find(|(found, _)| found == name) {
            None => None,
            Some((_, Argument::Text(text))) => Some(text.clone()),
            Some((_, Argument::Json(json))) => scalar(json)?,
        };
        Ok(word.filter(|word| !word.is_empty()))
    }

    /// The same, if it must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<Cow<'a, str>, Fault> {
        self.word(name)?.ok_or(Fault::MissingParameter(name.into()))
    }
}

/// Reads a `TaskId` that is a number.
pub(crate) fn number(text: &str) -> Result<u64, Fault> {
    task_id::parse(text).map_err(|mut fault| {
        // API 2.0 spells the name with a small letter.
        if let Fault::InvalidParameter { name, .. } = &mut fault {
            *name = Cow::Borrowed("TaskId");
        }
        fault
    })
}

fn has_json(request: &Request) -> bool {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn scalar(json: &RawValue) -> Result<Option<Cow<'_, str>>, Fault> {
    let malformed = || Fault::Malformed("an argument is neither a text nor a number");
    match json.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(json.get())
            .map(|Text(text)| Some(text))
            .map_err(|_| malformed()),
        Some(b'-' | b'0'..=b'9') => Ok(Some(Cow::Borrowed(json.get()))),
        Some(b'n') => Ok(None),
        _ => Err(malformed()),
    }
}

/// The members of a JSON object in their order, those with the same name as well.
struct Members<'a>(Vec<(Cow<'a, str>, Argument<'a>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(name), json)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            members.push((name, Argument::Json(json)));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_AN_OBJECT: &str = "the body is not a JSON object";
    const NO_SCALAR: &str = "an argument is neither a text nor a number";

    #[test]
    fn words_of_json() {
        for (body, expected) in [
            ("", Ok(None)),
            (" \n", Ok(None)),
            ("{}", Ok(None)),
            (r#"{"TaskId":null}"#, Ok(None)),
            (r#"{"TaskId":""}"#, Ok(None)),
            (r#"{"taskId":1}"#, Ok(None)),
            (r#"{"TaskId":1000800001}"#, Ok(Some("1000800001"))),
            (r#" { "TaskId" : "7" , "A" : [{}] } "#, Ok(Some("7"))),
            (r#"{"Task\u0049d":"\u0037"}"#, Ok(Some("7"))),
            (r#"{"TaskId":-1.5e3}"#, Ok(Some("-1.5e3"))),
            (
                r#"{"TaskId":18446744073709551616}"#,
                Ok(Some("18446744073709551616")),
            ),
            (r#"{"TaskId":true}"#, Err(NO_SCALAR)),
            (r#"{"TaskId":[1]}"#, Err(NO_SCALAR)),
            (r#"{"TaskId":{}}"#, Err(NO_SCALAR)),
            (r#"{"TaskId":"\ud800"}"#, Err(NO_SCALAR)),
            (r#"{"TaskId":1"#, Err(NOT_AN_OBJECT)),
            (r#"{"TaskId":1}}"#, Err(NOT_AN_OBJECT)),
            (r#"{"TaskId":01}"#, Err(NOT_AN_OBJECT)),
            ("[1]", Err(NOT_AN_OBJECT)),
            ("null", Err(NOT_AN_OBJECT)),
            ("1", Err(NOT_AN_OBJECT)),
            ("TaskId=1", Err(NOT_AN_OBJECT)),
        ] {
            let word = Arguments::of_json(body.as_bytes()).and_then(|found| found.word("TaskId"));
            let expected = expected
                .map(|word| word.map(Cow::Borrowed))
                .map_err(Fault::Malformed);
            assert_eq!(word, expected, "{body}");
        }
        assert!(Arguments::of_json(b"{\"TaskId\":\"\xff\"}").is_err());
    }

    #[test]
    fn no_name_stands_twice() {
        let form = |text| Arguments::of_form(form::parameters(text).unwrap());
        for (found, good) in [
            (Arguments::of_json(br#"{"A":1,"B":1}"#), true),
            (Arguments::of_json(br#"{"A":1,"B":1,"A":2}"#), false),
            (Arguments::of_json(br#"{"A":1,"\u0041":1}"#), false),
            (form(b"A=1&B=1"), true),
            (form(b"A=1&%41=1"), false),
        ] {
            assert_eq!(found.is_ok(), good, "{found:?}");
        }
    }

    /// What stands in an argument that nobody asked for is skipped without recursion.
    #[test]
    fn deep_nesting_is_skipped() {
        let deep = "[".repeat(100_000);
        let closed = deep.replace('[', "]");
        let body = format!(r#"{{"A":{deep}{closed},"TaskId":7}}"#);
        let arguments = Arguments::of_json(body.as_bytes()).unwrap();
        assert_eq!(arguments.word("TaskId"), Ok(Some("7".into())));
        assert!(arguments.word("A").is_err());
        assert!(Arguments::of_json(deep.as_bytes()).is_err());
    }

    #[test]
    fn numbers_name_the_argument_of_this_api() {
        assert_eq!(number("297"), Ok(297));
        for text in ["abc", "0", "-1", "1.0", "9007199254740992"] {
            let fault = number(text).unwrap_err();
            let named = matches!(&fault, Fault::InvalidParameter { name, .. } if name == "TaskId");
            assert!(named, "{text}: {fault}");
        }
    }
}
