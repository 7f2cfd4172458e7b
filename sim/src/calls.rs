//! What callers and workers ask an engine for.

use crate::bug::Bug;
use crate::tasks::step_aside;
use longrun_engine::{Commanded, Engine, EngineError};
use longrun_model::{Command, Operation, OperationKey, Submission};
use longrun_store::{LeaseWish, Sight, Submitted};
use std::sync::Arc;

/// A question to an engine.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// Make an operation.
    Submit(Submission),
    /// Do something to one, for somebody who sees so much.
    Command {
        key: OperationKey,
        sight: Sight,
        command: Command,
    },
    /// A worker wants something to do, and waits for it.
    Lease {
        worker: usize,
        wish: LeaseWish,
        wait: i64,
    },
    /// How is it?
    Get { key: OperationKey },
    /// Tell me when it has ended.
    End { key: OperationKey, wait: i64 },
    /// Tell me when it has changed.
    Change {
        key: OperationKey,
        since: u64,
        wait: i64,
    },
    /// Tell me when I do not hold one of them any more, or it is to be cancelled.
    Order {
        leases: Vec<(OperationKey, u64)>,
        wait: i64,
    },
}

/// What an engine says to it.
pub(crate) enum Answer {
    Submitted(Result<Submitted, EngineError>),
    Commanded(Result<Commanded, EngineError>),
    Leased(Result<Vec<Arc<Operation>>, EngineError>),
    Seen(Result<Arc<Operation>, EngineError>),
    Ordered(Result<(), EngineError>),
}

impl Call {
    /// How long it may take, for want of something to tell.
    pub(crate) fn wait(&self) -> i64 {
        match self {
            Self::Submit(_) | Self::Command { .. } | Self::Get { .. } => 0,
            Self::Lease { wait, .. }
            | Self::End { wait, .. }
            | Self::Change { wait, .. }
            | Self::Order { wait, .. } => *wait,
        }
    }

    /// The same call with another time to wait.
    fn waiting(mut self, millis: impl Fn(i64) -> i64) -> Self {
        match &mut self {
            Self::Submit(_) | Self::Command { .. } | Self::Get { .. } => (),
            Self::Lease { wait, .. }
            | Self::End { wait, .. }
            | Self::Change { wait, .. }
            | Self::Order { wait, .. } => *wait = millis(*wait),
        }
        self
    }

    /// Asks `engine`.
    pub(crate) async fn ask(self, engine: Arc<Engine>, bug: Option<Bug>) -> Answer {
        let call = match bug {
            Some(Bug::HastyWait) => self.waiting(|millis| millis / 2),
            Some(Bug::LongWait) => self.waiting(|millis| millis * 10),
            Some(_) | None => self,
        };
        match call {
            Self::Submit(submission) => Answer::Submitted(engine.submit(submission).await),
            Self::Command {
                key,
                sight,
                command,
            } => {
                let done = do_to(&engine, (key, sight), command, bug);
                Answer::Commanded(done.await)
            }
            Self::Lease { wish, wait, .. } => Answer::Leased(engine.lease(wish, wait).await),
            Self::Get { key } => Answer::Seen(engine.get(key, None).await),
            Self::End { key, wait } => Answer::Seen(end(&engine, key, wait, bug).await),
            Self::Change { key, since, wait } => {
                Answer::Seen(engine.wait_for_change(key, None, wait, since).await)
            }
            Self::Order { wait, .. } if bug == Some(Bug::UnheardOrder) => {
                let until = engine.now().plus_millis(wait);
                engine.sleep_until(until).await;
                Answer::Ordered(Ok(()))
            }
            Self::Order { leases, wait } => {
                Answer::Ordered(engine.wait_for_order(&leases, wait).await)
            }
        }
    }
}

async fn do_to(
    engine: &Engine,
    (key, sight): (OperationKey, Sight),
    command: Command,
    bug: Option<Bug>,
) -> Result<Commanded, EngineError> {
    let done = engine.command(key, sight, command).await;
    if bug == Some(Bug::HiddenFault) && matches!(done, Err(EngineError::Unavailable)) {
        let operation = engine.get(key, None).await?;
        return Ok(Commanded {
            operation,
            refused: Vec::new(),
        });
    }
    done
}

async fn end(
    engine: &Engine,
    key: OperationKey,
    wait: i64,
    bug: Option<Bug>,
) -> Result<Arc<Operation>, EngineError> {
    if bug == Some(Bug::BusyWait) {
        loop {
            let seen = engine.get(key, None).await?;
            if seen.phase.is_ended() {
                return Ok(seen);
            }
            step_aside(1).await;
        }
    }
    if bug == Some(Bug::LateWatch) {
        return watch_late(engine, key, wait).await;
    }
    engine.wait_for_end(key, None, wait).await
}

async fn watch_late(
    engine: &Engine,
    key: OperationKey,
    wait: i64,
) -> Result<Arc<Operation>, EngineError> {
    loop {
        let seen = engine.get(key, None).await?;
        if seen.phase.is_ended() {
            return Ok(seen);
        }
        step_aside(8).await;
        let since = engine.get(key, None).await?.version;
        let later = engine.wait_for_change(key, None, wait, since).await?;
        if later.version == since {
            return Ok(later);
        }
    }
}
