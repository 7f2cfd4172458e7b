//! From what was given to what is to be done.

use super::{Action, Given, Source};
use crate::Fault;
use longrun_model::{Json, NewResource, ResourceId, limits};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// What a caller wants done: everything about an operation that the call itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The action that was asked for.
    pub action: Arc<Action>,
    /// What is to be worked on.
    pub resources: Vec<NewResource>,
    /// The parameters, checked, without their secrets.
    pub input: Json,
    /// The region, as the caller calls it.
    pub region: Option<Box<str>>,
    /// The resource group that permission is checked in.
    pub resource_group: Option<Box<str>>,
    /// What makes a repeated order return the first operation.
    pub idempotency_key: Option<Box<str>>,
    /// For how long the caller waits for the end.
    pub wait_millis: i64,
}

impl Action {
    /// Holds what was given against the parameters, and makes an order of it.
    ///
    /// What no parameter speaks of is left out: every cloud's clients send marks of their own.
    pub fn order(self: &Arc<Self>, given: Given) -> Result<Order, Fault> {
        let Given { mut values, loose } = given;
        let mut input = Map::new();
        // The names are those of the call, and the input may have others.
        let named: Vec<(&Source, Names)> = self
            .resources
            .iter()
            .map(|source| (source, names(&values, &source.from)))
            .collect();
        for parameter in &self.parameters {
            parameter.check(&mut values, loose, &mut input)?;
        }
        Ok(Order {
            action: Arc::clone(self),
            resources: resources(named)?,
            input: Json::from_checked(Value::Object(input).to_string()),
            region: None,
            resource_group: None,
            idempotency_key: None,
            wait_millis: 0,
        })
    }
}

/// What stands at the end of a path such as `body.N.id`.
struct Names {
    /// The texts and numbers.
    found: Vec<String>,
    /// Whether something on the way leads to none.
    is_broken: bool,
}

/// The names at the end of a path. What has another form is found by the check of its parameter, or is no name.
fn names(values: &Map<String, Value>, path: &str) -> Names {
    let mut parts = path.split('.');
    let first = parts.next().and_then(|name| values.get(name));
    let mut reached: Vec<&Value> = first.into_iter().collect();
    let mut is_broken = false;
    for part in parts {
        let mut next = Vec::new();
        for value in reached {
            match value {
                Value::Array(values) if part == "N" => next.extend(values),
                Value::Object(fields) if fields.contains_key(part) => next.push(&fields[part]),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_) => is_broken = true,
            }
        }
        reached = next;
    }
    let text = |value: &Value| match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let count = reached.len();
    let found: Vec<String> = reached.into_iter().filter_map(text).collect();
    is_broken |= found.len() < count;
    Names { found, is_broken }
}

fn resources(named: Vec<(&Source, Names)>) -> Result<Vec<NewResource>, Fault> {
    let mut seen = HashSet::new();
    let mut resources = Vec::new();
    for (source, names) in named {
        let invalid = |reason| Fault::InvalidParameter {
            name: source.from.to_string().into(),
            reason,
        };
        if source.required && names.is_broken {
            return Err(invalid("it is not everywhere a name"));
        }
        if source.required && names.found.is_empty() {
            return Err(Fault::MissingParameter(source.from.to_string().into()));
        }
        for id in names.found {
            if id.len() > limits::NAME_BYTES_MAX {
                return Err(invalid("it is longer than any id"));
            }
            if !seen.insert(id.clone()) {
                return Err(invalid("it names the same twice"));
            }
            resources.push(NewResource {
                id: ResourceId::new(id),
                kind: source.kind.clone(),
                input: None,
            });
        }
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(table: &str, body: &str) -> Result<Order, Fault> {
        let action = format!("dialect = 'tencent-bm'\nname = 'Polish'\n{table}");
        let action: Action = toml::from_str(&action).unwrap();
        Arc::new(action).order(Given::typed(body).unwrap())
    }

    #[test]
    fn resources_are_found_where_the_action_says() {
        const LIST: &str = "parameters.ids = { type = 'texts', as = 'machines' }\nresources = [{ from = 'ids.N', type = 'machine' }]";
        const ONE: &str = "parameters.id = { type = 'text' }\nresources = [{ from = 'id' }]";
        const DEEP: &str =
            "parameters.body = { type = 'list' }\nresources = [{ from = 'body.N.server.id' }]";
        for (table, body, ids, input) in [
            (
                LIST,
                r#"{"ids":["a","b"],"x":1}"#,
                &["a", "b"][..],
                r#"{"machines":["a","b"]}"#,
            ),
            (LIST, "{}", &[], "{}"),
            (ONE, r#"{"id":"a"}"#, &["a"], r#"{"id":"a"}"#),
            (
                DEEP,
                r#"{"body":[{"server":{"id":"a"}},{"server":{"id":7}},{"other":1}]}"#,
                &["a", "7"],
                r#"{"body":[{"server":{"id":"a"}},{"server":{"id":7}},{"other":1}]}"#,
            ),
        ] {
            let order = order(table, body).unwrap();
            let found: Vec<&str> = order.resources.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(found, ids, "{body}");
            assert_eq!(order.input.as_str(), input, "{body}");
        }
        let long = "x".repeat(limits::NAME_BYTES_MAX + 1);
        for (body, reason) in [
            (
                r#"{"ids":["a","b","a"]}"#.to_owned(),
                "it names the same twice",
            ),
            (
                format!(r#"{{"ids":["{long}"]}}"#),
                "it is longer than any id",
            ),
        ] {
            let expected = Fault::InvalidParameter {
                name: "ids.N".into(),
                reason,
            };
            assert_eq!(order(LIST, &body).unwrap_err(), expected);
        }
    }

    #[test]
    fn where_names_are_required_none_may_be_lacking() {
        const ALL: &str = "parameters.body = { type = 'object' }\nresources = [{ from = 'body.servers.N.id', required = true }]";
        let broken = |reason| Fault::InvalidParameter {
            name: "body.servers.N.id".into(),
            reason,
        };
        for (body, expected) in [
            (
                r#"{"body":{"servers":[{"id":"a"},{}]}}"#,
                broken("it is not everywhere a name"),
            ),
            (
                r#"{"body":{"servers":[{"id":"a"},{"id":[]}]}}"#,
                broken("it is not everywhere a name"),
            ),
            (
                r#"{"body":{"servers":"a"}}"#,
                broken("it is not everywhere a name"),
            ),
            (r#"{"body":{}}"#, broken("it is not everywhere a name")),
            (
                r#"{"body":{"servers":[]}}"#,
                Fault::MissingParameter("body.servers.N.id".into()),
            ),
        ] {
            assert_eq!(order(ALL, body).unwrap_err(), expected, "{body}");
        }
    }
}
