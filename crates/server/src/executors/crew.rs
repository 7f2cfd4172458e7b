//! The executors at work: who carries out what, from the start of the server to its end.

use super::{CommandExecutor, Executor, Host, HttpExecutor};
use crate::app::App;
use crate::{ExecutorSettings, StartError};
use futures_util::FutureExt;
use longrun_model::KindName;
use longrun_worker::Halt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long executors may finish what they have begun when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause before an executor that has ended by itself is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// An executor, and the kinds of operation that are its own.
pub(crate) struct Duty {
    /// Which kinds.
    pub(crate) kinds: Vec<KindName>,
    /// Who carries them out.
    pub(crate) executor: Arc<dyn Executor>,
}

impl Duty {
    /// What the settings come to.
    pub(crate) fn all(
        settings: &HashMap<String, ExecutorSettings>,
    ) -> Result<Vec<Self>, StartError> {
        let duty = |(kind, settings): (&String, &ExecutorSettings)| {
            let executor: Arc<dyn Executor> = match settings {
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
            let kinds = vec![KindName::new(kind.as_str())];
            Ok(Self { kinds, executor })
        };
        settings.iter().map(duty).collect()
    }
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
            let names: Vec<_> = kinds.iter().map(KindName::as_str).collect();
            tracing::info!(executor = executor.name(), kinds = ?names, "carrying out");
            let host = Host::new(app, kinds.into(), executor.name(), told.clone());
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
