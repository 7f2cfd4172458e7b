//! The commands of many callers, committed together.
//!
//! One loop takes everything that waits and has it committed in one transaction. While a flush of the disk runs, the
//! next group gathers: the slower the disk, the larger the groups. A lone command finds the loop idle and waits for
//! nobody. A server gives the loop a thread of its own, since a disk takes its time.

use crate::EngineError;
use crate::figures::add;
use crate::line::{Commits, Job};
use crate::shared::Shared;
use longrun_store::{Committed, StoreError, Written};
use std::sync::Arc;
use tokio::sync::oneshot;

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
        self.0.abandon();
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
