//! The worker's side of the engine, without HTTP.

use crate::app::App;
use crate::{chance, native};
use longrun_engine::{Commanded, EngineError};
use longrun_model::{
    Command, KindName, Operation, OperationKey, Phase, Report, Timestamp, WorkerName,
};
use longrun_store::{LeaseWish, Sight};
use longrun_worker::{Backoff, Halt};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The pauses between tries while the store is away.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What an executor works with: the engine as workers see it, for the kinds that are its own and all accounts.
///
/// While the store is away each call goes on trying, so that an executor only ever learns what is true of its leases.
#[derive(Clone)]
pub struct Host {
    pub(super) app: Arc<App>,
    kinds: Arc<[KindName]>,
    worker: WorkerName,
    halt: watch::Receiver<Halt>,
}

/// How a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is ours.
    Held,
    /// It is ours, and the operation shall be cancelled. Whoever is nearly done may finish it all the same.
    Cancel,
    /// It is not ours any more: nothing that we report is heard.
    Lost,
}

/// Told of a lease that is not ours any more. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease is lost: {reason}")]
pub struct Lost {
    /// Why, as the native API says it.
    pub reason: &'static str,
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Host")
            .field("kinds", &self.kinds)
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

impl Host {
    pub(super) fn new(
        app: &Arc<App>,
        kinds: Arc<[KindName]>,
        name: &str,
        halt: watch::Receiver<Halt>,
    ) -> Self {
        let worker = format!("{name}-{}", std::process::id());
        Self {
            app: Arc::clone(app),
            kinds,
            worker: WorkerName::new(worker),
            halt,
        }
    }

    /// The server that it works in.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The kinds that are its own.
    pub fn kinds(&self) -> &[KindName] {
        &self.kinds
    }

    /// The time, on the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.app.engine.now()
    }

    /// Ends at `instant`, on the engine's clock. An end that comes early does no harm.
    pub async fn sleep_until(&self, instant: Timestamp) {
        self.app.engine.sleep_until(instant).await;
    }

    /// The textual id of an operation, as in the native API.
    pub fn id(&self, key: OperationKey) -> String {
        self.app.ids.text(key).prefixed().to_owned()
    }

    /// Whether the server is about to end.
    pub fn is_stopping(&self) -> bool {
        *self.halt.borrow() >= Halt::Soon
    }

    /// Ends when the server is about to: nothing more is to be leased, and what runs shall be finished or handed back.
    pub async fn stopping(&self) {
        Halt::Soon.reached(&mut self.halt.clone()).await;
    }

    /// How urgently the server ends, for a `Worker` that runs over [`Self::line`].
    pub fn halt(&self) -> watch::Receiver<Halt> {
        self.halt.clone()
    }

    /// Leases up to `max` operations for `lease_millis` each, with what is still open of them; waits up to `wait_millis`
    /// until there is one. Nothing at all comes back when the server is about to end.
    pub async fn lease(
        &self,
        max: usize,
        lease_millis: i64,
        wait_millis: i64,
    ) -> Vec<Arc<Operation>> {
        let wish = self.wish(self.kinds.to_vec(), max, lease_millis);
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        while !self.is_stopping() {
            match self.app.engine.lease(wish.clone(), wait_millis).await {
                Ok(leased) => return leased,
                Err(error) => self.pause(&mut backoff, &error).await,
            }
        }
        Vec::new()
    }

    pub(super) fn wish(&self, kinds: Vec<KindName>, max: usize, lease_millis: i64) -> LeaseWish {
        LeaseWish {
            sight: Sight::All,
            kinds,
            max,
            worker: self.worker.clone(),
            length_millis: lease_millis,
        }
    }

    /// What an executor hands on of an operation that it leased: the JSON that workers are handed.
    pub fn lease_json(&self, operation: &Operation, lease_millis: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        native::write_lease(&mut bytes, &self.app.ids, operation, lease_millis);
        bytes
    }

    /// Keeps a lease, and tells how it stands.
    pub async fn heartbeat(&self, key: OperationKey, fence: u64) -> Hold {
        match self.command(key, Command::Heartbeat { fence }).await {
            Ok(it) if it.operation.phase == Phase::Cancelling => Hold::Cancel,
            Ok(_) => Hold::Held,
            Err(Lost { .. }) => Hold::Lost,
        }
    }

    /// Tells what became of an operation and its resources. Parts that are wrong are refused by themselves and told in
    /// the answer.
    pub async fn report(&self, key: OperationKey, report: Report) -> Result<Commanded, Lost> {
        let chance = chance::any();
        let report = Report { chance, ..report };
        self.command(key, Command::Report(report)).await
    }

    /// Waits up to `wait_millis` until one of these leases is no longer held as it is: its operation is to be cancelled,
    /// or somebody else has it, or it has ended. Each is given by its operation and its fence.
    pub async fn order(&self, leases: &[(OperationKey, u64)], wait_millis: i64) {
        let until = self.now().plus_millis(wait_millis);
        if self.is_stopping()
            || leases.is_empty()
            || self
                .app
                .engine
                .wait_for_order(leases, wait_millis)
                .await
                .is_err()
        {
            // Nobody can be told any more, or not now: a heartbeat will find out.
            self.sleep_until(until).await;
        }
    }

    /// Keeps a lease by heartbeats and says how it stands, as soon as that changes; ends when it is lost.
    pub async fn keep(
        &self,
        key: OperationKey,
        fence: u64,
        lease_millis: i64,
        standing: &watch::Sender<Hold>,
    ) {
        let pause_millis = lease_millis / 3;
        loop {
            match self.heartbeat(key, fence).await {
                Hold::Held => self.order(&[(key, fence)], pause_millis).await,
                Hold::Cancel => {
                    standing.send_replace(Hold::Cancel);
                    self.sleep_until(self.now().plus_millis(pause_millis)).await;
                }
                Hold::Lost => {
                    standing.send_replace(Hold::Lost);
                    return;
                }
            }
        }
    }

    async fn command(&self, key: OperationKey, command: Command) -> Result<Commanded, Lost> {
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        loop {
            match self.app.engine.command(key, None, command.clone()).await {
                Ok(commanded) => return Ok(commanded),
                Err(error) if is_passing(&error) => self.pause(&mut backoff, &error).await,
                Err(error) => {
                    let reason = native::Problem::from(error).name();
                    return Err(Lost { reason });
                }
            }
        }
    }

    async fn pause(&self, backoff: &mut Backoff, error: &EngineError) {
        let pause = backoff.pause();
        let pause_ms = pause.as_millis();
        tracing::warn!(
            error = error as &dyn std::error::Error,
            pause_ms,
            "trying again"
        );
        tokio::time::sleep(pause).await;
    }
}

/// Whether the same call may do better later.
pub(super) fn is_passing(error: &EngineError) -> bool {
    native::Problem::from(error.clone()).is_passing()
}
