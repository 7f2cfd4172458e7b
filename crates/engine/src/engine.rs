//! The engine as the edges see it.

use crate::cache::Looked;
use crate::figures::{Figures, StuckFigures, add};
use crate::shared::{Observer, Shared};
use crate::{Clock, EngineError, commits, feed, ticks};
use futures_util::future::{AbortHandle, BoxFuture, FutureExt, abortable};
use longrun_model::{
    Account, Command, Operation, OperationKey, Phase, RefusedResult, Rejected, StuckRule,
    Submission, Timestamp, limits,
};
use longrun_store::{
    Filter, HistoryEntry, LeaseWish, Limits, Page, Sight, Store, StoreError, Submitted, Write,
    Written,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::Handle;

/// How often a waiting worker looks by itself.
const LOOK_MILLIS: i64 = 1_000;
/// How old the figures of what is stuck may be.
const STUCK_MILLIS: i64 = 30_000;
/// How many pages of what lives are looked at for them.
const STUCK_PAGES_MAX: usize = 100;

/// Takes commands, answers questions, and lets time pass.
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    /// The thread that commits, if the engine has started one.
    committer: Mutex<Option<JoinHandle<()>>>,
    /// What ends its other loops.
    tasks: Vec<AbortHandle>,
}

/// What goes on in an engine while it runs: to be run by whoever has not let it [start](Engine::start) by itself.
pub struct Loops {
    /// Commits what stands in line. Ends once the engine has stopped and the line is empty.
    pub commits: BoxFuture<'static, ()>,
    /// Lets time pass, and hears of other servers if there may be any. They end when the engine stops.
    pub tasks: Vec<BoxFuture<'static, ()>>,
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Commanded {
    /// The operation after it, with those of its resources that the command needed.
    pub operation: Arc<Operation>,
    /// The parts of a report that were refused.
    pub refused: Vec<RefusedResult>,
}

impl Engine {
    /// Starts an engine over `store`. Must be called within a tokio runtime.
    pub fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let (engine, loops) = Self::parts(store, clock);
        let runtime = Handle::current();
        let committer = std::thread::Builder::new()
            .name("commits".into())
            .spawn(move || runtime.block_on(loops.commits))
            .expect("the system has room for one more thread at the start");
        *engine.committer.lock() = Some(committer);
        loops.tasks.into_iter().for_each(|task| {
            tokio::spawn(task);
        });
        engine
    }

    /// An engine over `store` that starts nothing, and what must be run for it to work: on which thread, and whose turn
    /// it is, is up to whoever runs it.
    pub fn parts(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> (Self, Loops) {
        let is_shared = store.is_shared();
        let shared = Arc::new(Shared::new(store, clock));
        let mut endless = vec![ticks::run(Arc::clone(&shared)).boxed()];
        if is_shared {
            endless.push(feed::run(Arc::clone(&shared)).boxed());
        }
        let (tasks, handles) = endless
            .into_iter()
            .map(abortable)
            .map(|(task, handle)| (task.map(|_| ()).boxed(), handle))
            .unzip();
        let loops = Loops {
            commits: commits::run(Arc::clone(&shared)).boxed(),
            tasks,
        };
        let engine = Self {
            shared,
            committer: Mutex::default(),
            tasks: handles,
        };
        (engine, loops)
    }

    /// Holds the leases that are given from here on to these limits.
    pub fn limit(&self, limits: Limits) {
        self.shared.store.limit(limits.clone());
        *self.shared.limits.write() = limits;
    }

    /// Shows `observer` everything from here on. There can be one.
    pub fn observe(&self, observer: Observer) {
        let is_first = self.shared.observer.set(observer).is_ok();
        assert!(is_first, "an engine has one observer");
    }

    /// Lets everything happen whose time has come, without waiting for the clock to ring, and says when the next timer
    /// runs out.
    pub async fn tick(&self) -> Result<Option<Timestamp>, EngineError> {
        let shared = &self.shared;
        loop {
            let due = shared.store.due(shared.now(), ticks::TICKS_MAX).await;
            let due = due.map_err(|error| unavailable(&error))?;
            if due.keys.is_empty() {
                return Ok(due.next_at);
            }
            if !ticks::tick(shared, due.keys).await {
                return Err(EngineError::Unavailable);
            }
        }
    }

    /// Answers everybody who waits as if their time were over, now and from here on: a server that ends has to finish
    /// the calls that run, and some of them would run for a minute.
    pub fn end_waits(&self) {
        self.shared.ending.send_replace(true);
    }

    /// Takes no more commands, commits those that wait, and ends. Blocks until that is done, if the engine has started
    /// by itself.
    pub fn stop(&self) {
        self.end_tasks();
        self.shared.commits.close();
        if let Some(committer) = self.committer.lock().take() {
            committer
                .join()
                .expect("the thread that commits does not panic");
        }
    }

    fn end_tasks(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }

    /// Whether other servers may commit to the same store.
    pub fn is_shared(&self) -> bool {
        self.shared.store.is_shared()
    }

    /// The time, as the engine sees it.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Ends at `instant`, or at once if that has passed.
    pub async fn sleep_until(&self, instant: Timestamp) {
        self.shared.clock.sleep_until(instant).await;
    }

    /// What it has counted so far.
    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// How many operations are watched at this moment.
    pub fn watched(&self) -> usize {
        self.shared.watchers.count()
    }

    /// How many commands wait to be committed at this moment.
    pub fn waiting(&self) -> usize {
        self.shared.commits.waiting()
    }

    /// Makes an operation, or returns the first one under the same idempotency key.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, EngineError> {
        let written = self
            .shared
            .commits
            .commit(Write::Submit(submission))
            .await?;
        let Written::Submitted(submitted) = written else {
            unreachable_result(&written)
        };
        Ok(submitted)
    }

