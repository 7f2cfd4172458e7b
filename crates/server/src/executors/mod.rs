//! Executors: what carries operations out inside the server, where no worker asks for them.
//!
//! An [`Executor`] is a worker that needs no HTTP. It is handed a [`Host`], the worker's side of the engine: it leases
//! operations of its kinds, keeps their leases, reports, and ends when it is told to. What holds for workers holds for
//! it too: the fence of a lease decides what is heard. One task may drive thousands of operations; an executor that
//! would rather have one async function per operation runs a `longrun_worker::Worker` over [`Host::line`].

mod command;
mod host;
mod http;
mod line;

pub use command::{CommandExecutor, CommandSettings};
pub use host::{Hold, Host, Lost};
pub use http::{HttpExecutor, HttpSettings, SigningSecret, UnusableReceiver};
pub use line::HostLine;

use crate::app::App;
use crate::{ExecutorSettings, Settings, StartError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_model::KindName;
use longrun_worker::Halt;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long executors may finish what they have begun when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause before an executor that has ended by itself is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Carries out the operations of some kinds.
pub trait Executor: Send + Sync + 'static {
    /// What it is called in the history of operations and in the log.
    fn name(&self) -> &str;

    /// Works until the host is [stopping](Host::stopping), and ends when what it has begun is in order. If it ends
    /// earlier, or panics, it is called again after a moment.
    fn run(self: Arc<Self>, host: Host) -> BoxFuture<'static, ()>;
}

impl fmt::Debug for dyn Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An executor, and the kinds of operation that are its own.
#[derive(Clone)]
pub struct Duty {
    /// Which kinds.
    pub kinds: Vec<String>,
    /// Who carries them out.
    pub executor: Arc<dyn Executor>,
}

impl fmt::Debug for Duty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Duty")
            .field("kinds", &self.kinds)
            .field("executor", &self.executor.name())
            .finish()
    }
}

/// The duties that the settings come to: what was handed over, and what the kinds say.
pub(crate) fn duties(settings: &mut Settings) -> Result<Vec<Duty>, StartError> {
    let mut duties = std::mem::take(&mut settings.executors);
    for (kind, special) in &settings.kinds {
        let executor: Arc<dyn Executor> = match &special.executor {
            ExecutorSettings::Pull => continue,
            ExecutorSettings::Brought(executor) => Arc::clone(executor),
            ExecutorSettings::Command(command) => Arc::new(
                CommandExecutor::new(command)
                    .map_err(|error| StartError::executor(kind, error.into()))?,
            ),
            ExecutorSettings::Http(http) => Arc::new(
                HttpExecutor::new(http)
                    .map_err(|error| StartError::executor(kind, error.into()))?,
            ),
        };
        let kinds = vec![kind.clone()];
        duties.push(Duty { kinds, executor });
    }
    Ok(duties)
}

/// The executors at work.
pub(crate) struct Crew {
    halt: watch::Sender<Halt>,
    tasks: JoinSet<()>,
}

impl Crew {
    /// Sets them to work.
    pub(crate) fn start(app: &Arc<App>, duties: Vec<Duty>) -> Self {
        let (halt, told) = watch::channel(Halt::No);
        let mut tasks = JoinSet::new();
        for Duty { kinds, executor } in duties {
            tracing::info!(executor = executor.name(), ?kinds, "carrying out");
            let kinds = kinds.into_iter().map(|kind| KindName::new(kind.as_str()));
            let host = Host::new(app, kinds.collect(), executor.name(), told.clone());
            tasks.spawn(supervise(executor, host));
        }
        Self { halt, tasks }
    }

    /// Tells them to take no more.
    pub(crate) fn halt(&self) {
        self.halt.send_replace(Halt::Soon);
    }

    /// Waits for what they have begun, for a while.
    pub(crate) async fn end(mut self) {
        self.halt();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIMEOUT, all).await.is_err() {
            tracing::warn!("what executors have begun is left to the next start");
            self.halt.send_replace(Halt::Now);
            self.tasks.shutdown().await;
        }
    }
}

/// Runs an executor, and again if it ends before it was told to.
async fn supervise(executor: Arc<dyn Executor>, host: Host) {
    loop {
        let run = AssertUnwindSafe(Arc::clone(&executor).run(host.clone()));
        let end = run.catch_unwind().await;
        if host.is_stopping() {
            return;
        }
        let panicked = end.is_err();
        tracing::error!(
            executor = executor.name(),
            panicked,
            "an executor has ended: it is started again"
        );
        tokio::select! {
            () = tokio::time::sleep(RESTART_PAUSE) => {}
            () = host.stopping() => return,
        }
    }
}
