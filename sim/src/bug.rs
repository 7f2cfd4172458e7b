//! Bugs that are planted, to see that an invariant catches them: most of them between the engine and its store, so that
//! the one hears of something else than the other has done, and some between the engine and its callers.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_model::{
    Busy, Change, Command, Exclusive, Operation, OperationKey, ReleaseReason, Report, Resource,
    ResourceStatus, Resources, RetryScope, Submission, Timestamp,
};
use longrun_store::{
    AccessKey, Changes, Committed, Cursor, Document, Due, Filter, HistoryEntry, LeaseWish, Limits,
    Page, Refused, Sight, Store, StoreError, Write, Written,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Whoever reports is taken for the holder of the lease.
    StaleFence,
    /// A commit is acknowledged and, now and then, not made.
    LostCommit,
    /// An operation cannot be found any more.
    LostOperation,
    /// Results that were reported are forgotten when the lease is lost.
    ForgottenResults,
    /// What failed is shown as if it had gone well.
    FlatteredResult,
    /// The tally is not what the resources say.
    WrongTally,
    /// An operation ends, and one of its resources does not.
    OpenEnd,
    /// Accounts and projects are not looked at.
    AllSeeing,
    /// The version does not grow.
    FrozenVersion,
    /// An event is missing in the history.
    LostEvent,
    /// The history does not tell that a lease was lost.
    HiddenLoss,
    /// Nobody is told that a lease has ended.
    DeafTimers,
    /// Deadlines are a millisecond late.
    LateDeadline,
    /// Deadlines are a millisecond early.
    EarlyDeadline,
    /// What is submitted for later is begun at once.
    Hurry,
    /// An operation that ended can be begun anew.
    SecondLife,
    /// The same operation is handed to two workers under one fence.
    SharedFence,
    /// The fence that is shown is the one before.
    LowFence,
    /// There is one attempt more than the rule allows.
    Tireless,
    /// The first attempt is not counted.
    UncountedAttempt,
    /// What succeeded is tried again with what failed.
    AllAgain,
    /// Operations share the resources that they should not share.
    NoLines,
    /// What is to be refused while a resource is not free waits in line.
    Patient,
    /// What would wait in line is refused.
    Impatient,
    /// The time of operations of one kind never comes.
    ForgottenKind,
    /// As many operations run at once as there are.
    NoLimits,
    /// Now and then a commit never comes to an end.
    SilentCommit,
    /// A commit of which nobody knows whether it was made is made once more.
    CommitTwice,
    /// A caller whose command was not committed is told that it was.
    HiddenFault,
    /// What a command has done is not put into the cache.
    UntoldCache,
    /// Nobody calls a worker when there is something new to do.
    UntoldWorkers,
    /// Nobody takes note of when a lease will end.
    UnnotedAlarm,
    /// What other servers do is not heard of.
    DeafFeed,
    /// A worker that is gone keeps what it has not heard of.
    KeptLease,
    /// A caller looks first and begins to watch later.
    LateWatch,
    /// A worker that waits for orders hears none.
    UnheardOrder,
    /// Who is to wait waits for half the time.
    HastyWait,
    /// Who is to wait waits ten times as long.
    LongWait,
    /// Who waits asks again and again.
    BusyWait,
}

