//! A script, laid out in time for one operation.

use crate::chance::Chance;
use crate::file::{End, Error, Progress, ResourceScript, Script};
use crate::words::{Lasting, Span};
use longrun_model::{
    Failure, Finish, FinishStatus, Json, Operation, Outcome, Report, Resource, ResourceResult,
    ResourceStatus, Timestamp,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long an operation waits, when nobody says.
const QUEUED: Lasting = Lasting::Fixed(Span(100));
/// How long after its submission it ends, when nobody says.
const ENDS_MILLIS: i64 = 2_000;

/// One thing that is done to an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// It begins to run: it is to be leased.
    Take,
    /// Something is told about it, under the fence of its lease.
    Tell(Box<Report>),
    /// From here on polls are told this as what has come out of it so far.
    Show(Json),
}

/// What is to be done to one attempt at an operation, and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// It waits to be taken.
    Waiting {
        /// When that happens by itself.
        at: Option<Timestamp>,
        /// At which poll it happens otherwise.
        poll: Option<u64>,
        /// Since when it waits.
        since: Timestamp,
    },
    /// It runs.
    Running(Course),
}

/// What is to be done to an operation that runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Course {
    /// By time, earliest first; deeds of the same instant in their order.
    by_time: BTreeMap<(Timestamp, u32), Deed>,
    /// By the number of the poll.
    by_poll: BTreeMap<(u64, u32), Deed>,
    /// How many deeds there were.
    count: u32,
}

impl Plan {
    /// An operation waits to be taken since `now`.
    pub(crate) fn waiting(script: &Script, now: Timestamp, chance: &mut Chance) -> Self {
        let by_poll_alone = script.queued.is_none() && script.starts_at_poll.is_some();
        let queued = script.queued.unwrap_or(QUEUED);
        let pause = millis(queued, chance).filter(|_| !by_poll_alone);
        Self::Waiting {
            at: pause.map(|pause| now.plus_millis(pause)),
            // What ends has begun before.
            poll: script
                .starts_at_poll
                .into_iter()
                .chain(script.ends_at_poll)
                .min(),
            since: now,
        }
    }

    /// When the next deed falls due.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { at, .. } => *at,
            Self::Running(course) => course.by_time.keys().next().map(|(at, _)| *at),
        }
    }

    /// Takes out the next deed, if it is due at `now`. A lease stays due until the operation is taken.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Deed> {
        match self {
            Self::Waiting { at, .. } => at.is_some_and(|at| at <= now).then_some(Deed::Take),
            Self::Running(course) => {
                let next = course.by_time.first_entry()?;
                (next.key().0 <= now).then(|| next.remove())
            }
        }
    }

    /// The poll with this number begins at `now`: what was to be done by then falls due.
    pub(crate) fn poll(&mut self, number: u64, now: Timestamp) {
        match self {
            Self::Waiting { at, poll, .. } => {
                if poll.is_some_and(|poll| poll <= number) {
                    *at = Some(at.map_or(now, |at| at.min(now)));
                }
            }
            Self::Running(course) => course.poll(number, now),
        }
    }

    /// Somebody wants the operation to end, and it gives in after so long.
    pub(crate) fn cancel(&mut self, now: Timestamp, pause: i64) {
        if let Self::Running(course) = self {
            let finish = Finish {
                status: FinishStatus::Cancelled,
                output: None,
                error: None,
            };
            let report = Report {
                finish: Some(finish),
                ..Report::default()
            };
            course.at(now.plus_millis(pause), Deed::Tell(Box::new(report)));
        }
    }
}

