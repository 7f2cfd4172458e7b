//! The executor `script`: a server's operations of some kinds, carried out as a scenario says.
//!
//! What an emulator does to all operations it does to those of its kinds, under leases as every executor, and in real
//! time. It has no hand in polls: what is in a scenario about them is refused at the start.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use longrun_model::{Operation, Report, limits};
use longrun_scenario::{Deed, Play, Scenario, dialect_of};
use longrun_server::{Executor, Hold, Host};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What chance is drawn from, if the scenario does not say.
const SEED: u64 = 1;
/// How long one call waits for operations.
const LEASE_WAIT_MILLIS: i64 = 60_000;

/// What carries out operations by a script.
#[derive(Clone, Debug)]
pub struct ScriptSettings {
    /// What becomes of them.
    pub scenario: Scenario,
    /// How many are carried out at once.
    pub concurrency: usize,
    /// How long after the end of a server that crashed its operations wait before they are carried out again.
    pub lease: Duration,
}

impl Default for ScriptSettings {
    fn default() -> Self {
        Self {
            scenario: Scenario::default(),
            concurrency: 1_000,
            lease: Duration::from_secs(15),
        }
    }
}

/// A scenario that needs an emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` in a scenario is for `longrun emulate`: a server that serves cannot do it")]
pub struct Unplayable(&'static str);

/// Carries out operations as a scenario says.
#[derive(Debug)]
pub struct ScriptExecutor {
    play: Mutex<Play>,
    concurrency: usize,
    lease_millis: i64,
}

impl ScriptExecutor {
    /// An executor with these settings. The scenario must say nothing that only an emulator can do.
    pub fn new(settings: ScriptSettings) -> Result<Self, Unplayable> {
        if let Some(setting) = settings.scenario.emulated_only() {
            return Err(Unplayable(setting));
        }
        let lease_millis = i64::try_from(settings.lease.as_millis());
        Ok(Self {
            play: Mutex::new(Play::new(settings.scenario, SEED)),
            concurrency: settings.concurrency,
            lease_millis: lease_millis.unwrap_or(limits::SPAN_MILLIS_MAX),
        })
    }

    async fn work(self: Arc<Self>, host: Host) {
        let mut parts = JoinSet::new();
        loop {
            while parts.try_join_next().is_some() {}
            let room = self.concurrency.saturating_sub(parts.len());
            tokio::select! {
                biased;
                () = host.stopping() => break,
                Some(_) = parts.join_next(), if room == 0 => (),
                leased = self.lease(&host, room), if room > 0 => {
                    for operation in leased {
                        parts.spawn(Arc::clone(&self).carry_out(host.clone(), operation));
                    }
                }
            }
        }
        // Each gives back what it has not ended.
        while parts.join_next().await.is_some() {}
    }

    async fn lease(&self, host: &Host, room: usize) -> Vec<Arc<Operation>> {
        let max = room.min(limits::LEASES_MAX);
        host.lease(max, self.lease_millis, LEASE_WAIT_MILLIS).await
    }

    async fn carry_out(self: Arc<Self>, host: Host, operation: Arc<Operation>) {
        let (key, fence) = (operation.key, operation.fence);
        let dialect = dialect_of(operation.kind.as_str());
        self.play.lock().hand_over(&operation, dialect, host.now());
        let (standing, told) = watch::channel(Hold::Held);
        tokio::select! {
            () = host.keep(key, fence, self.lease_millis, &standing) => (),
            () = self.act(&host, &operation, told) => (),
            () = host.stopping() => {
                let report = Report {
                    fence,
                    release: true,
                    ..Report::default()
                };
                // If the lease is lost, there is nothing to give back.
                let _ = host.report(key, report).await;
            }
        }
        self.play.lock().take_back(key, fence);
    }

    /// Does to an operation what falls due, up to its end.
    async fn act(&self, host: &Host, operation: &Arc<Operation>, mut told: watch::Receiver<Hold>) {
        let (key, fence) = (operation.key, operation.fence);
        loop {
            let deed = self.play.lock().next_deed(key, fence, host.now());
            if let Some(deed) = deed {
                let after = match &deed {
                    Deed::Take | Deed::Show(_) => Some(Arc::clone(operation)),
                    Deed::Tell(report) => {
                        let told = host.report(key, Report::clone(report)).await;
                        told.ok().map(|told| told.operation)
                    }
                };
                let mut play = self.play.lock();
                play.did((key, fence), deed, after.as_deref(), host.now());
                drop(play);
                let held = |one: Arc<Operation>| one.lease.is_some() && one.fence == fence;
                if !after.is_some_and(held) {
                    return;
                }
                continue;
            }
            let due_at = self.play.lock().due_at(key, fence);
            let due = async {
                match due_at {
                    Some(at) => host.sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = due => (),
                Ok(()) = told.changed() => {
                    if *told.borrow_and_update() == Hold::Cancel {
                        self.play.lock().cancel(operation, host.now());
                    }
                }
            }
        }
    }
}

impl Executor for ScriptExecutor {
    fn name(&self) -> &'static str {
        "script"
    }

    fn run(self: Arc<Self>, host: Host) -> BoxFuture<'static, ()> {
        self.work(host).boxed()
    }
}
