//! Hearing at once what the server wants of a lease: a heartbeat that waits.
//!
//! It is about all leases that are older than a moment. When there are others, it is given up and begun anew.

use crate::client::ClientError;
use crate::client::wire::{Beat, HeldLease};
use crate::line::Line;
use crate::outbox::Lease;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How old a lease must be to be listened for, and how long each call is left alone. What is done in less than that
/// costs no call.
const MOMENT: Duration = Duration::from_millis(50);
/// How long nothing is listened for after a call that failed.
const DEAFNESS: Duration = Duration::from_secs(2);
/// Leases that one call may be about.
const LEASES_MAX: usize = 1_000;
/// How long one call waits at most, so that a connection that is gone is noticed.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How much longer than the server was asked to wait we wait for it to say so.
const SLACK: Duration = Duration::from_secs(5);

/// What the server has said.
pub(crate) struct Heard {
    pub(crate) numbers: BTreeSet<u64>,
    pub(crate) sent_at: Instant,
    pub(crate) beats: Vec<Beat>,
}

/// The call that waits, if there is one.
pub(crate) struct Ear {
    call: Option<Call>,
    resumes_at: Instant,
}

struct Call {
    numbers: BTreeSet<u64>,
    sent_at: Instant,
    answer: BoxFuture<'static, Result<Vec<Beat>, ClientError>>,
}

impl Ear {
    /// It listens for nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            call: None,
            resumes_at: Instant::now(),
        }
    }

    /// When to begin anew: there are leases that it does not listen for.
    pub(crate) fn begins_at(&self, leases: &BTreeMap<u64, Lease>) -> Option<Instant> {
        let listened_for = self.call.as_ref().map(|call| &call.numbers);
        if listened_for.is_some_and(|numbers| numbers.len() == LEASES_MAX) {
            return None;
        }
        let others = leases.iter().filter(|(number, lease)| {
            lease.obeys() && !listened_for.is_some_and(|numbers| numbers.contains(number))
        });
        let begins_at = others.map(|(_, lease)| lease.began_at() + MOMENT).min()?;
        Some(begins_at.max(self.resumes_at))
    }

    /// Begins anew, if it is time.
    pub(crate) fn listen(&mut self, line: &Arc<dyn Line>, leases: &BTreeMap<u64, Lease>) {
        let now = Instant::now();
        if self
            .begins_at(leases)
            .is_none_or(|begins_at| begins_at > now)
        {
            return;
        }
        let obeying = leases.iter().filter(|(_, lease)| lease.obeys());
        let obeying: Vec<_> = obeying.take(LEASES_MAX).collect();
        let shortest = obeying.iter().map(|(_, lease)| lease.length()).min();
        // Shorter than the pause between heartbeats, which are not needed then.
        let wait = (shortest.unwrap_or_default() / 4).min(WAIT_MAX);
        let names: Vec<_> = obeying
            .iter()
            .map(|(_, lease)| (lease.name().id.to_owned(), lease.name().fence))
            .collect();
        let line = Arc::clone(line);
        let answer = async move {
            let names: Vec<_> = names
                .iter()
                .map(|(id, fence)| HeldLease { id, fence: *fence })
                .collect();
            line.heartbeat(&names, wait, wait + SLACK).await
        };
        self.call = Some(Call {
            numbers: obeying.into_iter().map(|(number, _)| *number).collect(),
            sent_at: now,
            answer: answer.boxed(),
        });
        self.resumes_at = now + MOMENT;
    }

    /// What the server says, once it does. Nothing came of a call that failed: heartbeats find out why.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        let Some(call) = &mut self.call else {
            return std::future::pending().await;
        };
        let answer = (&mut call.answer).await;
        let call = self.call.take()?;
        match answer {
            Ok(beats) => Some(Heard {
                numbers: call.numbers,
                sent_at: call.sent_at,
                beats,
            }),
            Err(error) => {
                tracing::debug!(%error, "a heartbeat that waits failed");
                self.resumes_at = Instant::now() + DEAFNESS;
                None
            }
        }
    }
}
