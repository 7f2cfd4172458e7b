//! The one line to the server about all leases: what there is to tell is told in batches, silence is filled with
//! heartbeats, and what the server says about a lease is passed on.
//!
//! One such call is under way at a time, and what comes in meanwhile shares the next one: the more there is to tell, the
//! more of it goes into one call.

use crate::backoff::Backoff;
use crate::client::ClientError;
use crate::client::wire::{Beat, LeaseState, Reported};
use crate::ear::{Ear, Heard};
use crate::line::Line;
use crate::outbox::{Lease, Note, Standing};
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Leases that one call may be about.
const LEASES_MAX: usize = 1_000;
/// Results in one report call.
const RESULTS_MAX: usize = 4_000;
/// About how many bytes a report call has at most, well below the server's limit of a body.
const REPORT_BYTES_MAX: usize = 4 << 20;
/// Notes that are taken in at once.
const NOTES_MAX: usize = 4_096;
/// The pauses between tries to reach the server.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The least time that one call is given.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// All leases of a worker.
pub(crate) struct Post {
    line: Arc<dyn Line>,
    /// By the number that the worker gave them.
    leases: BTreeMap<u64, Lease>,
    ear: Ear,
    backoff: Backoff,
}

impl Post {
    /// No leases yet.
    pub(crate) fn new(line: Arc<dyn Line>) -> Self {
        Self {
            line,
            leases: BTreeMap::new(),
            ear: Ear::new(),
            backoff: Backoff::new(PAUSE_FIRST, PAUSE_MAX),
        }
    }

    /// Passes notes on until nobody sends any more and all that could be told is told.
    pub(crate) async fn run(mut self, mut notes: mpsc::UnboundedReceiver<(u64, Note)>) {
        let mut taken = Vec::new();
        while self.stir(&mut notes, &mut taken).await {
            taken
                .drain(..)
                .for_each(|(number, note)| self.take(number, note));
            self.give_up();
            self.ear.listen(&self.line, &self.leases);
            self.beat().await;
            self.report().await;
            self.leases.retain(|_, lease| !lease.is_settled());
        }
    }

    /// Waits until there is something to do: right now if there is mail, otherwise when there are notes, or the server
    /// says something, or it is time to talk to it. Says whether there will ever be.
    async fn stir(
        &mut self,
        notes: &mut mpsc::UnboundedReceiver<(u64, Note)>,
        taken: &mut Vec<(u64, Note)>,
    ) -> bool {
        if self.leases.values().any(Lease::has_mail) {
            while taken.len() < NOTES_MAX
                && let Ok(note) = notes.try_recv()
            {
                taken.push(note);
            }
            let heard = self.ear.hear().now_or_never();
            self.obey(heard.flatten());
            return true;
        }
        let due_at = self.next_beat_at().into_iter();
        let due_at = due_at.chain(self.ear.begins_at(&self.leases)).min();
        tokio::select! {
            count = notes.recv_many(taken, NOTES_MAX) => return count > 0,
            heard = self.ear.hear() => self.obey(heard),
            () = sleep_until(due_at.unwrap_or_else(Instant::now)), if due_at.is_some() => {}
        }
        true
    }

    /// Passes on what the server has said by itself.
    fn obey(&mut self, heard: Option<Heard>) {
        let Some(heard) = heard else {
            return;
        };
        for (number, beat) in heard.numbers.into_iter().zip(heard.beats) {
            // It may have been settled since.
            self.leases
                .entry(number)
                .and_modify(|lease| lease.hear_beat(&beat, heard.sent_at));
        }
    }

    fn take(&mut self, number: u64, note: Note) {
        match note {
            Note::Begin(lease) => {
                self.leases.insert(number, *lease);
            }
            Note::News(news) => {
                self.leases.entry(number).and_modify(|it| it.take(news));
            }
            Note::Done => {
                self.leases.entry(number).and_modify(Lease::close);
            }
        }
    }

    /// When the next heartbeat is due.
    fn next_beat_at(&self) -> Option<Instant> {
        self.kept().map(|(_, lease)| lease.beats_at()).min()
    }

    fn kept(&self) -> impl Iterator<Item = (u64, &Lease)> {
        let leases = self.leases.iter().filter(|(_, lease)| lease.is_kept());
        leases.map(|(number, lease)| (*number, lease))
    }