/// A store with a bug.
pub(crate) struct Buggy {
    store: Mutex<Arc<dyn Store>>,
    pub(crate) bug: Option<Bug>,
    state: Mutex<State>,
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
            store: Mutex::new(store),
            bug,
            state: Mutex::default(),
        }
    }

    /// Puts another store in place of the one that it had.
    pub(crate) fn replace(&self, store: Arc<dyn Store>) {
        *self.store.lock() = store;
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store.lock())
    }

    pub(crate) fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Puts the fence that is good now into a worker's command.
    async fn with_current_fence(&self, write: Write) -> Result<Write, StoreError> {
        let Write::Command {
            key,
            sight,
            command,
        } = write
        else {
            return Ok(write);
        };
        let current = self.store().get(key).await?.map_or(0, |one| one.fence);
        let mut command = command;
        if let Command::Report(report) = &mut command {
            report.fence = current;
        }
        Ok(Write::Command {
            key,
            sight,
            command,
        })
    }

    async fn commit_with(
        &self,
        mut writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        self.state.lock().commits += 1;
        if self.is(Bug::StaleFence) {
            let mut fenced = Vec::with_capacity(writes.len());
            for write in writes {
                fenced.push(self.with_current_fence(write).await?);
            }
            writes = fenced;
        }
        for write in &mut writes {
            self.mistake(write);
        }
        let commands = |write: &Write| matches!(write, Write::Command { .. });
        let loses = self.is(Bug::LostCommit) && writes.iter().all(commands);
        if loses && self.state.lock().commits.is_multiple_of(9) {
            return self.pretend(&writes).await;
        }
        let mut committed = self.store().commit(writes, now).await?;
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
                found = self.store().get(*key).await?;
            }
            committed.push(found.map_or(Err(Refused::NotFound), |operation| {
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
        match written {
            Written::Leased(leased) => self.spoil_leases(leased),
            Written::Submitted(submitted) if self.is(Bug::UntoldWorkers) => {
                Arc::make_mut(&mut submitted.operation).kind = "nobody's".into();
            }
            Written::Commanded { operation, .. } if self.is(Bug::UntoldCache) => {
                let state = self.state.lock();
                if let Some(old) = state.leased.get(&operation.key) {
                    *operation = Arc::new(Operation::clone(old));
                }
            }
            Written::Submitted(_)
            | Written::SubmittedAll(_)
            | Written::Commanded { .. }
            | Written::AccessKey
            | Written::Document(_) => (),
        }
    }

    fn spoil_leases(&self, leased: &mut Vec<Arc<Operation>>) {
        let mut state = self.state.lock();
        for operation in leased.iter_mut() {
            let known = state.leased.insert(operation.key, Arc::clone(operation));
            if known.is_none() {
                state.fresh.insert(operation.key, (**operation).clone());
            }
            if self.is(Bug::UnnotedAlarm) {
                Arc::make_mut(operation).lease = None;
            }
        }
        if self.is(Bug::SharedFence)
            && leased.is_empty()
            && let Some(held) = state.leased.values().max_by_key(|one| one.key)
        {
            leased.push(Arc::clone(held));
        }
    }

    /// Takes a wish for another one.
    fn mistake(&self, write: &mut Write) {
        match write {
            Write::Submit(submission) => self.mistake_submission(submission),
            Write::Lease(LeaseWish { sight, .. }) | Write::Command { sight, .. }
                if self.is(Bug::AllSeeing) =>
            {
                *sight = Sight::All;
            }
            Write::Command { command, .. } if self.is(Bug::KeptLease) && hands_back(command) => {
                *command = Command::Tick;
            }
            Write::SubmitAll(_)
            | Write::Command { .. }
            | Write::Lease(_)
            | Write::PutAccessKey(_)
            | Write::RemoveAccessKey(_)
            | Write::PutDocument(_)
            | Write::Recall { .. } => (),
        }
    }

    fn mistake_submission(&self, submission: &mut Submission) {
        let moved = match self.bug {
            Some(Bug::LateDeadline) => 1,
            Some(Bug::EarlyDeadline) => -1,
            Some(_) | None => 0,
        };
        submission.deadline_at = submission.deadline_at.map(|at| at.plus_millis(moved));
        if self.is(Bug::ForgottenKind) && submission.kind.as_str() == "once" {
            submission.not_before = Some(Timestamp::from_millis(i64::MAX / 4));
        }
        if self.is(Bug::Hurry) {
            submission.not_before = None;
        }
        if let Some(rule) = submission.retry.as_mut().map(Arc::make_mut) {
            rule.attempts_max += u32::from(self.is(Bug::Tireless));
            if self.is(Bug::AllAgain) {
                rule.scope = RetryScope::All;
            }
        }
        if self.is(Bug::NoLines) {
            submission.exclusive = None;
        }
        let busy = match self.bug {
            Some(Bug::Patient) => Busy::Queue,
            Some(Bug::Impatient) => Busy::Refuse,
            Some(_) | None => return,
        };
        if let Some(exclusive) = &mut submission.exclusive {
            let group = exclusive.group.clone();
            *exclusive = Arc::new(Exclusive { group, busy });
        }
    }

    /// What a read shows of `operation`; nothing if it is said not to be there.
    fn show(&self, mut operation: Operation) -> Option<Operation> {
        let Some(bug) = self.bug else {
            return Some(operation);
        };
        let state = self.state.lock();
        let first = state.fresh.get(&operation.key);
        let ended = operation.phase.is_ended();
        match bug {
            Bug::LostOperation if state.commits.is_multiple_of(11) => return None,
            Bug::WrongTally if operation.tally.failed > 0 => {
                operation.tally.failed -= 1;
                operation.tally.succeeded += 1;
            }
            Bug::FlatteredResult => restate(&mut operation, flatter),
            Bug::OpenEnd if ended && !operation.removed => restate(&mut operation, |one| {
                if one.id.as_str() == "a" {
                    one.status = ResourceStatus::Running;
                }
            }),
            Bug::FrozenVersion => operation.version = operation.version.min(2),
            Bug::LowFence => operation.fence = operation.fence.saturating_sub(1),
            Bug::UncountedAttempt => operation.attempt = operation.attempt.saturating_sub(1),
            Bug::ForgottenResults if operation.lease.is_none() && !ended => {
                if let Some(first) = first {
                    operation.resources = first.resources.clone();
                    operation.tally = first.tally;
                }
            }
            Bug::SecondLife if ended && state.commits.is_multiple_of(5) => {
                return first.cloned().or(Some(operation));
            }
            Bug::StaleFence
            | Bug::LostCommit
            | Bug::LostOperation
            | Bug::ForgottenResults
            | Bug::WrongTally
            | Bug::OpenEnd
            | Bug::AllSeeing
            | Bug::LostEvent
            | Bug::HiddenLoss
            | Bug::DeafTimers
            | Bug::LateDeadline
            | Bug::EarlyDeadline
            | Bug::Hurry
            | Bug::SecondLife
            | Bug::SharedFence
            | Bug::Tireless
            | Bug::AllAgain
            | Bug::NoLines
            | Bug::Patient
            | Bug::Impatient
            | Bug::ForgottenKind
            | Bug::NoLimits
            | Bug::SilentCommit
            | Bug::CommitTwice
            | Bug::HiddenFault
            | Bug::UntoldCache
            | Bug::UntoldWorkers
            | Bug::UnnotedAlarm
            | Bug::DeafFeed
            | Bug::KeptLease
            | Bug::LateWatch
            | Bug::UnheardOrder
            | Bug::HastyWait
            | Bug::LongWait
            | Bug::BusyWait => (),
        }
        Some(operation)
    }

    /// What is told of a history.
    fn retell(&self, mut entries: Vec<HistoryEntry>) -> Vec<HistoryEntry> {
        if self.is(Bug::LostEvent) {
            entries.retain(|entry| entry.number != 3);
        }
        if self.is(Bug::HiddenLoss) {
            for entry in &mut entries {
                if let Change::Released { reason } = entry.event.change
                    && reason == ReleaseReason::Lost
                {
                    entry.event.change = Change::Unblocked;
                }
            }
        }
        entries
    }
}

/// Whether this is how an engine gives back what nobody has heard of.
fn hands_back(command: &Command) -> bool {
    let empty = |report: &Report| report.results.is_empty() && report.finish.is_none();
    matches!(command, Command::Report(report) if report.release && empty(report))
}

/// Shows what failed as if it had gone well.
fn flatter(resource: &mut Resource) {
    if resource.status == ResourceStatus::Failed {
        resource.status = ResourceStatus::Succeeded;
    }
}

/// Changes the resources of an operation, and its tally with them.
fn restate(operation: &mut Operation, change: impl FnMut(&mut Resource)) {
    let mut resources: Vec<Resource> = operation.resources.iter().cloned().collect();
    resources.iter_mut().for_each(change);
    let count = |status| {
        let same = resources.iter().filter(|one| one.status == status);
        u32::try_from(same.count()).expect("there are few")
    };
    operation.tally.succeeded = count(ResourceStatus::Succeeded);
    operation.tally.failed = count(ResourceStatus::Failed);
    operation.tally.cancelled = count(ResourceStatus::Cancelled);
    operation.resources = Resources::whole(resources);
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
        if !self.is(Bug::NoLimits) {
            self.store().limit(limits);
        }
    }

    fn get(&self, key: OperationKey) -> BoxFuture<'_, Result<Option<Operation>, StoreError>> {
        async move {
            let found = self.store().get(key).await?;
            Ok(found.and_then(|operation| self.show(operation)))
        }
        .boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        async move { self.store().list(filter).await }.boxed()
    }

    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<HistoryEntry>, StoreError>> {
        async move {
            let found = self.store().history(key, after, limit).await?;
            Ok(self.retell(found))
        }
        .boxed()
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        if self.is(Bug::DeafTimers) {
            return std::future::ready(Ok(Due::default())).boxed();
        }
        async move { self.store().due(now, limit).await }.boxed()
    }

    fn document(&self, name: &str) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        let name = name.to_owned();
        async move { self.store().document(&name).await }.boxed()
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, StoreError>> {
        async move { self.store().access_keys().await }.boxed()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        async move { self.store().id_secret(proposal).await }.boxed()
    }

    fn is_shared(&self) -> bool {
        self.store().is_shared()
    }

    fn changes(&self, since: Cursor) -> BoxFuture<'_, Result<Changes, StoreError>> {
        async move {
            let changes = self.store().changes(since).await?;
            if self.is(Bug::DeafFeed) {
                let cursor = changes.cursor;
                return Ok(Changes {
                    cursor,
                    ..Changes::default()
                });
            }
            Ok(changes)
        }
        .boxed()
    }
}
