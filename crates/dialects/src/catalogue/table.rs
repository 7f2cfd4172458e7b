//! An action as it is written down.

use super::{Action, Parameter, Route, Source, parameter};
use crate::named;
use longrun_model::{KindName, MixedEnd, limits};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The keys of an `[[action]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    dialect: Box<str>,
    name: Box<str>,
    version: Option<Box<str>>,
    method: Option<Box<str>>,
    path: Option<Box<str>>,
    member: Option<Box<str>>,
    kind: Option<Box<str>>,
    policy: Option<Box<str>>,
    answer: Option<Box<str>>,
    job_type: Option<Box<str>>,
    #[serde(default)]
    reads: bool,
    #[serde(default)]
    resources: Vec<Source>,
    #[serde(default)]
    parameters: BTreeMap<Box<str>, parameter::Table>,
    retention_ms: Option<i64>,
    mixed_end: Option<Ending>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ending {
    Failed,
    Succeeded,
}

/// Why an action is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// There is no such dialect.
    #[error("there is no dialect `{0}`")]
    Dialect(Box<str>),
    /// The dialect knows no such way to answer.
    #[error("`answer` cannot be `{word}` in `{dialect}`, which knows {known}")]
    Answer {
        /// What was asked for.
        word: Box<str>,
        /// Where.
        dialect: Box<str>,
        /// What there is.
        known: String,
    },
    /// A method without a path, or the other way round, or a member of a body without both.
    #[error("`method` and `path` belong together, and `member` to both")]
    HalfRoute,
    /// A key names a parameter that is not among the parameters.
    #[error("`{key}` names `{parameter}`, which is not among the parameters")]
    Unknown {
        /// The key.
        key: &'static str,
        /// The name.
        parameter: Box<str>,
    },
    /// Two parameters come into the input under one name.
    #[error("two parameters are called `{0}` in the input")]
    Twice(Box<str>),
    /// What names resources would be stored.
    #[error("the parameter `{0}` is secret and cannot name resources")]
    SecretResource(Box<str>),
    /// The time does not lie in the range that times have.
    #[error("`retention_ms` must lie between 0 and {max}", max = limits::SPAN_MILLIS_MAX)]
    Retention,
    /// A name is empty or too long.
    #[error("`{0}` must have 1 to {max} bytes", max = limits::NAME_BYTES_MAX)]
    Name(&'static str),
}

impl TryFrom<Table> for Action {
    type Error = ActionError;

    fn try_from(table: Table) -> Result<Self, ActionError> {
        let dialect =
            named(&table.dialect).ok_or_else(|| ActionError::Dialect(table.dialect.clone()))?;
        let kind = table
            .kind
            .unwrap_or_else(|| format!("{}.{}", table.dialect, table.name).into());
        for (key, text) in [("name", &table.name), ("kind", &kind)] {
            if text.is_empty() || text.len() > limits::NAME_BYTES_MAX {
                return Err(ActionError::Name(key));
            }
        }
        let policy_name = table
            .policy
            .unwrap_or_else(|| format!("{}:{}", dialect.service(), table.name).into());
        let route = match (table.method, table.path, table.member) {
            (None, None, None) => None,
            (Some(method), Some(path), member) => Some(Route::new(&method, &path, member)),
            (Some(_), None, _) | (None, Some(_), _) | (None, None, Some(_)) => {
                return Err(ActionError::HalfRoute);
            }
        };
        if table
            .retention_ms
            .is_some_and(|millis| !(0..=limits::SPAN_MILLIS_MAX).contains(&millis))
        {
            return Err(ActionError::Retention);
        }
        let action = Self {
            answer: answer(table.answer, &table.dialect, dialect.answers())?,
            dialect: table.dialect,
            name: table.name,
            version: table.version,
            route,
            kind: KindName::new(kind),
            policy_name,
            parameters: parameters(table.parameters)?,
            resources: table.resources,
            job_type: table.job_type,
            reads: table.reads,
            retention_millis: table.retention_ms,
            mixed_end: table.mixed_end.map(Into::into),
        };
        action.check_names()?;
        Ok(action)
    }
}

impl From<Ending> for MixedEnd {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Failed => Self::Failed,
            Ending::Succeeded => Self::Succeeded,
        }
    }
}

/// The way to answer: the dialect's first, unless another one is asked for.
fn answer(
    word: Option<Box<str>>,
    dialect: &str,
    known: &'static [&'static str],
) -> Result<Box<str>, ActionError> {
    match word {
        None => Ok(known.first().copied().unwrap_or_default().into()),
        Some(word) if known.contains(&&*word) => Ok(word),
        Some(word) => Err(ActionError::Answer {
            word,
            dialect: dialect.into(),
            known: known.join(", "),
        }),
    }
}

fn parameters(tables: BTreeMap<Box<str>, parameter::Table>) -> Result<Vec<Parameter>, ActionError> {
    let mut parameters: Vec<Parameter> = Vec::with_capacity(tables.len());
    for (name, table) in tables {
        let parameter = table.named(name);
        if parameters
            .iter()
            .any(|other| other.stored == parameter.stored)
        {
            return Err(ActionError::Twice(parameter.stored));
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

impl Action {
    /// Whatever is named elsewhere has to be a parameter.
    fn check_names(&self) -> Result<(), ActionError> {
        let check = |key, name: &str| match self.parameter(name) {
            Some(parameter) => Ok(parameter),
            None => Err(ActionError::Unknown {
                key,
                parameter: name.into(),
            }),
        };
        for source in &self.resources {
            let name = source.from.split('.').next().unwrap_or_default();
            if check("resources", name)?.secret {
                return Err(ActionError::SecretResource(name.into()));
            }
        }
        for place in self.route.iter().flat_map(Route::places) {
            check("path", place)?;
        }
        if let Some(member) = self.route.as_ref().and_then(|it| it.member.as_ref()) {
            check("member", member)?;
        }
        Ok(())
    }

    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|it| &*it.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_follows_from_the_rest() {
        let action: Action = toml::from_str(
            "dialect = 'tencent-bm'\nname = 'Polish'\nparameters.instanceIds = { type = 'texts' }",
        )
        .unwrap();
        assert_eq!(action.kind.as_str(), "tencent-bm.Polish");
        assert_eq!(&*action.policy_name, "bm:Polish");
        assert_eq!(&*action.answer, "taskId");
        assert_eq!(action.mixed_end, None);
    }

    #[test]
    fn an_action_that_makes_no_sense_is_refused() {
        const START: &str = "dialect = 'tencent-bm'\nname = 'Polish'\n";
        for (rest, expected) in [
            (
                "answer = 'job'",
                "`answer` cannot be `job` in `tencent-bm`, which knows taskId, null",
            ),
            ("method = 'GET'", "`method` and `path` belong together"),
            ("member = 'a'", "`method` and `path` belong together"),
            (
                "path = '/'\nmethod = 'POST'\nmember = 'a'",
                "`member` names `a`",
            ),
            ("path = '/{a}'\nmethod = 'GET'", "`path` names `a`"),
            ("resources = [{ from = 'a.N' }]", "`resources` names `a`"),
            (
                "resources = [{ from = 'a' }]\nparameters.a = { type = 'text', secret = true }",
                "the parameter `a` is secret",
            ),
            ("retention_ms = -1", "`retention_ms` must lie"),
            ("kind = ''", "`kind` must have"),
            ("mixed_end = 'partial'", "unknown variant `partial`"),
            ("colour = 'red'", "unknown field `colour`"),
            (
                "parameters.a = { type = 'colour' }",
                "unknown variant `colour`",
            ),
            ("parameters.a = { required = true }", "missing field `type`"),
            (
                "parameters.a = { type = 'text' }\nparameters.b = { type = 'text', as = 'a' }",
                "two parameters are called `a`",
            ),
        ] {
            let error = toml::from_str::<Action>(&format!("{START}{rest}")).unwrap_err();
            assert!(error.message().contains(expected), "{rest}: {error}");
        }
        let error = toml::from_str::<Action>("dialect = 'azure'\nname = 'a'").unwrap_err();
        assert!(error.message().contains("no dialect `azure`"), "{error}");
    }
}
