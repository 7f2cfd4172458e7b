//! Following one target to its end.

use super::aim::Aim;
use super::ending::{Ending, clock_words, timed_out_words};
use super::screen::Screen;
use super::view::View;
use crate::client::wire::Operation;
use crate::client::{Answer as Told, Client, ClientError};
use crate::exit::Outcome;
use longrun_engine::Clock;
use longrun_model::{Phase, Timestamp};
use longrun_poller::{Chance, Next, Rhythm, Watch};
use longrun_server::SystemClock;
use longrun_worker::Backoff;
use std::io;
use std::time::Duration;

/// How long one poll may take.
pub(super) const POLL_PATIENCE: Duration = Duration::from_secs(10);
/// How long a server is asked to hold back its answer until something changes.
const WAIT: Duration = Duration::from_secs(30);
/// The pauses between tries to reach a server.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// One target, and where its news go.
pub(super) struct Follower<'a> {
    /// Which target it is.
    pub(super) index: usize,
    /// When to stop waiting.
    pub(super) deadline: Timestamp,
    /// Where news go.
    pub(super) screen: &'a Screen,
}

impl Follower<'_> {
    /// Follows a task of a cloud.
    pub(super) async fn task(&self, aim: &Aim) -> io::Result<Ending> {
        let mut watch = Watch::new(Rhythm::WAIT, Some(self.deadline), SystemClock.now());
        let mut next = watch.tick(SystemClock.now());
        loop {
            if next.is_over() {
                let view = watch.seen().map(View::from);
                return Ok(Ending::of_watch(&next, view, watch.trouble()));
            }
            next = match next {
                Next::AskAt(instant) => {
                    SystemClock.sleep_until(instant).await;
                    self.poll(aim, &mut watch).await?
                }
                Next::TooLate { .. } | Next::Ended(_) | Next::GaveUp(_) => {
                    SystemClock.sleep_until(self.deadline).await;
                    watch.tick(SystemClock.now())
                }
            };
        }
    }

    async fn poll(&self, aim: &Aim, watch: &mut Watch) -> io::Result<Next> {
        let offset = watch.clock_offset_millis();
        let asking = aim.ask(offset.unwrap_or(0), self.left().min(POLL_PATIENCE));
        // Getting a token and a turn takes time, too.
        let answer = match tokio::time::timeout(self.left(), asking).await {
            Ok(answer) => answer,
            Err(_) => longrun_poller::Answer::Lost("there was no answer in time".into()),
        };
        let chance = Chance(fastrand::u64(..));
        let step = watch.answered(answer, SystemClock.now(), chance);
        if let Some(now) = watch
            .clock_offset_millis()
            .filter(|_| watch.clock_offset_millis() != offset)
        {
            let words = format!("{}; polls are signed with the cloud's", clock_words(now));
            self.screen.trouble(self.index, &words)?;
        }
        // The end is told once, by whoever counts the targets that are left.
        let is_end = matches!(step.next, Next::Ended(_));
        if let Some(seen) = watch.seen().filter(|_| step.changed && !is_end) {
            self.screen.changed(self.index, &View::from(seen))?;
        }
        if let Some(trouble) = watch.trouble().filter(|_| !step.next.is_over()) {
            self.screen.trouble(self.index, &trouble.to_string())?;
        }
        Ok(step.next)
    }

    /// Follows an operation of a Longrun server, which answers as soon as something changes.
    pub(super) async fn operation(&self, client: &Client, id: &str) -> io::Result<Ending> {
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        let (mut seen, mut trouble): (Option<(u64, View)>, Option<String>) = (None, None);
        while !self.left().is_zero() {
            let since = seen.as_ref().map(|(version, _)| *version);
            let asked = tokio::time::timeout(self.left(), self.ask(client, id, since)).await;
            match asked {
                Err(_) if seen.is_none() => {
                    trouble = Some(format!("`{}` did not answer in time", client.server()));
                }
                // It had nothing new to tell.
                Err(_) => {}
                Ok(Ok((told, view))) => {
                    trouble = None;
                    backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
                    if let Some(outcome) = end_of(&view) {
                        return Ok(Ending::of_target(outcome, view));
                    }
                    let is_new = since != Some(told);
                    if is_new {
                        self.screen.changed(self.index, &view)?;
                    } else {
                        // Something in between may not let the server wait.
                        tokio::time::sleep(PAUSE_FIRST.min(self.left())).await;
                    }
                    seen = Some((told, view));
                }
                Ok(Err(error)) if error.is_transient() => {
                    self.screen.trouble(self.index, &error.to_string())?;
                    trouble = Some(error.to_string());
                    tokio::time::sleep(backoff.pause().min(self.left())).await;
                }
                Ok(Err(error)) => return Ok(refused(error, seen.map(|(_, view)| view))),
            }
        }
        Ok(match (seen, trouble) {
            (None, Some(trouble)) => Ending::of_wait(Outcome::Unreachable, trouble, None),
            (seen, trouble) => {
                let view = seen.map(|(_, view)| view);
                let words = timed_out_words(view.as_ref(), trouble.as_ref());
                Ending::of_wait(Outcome::TimedOut, words, view)
            }
        })
    }

    async fn ask(
        &self,
        client: &Client,
        id: &str,
        since: Option<u64>,
    ) -> Result<(u64, View), ClientError> {
        let told: Told = match since {
            None => client.operation(id).await?,
            Some(since) => client.operation_within(id, WAIT, since).await?,
        };
        let operation: Operation = told.read()?;
        Ok((operation.version, View::from(operation)))
    }

    /// What is left of the wait.
    fn left(&self) -> Duration {
        let millis = self.deadline.millis_since(SystemClock.now());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// How the operation ended, if it has.
fn end_of(view: &View) -> Option<Outcome> {
    let phase = Phase::from_word(&view.status).filter(|phase| phase.is_ended())?;
    Some(Outcome::of_end(phase))
}

fn refused(error: ClientError, view: Option<View>) -> Ending {
    let words = error.to_string();
    let outcome = match Outcome::of_error(&error.into()) {
        outcome @ (Outcome::Unknown | Outcome::Forbidden) => outcome,
        // An error of the question is never one of the operation.
        Outcome::Succeeded
        | Outcome::Failed
        | Outcome::Usage
        | Outcome::Partial
        | Outcome::Cancelled
        | Outcome::TimedOut
        | Outcome::Unreachable
        | Outcome::Interrupted => Outcome::Unreachable,
    };
    Ending::of_wait(outcome, words, view)
}
