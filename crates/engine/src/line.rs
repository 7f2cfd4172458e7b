//! The writes that wait to be committed, and the callers who wait with them.

use crate::EngineError;
use longrun_model::{Command, Operation, Report};
use longrun_store::{Sight, Write, Written};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// Writes in one commit.
const GROUP_MAX: usize = 2_048;
/// Writes that may wait.
const WAITING_MAX: usize = 65_536;

/// A write and who waits for it.
pub(crate) struct Job {
    pub(crate) write: Write,
    pub(crate) answer: oneshot::Sender<Result<Written, EngineError>>,
}

/// The writes that wait to be committed.
#[derive(Default)]
pub(crate) struct Commits {
    line: Mutex<Line>,
    arrived: Notify,
}

/// A caller that waits for its answer. If it goes just when it is answered, it has not heard what it was handed.
struct Hearing<'c> {
    commits: &'c Commits,
    answered: oneshot::Receiver<Result<Written, EngineError>>,
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        self.answered.close();
        if let Ok(Ok(Written::Leased(operations))) = self.answered.try_recv() {
            self.commits.hand_back(&operations);
        }
    }
}

#[derive(Default)]
struct Line {
    jobs: Vec<Job>,
    closed: bool,
}

impl Commits {
    /// Puts a write in line and waits until it is durable.
    pub(crate) async fn commit(&self, write: Write) -> Result<Written, EngineError> {
        let (answer, answered) = oneshot::channel();
        self.push(Job { write, answer })?;
        let mut hearing = Hearing {
            commits: self,
            answered,
        };
        let heard = (&mut hearing.answered).await;
        heard.unwrap_or(Err(EngineError::Unavailable))
    }

    /// Gives back leases that nobody has heard of, so that the operations need not wait for them to end.
    pub(crate) fn hand_back(&self, operations: &[Arc<Operation>]) {
        for operation in operations {
            let report = Report {
                fence: operation.fence,
                release: true,
                ..Report::default()
            };
            let write = Write::Command {
                key: operation.key,
                sight: Sight::All,
                command: Command::Report(report),
            };
            let (answer, _) = oneshot::channel();
            // If the line is closed or full, the lease ends by itself.
            let _ = self.push(Job { write, answer });
        }
    }

    /// How many writes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.line.lock().jobs.len()
    }

    fn push(&self, job: Job) -> Result<(), EngineError> {
        let mut line = self.line.lock();
        if line.closed {
            return Err(EngineError::Unavailable);
        }
        if line.jobs.len() >= WAITING_MAX {
            return Err(EngineError::Overloaded);
        }
        line.jobs.push(job);
        if line.jobs.len() == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes no more writes. Those that wait are still committed.
    pub(crate) fn close(&self) {
        self.line.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Takes no more writes, and drops those that wait: their callers are told that nobody will commit them.
    pub(crate) fn abandon(&self) {
        let mut line = self.line.lock();
        line.closed = true;
        line.jobs.clear();
    }

    /// The next group; none once the line is closed and empty.
    pub(crate) async fn next_group(&self) -> Option<Vec<Job>> {
        loop {
            let is_closed = {
                let mut line = self.line.lock();
                if !line.jobs.is_empty() {
                    return Some(line.take_group());
                }
                line.closed
            };
            if is_closed {
                return None;
            }
            // Whoever comes first in an empty line says so, even if nobody listens yet.
            self.arrived.notified().await;
        }
    }
}

impl Line {
    fn take_group(&mut self) -> Vec<Job> {
        if self.jobs.len() <= GROUP_MAX {
            return std::mem::take(&mut self.jobs);
        }
        let rest = self.jobs.split_off(GROUP_MAX);
        std::mem::replace(&mut self.jobs, rest)
    }
}
