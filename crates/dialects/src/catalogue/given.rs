//! What was given with a call, in one form for all clouds: a JSON object.

use crate::Fault;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How deep the names of a form may go: `tagDetail.0.tagKey` has three parts.
const PARTS_MAX: usize = 8;

/// The parameters of a call.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub(super) values: Map<String, Value>,
    /// Whether everything came as a text.
    pub(super) loose: bool,
}

impl Given {
    /// Those of a JSON object.
    pub fn typed(text: &str) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let values = serde_json::from_str(text)
            .map_err(|_| Fault::Malformed("the body is not a JSON object"))?;
        Ok(Self {
            values,
            loose: false,
        })
    }

    /// Those of a JSON object whose members are told apart already.
    pub(crate) fn of_members<'a>(
        members: impl IntoIterator<Item = (String, &'a RawValue)>,
    ) -> Result<Self, Fault> {
        let read = |(name, json): (String, &RawValue)| {
            let value: Value = serde_json::from_str(json.get())
                .map_err(|_| Fault::Malformed("an argument cannot be read"))?;
            Ok((name, value))
        };
        Ok(Self {
            values: members.into_iter().map(read).collect::<Result<_, _>>()?,
            loose: false,
        })
    }

    /// Those of a form. Lists and objects are flattened there, `name.0` or `name.0.field`; `separators` are the
    /// characters that stand between the parts. A name is taken apart only if `is_known` knows its first part.
    pub fn of_form<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
        separators: &[char],
        is_known: impl Fn(&str) -> bool,
    ) -> Result<Self, Fault> {
        let mut root = Node::default();
        for (name, value) in parameters {
            let first = name.split(separators).next().unwrap_or_default();
            let parts: Vec<&str> = if is_known(name) {
                vec![name]
            } else if is_known(first) {
                name.split(separators).collect()
            } else {
                continue;
            };
            if parts.len() > PARTS_MAX || !root.put(&parts, value) {
                return Err(Fault::InvalidParameter {
                    name: Cow::Owned(name.chars().take(64).collect()),
                    reason: "its name says what another one says differently",
                });
            }
        }
        let values = root
            .parts
            .into_iter()
            .map(|(part, node)| (part.text(), node.value()));
        Ok(Self {
            values: values.collect(),
            loose: true,
        })
    }

    /// A JSON list as the one parameter `name`.
    pub fn list(name: &str, text: &str) -> Result<Self, Fault> {
        let values: Vec<Value> = serde_json::from_str(text)
            .map_err(|_| Fault::Malformed("the body is not a JSON list"))?;
        Ok(Self {
            values: Map::from_iter([(name.to_owned(), Value::Array(values))]),
            loose: false,
        })
    }

    /// The same with the JSON that a text holds in its place: some clients write objects into forms like that.
    pub fn decoded(mut self, name: &str) -> Result<Self, Fault> {
        let Some(Value::String(text)) = self.values.get(name) else {
            return Ok(self);
        };
        if text.trim().is_empty() {
            self.values.remove(name);
            return Ok(self);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| Fault::InvalidParameter {
            name: Cow::Owned(name.to_owned()),
            reason: "it holds no JSON",
        })?;
        self.values.insert(name.to_owned(), value);
        Ok(self)
    }

    /// The same with one more text, as from a path.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.values.insert(name.to_owned(), Value::from(text));
        self
    }

    /// The same with everything that was given under one name.
    #[must_use]
    pub fn inside(self, name: &str) -> Self {
        Self {
            values: Map::from_iter([(name.to_owned(), Value::Object(self.values))]),
            loose: self.loose,
        }
    }
}

/// A name in a form, as far as it goes.
#[derive(Default)]
struct Node {
    text: Option<String>,
    parts: BTreeMap<Part, Node>,
}

/// One part of a name. `0` and `00` are the same place of a list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Place(u64),
    Name(String),
}

impl Part {
    fn read(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Place)
    }

    fn text(self) -> String {
        match self {
            Self::Place(number) => number.to_string(),
            Self::Name(name) => name,
        }
    }
}

impl Node {
    /// Puts a value below itself; false if something else stands there.
    fn put(&mut self, parts: &[&str], value: &str) -> bool {
        let Some((part, rest)) = parts.split_first() else {
            let free = self.text.is_none() && self.parts.is_empty();
            self.text = Some(value.to_owned());
            return free;
        };
        if self.text.is_some() {
            return false;
        }
        self.parts
            .entry(Part::read(part))
            .or_default()
            .put(rest, value)
    }

    /// A list if all parts are numbers, in their order and without the gaps; else an object.
    fn value(self) -> Value {
        if let Some(text) = self.text {
            return Value::String(text);
        }
        let is_list = self.parts.keys().all(|part| matches!(part, Part::Place(_)));
        if is_list {
            return Value::Array(self.parts.into_values().map(Self::value).collect());
        }
        let fields = self
            .parts
            .into_iter()
            .map(|(part, node)| (part.text(), node.value()));
        Value::Object(fields.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(pairs: &[(&str, &str)]) -> Option<Value> {
        let known = |name: &str| matches!(name, "a" | "b" | "c_d");
        let given = Given::of_form(pairs.iter().copied(), &['.', '_'], known);
        given.ok().map(|given| Value::Object(given.values))
    }

    #[test]
    fn names_of_forms_are_taken_apart() {
        for (pairs, expected) in [
            (&[][..], Some(json!({}))),
            (
                &[("a", "1"), ("x", "2"), ("x.0", "3")],
                Some(json!({"a": "1"})),
            ),
            (
                &[("a.0", "1"), ("a.1", "2")],
                Some(json!({"a": ["1", "2"]})),
            ),
            (
                &[("a.1", "1"), ("a.2", "2")],
                Some(json!({"a": ["1", "2"]})),
            ),
            (
                &[("a_10", "3"), ("a_2", "2"), ("a.0", "1")],
                Some(json!({"a": ["1", "2", "3"]})),
            ),
            (&[("a.7", "1")], Some(json!({"a": ["1"]}))),
            (&[("c_d", "1")], Some(json!({"c_d": "1"}))),
            (
                &[("a.0.k", "1"), ("a.0.v", "2"), ("a.1.k", "3")],
                Some(json!({"a": [{"k": "1", "v": "2"}, {"k": "3"}]})),
            ),
            (
                &[("a.k", "1"), ("b", "")],
                Some(json!({"a": {"k": "1"}, "b": ""})),
            ),
            (
                &[("a.18446744073709551616", "1")],
                Some(json!({"a": {"18446744073709551616": "1"}})),
            ),
            (&[("a.0", "1"), ("a_0", "2")], None),
            (&[("a.0", "1"), ("a.00", "2")], None),
            (&[("a", "1"), ("a.0", "2")], None),
            (&[("a.0", "1"), ("a", "2")], None),
            (&[("a.0.0", "1"), ("a.0", "2")], None),
            (&[("a.1.1.1.1.1.1.1.1.1", "1")], None),
        ] {
            assert_eq!(form(pairs), expected, "{pairs:?}");
        }
    }
}
