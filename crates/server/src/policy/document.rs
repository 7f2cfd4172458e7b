//! The JSON of a policy, and its way into statements.

use super::condition::Condition;
use super::pattern::Pattern;
use super::value::{Scalar, Values};
use super::{Effect, PolicyError, Statement};
use crate::native::Pairs;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a policy")]
struct Document {
    #[serde(rename = "Version")]
    version: String,
    #[serde(rename = "Statement")]
    statements: Vec<StatementText>,
}

#[derive(serde::Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "PascalCase",
    expecting = "a statement"
)]
struct StatementText {
    effect: EffectText,
    action: Option<Values>,
    not_action: Option<Values>,
    resource: Values,
    condition: Option<Pairs<Pairs<Values>>>,
}

#[derive(serde::Deserialize)]
enum EffectText {
    Allow,
    Deny,
}

/// Reads a document and compiles its statements.
pub(super) fn read(text: &str) -> Result<Vec<Statement>, PolicyError> {
    let document: Document = serde_json::from_str(text).map_err(PolicyError::Malformed)?;
    if document.version != "1" {
        return Err(PolicyError::Version);
    }
    let numbered = (1..).zip(document.statements);
    let compile = |(number, statement)| {
        compile(statement).map_err(|fault| PolicyError::Statement { number, fault })
    };
    numbered.map(compile).collect()
}

fn compile(text: StatementText) -> Result<Statement, String> {
    let (actions, other_actions) = match (text.action, text.not_action) {
        (Some(actions), None) => (actions, false),
        (None, Some(actions)) => (actions, true),
        (None, None) | (Some(_), Some(_)) => {
            return Err("it must have either `Action` or `NotAction`".to_owned());
        }
    };
    let resources = text.resource.0.iter().map(|resource| resource.0.parse());
    let resources = resources.collect::<Result<Vec<_>, _>>()?;
    if actions.0.is_empty() || resources.is_empty() {
        return Err("it must name at least one action and one resource".to_owned());
    }
    Ok(Statement {
        effect: match text.effect {
            EffectText::Allow => Effect::Allow,
            EffectText::Deny => Effect::Deny,
        },
        actions: actions.0.iter().map(action).collect::<Result<_, _>>()?,
        other_actions,
        resources,
        conditions: conditions(text.condition)?,
    })
}

fn action(text: &Scalar) -> Result<Pattern, String> {
    if *text.0 == *"*" || text.0.contains(':') {
        Ok(Pattern::wild(&text.0))
    } else {
        Err(format!(
            "`{}` is no action: `SERVICE:ACTION` or `*`",
            text.0
        ))
    }
}

fn conditions(text: Option<Pairs<Pairs<Values>>>) -> Result<Vec<Condition>, String> {
    let mut conditions = Vec::new();
    for (operator, keys) in text.map(|operators| operators.0).unwrap_or_default() {
        if keys.0.is_empty() {
            return Err(format!("`{operator}` names no key"));
        }
        for (key, values) in &keys.0 {
            conditions.push(Condition::new(&operator, key, &values.0)?);
        }
    }
    Ok(conditions)
}
