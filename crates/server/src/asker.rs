//! Who calls in a dialect, what it may do, and what comes of its call.

use crate::Spoiling;
use crate::clouds::Received;
use crate::keys::Key;
use crate::policy::{Ask, Decision};
use longrun_dialects::{Dialect, Fault, OperationRef, Order, Reply};
use longrun_engine::EngineError;
use longrun_model::{Operation, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// What comes of a call.
pub(crate) enum Done {
    /// An operation to be told of.
    Operation(Arc<Operation>),
    /// An operation that follows a task of another cloud, and what it is called there.
    Task(Arc<Operation>, String),
    /// The same, to a poll that somebody has meddled with.
    Polled(Told),
    /// What an upstream has answered.
    Passed(Received),
    /// An answer that is written already.
    Told(Reply),
}

/// Who wants something, once that is proved, and how.
pub(crate) struct Asker<'a> {
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) key: &'a Key,
    /// What a policy calls it.
    pub(crate) action: &'a str,
    pub(crate) project: Option<&'a str>,
    pub(crate) peer: IpAddr,
    pub(crate) secure: bool,
    pub(crate) now: Timestamp,
}

/// What a caller is told.
pub(crate) struct Told {
    /// The operation that was asked about, or made.
    pub(crate) operation: Arc<Operation>,
    /// What becomes of the answer.
    pub(crate) outcome: Option<Spoiling>,
}

impl Asker<'_> {
    /// Whether the policy of the key allows the action on one thing, named by its type and its id.
    pub(crate) fn may(
        &self,
        relative: (&str, &str),
        region: Option<&str>,
        resource_group: Option<&str>,
    ) -> Result<(), Fault> {
        let ask = Ask {
            action: self.action,
            region: region.unwrap_or_default(),
            account: self.key.account.as_str(),
            relative,
            resource_group,
            source_ip: Some(self.peer),
            secure: self.secure,
            now: self.now,
        };
        match self.key.decide(&ask) {
            Decision::Allowed => Ok(()),
            Decision::DeniedImplicitly => Err(self.forbidden(false)),
            Decision::DeniedExplicitly => Err(self.forbidden(true)),
        }
    }

    /// Whether it allows an action that is not served here, of which nothing more is known than its name.
    pub(crate) fn may_act(&self, action: &str, region: Option<&str>) -> Result<(), Fault> {
        let asker = Asker {
            dialect: self.dialect,
            key: self.key,
            action,
            project: self.project,
            peer: self.peer,
            secure: self.secure,
            now: self.now,
        };
        asker.may(("action", action), region, None)
    }

    /// Whether it allows an order: the action on every resource, or on the kind if none is named. `usual` is the region
    /// of an order that names none.
    pub(crate) fn may_submit(&self, order: &Order, usual: Option<&str>) -> Result<(), Fault> {
        let (region, group) = (
            order.region.as_deref().or(usual),
            order.resource_group.as_deref(),
        );
        if order.resources.is_empty() {
            return self.may(("kind", order.action.kind.as_str()), region, group);
        }
        order.resources.iter().try_for_each(|resource| {
            let kind = resource.kind.as_deref().unwrap_or("resource");
            self.may((kind, resource.id.as_str()), region, group)
        })
    }

    pub(crate) fn forbidden(&self, explicit: bool) -> Fault {
        Fault::Forbidden {
            action: self.action.to_owned().into(),
            explicit,
            account: self.key.account.as_str().into(),
        }
    }
}

/// Whether an operation of its account exists for this key, in the project that it asks about.
pub(crate) fn is_visible(operation: &Operation, key: &Key, project: Option<&str>) -> bool {
    let own_project = operation
        .project
        .as_ref()
        .map(longrun_model::ProjectId::as_str);
    own_project.is_none_or(|own| key.works_in(own) && project.is_none_or(|asked| asked == own))
}

pub(crate) fn operation_text(named: &OperationRef) -> String {
    match named {
        OperationRef::Number(number) => number.to_string(),
        OperationRef::Text(text) => text.to_string(),
    }
}

/// What an engine's error is called in the dialects.
pub(crate) fn fault(error: &EngineError) -> Fault {
    match error {
        EngineError::NotFound => Fault::NotFound,
        EngineError::Gone => Fault::Gone,
        EngineError::Overloaded | EngineError::TooManyWatchers => Fault::Throttled {
            retry_after_millis: 1_000,
        },
        EngineError::Unavailable => Fault::Unavailable,
        EngineError::ResourceHeld { resource, .. } => Fault::Busy(resource.as_str().into()),
        EngineError::IdempotencyMismatch
        | EngineError::DocumentChanged
        | EngineError::DocumentTooLong
        | EngineError::Rejected(_) => Fault::Internal,
    }
}
