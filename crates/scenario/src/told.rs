//! What polls are told instead of the truth, and what goes wrong with them.

use crate::chance::Chance;
use crate::file::{Answer, Fault, Standing, Wrong};
use crate::plan::{failure, json};
use crate::words::{Numbers, Patterns, Span};
use longrun_dialects::Fault as Refusal;
use longrun_model::{
    Failure, Json, Operation, Phase, Resource, ResourceStatus, Resources, Tally, Timestamp,
};

/// When clients are to come again that are told so, if nobody says.
const RETRY_AFTER_MILLIS: u64 = 1_000;
/// What stands between says, if nobody says.
const BAD_GATEWAY: u16 = 502;

/// One poll of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Poll<'a> {
    /// The dialect that it came in; `native` for the native API.
    pub dialect: &'a str,
    /// Its number among the polls of the operation, from 1 on.
    pub number: u64,
    /// When it came.
    pub now: Timestamp,
}

/// What becomes of a poll.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meddling {
    /// How late the answer is.
    pub delay_millis: u64,
    /// What is answered.
    pub outcome: Meddled,
}

/// What is answered to a poll.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Meddled {
    /// The right answer.
    #[default]
    Nothing,
    /// The cloud's own error.
    Refused(Refusal),
    /// Something that the cloud has not written.
    Foreign {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Nothing: the connection ends.
    Dropped,
    /// The beginning of the right answer: so many bytes of its body, or half of it.
    Truncated(Option<usize>),
}

/// Whether something is meant for a poll.
fn concerns(
    (dialect, polls): (&Patterns, Option<&Numbers>),
    (after, before): (Option<Span>, Option<Span>),
    submitted_at: Timestamp,
    poll: &Poll,
) -> bool {
    let passed = poll.now.millis_since(submitted_at);
    (dialect.is_empty() || dialect.fit(poll.dialect))
        && polls.is_none_or(|polls| polls.contain(poll.number))
        && after.is_none_or(|after| passed >= after.0)
        && before.is_none_or(|before| passed < before.0)
}

impl Fault {
    /// What it does to a poll of an operation that was submitted then, if anything. `fired` is how often it did before.
    pub(crate) fn meddle(
        &self,
        poll: &Poll,
        submitted_at: Timestamp,
        fired: u64,
        chance: &mut Chance,
    ) -> Option<Meddling> {
        let concerned = concerns(
            (&self.dialect, self.polls.as_ref()),
            (self.after, self.before),
            submitted_at,
            poll,
        );
        if !concerned || self.times.is_some_and(|times| fired >= times) {
            return None;
        }
        let happens = self.chance.is_none_or(|share| chance.happens(share));
        happens.then(|| Meddling {
            delay_millis: self.delay.map_or(0, |delay| delay.0.unsigned_abs()),
            outcome: self.outcome(),
        })
    }

    fn outcome(&self) -> Meddled {
        let retry_after = self.retry_after.map(|span| span.0.unsigned_abs());
        let refusal = match self.answer {
            Wrong::Throttled => Refusal::Throttled {
                retry_after_millis: retry_after.unwrap_or(RETRY_AFTER_MILLIS),
            },
            Wrong::Unavailable => Refusal::Unavailable,
            Wrong::Internal => Refusal::Internal,
            Wrong::NotFound => Refusal::NotFound,
            Wrong::Gone => Refusal::Gone,
            Wrong::Skewed => Refusal::Skewed {
                ahead_millis: -3_600_000,
            },
            Wrong::ExpiredToken => Refusal::ExpiredToken,
            Wrong::Http => {
                return Meddled::Foreign {
                    status: self.status.unwrap_or(BAD_GATEWAY),
                    content_type: self
                        .content_type
                        .clone()
                        .unwrap_or_else(|| "text/html".to_owned()),
                    body: self.body.clone().unwrap_or_default(),
                };
            }
            Wrong::Dropped => return Meddled::Dropped,
            Wrong::Truncated => return Meddled::Truncated(self.bytes),
            Wrong::Slow => return Meddled::Nothing,
        };
        Meddled::Refused(refusal)
    }
}

impl Answer {
    pub(crate) fn concerns(&self, poll: &Poll, submitted_at: Timestamp) -> bool {
        concerns(
            (&self.dialect, self.polls.as_ref()),
            (self.after, self.before),
            submitted_at,
            poll,
        )
    }

