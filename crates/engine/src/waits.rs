//! Waiting for an operation: until it has ended, until it has changed, or until it is no longer held as it was.

use crate::{Engine, EngineError};
use futures_util::future::{FutureExt, select_all};
use longrun_model::{Account, Operation, OperationKey, Phase};
use std::sync::Arc;

impl Engine {
    /// The operation once it has ended, or as it is after `wait_millis`.
    pub async fn wait_for_end(
        &self,
        key: OperationKey,
        account: Option<&Account>,
        wait_millis: i64,
    ) -> Result<Arc<Operation>, EngineError> {
        self.wait(key, account, wait_millis, |_, ended| ended).await
    }

    /// The operation once its version is past `since`, or as it is after `wait_millis`.
    pub async fn wait_for_change(
        &self,
        key: OperationKey,
        account: Option<&Account>,
        wait_millis: i64,
        since: u64,
    ) -> Result<Arc<Operation>, EngineError> {
        self.wait(key, account, wait_millis, |version, _| version > since)
            .await
    }

    async fn wait(
        &self,
        key: OperationKey,
        account: Option<&Account>,
        wait_millis: i64,
        is_enough: impl Fn(u64, bool) -> bool,
    ) -> Result<Arc<Operation>, EngineError> {
        let operation = self.get(key, account).await?;
        if is_enough(operation.version, operation.phase.is_ended()) || wait_millis <= 0 {
            return Ok(operation);
        }
        let mut patience = self.shared.sleep(wait_millis);
        let mut watcher = self
            .shared
            .watchers
            .watch(key)
            .ok_or(EngineError::TooManyWatchers)?;
        loop {
            // It may have changed before the watch began, and whoever may have missed something has to look.
            let operation = self.get(key, account).await?;
            if is_enough(operation.version, operation.phase.is_ended()) {
                return Ok(operation);
            }
            tokio::select! {
                biased;
                () = self.shared.ending() => return self.get(key, account).await,
                () = &mut patience => return self.get(key, account).await,
                () = watcher.changed(|seen| is_enough(seen.version, seen.ended)) => (),
            }
        }
    }

    /// Waits up to `wait_millis` until one of the operations is no longer held as it is now: it was to be cancelled, or
    /// the lease with this fence was lost, or it has ended. A lease is given by its operation and its fence.
    pub async fn wait_for_order(
        &self,
        leases: &[(OperationKey, u64)],
        wait_millis: i64,
    ) -> Result<(), EngineError> {
        if leases.is_empty() {
            return Ok(());
        }
        let patience = self.shared.sleep(wait_millis);
        let ordered = leases
            .iter()
            .map(|(key, fence)| self.ordered(*key, *fence).boxed());
        tokio::select! {
            biased;
            (ordered, _, _) = select_all(ordered) => ordered,
            () = self.shared.ending() => Ok(()),
            () = patience => Ok(()),
        }
    }

    /// Waits until an operation is no longer held under `fence`, or is to be cancelled.
    async fn ordered(&self, key: OperationKey, fence: u64) -> Result<(), EngineError> {
        let watcher = self.shared.watchers.watch(key);
        let mut watcher = watcher.ok_or(EngineError::TooManyWatchers)?;
        loop {
            let operation = self.read(key).await?;
            if operation.phase != Phase::Running || operation.fence != fence {
                return Ok(());
            }
            // Most changes are what the worker itself has told.
            watcher
                .changed(|seen| seen.version > operation.version)
                .await;
        }
    }
}
