//! The executor `command`: child processes of the server, as `longrun worker` has them.

use super::{Executor, Host};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use longrun_worker::Worker;
use longrun_worker::command::{CommandRunner, NoProgram};
use std::sync::Arc;
use std::time::Duration;

/// What is run for operations of a kind.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// The program and its arguments; `{}` stands for the id of the resource.
    pub command: Vec<String>,
    /// How many run at once.
    pub concurrency: usize,
    /// How long the server may be away before an operation is given to another one.
    pub lease: Duration,
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            concurrency: 1,
            lease: Duration::from_secs(15),
        }
    }
}

/// Runs a command for each resource.
#[derive(Clone, Debug)]
pub struct CommandExecutor {
    runner: Arc<CommandRunner>,
    concurrency: usize,
    lease: Duration,
}

impl CommandExecutor {
    /// An executor with these settings. The program must be there.
    pub fn new(settings: &CommandSettings) -> Result<Self, NoProgram> {
        Ok(Self {
            runner: Arc::new(CommandRunner::new(settings.command.iter().cloned())?),
            concurrency: settings.concurrency,
            lease: settings.lease,
        })
    }

    async fn work(self: Arc<Self>, host: Host) {
        let worker = Worker::new(host.line())
            .name("command")
            .concurrency(self.concurrency)
            .lease(self.lease);
        let worker = host.kinds().iter().fold(worker, |worker, kind| {
            let runner = Arc::clone(&self.runner);
            worker.each_resource(kind.as_str(), move |unit| Arc::clone(&runner).run(unit))
        });
        if let Err(error) = worker.run(host.halt()).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no commands are run"
            );
        }
    }
}

impl Executor for CommandExecutor {
    fn name(&self) -> &'static str {
        "command"
    }

    fn run(self: Arc<Self>, host: Host) -> BoxFuture<'static, ()> {
        self.work(host).boxed()
    }
}