    /// Lets go of leases that must have ended by now.
    fn give_up(&mut self) {
        let now = Instant::now();
        for lease in self.leases.values_mut() {
            if lease.ends_at() <= now {
                lease.lose("no answer while the lease lasted");
            }
        }
    }

    /// Sends heartbeats, if any are due. Those that are nearly due go along.
    async fn beat(&mut self) {
        let sent_at = Instant::now();
        if self.next_beat_at().is_none_or(|due_at| due_at > sent_at) {
            return;
        }
        let (numbers, names): (Vec<_>, Vec<_>) = self
            .kept()
            .filter(|(_, lease)| lease.may_beat_at() <= sent_at)
            .take(LEASES_MAX)
            .map(|(number, lease)| (number, lease.name()))
            .unzip();
        let answer = self
            .line
            .heartbeat(&names, Duration::ZERO, self.patience(&numbers))
            .await;
        let Some(beats) = self.judge(answer, &numbers).await else {
            return;
        };
        for (number, beat) in numbers.into_iter().zip(beats) {
            self.lease(number).hear_beat(&beat, sent_at);
        }
    }

    /// Reports as much as goes into one call.
    async fn report(&mut self) {
        let sent_at = Instant::now();
        let (mut results_left, mut bytes_left) = (RESULTS_MAX, REPORT_BYTES_MAX);
        let mut numbers = Vec::new();
        let mut reports = Vec::new();
        for (number, lease) in self.leases.iter().filter(|(_, lease)| lease.has_mail()) {
            if numbers.len() == LEASES_MAX || results_left == 0 || bytes_left == 0 {
                break;
            }
            let (report, bytes) = lease.report(results_left, bytes_left);
            results_left -= report.resources.len();
            bytes_left = bytes_left.saturating_sub(bytes);
            numbers.push(*number);
            reports.push(report);
        }
        if numbers.is_empty() {
            return;
        }
        let counts: Vec<_> = reports.iter().map(|it| it.resources.len()).collect();
        let answer = self.line.report(&reports, self.patience(&numbers)).await;
        let Some(answers) = self.judge(answer, &numbers).await else {
            return;
        };
        for ((number, count), reported) in numbers.into_iter().zip(counts).zip(answers) {
            self.lease(number).hear_report(count, &reported, sent_at);
        }
    }

    /// The answer, if there is one. Without, these leases are lost, or it is worth another try.
    async fn judge<T>(&mut self, answer: Result<T, ClientError>, numbers: &[u64]) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
                Some(answer)
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, leases = numbers.len(), "trying again");
                sleep(self.backoff.pause()).await;
                None
            }
            Err(error) => {
                let reason = error.to_string();
                for number in numbers {
                    self.lease(*number).lose(&reason);
                }
                None
            }
        }
    }

    fn lease(&mut self, number: u64) -> &mut Lease {
        let lease = self.leases.get_mut(&number);
        lease.expect("a lease stays until it is settled, which is not during a call about it")
    }

    /// How long a call about these leases may take.
    fn patience(&self, numbers: &[u64]) -> Duration {
        let leases = numbers.iter().filter_map(|number| self.leases.get(number));
        let shortest = leases.map(Lease::length).min().unwrap_or_default();
        (shortest / 3).max(PATIENCE_MIN)
    }
}

impl Lease {
    fn hear_beat(&mut self, beat: &Beat, sent_at: Instant) {
        if !self.is_kept() {
            return;
        }
        match beat.state {
            LeaseState::Held => self.renewed(sent_at),
            LeaseState::Cancel => {
                self.renewed(sent_at);
                self.stand(Standing::Cancel);
            }
            LeaseState::Lost => self.lose(beat.reason.as_deref().unwrap_or("lost")),
        }
    }

    fn hear_report(&mut self, count: usize, reported: &Reported, sent_at: Instant) {
        for refused in &reported.refused {
            // An answer that was lost makes us tell the same again: that the resource has ended is no news then.
            tracing::debug!(
                operation.id = self.name().id,
                resource = refused.resource,
                reason = refused.reason,
                "refused"
            );
        }
        if reported.accepted {
            let status = reported.status.as_deref().unwrap_or_default();
            self.heard(count, sent_at, status, &reported.refused);
        } else {
            self.lose(reported.reason.as_deref().unwrap_or("refused"));
        }
    }
}
