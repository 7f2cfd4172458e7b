//! Which rule an operation falls under.

use crate::file::Match;
use crate::words::Patterns;
use longrun_model::{Json, Operation};
use serde_json::Value;
use std::collections::BTreeMap;

/// An operation, as a rule looks at it.
pub(crate) struct Subject<'o> {
    operation: &'o Operation,
    /// The dialect of its kind.
    dialect: &'o str,
    /// Its input, looked into.
    input: Value,
}

impl<'o> Subject<'o> {
    pub(crate) fn new(operation: &'o Operation, dialect: &'o str) -> Self {
        let input = operation.input.as_ref().map(Json::as_str);
        let input = input.and_then(|text| serde_json::from_str(text).ok());
        Self {
            operation,
            dialect,
            input: input.unwrap_or_default(),
        }
    }
}

impl Match {
    /// Whether all that does not depend on other operations holds.
    pub(crate) fn holds(&self, subject: &Subject) -> bool {
        let Self {
            kind,
            dialect,
            resource,
            parameter,
            label,
            project,
            region,
            account,
            nth: _,
            attempt,
        } = self;
        let Subject {
            operation, input, ..
        } = subject;
        let project_of = operation
            .project
            .as_ref()
            .map(longrun_model::ProjectId::as_str);
        let attempt_of = u64::from(operation.attempt) + 1;
        fits(kind, Some(operation.kind.as_str()))
            && fits(dialect, Some(subject.dialect))
            && fits(project, project_of)
            && fits(region, operation.region.as_deref())
            && fits(account, Some(operation.account.as_str()))
            && (resource.is_empty()
                || operation
                    .resources
                    .iter()
                    .any(|one| resource.fit(one.id.as_str())))
            && has_parameters(parameter, input)
            && has_labels(label, operation)
            && attempt
                .as_ref()
                .is_none_or(|attempt| attempt.contain(attempt_of))
    }
}

fn fits(patterns: &Patterns, text: Option<&str>) -> bool {
    patterns.is_empty() || text.is_some_and(|text| patterns.fit(text))
}

fn has_parameters(wanted: &BTreeMap<String, Patterns>, input: &Value) -> bool {
    wanted.iter().all(|(path, patterns)| {
        let value = input.get(path).or_else(|| at_path(input, path));
        value.is_some_and(|value| patterns.fit(&text(value)))
    })
}

fn at_path<'v>(input: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(input, |value, step| match value {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        Value::Object(object) => object.get(step),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

fn has_labels(wanted: &BTreeMap<String, Patterns>, operation: &Operation) -> bool {
    wanted.iter().all(|(name, patterns)| {
        let mut labels = operation.labels.iter();
        labels.any(|(key, value)| **key == **name && patterns.fit(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use longrun_model::{OperationKey, Submission, Timestamp};

    #[test]
    fn everything_that_is_said_must_hold() {
        let mut submission = Submission::new("acme", "reboot").with_resources(["cpm-1", "cpm-2"]);
        submission.input = Some(Json::from_checked(
            r#"{"a.b":1,"c":{"d":["x","y"]},"e":null,"f":true}"#,
        ));
        submission.labels = vec![("team".into(), "blue".into())];
        submission.region = Some("bj".into());
        let key = OperationKey::new(1).unwrap();
        let operation = Operation::submitted(key, submission, Timestamp::default());
        for (wish, expected) in [
            ("", true),
            ("kind = 'reb*'", true),
            ("kind = ['start', 'reboot']", true),
            ("kind = 'start'", false),
            ("dialect = 'tencent-*'", true),
            ("dialect = 'native'", false),
            ("resource = '*-2'", true),
            ("resource = 'cpm'", false),
            ("parameter = { 'a.b' = 1 }", true),
            ("parameter = { 'c.d.1' = 'y' }", true),
            ("parameter = { 'c.d.2' = '*' }", false),
            ("parameter = { e = 'null', f = true }", true),
            ("parameter = { 'a.b' = 1, 'c.d.0' = 'y' }", false),
            ("label = { team = ['red', 'blue'] }", true),
            ("label = { team = 'red' }", false),
            ("label = { tier = '*' }", false),
            ("region = 'b?'", true),
            ("project = '*'", false),
            ("account = 'acme'", true),
            ("attempt = 1", true),
            ("attempt = '2-'", false),
            ("kind = 'reboot'\nregion = 'gz'", false),
        ] {
            let scenario =
                Scenario::read("test", &format!("[[rule]]\n[rule.match]\n{wish}")).unwrap();
            let subject = Subject::new(&operation, "tencent-bm");
            assert_eq!(
                scenario.rules[0].matches.holds(&subject),
                expected,
                "{wish}"
            );
        }
    }
}
