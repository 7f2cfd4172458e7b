//! What a call in a dialect wants, done for whoever has proved who it is.

use crate::app::App;
use crate::asker::{Asker, Done, Told, fault, is_visible, operation_text};
use crate::chance;
use crate::keys::Key;
use crate::{Meddled, Polled};
use longrun_dialects::{Claim, Dialect, Fault, Frame, Lent, OperationRef, Request, Wish};
use longrun_model::{Operation, OperationKey};
use std::net::IpAddr;
use std::sync::Arc;

impl App {
    pub(crate) fn lent(&self) -> Lent<'_> {
        Lent {
            ids: &self.ids,
            request_id: chance::request_id(),
            now: self.engine.now(),
            catalogue: &self.dialects.catalogue,
            followed: None,
        }
    }

    /// Does what a call wants, if whoever sent it may.
    pub(crate) async fn carry_out(
        &self,
        (dialect, frame, request, peer): (&dyn Dialect, &Frame<'_>, &Request<'_>, IpAddr),
        claim: Result<Claim<'_>, Fault>,
        wish: Result<Wish<'_>, Fault>,
        lent: &Lent<'_>,
    ) -> Result<Done, Fault> {
        let claim = claim?;
        let key = self.prove(dialect, &claim, peer)?;
        let counted = self.rates.count(&key.id, self.engine.now());
        counted.map_err(|retry_after_millis| Fault::Throttled { retry_after_millis })?;
        if claim
            .project
            .as_ref()
            .is_some_and(|project| !key.works_in(project))
        {
            return Err(Fault::WrongProject);
        }
        let asker = Asker {
            dialect,
            key: &key,
            action: &frame.action,
            project: claim.project.as_deref(),
            peer,
            secure: self.secure,
            now: self.engine.now(),
        };
        let passed = self.pass_on(&asker, request, &frame.question, &wish).await;
        if let Some(passed) = passed {
            return passed;
        }
        match wish? {
            Wish::Poll {
                operation,
                resource_group,
            } => {
                let group = resource_group.as_deref();
                match self
                    .poll_upstream(&asker, request.path, &operation, group)
                    .await
                {
                    // Numbers are given by clouds and here.
                    None | Some(Err(Fault::NotFound)) => {
                        let operation = self.poll(&asker, &operation, group).await?;
                        match self.meddle(&operation, Some(dialect.name())).await {
                            None => Ok(Done::Operation(operation)),
                            Some(told) => told.map(Done::Polled),
                        }
                    }
                    Some(told) => told,
                }
            }
            Wish::Submit(order) => {
                asker.may_submit(&order, None)?;
                let operation = self.carry_out_order(*order, &asker).await?;
                Ok(Done::Operation(operation))
            }
            Wish::Manage(order) => self.manage(*order, &asker, lent).await,
        }
    }

    /// What becomes of a poll of `operation` that is allowed, if somebody meddles with polls.
    pub(crate) async fn meddle(
        &self,
        operation: &Arc<Operation>,
        dialect: Option<&str>,
    ) -> Option<Result<Told, Fault>> {
        let interference = self.interference.as_ref()?;
        let polled = Polled {
            engine: &self.engine,
            ids: &self.ids,
            operation,
            dialect,
        };
        let meddling = interference.poll(polled).await;
        if !meddling.delay.is_zero() {
            tokio::time::sleep(meddling.delay).await;
        }
        let outcome = match meddling.outcome {
            Meddled::Refused(fault) => return Some(Err(fault)),
            Meddled::Spoiled(spoiling) => Some(spoiling),
            Meddled::Nothing => None,
        };
        Some(Ok(Told {
            operation: meddling.operation.unwrap_or_else(|| Arc::clone(operation)),
            outcome,
        }))
    }

    /// Tells how an operation stands, if the caller may know.
    async fn poll(
        &self,
        asker: &Asker<'_>,
        operation: &OperationRef<'_>,
        resource_group: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let found = self.find(operation, asker.key, asker.project).await;
        let known = found.as_ref().ok();
        let own_group = known.and_then(|operation| operation.resource_group.as_deref());
        // A caller may name a group, but not choose one in which it is allowed what it is not elsewhere.
        let other_group =
            known.is_some() && resource_group.is_some_and(|group| own_group != Some(group));
        let region = known.and_then(|operation| operation.region.as_deref());
        asker.may(
            (asker.dialect.resource_type(), &operation_text(operation)),
            region,
            resource_group.or(own_group),
        )?;
        if other_group {
            return Err(asker.forbidden(false));
        }
        found
    }

    /// The operation that a call names, if it exists for this key.
    async fn find(
        &self,
        named: &OperationRef<'_>,
        key: &Key,
        project: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let operation_key = match named {
            OperationRef::Number(number) => OperationKey::new(*number),
            OperationRef::Text(text) => self.ids.key(text),
        };
        let exists = |operation: &Operation| {
            key.has_account_of(operation) && is_visible(operation, key, project)
        };
        self.engine
            .get_if(operation_key.ok_or(Fault::NotFound)?, exists)
            .await
            .map_err(|error| fault(&error))
    }
}
