//! Bugs that are planted between the world and its store, to see that an invariant catches them.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_model::{Command, Operation, OperationKey, Timestamp};
use longrun_store::{
    AccessKey, Committed, Document, Due, Filter, HistoryEntry, Limits, Page, Store, StoreError,
    Write, Written,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Whoever reports is taken for the holder of the lease.
    StaleFence,
    /// A commit is acknowledged and, now and then, not made.
    LostCommit,
    /// Results that were reported are forgotten when the lease is lost.
    ForgottenResults,
    /// The tally is not what the resources say.
    WrongTally,
    /// Nobody is told that a lease has ended.
    DeafTimers,
    /// An operation that ended can be begun anew.
    SecondLife,
    /// The same operation is handed to two workers under one fence.
    SharedFence,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::StaleFence,
        Self::LostCommit,
        Self::ForgottenResults,
        Self::WrongTally,
        Self::DeafTimers,
        Self::SecondLife,
        Self::SharedFence,
    ];
}

/// A store with a bug.
pub(crate) struct Buggy {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bug: Option<Bug>,
    pub(crate) state: Mutex<State>,
}

/// What a bug remembers.
#[derive(Default)]
pub(crate) struct State {
    commits: u64,
    /// Operations as they were handed out last.
    leased: HashMap<OperationKey, Arc<Operation>>,
    /// Operations as they were before somebody worked on them.
    fresh: HashMap<OperationKey, Operation>,
}

impl Buggy {
    pub(crate) fn new(store: Arc<dyn Store>, bug: Option<Bug>) -> Self {
        Self {
            store,
            bug,
            state: Mutex::default(),
        }
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// Puts the fence that is good now into a worker's command.
    async fn with_current_fence(&self, write: Write) -> Result<Write, StoreError> {
        let Write::Command {
            key,
            account,
            command,
        } = write
        else {
            return Ok(write);
        };
        let current = self.store.get(key).await?.map_or(0, |one| one.fence);
        let mut command = command;
        if let Command::Report(report) = &mut command {
            report.fence = current;
        }
        Ok(Write::Command {
            key,
            account,
            command,
        })
    }

    async fn commit_with(
        &self,
        mut writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        self.state().commits += 1;
        if self.is(Bug::StaleFence) {
            let mut fenced = Vec::with_capacity(writes.len());
            for write in writes {
                fenced.push(self.with_current_fence(write).await?);
            }
            writes = fenced;
        }
        if self.is(Bug::LostCommit) && self.state().commits.is_multiple_of(9) {
            return self.pretend(&writes).await;
        }
        let mut committed = self.store.commit(writes, now).await?;
        for written in committed.iter_mut().flatten() {
            self.spoil(written);
        }
        Ok(committed)
    }

    /// Answers reports as if they had been taken in.
    async fn pretend(&self, writes: &[Write]) -> Result<Committed, StoreError> {
        let mut committed = Vec::new();
        for write in writes {
            let mut found = None;
            if let Write::Command { key, .. } = write {
                found = self.store.get(*key).await?;
            }
            committed.push(found.map_or(Ok(Written::Leased(Vec::new())), |operation| {
                Ok(Written::Commanded {
                    was: operation.phase,
                    operation: Arc::new(operation),
                    changed: false,
                    refused: Vec::new(),
                    freed: Vec::new(),
                })
            }));
        }
        Ok(committed)
    }

    fn spoil(&self, written: &mut Written) {
        let Written::Leased(leased) = written else {
            return;
        };
        let mut state = self.state();
        for operation in leased.iter() {
            let known = state.leased.insert(operation.key, Arc::clone(operation));
            if known.is_none() {
                state.fresh.insert(operation.key, (**operation).clone());
            }
        }
        if self.is(Bug::SharedFence)
            && leased.is_empty()
            && let Some(held) = state.leased.values().max_by_key(|one| one.key)
        {
            leased.push(Arc::clone(held));
        }
    }

    /// What a read shows of `operation`.
    fn show(&self, mut operation: Operation) -> Operation {
        let state = self.state();
        if self.is(Bug::WrongTally) && operation.tally.failed > 0 && operation.tally.total > 0 {
            operation.tally.failed -= 1;
            operation.tally.succeeded += 1;
        }
        let first = state.fresh.get(&operation.key);
        if self.is(Bug::ForgottenResults) && operation.lease.is_none() {
            if let Some(first) = first.filter(|_| !operation.phase.is_ended()) {
                operation.resources = first.resources.clone();
                operation.tally = first.tally;
            }
        } else if self.is(Bug::SecondLife)
            && operation.phase.is_ended()
            && state.commits.is_multiple_of(5)
            && let Some(first) = first
        {
            return first.clone();
        }
        operation
    }
}

impl Store for Buggy {
    fn commit(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
        self.commit_with(writes, now).boxed()
    }

    fn limit(&self, limits: Limits) {
        self.store.limit(limits);
    }

    fn get(&self, key: OperationKey) -> BoxFuture<'_, Result<Option<Operation>, StoreError>> {
        async move {
            let found = self.store.get(key).await?;
            Ok(found.map(|operation| self.show(operation)))
        }
        .boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.store.list(filter)
    }

    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<HistoryEntry>, StoreError>> {
        self.store.history(key, after, limit)
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        if self.is(Bug::DeafTimers) {
            return std::future::ready(Ok(Due::default())).boxed();
        }
        self.store.due(now, limit)
    }

    fn document(&self, name: &str) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        self.store.document(name)
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, StoreError>> {
        self.store.access_keys()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        self.store.id_secret(proposal)
    }
}