impl Course {
    /// What becomes of `operation`, which runs since `now`, has waited since `since`, and was polled so often.
    pub(crate) fn new(
        script: &Script,
        operation: &Operation,
        (since, now): (Timestamp, Timestamp),
        polls: u64,
        chance: &mut Chance,
    ) -> Self {
        let mut course = Self::default();
        let ends = Ends::of(script, operation, chance);
        let began: Vec<_> = open(operation)
            .map(|one| result(one, ResourceStatus::Running))
            .collect();
        if !began.is_empty() {
            course.at(now, tell(began));
        }
        for progress in &script.progress {
            course.tell_progress(progress, now);
        }
        let own = match script.runs {
            Some(runs) => millis(runs, chance),
            None if script.ends_at_poll.is_some() => None,
            None => Some((ENDS_MILLIS - now.millis_since(since)).max(0)),
        };
        // The last resource takes the whole with it, and what is said of the whole has to be said with it.
        let length = own
            .filter(|_| !ends.are_all)
            .or(ends.last.filter(|_| ends.are_all));
        let length = length.zip(ends.last).map(|(own, last)| own.max(last));
        let mut last = ends.with_all;
        for ((after, number), results) in ends.own {
            if after.is_some() && after == length {
                last.extend(results.iter().cloned());
            }
            let at = after
                .filter(|_| after != length)
                .map(|after| now.plus_millis(after));
            course.when(at, number, tell(results));
        }
        let at = length.map(|length| now.plus_millis(length));
        let deed = Deed::Tell(Box::new(end(script, last)));
        course.when(at, script.ends_at_poll, deed);
        course.poll(polls, now);
        course
    }

    fn poll(&mut self, number: u64, now: Timestamp) {
        let later = self.by_poll.split_off(&(number.saturating_add(1), 0));
        let fallen_due = std::mem::replace(&mut self.by_poll, later);
        let fallen_due = fallen_due
            .into_iter()
            .map(|((_, place), deed)| ((now, place), deed));
        self.by_time.extend(fallen_due);
    }

    /// Has something done at an instant or at a poll, whichever comes first. Twice is no harm: what is known is not told
    /// again.
    fn when(&mut self, at: Option<Timestamp>, poll: Option<u64>, deed: Deed) {
        if let Some(poll) = poll {
            self.count += 1;
            self.by_poll.insert((poll, self.count), deed.clone());
        }
        if let Some(at) = at {
            self.at(at, deed);
        }
    }

    fn at(&mut self, at: Timestamp, deed: Deed) {
        self.count += 1;
        self.by_time.insert((at, self.count), deed);
    }

    fn tell_progress(&mut self, progress: &Progress, now: Timestamp) {
        let at = progress.after.map(|after| now.plus_millis(after.0));
        if let Some(output) = &progress.output {
            self.when(at, progress.at_poll, Deed::Show(json(output)));
        }
        let said = longrun_model::Progress {
            percent: progress.percent,
            message: progress.message.as_deref().map(Into::into),
        };
        if said != longrun_model::Progress::default() {
            let report = Report {
                progress: said,
                ..Report::default()
            };
            self.when(at, progress.at_poll, Deed::Tell(Box::new(report)));
        }
    }
}

/// How the resources of an operation end.
#[derive(Default)]
struct Ends {
    /// Those that end by themselves: after how long, or at which poll.
    own: BTreeMap<(Option<i64>, Option<u64>), Vec<ResourceResult>>,
    /// Those that a script says something about, and that end with the operation.
    with_all: Vec<ResourceResult>,
    /// When the last of them ends; never, if one of them never does.
    last: Option<i64>,
    /// Whether each that is still open has its own time to end.
    are_all: bool,
}

impl Ends {
    fn of(script: &Script, operation: &Operation, chance: &mut Chance) -> Self {
        let mut ends = Self {
            last: Some(0),
            are_all: open(operation).next().is_some(),
            ..Self::default()
        };
        for (index, one) in operation.resources.indexed() {
            // Drawn for those that have ended too, so that the others draw the same numbers in each attempt.
            let script = script.of(one, u64::from(*index) + 1, chance);
            if one.status.is_ended() {
                continue;
            }
            ends.are_all &= script.is_some_and(|script| script.runs.is_some());
            if let Some(script) = script {
                ends.add(script, one, chance);
            }
        }
        ends
    }