    /// The operation that was submitted under this idempotency key, if there is one and it has not been deleted.
    pub async fn submitted_under(
        &self,
        account: Account,
        key: Box<str>,
    ) -> Result<Option<Arc<Operation>>, EngineError> {
        let recall = Write::Recall { account, key };
        match self.shared.commits.commit(recall).await {
            Ok(Written::Submitted(submitted)) => Ok(Some(submitted.operation)),
            Ok(other) => unreachable_result(&other),
            Err(EngineError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes several operations, all of them or none.
    pub async fn submit_all(
        &self,
        submissions: Vec<Submission>,
    ) -> Result<Vec<Submitted>, EngineError> {
        let written = self
            .shared
            .commits
            .commit(Write::SubmitAll(submissions))
            .await?;
        let Written::SubmittedAll(submitted) = written else {
            unreachable_result(&written)
        };
        Ok(submitted)
    }

    /// Does something to one operation, for somebody who sees so much.
    pub async fn command(
        &self,
        key: OperationKey,
        sight: impl Into<Sight>,
        command: Command,
    ) -> Result<Commanded, EngineError> {
        let ends_attempt = matches!(&command, Command::Report(report) if !report.release);
        let of_worker = ends_attempt || matches!(&command, Command::Heartbeat { .. });
        let write = Write::Command {
            key,
            sight: sight.into(),
            command,
        };
        match self.shared.commits.commit(write).await {
            Ok(Written::Commanded {
                operation,
                was,
                refused,
                ..
            }) => {
                if ends_attempt && was == Phase::Running && operation.phase == Phase::Queued {
                    self.note_retry(&operation);
                }
                Ok(Commanded { operation, refused })
            }
            Ok(other) => unreachable_result(&other),
            Err(error) => {
                if of_worker {
                    self.note_late(key, &error);
                }
                Err(error)
            }
        }
    }

    fn note_retry(&self, operation: &Operation) {
        add(&self.shared.figures.retries, 1);
        tracing::info!(
            operation.id = operation.key.get(),
            attempt = operation.attempt,
            not_before = operation.not_before.map(Timestamp::as_millis),
            "an attempt failed: another one follows"
        );
    }

    /// Counts and logs what came from a worker too late to be heard.
    fn note_late(&self, key: OperationKey, error: &EngineError) {
        let (counter, message) = match error {
            EngineError::Rejected(Rejected::StaleFence) => (
                &self.shared.figures.stale_fences,
                "a worker came with an old fence: refused",
            ),
            EngineError::Rejected(Rejected::LeaseLost | Rejected::Ended) | EngineError::Gone => (
                &self.shared.figures.late_calls,
                "a worker came after its lease had ended: refused",
            ),
            EngineError::Rejected(
                Rejected::Removed
                | Rejected::NotEnded
                | Rejected::NotLeasable
                | Rejected::NotDelayed
                | Rejected::NoDeadline,
            )
            | EngineError::NotFound
            | EngineError::IdempotencyMismatch
            | EngineError::ResourceHeld { .. }
            | EngineError::DocumentChanged
            | EngineError::DocumentTooLong
            | EngineError::TooManyWatchers
            | EngineError::Overloaded
            | EngineError::Unavailable => return,
        };
        add(counter, 1);
        tracing::warn!(
            operation.id = key.get(),
            reason = error as &dyn std::error::Error,
            "{message}"
        );
    }

    /// Hands out operations that wait for a worker; waits up to `wait_millis` until there is one.
    pub async fn lease(
        &self,
        wish: LeaseWish,
        wait_millis: i64,
    ) -> Result<Vec<Arc<Operation>>, EngineError> {
        let mut patience = self.shared.sleep(wait_millis);
        let leased = self.lease_now(&wish).await?;
        if !leased.is_empty() || wait_millis <= 0 {
            return Ok(leased);
        }
        let mut worker = self.shared.workers.join(&wish);
        loop {
            let leased = self.lease_now(&wish).await?;
            worker.followed(&leased);
            if !leased.is_empty() {
                return Ok(leased);
            }
            tokio::select! {
                biased;
                () = self.shared.ending() => return Ok(Vec::new()),
                () = &mut patience => return self.lease_now(&wish).await,
                () = worker.called() => (),
                () = self.shared.sleep(LOOK_MILLIS) => (),
            }
            worker.follow();
        }
    }

    async fn lease_now(&self, wish: &LeaseWish) -> Result<Vec<Arc<Operation>>, EngineError> {
        let written = self
            .shared
            .commits
            .commit(Write::Lease(wish.clone()))
            .await?;
        let Written::Leased(operations) = written else {
            unreachable_result(&written)
        };
        Ok(operations)
    }

    /// The operation with this key and all its resources, if `account` may see it.
    pub async fn get(
        &self,
        key: OperationKey,
        account: Option<&Account>,
    ) -> Result<Arc<Operation>, EngineError> {
        self.get_if(key, |operation| {
            account.is_none_or(|account| operation.account == *account)
        })
        .await
    }

    /// The operation with this key and all its resources, if it exists for whoever asks. For others it never did, not
    /// even when it is gone.
    pub async fn get_if(
        &self,
        key: OperationKey,
        exists: impl FnOnce(&Operation) -> bool,
    ) -> Result<Arc<Operation>, EngineError> {
        let operation = self.read(key).await?;
        if !exists(&operation) {
            return Err(EngineError::NotFound);
        }
        // What has expired is gone from that moment on, even if nobody has swept it away yet.
        if operation.removed
            || operation
                .expires_at()
                .is_some_and(|expires_at| expires_at <= self.now())
        {
            return Err(EngineError::Gone);
        }
        Ok(operation)
    }

    /// The operation with this key and all its resources.
    pub(crate) async fn read(&self, key: OperationKey) -> Result<Arc<Operation>, EngineError> {
        let place = match self.shared.cache.look(key).await {
            Looked::Found(operation) => {
                add(&self.shared.figures.cache_hits, 1);
                return Ok(operation);
            }
            Looked::Empty(place) => place,
        };
        add(&self.shared.figures.cache_misses, 1);
        let stored = self
            .shared
            .store
            .get(key)
            .await
            .map_err(|error| unavailable(&error))?;
        let operation = Arc::new(stored.ok_or(EngineError::NotFound)?);
        place.fill(&operation);
        Ok(operation)
    }

    /// Operations without their resources, newest first.
    pub async fn list(&self, filter: Filter) -> Result<Page, EngineError> {
        self.shared
            .store
            .list(filter)
            .await
            .map_err(|error| unavailable(&error))
    }

    /// How many operations are stuck by `rule`, as far as some of them were looked at some time ago: the figures are
    /// for a chart, and looking at all that live at every moment would cost more than they are worth.
    pub async fn stuck(&self, rule: StuckRule) -> Result<StuckFigures, EngineError> {
        let mut counted = self.shared.stuck.lock().await;
        let now = self.now();
        if let Some((at, figures)) = *counted
            && now.millis_since(at) < STUCK_MILLIS
        {
            return Ok(figures);
        }
        let mut filter = Filter {
            stuck: Some((rule, now)),
            limit: limits::PAGE_MAX,
            ..Filter::default()
        };
        let mut figures = StuckFigures::default();
        for _ in 0..STUCK_PAGES_MAX {
            let page = self.list(filter.clone()).await?;
            let reasons = page.operations.iter();
            reasons
                .filter_map(|operation| rule.reason(operation, now))
                .for_each(|reason| figures.count(reason));
            filter.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        *counted = Some((now, figures));
        Ok(figures)
    }

    /// The history of an operation from event number `after` on.
    pub async fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, EngineError> {
        self.shared
            .store
            .history(key, after, limit)
            .await
            .map_err(|error| unavailable(&error))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end_tasks();
        self.shared.commits.close();
    }
}

pub(crate) fn unavailable(error: &StoreError) -> EngineError {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the store could not be read"
    );
    EngineError::Unavailable
}

/// A store answers each write with the result that belongs to it.
pub(crate) fn unreachable_result(written: &Written) -> ! {
    unreachable!("the store answered another write: {written:?}")
}