    /// The operation as this poll is told of it.
    pub(crate) fn tell(&self, operation: &Operation, now: Timestamp) -> Operation {
        let mut told = operation.clone();
        if self.status.is_some() || !self.resources.is_empty() {
            let resources = operation
                .resources
                .iter()
                .map(|one| self.tell_resource(one));
            told.resources = Resources::whole(resources);
            told.tally = tally(&told.resources);
            told.phase = self.phase(&told);
            told.ended_at = told
                .phase
                .is_ended()
                .then(|| operation.ended_at.unwrap_or(now));
            told.started_at = match told.phase {
                Phase::Queued => None,
                Phase::Running
                | Phase::Cancelling
                | Phase::Succeeded
                | Phase::Failed
                | Phase::Partial
                | Phase::Cancelled
                | Phase::Expired => Some(operation.started_at.unwrap_or(now)),
            };
            told.error = error_of(&told);
        }
        if let Some(error) = &self.error {
            told.error = Some(failure(error));
        }
        if let Some(output) = &self.output {
            told.output = Some(json(output));
        }
        if let Some(message) = &self.message {
            told.progress.message = Some(message.as_str().into());
        }
        told
    }

    fn tell_resource(&self, one: &Resource) -> Resource {
        let named = self
            .resources
            .iter()
            .find(|named| named.id.fit(one.id.as_str()));
        let Some(standing) = named.map(|named| named.status).or(self.status) else {
            return one.clone();
        };
        let status = match standing {
            Standing::Queued => ResourceStatus::Pending,
            Standing::Running => ResourceStatus::Running,
            Standing::Succeeded => ResourceStatus::Succeeded,
            Standing::Failed => ResourceStatus::Failed,
            Standing::Cancelled => ResourceStatus::Cancelled,
        };
        let error = one
            .error
            .clone()
            .filter(|_| status == ResourceStatus::Failed);
        Resource {
            status,
            error,
            ..one.clone()
        }
    }

    /// Where the operation is said to be. A tally that is all ended is an end, whatever is said of the whole.
    fn phase(&self, told: &Operation) -> Phase {
        let counted = match told.tally {
            Tally { total: 0, .. } => None,
            tally if tally.unfinished() > 0 => None,
            Tally {
                total, succeeded, ..
            } if succeeded == total => Some(Phase::Succeeded),
            Tally {
                total, cancelled, ..
            } if cancelled == total => Some(Phase::Cancelled),
            Tally { succeeded: 0, .. } => Some(Phase::Failed),
            Tally { .. } => Some(Phase::Partial),
        };
        let said = self.status.map(|status| match status {
            Standing::Queued => Phase::Queued,
            Standing::Running => Phase::Running,
            Standing::Succeeded => Phase::Succeeded,
            Standing::Failed => Phase::Failed,
            Standing::Cancelled => Phase::Cancelled,
        });
        let open = if told.phase.is_ended() {
            Phase::Running
        } else {
            told.phase
        };
        let is_open = told.tally.unfinished() > 0;
        match said {
            Some(said) if is_open && said.is_ended() => open,
            Some(said) if !said.is_ended() => said,
            Some(said) => counted.unwrap_or(said),
            None if is_open => open,
            None => counted.unwrap_or(told.phase),
        }
    }
}

fn tally(resources: &Resources) -> Tally {
    let mut tally = Tally {
        total: resources.total(),
        ..Tally::default()
    };
    for one in resources.iter() {
        match one.status {
            ResourceStatus::Pending | ResourceStatus::Running => (),
            ResourceStatus::Succeeded => tally.succeeded += 1,
            ResourceStatus::Failed => tally.failed += 1,
            ResourceStatus::Cancelled => tally.cancelled += 1,
        }
    }
    tally
}

/// Why an operation that is said to have failed has failed.
fn error_of(told: &Operation) -> Option<Failure> {
    match told.phase {
        Phase::Queued | Phase::Running | Phase::Cancelling | Phase::Succeeded => None,
        Phase::Failed | Phase::Partial | Phase::Cancelled | Phase::Expired => {
            let own = told.error.clone();
            own.or_else(|| Some(Failure::new("Failed", "the scenario says that it failed")))
        }
    }
}

/// The operation, with what has come out of it so far.
pub(crate) fn with_output(operation: &Operation, shown: &Json) -> Operation {
    Operation {
        output: Some(shown.clone()),
        ..operation.clone()
    }
}
