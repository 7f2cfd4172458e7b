//! What a key may do: policies in the manner of RAM.
//!
//! A policy is a list of statements that allow or deny actions on resources under conditions. It is read and compiled
//! once, when its key is loaded; one that cannot be understood whole is refused then, because a statement left out could
//! be the one that denies. `wire/alibaba.md` 5.2 says which part of the language there is.

mod condition;
mod document;
mod pattern;
#[cfg(test)]
mod tests;
mod value;

use condition::Condition;
use longrun_model::{Timestamp, limits};
use pattern::{Case, Pattern, ResourcePattern};
use std::net::IpAddr;

/// Statements that say what is allowed. Without any, nothing is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

/// Why a policy is refused when it is loaded.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is longer than a policy may be.
    #[error("a policy may have at most {max} bytes", max = limits::PAYLOAD_BYTES_MAX)]
    TooLong,
    /// It is no JSON, or not in the form of a policy.
    #[error("the policy is malformed")]
    Malformed(#[source] serde_json::Error),
    /// It is written in a version of the language that is not known.
    #[error("`Version` must be \"1\"")]
    Version,
    /// A statement cannot be understood.
    #[error("statement {number}: {fault}")]
    Statement {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        fault: String,
    },
}

/// The question whether something is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// What shall be done: a service, a colon, and one of its actions.
    pub(crate) action: &'a str,
    /// The region of the resource; empty if it has none.
    pub(crate) region: &'a str,
    /// Whose resource it is.
    pub(crate) account: &'a str,
    /// The type and the id of the resource.
    pub(crate) relative: (&'a str, &'a str),
    /// The resource group that it belongs to.
    pub(crate) resource_group: Option<&'a str>,
    /// Where the request came from.
    pub(crate) source_ip: Option<IpAddr>,
    /// Whether it came over TLS.
    pub(crate) secure: bool,
    /// When it came.
    pub(crate) now: Timestamp,
}

/// What a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Some statement allows it and none denies it.
    Allowed,
    /// No statement speaks of it.
    DeniedImplicitly,
    /// A statement denies it.
    DeniedExplicitly,
}

/// What a statement does to the requests that it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug)]
struct Statement {
    effect: Effect,
    actions: Vec<Pattern>,
    /// Whether it speaks of all actions but those listed.
    other_actions: bool,
    resources: Vec<ResourcePattern>,
    conditions: Vec<Condition>,
}

impl Policy {
    /// Reads and compiles a policy document.
    pub(crate) fn read(text: &str) -> Result<Self, PolicyError> {
        if text.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(PolicyError::TooLong);
        }
        let statements = document::read(text)?;
        Ok(Self { statements })
    }

    /// Whether it allows what is asked. A denial outweighs everything else.
    pub(crate) fn decide(&self, ask: &Ask) -> Decision {
        let mut decision = Decision::DeniedImplicitly;
        for statement in self
            .statements
            .iter()
            .filter(|statement| statement.speaks_of(ask))
        {
            match statement.effect {
                Effect::Allow => decision = Decision::Allowed,
                Effect::Deny => return Decision::DeniedExplicitly,
            }
        }
        decision
    }
}

impl Statement {
    fn speaks_of(&self, ask: &Ask) -> bool {
        let listed = |pattern: &Pattern| pattern.matches(ask.action.chars(), Case::Ignored);
        self.actions.iter().any(listed) != self.other_actions
            && self.resources.iter().any(|resource| resource.matches(ask))
            && self.conditions.iter().all(|condition| condition.holds(ask))
    }
}
