//! What a parameter of an action must be.

use crate::Fault;
use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// What stands for a secret wherever it could be read again.
const REDACTED: &str = "***";

/// One parameter of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What the cloud calls it.
    pub name: Box<str>,
    /// What it is called in the input of the operation.
    pub stored: Box<str>,
    /// What it is.
    pub kind: Type,
    /// Whether it must be given.
    pub required: bool,
    /// Whether nobody may ever read it again: a worker neither.
    pub secret: bool,
    /// The least number, characters or elements.
    pub min: Option<i64>,
    /// The greatest number, most characters or elements.
    pub max: Option<i64>,
    /// What it can be, if not anything.
    pub choices: Vec<Value>,
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list of texts, none of them empty.
    Texts,
    /// A list of whole numbers.
    Integers,
    /// A list of anything.
    List,
    /// An object.
    Object,
    /// Anything.
    Any,
}

/// The keys of a parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    r#type: Type,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
    r#as: Option<Box<str>>,
    min: Option<i64>,
    max: Option<i64>,
    #[serde(default)]
    choices: Vec<Value>,
}

impl Table {
    pub(super) fn named(self, name: Box<str>) -> Parameter {
        Parameter {
            stored: self.r#as.unwrap_or_else(|| name.clone()),
            name,
            kind: self.r#type,
            required: self.required,
            secret: self.secret,
            min: self.min,
            max: self.max,
            choices: self.choices,
        }
    }
}

impl Type {
    /// As an error calls it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Texts => "a list of texts",
            Self::Integers => "a list of whole numbers",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Any => "anything",
        }
    }

    /// The value as this type, if it is one. In a form everything is a text, and `loose` says that it came in one.
    fn read(self, value: Value, loose: bool) -> Option<Value> {
        match self {
            Self::Text => value.is_string().then_some(value),
            Self::Integer => number(value, loose).filter(|it| it.is_i64() || it.is_u64()),
            Self::Number => number(value, loose),
            Self::Boolean => boolean(value, loose),
            Self::Texts => elements(value, |it| Self::Text.read(it, loose)),
            Self::Integers => elements(value, |it| Self::Integer.read(it, loose)),
            Self::List => elements(value, Some),
            Self::Object => value.is_object().then_some(value),
            Self::Any => Some(value),
        }
    }
}

