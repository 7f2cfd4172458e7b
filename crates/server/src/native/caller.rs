//! Who calls, and what they may.

use super::problem::Problem;
use crate::app::App;
use crate::keys::Key;
use crate::policy::{Ask, Decision};
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use longrun_model::{Account, Operation, ProjectId};
use std::net::IpAddr;
use std::sync::Arc;

/// The actions that policies name.
pub(super) mod action {
    pub(in crate::native) const SUBMIT: &str = "longrun:SubmitOperation";
    pub(in crate::native) const GET: &str = "longrun:GetOperation";
    pub(in crate::native) const LIST: &str = "longrun:ListOperations";
    pub(in crate::native) const CANCEL: &str = "longrun:CancelOperation";
    pub(in crate::native) const DELETE: &str = "longrun:DeleteOperation";
    pub(in crate::native) const LEASE: &str = "longrun:LeaseOperations";
    pub(in crate::native) const REPORT: &str = "longrun:ReportOperations";
    pub(in crate::native) const OPERATE: &str = "longrun:OperateOperations";
    pub(in crate::native) const GET_SHELF: &str = "longrun:GetShelf";
    pub(in crate::native) const PUT_SHELF: &str = "longrun:PutShelf";
    pub(in crate::native) const EMULATE: &str = "longrun:Emulate";
    pub(in crate::native) const MANAGE_KEYS: &str = "longrun:ManageKeys";
}

/// Whoever sent a request, proved by its token.
pub(super) struct Caller {
    pub(super) app: Arc<App>,
    pub(super) key: Arc<Key>,
    peer: Option<IpAddr>,
}

/// What a caller wants to do something to.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// Its type and its id.
    pub(super) relative: (&'a str, &'a str),
    /// Its region; empty if it has none.
    pub(super) region: &'a str,
    /// Its resource group.
    pub(super) group: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Something without a region and a group.
    pub(super) const fn new(kind: &'a str, id: &'a str) -> Self {
        Self {
            relative: (kind, id),
            region: "",
            group: None,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Arc<App>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let app = Arc::<App>::from_ref(state);
        let key = app.bearer(&parts.headers).ok_or(Problem::Unauthenticated)?;
        let counted = app.rates.count(&key.id, app.engine.now());
        counted.map_err(|retry_after_millis| Problem::CallsSpent { retry_after_millis })?;
        let peer = parts.extensions.get::<IpAddr>().copied();
        Ok(Self { app, key, peer })
    }
}

impl Caller {
    /// The account that the caller is confined to, as the engine is told it.
    pub(super) fn account(&self) -> Option<Account> {
        self.key.confined_to().cloned()
    }

    /// Whether the caller's policy allows `action` on `target`, which is or would be the caller's own.
    pub(super) fn allow(&self, action: &'static str, target: Target) -> Result<(), Problem> {
        self.allow_in(self.key.account.as_str(), action, target)
    }

    fn allow_in(&self, account: &str, action: &'static str, target: Target) -> Result<(), Problem> {
        let ask = Ask {
            action,
            region: target.region,
            account,
            relative: target.relative,
            resource_group: target.group,
            source_ip: self.peer,
            secure: self.app.secure,
            now: self.app.engine.now(),
        };
        match self.key.decide(&ask) {
            Decision::Allowed => Ok(()),
            Decision::DeniedImplicitly => Err(Problem::Forbidden(format!(
                "the policy of this key does not allow `{action}` here"
            ))),
            Decision::DeniedExplicitly => Err(Problem::Forbidden(format!(
                "the policy of this key denies `{action}` here"
            ))),
        }
    }

    /// Whether the caller's policy allows `action` on `operation`.
    pub(super) fn allow_on(
        &self,
        action: &'static str,
        operation: &Operation,
    ) -> Result<(), Problem> {
        let id = self.app.ids.text(operation.key);
        let target = Target {
            relative: ("operation", id.prefixed()),
            region: operation.region.as_deref().unwrap_or_default(),
            group: operation.resource_group.as_deref(),
        };
        self.allow_in(operation.account.as_str(), action, target)
    }

    /// Whether the operation is in a project that the caller works in, or in none.
    pub(super) fn works_on(&self, operation: &Operation) -> bool {
        self.works_in(operation.project.as_ref())
    }

    /// Whether the caller works in `project`. What belongs to no project belongs to the whole account.
    pub(super) fn works_in(&self, project: Option<&ProjectId>) -> bool {
        project.is_none_or(|project| self.key.works_in(project.as_str()))
    }

    /// The operation that `id` names, if it exists for the caller and the caller may do `action` to it.
    pub(super) async fn find(
        &self,
        action: &'static str,
        id: &str,
    ) -> Result<Arc<Operation>, Problem> {
        let found = match self.app.ids.key(id) {
            Some(key) => self
                .app
                .engine
                .get_if(key, |operation| {
                    self.key.has_account_of(operation) && self.works_on(operation)
                })
                .await
                .map_err(Problem::from),
            None => Err(Problem::NotFound),
        };
        match found {
            Ok(operation) => {
                self.allow_on(action, &operation)?;
                Ok(operation)
            }
            // Whoever may not ask is not told either what does not exist.
            Err(problem) => self
                .allow(action, Target::new("operation", id))
                .and(Err(problem)),
        }
    }

    /// Whether the key still works. To be asked after a long wait: one that was switched off stops working at once.
    pub(super) fn check_again(&self) -> Result<(), Problem> {
        let key = self.app.keys.by_id(&self.key.id);
        key.filter(|key| !key.disabled)
            .map(|_| ())
            .ok_or(Problem::Unauthenticated)
    }
}
