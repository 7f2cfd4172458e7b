//! Letting time pass: lease ends, deadlines, retention.

use crate::EngineError;
use crate::figures::add;
use crate::shared::Shared;
use futures_util::future::join_all;
use longrun_model::{Command, OperationKey, Phase, Timestamp};
use longrun_store::{Sight, Write, Written};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

/// Operations that are ticked at a time.
pub(crate) const TICKS_MAX: usize = 1_000;
/// How long to wait after the store did not answer.
const PAUSE_MILLIS: i64 = 1_000;
/// How long to sleep when nothing is due: a bound on what a jump of the clock can do.
const SLEEP_MILLIS_MAX: i64 = 60_000;

/// Ticks what is due, for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        // From here on, a timer that is set rings even if the look at the store just missed it.
        shared.alarm.next.store(i64::MAX, SeqCst);
        let (next_at, pause_millis) = match shared.store.due(shared.now(), TICKS_MAX).await {
            Ok(due) => {
                let ticked = tick(&shared, due.keys).await;
                let pause_millis = if ticked {
                    SLEEP_MILLIS_MAX
                } else {
                    PAUSE_MILLIS
                };
                (due.next_at.filter(|_| ticked), pause_millis)
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the timers could not be read"
                );
                (None, PAUSE_MILLIS)
            }
        };
        sleep(&shared, next_at, pause_millis).await;
    }
}

/// Sleeps until `next_at`, or until the timer that is set meanwhile and runs out first, but not longer than
/// `pause_millis`. Most timers that are set run out later, and all of them ring: none makes the store be asked before
/// its time.
async fn sleep(shared: &Shared, next_at: Option<Timestamp>, pause_millis: i64) {
    let alarm = &shared.alarm;
    let next = next_at.map_or(i64::MAX, Timestamp::as_millis);
    let mut pause = shared.sleep(pause_millis);
    loop {
        let known = alarm.next.fetch_min(next, SeqCst).min(next);
        // If the clock was set back, it is behind what it has said already, and would let this sleep on.
        if known <= shared.now().as_millis() {
            return;
        }
        tokio::select! {
            biased;
            () = shared.clock.sleep_until(Timestamp::from_millis(known)) => return,
            () = &mut pause => return,
            () = alarm.earlier.notified() => (),
        }
    }
}

/// Ticks these operations; false if the store did not do it.
pub(crate) async fn tick(shared: &Shared, keys: Vec<OperationKey>) -> bool {
    let ticks = keys.into_iter().map(|key| {
        shared.commits.commit(Write::Command {
            key,
            sight: Sight::All,
            command: Command::Tick,
        })
    });
    let mut all = true;
    for ticked in join_all(ticks).await {
        match ticked {
            Ok(Written::Commanded { operation, was, .. }) => {
                if is_lost(was, operation.phase) {
                    add(&shared.figures.leases_lost, 1);
                    tracing::warn!(
                        operation.id = operation.key.get(),
                        "a worker was not heard of: its lease is lost"
                    );
                }
            }
            // Another server, or a caller, has removed it meanwhile.
            Ok(_) | Err(EngineError::Gone | EngineError::NotFound) => (),
            Err(error) => {
                all = false;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a timer could not be handled"
                );
            }
        }
    }
    all
}

/// Whether a tick that led from one phase to the other has ended a lease. A deadline ends the operation as a whole.
const fn is_lost(was: Phase, is: Phase) -> bool {
    match was {
        Phase::Running | Phase::Cancelling => match is {
            Phase::Queued | Phase::Cancelled | Phase::Failed | Phase::Partial => true,
            Phase::Running | Phase::Cancelling | Phase::Succeeded | Phase::Expired => false,
        },
        Phase::Queued
        | Phase::Succeeded
        | Phase::Failed
        | Phase::Partial
        | Phase::Cancelled
        | Phase::Expired => false,
    }
}