    fn add(&mut self, script: &ResourceScript, one: &Resource, chance: &mut Chance) {
        let told = outcome(script, one);
        let length = script.runs.map(|runs| millis(runs, chance));
        match (length, script.ends_at_poll) {
            (None, None) => self.with_all.push(told),
            (None, Some(_)) => {
                self.own
                    .entry((None, script.ends_at_poll))
                    .or_default()
                    .push(told);
            }
            (Some(after), number) => {
                self.last = after.and_then(|after| Some(after.max(self.last?)));
                if after.is_some() || number.is_some() {
                    self.own.entry((after, number)).or_default().push(told);
                }
            }
        }
    }
}

impl Script {
    /// What it says about a resource of an operation, counted from 1.
    fn of(&self, one: &Resource, number: u64, chance: &mut Chance) -> Option<&ResourceScript> {
        self.resources.iter().find(|script| {
            (script.id.is_empty() || script.id.fit(one.id.as_str()))
                && script.nth.as_ref().is_none_or(|nth| nth.contain(number))
                && script.chance.is_none_or(|share| chance.happens(share))
        })
    }
}

/// How long something takes this time; nothing if it has no end.
pub(crate) fn millis(lasting: Lasting, chance: &mut Chance) -> Option<i64> {
    match lasting {
        Lasting::Fixed(span) => Some(span.0),
        Lasting::Range(least, most) => Some(chance.within(least.0, most.0)),
        Lasting::Forever => None,
    }
}

fn open(operation: &Operation) -> impl Iterator<Item = &Resource> {
    operation
        .resources
        .iter()
        .filter(|one| !one.status.is_ended())
}

fn tell(results: Vec<ResourceResult>) -> Deed {
    Deed::Tell(Box::new(Report {
        results,
        ..Report::default()
    }))
}

fn result(one: &Resource, status: ResourceStatus) -> ResourceResult {
    ResourceResult {
        id: one.id.clone(),
        outcome: Outcome {
            status,
            output: None,
            error: None,
        },
    }
}

fn outcome(script: &ResourceScript, one: &Resource) -> ResourceResult {
    let status = match script.end {
        End::Succeeded => ResourceStatus::Succeeded,
        // A single resource knows no deadline.
        End::Failed | End::Expired => ResourceStatus::Failed,
        End::Cancelled => ResourceStatus::Cancelled,
    };
    let mut result = result(one, status);
    result.outcome.output = script.output.as_ref().map(json);
    let error = script.error.as_ref().map(failure);
    let error = error.or_else(|| (status == ResourceStatus::Failed).then(unexplained));
    result.outcome.error = error.map(Box::new);
    result
}

/// The end of the whole.
fn end(script: &Script, results: Vec<ResourceResult>) -> Report {
    let status = match script.end {
        End::Succeeded => FinishStatus::Succeeded,
        End::Failed => FinishStatus::Failed,
        End::Cancelled => FinishStatus::Cancelled,
        End::Expired => FinishStatus::Expired,
    };
    let error = script.error.as_ref().map(failure);
    let finish = Finish {
        status,
        output: script.output.as_ref().map(json),
        error: error.or_else(|| (script.end == End::Failed).then(unexplained)),
    };
    let mut report = Report {
        results,
        finish: Some(finish),
        ..Report::default()
    };
    report.progress.message = script.message.as_deref().map(Into::into);
    report
}

fn unexplained() -> Failure {
    Failure::new("Failed", "the scenario lets it fail")
}

/// What went wrong, as the model has it.
pub(crate) fn failure(error: &Error) -> Failure {
    Failure {
        retryable: error.retryable,
        ..Failure::new(error.code.as_str(), error.reason.as_str())
    }
}

/// The value as its text.
pub(crate) fn json(value: &Value) -> Json {
    Json::from_checked(value.to_string())
}