fn number(value: Value, loose: bool) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value),
        Value::String(text) if loose => text.parse::<Number>().ok().map(Value::Number),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn boolean(value: Value, loose: bool) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value),
        // Clients in different languages print it differently, and the oldest write numbers.
        Value::String(text) if loose => match text.as_str() {
            "true" | "True" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn elements(value: Value, read: impl Fn(Value) -> Option<Value>) -> Option<Value> {
    let Value::Array(values) = value else {
        return None;
    };
    let read: Option<Vec<Value>> = values.into_iter().map(read).collect();
    read.map(Value::Array)
}

impl Parameter {
    /// Takes the parameter out of what was given and puts it, checked, into the input.
    pub(super) fn check(
        &self,
        given: &mut Map<String, Value>,
        loose: bool,
        input: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        let found = given.remove(&*self.name).filter(|value| !is_empty(value));
        let Some(found) = found else {
            return if self.required {
                Err(Fault::MissingParameter(self.name.to_string().into()))
            } else {
                Ok(())
            };
        };
        let value = self
            .kind
            .read(found, loose)
            .ok_or_else(|| Fault::WrongType {
                name: self.name.to_string().into(),
                expected: self.kind.words(),
            })?;
        if let Some(reason) = self.flaw(&value) {
            return Err(Fault::InvalidParameter {
                name: self.name.to_string().into(),
                reason,
            });
        }
        let stored = if self.secret {
            Value::from(REDACTED)
        } else {
            value
        };
        input.insert(self.stored.to_string(), stored);
        Ok(())
    }

    /// What is wrong with a value of the right type.
    fn flaw(&self, value: &Value) -> Option<&'static str> {
        if !self.choices.is_empty() && !self.choices.contains(value) {
            return Some("it is none of the values that there are");
        }
        let below = |size: i128| self.min.is_some_and(|min| size < i128::from(min));
        let above = |size: i128| self.max.is_some_and(|max| size > i128::from(max));
        match value {
            Value::String(text) => {
                let chars = whole(text.chars().count());
                (below(chars) || above(chars)).then_some("its length is not allowed")
            }
            Value::Array(values) => {
                let count = whole(values.len());
                if values.iter().any(is_empty) {
                    Some("one of its elements is empty")
                } else if above(count) {
                    Some("it has too many elements")
                } else {
                    below(count).then_some("it has too few elements")
                }
            }
            Value::Number(number) => {
                let outside = match number.as_i128() {
                    Some(whole) => below(whole) || above(whole),
                    // Limits are small and whole, and a fraction is compared with them as it is.
                    None => number.as_f64().is_some_and(|it| self.excludes(it)),
                };
                outside.then_some("it is out of range")
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => None,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a limit above 2^53 would be off by less than a thousandth of a millionth"
    )]
    fn excludes(&self, number: f64) -> bool {
        self.min.is_some_and(|min| number < min as f64)
            || self.max.is_some_and(|max| number > max as f64)
    }
}

fn whole(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}

/// Whether a value says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameter(table: &str) -> Parameter {
        toml::from_str::<Table>(table).unwrap().named("p".into())
    }

    fn checked(table: &str, value: &Value, loose: bool) -> Result<Value, Fault> {
        let mut given = Map::from_iter([("p".to_owned(), value.clone())]);
        let mut input = Map::new();
        parameter(table).check(&mut given, loose, &mut input)?;
        Ok(Value::Object(input))
    }

    #[test]
    fn values_are_held_against_their_type() {
        for (kind, value, typed, loose) in [
            ("text", json!("a"), Some(json!("a")), Some(json!("a"))),
            ("text", json!(1), None, None),
            ("text", json!(["a"]), None, None),
            ("integer", json!(7), Some(json!(7)), Some(json!(7))),
            ("integer", json!("7"), None, Some(json!(7))),
            ("integer", json!("-7"), None, Some(json!(-7))),
            ("integer", json!("+7"), None, None),
            ("integer", json!("7.5"), None, None),
            ("integer", json!(7.5), None, None),
            ("integer", json!("seven"), None, None),
            ("number", json!("7.5"), None, Some(json!(7.5))),
            ("number", json!("NaN"), None, None),
            ("boolean", json!(true), Some(json!(true)), Some(json!(true))),
            ("boolean", json!("True"), None, Some(json!(true))),
            ("boolean", json!("0"), None, Some(json!(false))),
            ("boolean", json!("yes"), None, None),
            (
                "texts",
                json!(["a", "b"]),
                Some(json!(["a", "b"])),
                Some(json!(["a", "b"])),
            ),
            ("texts", json!("a"), None, None),
            ("texts", json!(["a", 1]), None, None),
            ("integers", json!(["1", "2"]), None, Some(json!([1, 2]))),
            (
                "list",
                json!([1, {}]),
                Some(json!([1, {}])),
                Some(json!([1, {}])),
            ),
            (
                "object",
                json!({"a": 1}),
                Some(json!({"a": 1})),
                Some(json!({"a": 1})),
            ),
            ("object", json!([1]), None, None),
            ("any", json!([{}]), Some(json!([{}])), Some(json!([{}]))),
        ] {
            let table = format!("type = '{kind}'");
            let expected = [(false, typed), (true, loose)];
            for (loose, expected) in expected {
                let found = checked(&table, &value, loose).ok();
                let expected = expected.map(|value| json!({ "p": value }));
                assert_eq!(found, expected, "{kind} {value} {loose}");
            }
        }
    }

    #[test]
    fn values_are_held_against_their_limits() {
        for (table, value, flaw) in [
            (
                "type = 'text'\nmin = 2\nmax = 3",
                json!("a"),
                Some("its length is not allowed"),
            ),
            ("type = 'text'\nmin = 2\nmax = 3", json!("北京广"), None),
            (
                "type = 'text'\nmax = 3",
                json!("abcd"),
                Some("its length is not allowed"),
            ),
            (
                "type = 'integer'\nmin = 1\nmax = 3",
                json!(0),
                Some("it is out of range"),
            ),
            ("type = 'integer'\nmin = 1\nmax = 3", json!(3), None),
            (
                "type = 'integer'\nmax = 3",
                json!(u64::MAX),
                Some("it is out of range"),
            ),
            (
                "type = 'number'\nmax = 3",
                json!(3.5),
                Some("it is out of range"),
            ),
            (
                "type = 'number'\nmin = 3",
                json!(2.5),
                Some("it is out of range"),
            ),
            (
                "type = 'texts'\nmax = 1",
                json!(["a", "b"]),
                Some("it has too many elements"),
            ),
            (
                "type = 'texts'\nmin = 2",
                json!(["a"]),
                Some("it has too few elements"),
            ),
            (
                "type = 'texts'",
                json!(["a", ""]),
                Some("one of its elements is empty"),
            ),
            ("type = 'text'\nchoices = ['a', 'b']", json!("b"), None),
            (
                "type = 'text'\nchoices = ['a', 'b']",
                json!("c"),
                Some("it is none of the values that there are"),
            ),
            (
                "type = 'integer'\nchoices = [1, 2]",
                json!(3),
                Some("it is none of the values that there are"),
            ),
        ] {
            let expected = flaw.map(|reason| Fault::InvalidParameter {
                name: "p".into(),
                reason,
            });
            assert_eq!(
                checked(table, &value, false).err(),
                expected,
                "{table} {value}"
            );
        }
    }

    #[test]
    fn what_must_be_given_is_missing_when_it_is_empty() {
        for value in [json!(null), json!(""), json!([])] {
            let missing = Fault::MissingParameter("p".into());
            let found = checked("type = 'any'\nrequired = true", &value, false);
            assert_eq!(found, Err(missing), "{value}");
            assert_eq!(
                checked("type = 'any'", &value, false),
                Ok(json!({})),
                "{value}"
            );
        }
    }

    #[test]
    fn a_secret_is_checked_and_not_kept() {
        let table = "type = 'text'\nsecret = true\nmin = 8\nas = 'password'";
        let found = checked(table, &json!("correct horse"), true);
        assert_eq!(found, Ok(json!({ "password": "***" })));
        let error = checked(table, &json!("horse"), true).unwrap_err();
        assert!(!error.to_string().contains("horse"), "{error}");
    }
}
