//! What callers want done in a cloud's words: from an order to an operation.

use crate::app::App;
use crate::asker::{Asker, fault};
use crate::keys::Key;
use crate::shelves;
use longrun_dialects::{Fault, Order};
use longrun_engine::EngineError;
use longrun_model::{Idempotency, Invalid, Json, Operation, ProjectId, Submission, limits};
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl App {
    /// Makes an operation of an order that the key may give, and waits for its end if the caller does.
    pub(crate) async fn carry_out_order(
        &self,
        order: Order,
        asker: &Asker<'_>,
    ) -> Result<Arc<Operation>, Fault> {
        let wait_millis = order.wait_millis;
        let submission = self.submission(order, asker.key, asker.project)?;
        self.make(submission, wait_millis, asker).await
    }

    /// The same for an order that changes things which a cloud keeps, known by the token of the change.
    pub(crate) async fn carry_out_change(
        &self,
        order: Order,
        asker: &Asker<'_>,
        token: &str,
    ) -> Result<Arc<Operation>, Fault> {
        let wait_millis = order.wait_millis;
        let mut submission = self.submission(order, asker.key, asker.project)?;
        submission.idempotency = Some(shelves::idempotency(token));
        self.make(submission, wait_millis, asker).await
    }

    async fn make(
        &self,
        submission: Submission,
        wait_millis: i64,
        asker: &Asker<'_>,
    ) -> Result<Arc<Operation>, Fault> {
        submission.check().map_err(|invalid| refused(&invalid))?;
        let submitted = self.engine.submit(submission).await;
        let operation = submitted.map_err(|error| not_made(&error))?.operation;
        if wait_millis <= 0 || operation.phase.is_ended() {
            return Ok(operation);
        }
        let account = asker.key.confined_to();
        let waited = self
            .engine
            .wait_for_end(operation.key, account, wait_millis)
            .await;
        // It has been made, whatever comes of the wait.
        Ok(waited.unwrap_or(operation))
    }

    fn submission(
        &self,
        order: Order,
        key: &Key,
        project: Option<&str>,
    ) -> Result<Submission, Fault> {
        let settings = self.kinds.get(order.action.kind.as_str());
        let now = self.engine.now();
        let digest = digest(&order);
        let mut submission = Submission::new(key.account.clone(), order.action.kind.clone());
        submission.project = project.map(ProjectId::new);
        submission.region = order.region;
        submission.resource_group = order.resource_group;
        submission.input = Some(order.input);
        submission.resources = order.resources;
        submission.idempotency = order
            .idempotency_key
            .map(|key| namespaced(&order.action.dialect, &key, digest))
            .transpose()?;
        if let Some(millis) = settings
            .and_then(|settings| settings.retention_ms)
            .or(order.action.retention_millis)
        {
            submission.retention_millis = millis;
        }
        if let Some(mixed_end) = settings
            .map(|settings| settings.mixed_end)
            .or(order.action.mixed_end)
        {
            submission.mixed_end = mixed_end;
        }
        if let Some(settings) = settings {
            submission.deadline_at = settings.deadline_ms.map(|millis| now.plus_millis(millis));
            submission.retry.clone_from(&settings.retry);
            submission.exclusive.clone_from(&settings.exclusive);
        }
        Ok(submission)
    }
}

/// The key of a caller, kept apart from those of other dialects and of the native API.
fn namespaced(dialect: &str, key: &str, digest: [u8; 16]) -> Result<Idempotency, Fault> {
    // No key that comes in a header has such a character.
    let key: Box<str> = format!("{dialect}\u{1f}{key}").into();
    if key.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(Fault::InvalidParameter {
            name: "ClientToken".into(),
            reason: "it is too long",
        });
    }
    Ok(Idempotency { key, digest })
}

/// A digest of what is to be done. Secrets are not in it, because they are not in the order.
fn digest(order: &Order) -> [u8; 16] {
    let mut digest = Sha256::new();
    let ids = order.resources.iter().map(|resource| resource.id.as_str());
    let parts = [order.action.kind.as_str(), Json::as_str(&order.input)];
    for part in parts.into_iter().chain(ids) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let (half, _) = digest.split_first_chunk().expect("32 bytes begin with 16");
    *half
}

/// What is wrong with a submission, in words that the dialects have.
fn refused(invalid: &Invalid) -> Fault {
    match invalid {
        Invalid::TooLong { max, .. } => Fault::TooLarge { limit_bytes: *max },
        Invalid::Name { field } => wrong(field, "its length is not allowed"),
        Invalid::TooMany { field, .. } => wrong(field, "there are too many"),
        Invalid::Twice { field, .. } => wrong(field, "it names the same twice"),
        Invalid::OutOfRange { field, .. } => wrong(field, "it is out of range"),
    }
}

fn wrong(field: &'static str, reason: &'static str) -> Fault {
    Fault::InvalidParameter {
        name: field.into(),
        reason,
    }
}

fn not_made(error: &EngineError) -> Fault {
    match error {
        EngineError::IdempotencyMismatch => Fault::IdempotencyMismatch,
        EngineError::NotFound
        | EngineError::Gone
        | EngineError::Overloaded
        | EngineError::TooManyWatchers
        | EngineError::Unavailable
        | EngineError::ResourceHeld { .. }
        | EngineError::DocumentChanged
        | EngineError::DocumentTooLong
        | EngineError::Rejected(_) => fault(error),
    }
}
