//! A gate in front of a worker's commands, so that there is time to look between them.

use longrun_worker::command::CommandRunner;
use longrun_worker::{Failure, Outcome, Unit};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Lets one unit through each time that it is opened.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets one more unit through.
    pub(super) fn open(&self) {
        self.0.add_permits(1);
    }

    /// Runs a command for a unit that was let through.
    pub(super) async fn pass(self, runner: Arc<CommandRunner>, unit: Unit) -> Outcome {
        tokio::select! {
            permit = self.0.acquire() => permit.expect("a gate is never closed for good").forget(),
            () = unit.cancel.cancelled() => {
                return Outcome::Failed(Failure::new("cancelled", "nobody opened the gate in time"));
            }
        }
        runner.run(unit).await
    }
}
