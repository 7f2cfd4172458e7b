//! The commands of many callers, committed together.
//!
//! One loop takes everything that waits and has it committed in one transaction. While a flush of the disk runs, the
//! next group gathers: the slower the disk, the larger the groups. A lone command finds the loop idle and waits for
//! nobody. A server gives the loop a thread of its own, since a disk takes its time.

use crate::EngineError;
use crate::engine::Shared;
use crate::figures::add;
use longrun_model::{Command, Operation, Report};
use longrun_store::{Committed, StoreError, Write, Written};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// Writes in one commit.
const GROUP_MAX: usize = 2_048;
/// Writes that may wait.
const WAITING_MAX: usize = 65_536;

/// A write and who waits for it.
struct Job {
    write: Write,
    answer: oneshot::Sender<Result<Written, EngineError>>,
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
    fn hand_back(&self, operations: &[Arc<Operation>]) {
        for operation in operations {
            let report = Report {
                fence: operation.fence,
                release: true,
                ..Report::default()
            };
            let write = Write::Command {
                key: operation.key,
                account: None,
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

    /// The next group; none once the line is closed and empty.
    async fn next_group(&self) -> Option<Vec<Job>> {
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

/// Commits groups until the line is closed.
pub(crate) async fn run(shared: Arc<Shared>) {
    let _closing = Closing(&shared.commits);
    while let Some(group) = shared.commits.next_group().await {
        commit_group(&shared, group).await;
    }
    if let Err(error) = shared.store.rest().await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "the store is whole, but not at rest");
    }
}

async fn commit_group(shared: &Shared, group: Vec<Job>) {
    let (writes, answers): (Vec<_>, Vec<_>) =
        group.into_iter().map(|job| (job.write, job.answer)).unzip();
    let count = writes.len() as u64;
    let now = shared.now();
    match shared.store.commit(writes, now).await {
        Ok(committed) => {
            add(&shared.figures.commits, 1);
            add(&shared.figures.writes, count);
            answer(shared, committed, answers);
        }
        Err(error) => {
            add(&shared.figures.failed_commits, 1);
            tracing::error!(
                error = &error as &dyn std::error::Error,
                writes = count,
                "a commit failed"
            );
            if let StoreError::OutcomeUnknown { .. } = error {
                // If it was made after all, nobody is told what it has done.
                shared.look_again();
            }
            for answer in answers {
                // A caller that has gone needs no answer.
                let _ = answer.send(Err(EngineError::Unavailable));
            }
        }
    }
}

/// Closes the line when the loop that serves it ends, however it ends: nobody shall wait for an answer in vain.
struct Closing<'c>(&'c Commits);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line.lock();
        line.closed = true;
        line.jobs.clear();
    }
}

/// Publishes what a commit has done, and then tells the callers: what they are told, everybody can see.
fn answer(
    shared: &Shared,
    committed: Committed,
    answers: Vec<oneshot::Sender<Result<Written, EngineError>>>,
) {
    for written in committed.iter().flatten() {
        publish(shared, written);
    }
    for (result, answer) in committed.into_iter().zip(answers) {
        // A caller that has gone needs no answer, but must not keep what it was handed.
        if let Err(Ok(Written::Leased(operations))) = answer.send(result.map_err(EngineError::from))
        {
            shared.commits.hand_back(&operations);
        }
    }
}

fn publish(shared: &Shared, written: &Written) {
    match written {
        Written::Submitted(submitted) if submitted.repeated => (),
        Written::Submitted(submitted) => shared.publish(&submitted.operation),
        Written::SubmittedAll(all) => {
            for submitted in all.iter().filter(|submitted| !submitted.repeated) {
                shared.publish(&submitted.operation);
            }
        }
        Written::Commanded {
            operation, freed, ..
        } => {
            shared.publish(operation);
            for operation in freed {
                shared.publish(operation);
            }
        }
        Written::Leased(operations) => operations
            .iter()
            .for_each(|operation| shared.publish(operation)),
        Written::AccessKey | Written::Document(_) => (),
    }
}
