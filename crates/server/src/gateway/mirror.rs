//! What an observation of a foreign task means for the operation that follows it.
//!
//! A cloud may take back what it has said of a resource; an operation may not. So the end of a resource is told here
//! when it has been seen twice in a row, or with the end of the whole; and the last open resource stays open until the
//! whole has ended, as an operation ends with its last resource.

use longrun_dialects::{Observation, Watched};
use longrun_model::{
    Failure, Finish, FinishStatus, Json, NewResource, Operation, Outcome as Result, Progress,
    Report, ResourceId, ResourceResult, ResourceStatus, limits,
};
use longrun_poller::Outcome;
use std::collections::HashMap;

/// The code of the error of an operation whose task the cloud does not know.
pub(crate) const UNKNOWN: &str = "UnknownTask";

/// What is told while the cloud has no words.
const WAITING: &str = "waiting in the cloud";
const RUNNING: &str = "running in the cloud";

/// An end of a resource that has been seen once.
pub(crate) type Held = (Box<str>, ResourceStatus);

/// What there is to tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// The report, if anything is new.
    pub(crate) report: Option<Report>,
    /// The ends that wait to be seen again.
    pub(crate) held: Vec<Held>,
}

/// What is to be told of `operation` once its task was `seen`, and has ended if there is an `end`.
pub(crate) fn mirror(
    operation: &Operation,
    seen: Option<&Observation>,
    end: Option<Outcome>,
    held: &[Held],
) -> Mirrored {
    let mut news = News::new(operation, end.is_some(), held);
    let observed = seen.map_or(&[][..], |seen| &seen.resources);
    for one in observed.iter().take(limits::RESOURCES_MAX) {
        if !one.id.is_empty() && one.id.len() <= limits::NAME_BYTES_MAX {
            let outcome = Result {
                status: one.status,
                output: one.output.as_ref().and_then(fitting),
                error: one
                    .error
                    .as_ref()
                    .map(|error| Box::new(fitting_failure(error))),
            };
            news.take(&one.id, one.kind.as_deref(), outcome);
        }
    }
    if end.is_none() {
        news.keep_one_open();
    }
    let finish = end.map(|end| finish(end, seen));
    if let Some(finish) = finish
        .as_ref()
        .filter(|finish| finish.status == FinishStatus::Failed)
    {
        news.fail_one(finish);
    }
    let message = seen.map(words).map(Box::from);
    let message = message.filter(|_| end.is_none());
    let is_known = message == operation.progress.message;
    let report = Report {
        fence: operation.fence,
        found: news.found,
        results: news.results,
        progress: Progress {
            percent: None,
            message: message.filter(|_| !is_known),
        },
        finish,
        ..Report::default()
    };
    let is_news = report.finish.is_some()
        || report.progress.message.is_some()
        || !report.found.is_empty()
        || !report.results.is_empty();
    Mirrored {
        report: is_news.then_some(report),
        held: news.held,
    }
}

/// Whether the operation has followed its task to where the cloud no longer knew it.
pub(crate) fn is_unknown(operation: &Operation) -> bool {
    let error = operation.error.as_ref();
    operation.phase.is_ended() && error.is_some_and(|error| &*error.code == UNKNOWN)
}

/// What is new of resources.
struct News<'a> {
    known: HashMap<&'a str, (ResourceStatus, Option<&'a Json>)>,
    has_ended: bool,
    held_before: &'a [Held],
    found: Vec<NewResource>,
    results: Vec<ResourceResult>,
    held: Vec<Held>,
    /// How many resources are open, and stay so as far as is told.
    open: usize,
}

impl<'a> News<'a> {
    fn new(operation: &'a Operation, has_ended: bool, held_before: &'a [Held]) -> Self {
        let resources = operation.resources.iter();
        Self {
            known: resources
                .map(|one| (one.id.as_str(), (one.status, one.output.as_ref())))
                .collect(),
            has_ended,
            held_before,
            found: Vec::new(),
            results: Vec::new(),
            held: Vec::new(),
            open: operation.tally.unfinished() as usize,
        }
    }

    fn take(&mut self, id: &str, kind: Option<&str>, outcome: Result) {
        let known = self.known.get(id).copied();
        if known.is_none() {
            self.found.push(NewResource {
                id: ResourceId::new(id),
                kind: kind.map(|kind| cut(kind, limits::NAME_BYTES_MAX).into()),
                input: None,
            });
            self.open += 1;
        }
        let (status, output) = known.unwrap_or((ResourceStatus::Pending, None));
        if status.is_ended() {
            return;
        }
        let is_confirmed = || {
            let mut held = self.held_before.iter();
            held.any(|(of, status)| **of == *id && *status == outcome.status)
        };
        match outcome.status {
            ResourceStatus::Pending => {}
            ResourceStatus::Running => {
                if status != ResourceStatus::Running || output != outcome.output.as_ref() {
                    self.tell(id, outcome);
                }
            }
            ResourceStatus::Succeeded | ResourceStatus::Failed | ResourceStatus::Cancelled => {
                if self.has_ended || is_confirmed() {
                    self.open -= 1;
                    self.tell(id, outcome);
                } else {
                    self.held.push((id.into(), outcome.status));
                }
            }
        }
    }

    fn tell(&mut self, id: &str, outcome: Result) {
        self.results.push(ResourceResult {
            id: ResourceId::new(id),
            outcome,
        });
    }

    /// Holds the last end back, if nothing would stay open.
    fn keep_one_open(&mut self) {
        if self.open > 0 {
            return;
        }
        let last = self
            .results
            .iter()
            .rposition(|it| it.outcome.status.is_ended());
        if let Some(last) = last {
            let ResourceResult { id, outcome } = self.results.remove(last);
            self.held.push((id.as_str().into(), outcome.status));
        }
    }

    /// Lets one resource fail with the whole, if all of them are said to have ended well: a whole that failed is none
    /// that succeeded.
    fn fail_one(&mut self, finish: &Finish) {
        let is_good = |status: ResourceStatus| status == ResourceStatus::Succeeded;
        let all_told_good = self.results.iter().all(|it| is_good(it.outcome.status));
        let known_bad = self.known.values().any(|(status, _)| {
            matches!(status, ResourceStatus::Failed | ResourceStatus::Cancelled)
        });
        if self.open == 0
            && all_told_good
            && !known_bad
            && let Some(last) = self.results.last_mut()
        {
            last.outcome.status = ResourceStatus::Failed;
            last.outcome.error = finish.error.clone().map(Box::new);
        }
    }
}

fn finish(end: Outcome, seen: Option<&Observation>) -> Finish {
    let told = seen
        .and_then(|seen| seen.error.as_ref())
        .map(fitting_failure);
    let message = seen.and_then(|seen| seen.message.as_deref());
    let or = |code: &str, words: &str| {
        Some(told.clone().unwrap_or_else(|| {
            Failure::new(
                code,
                cut(
                    message.filter(|it| !it.is_empty()).unwrap_or(words),
                    limits::PAYLOAD_BYTES_MAX,
                ),
            )
        }))
    };
    let (status, error) = match end {
        Outcome::Succeeded => (FinishStatus::Succeeded, None),
        Outcome::Failed => (
            FinishStatus::Failed,
            or("Failed", "the task failed, and the cloud does not say why"),
        ),
        Outcome::Partial => (
            FinishStatus::Failed,
            or("Failed", "a part of the task failed"),
        ),
        Outcome::Unknown { was_known } => {
            let words = if was_known {
                "the cloud no longer knows the task; how it ended is not known"
            } else {
                "the cloud does not know the task"
            };
            (FinishStatus::Expired, Some(Failure::new(UNKNOWN, words)))
        }
    };
    Finish {
        status,
        output: seen.and_then(|seen| seen.output.as_ref()).and_then(fitting),
        error,
    }
}

/// What the cloud has said of the task of an operation, without words of our own.
pub(crate) fn message(operation: &Operation) -> Option<&str> {
    let message = operation.progress.message.as_deref();
    message.filter(|message| ![WAITING, RUNNING].contains(message))
}

/// How the task stands, in words: the cloud's, if it has any.
fn words(seen: &Observation) -> &str {
    match (seen.message.as_deref(), &seen.state) {
        (Some(message), _) if !message.is_empty() => cut(message, limits::PAYLOAD_BYTES_MAX),
        (_, Watched::Queued) => WAITING,
        (_, Watched::Unclear(word)) => cut(word, limits::PAYLOAD_BYTES_MAX),
        (_, Watched::Running(_) | Watched::Succeeded | Watched::Failed | Watched::Partial) => {
            RUNNING
        }
    }
}

fn fitting(json: &Json) -> Option<Json> {
    (json.as_str().len() <= limits::PAYLOAD_BYTES_MAX).then(|| json.clone())
}

fn fitting_failure(failure: &Failure) -> Failure {
    Failure {
        code: cut(&failure.code, limits::NAME_BYTES_MAX).into(),
        message: cut(&failure.message, limits::PAYLOAD_BYTES_MAX).into(),
        retryable: failure.retryable,
    }
}

/// The first `max` bytes of a text, or less, where a character would be cut.
fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ResourceStatus::{Failed, Pending, Running, Succeeded};
    use longrun_dialects::Observed;
    use longrun_model::{Command, Mix, OperationKey, Phase, Submission, Timestamp, apply, decide};

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn carry_out(operation: &mut Operation, command: &Command) {
        let decided = decide(operation, command, NOW).unwrap();
        assert_eq!(decided.refused, [], "{command:?}");
        for event in &decided.events {
            apply(operation, event);
        }
    }

    fn leased() -> Operation {
        let key = OperationKey::new(1).unwrap();
        let mut operation = Operation::submitted(key, Submission::new("acme", "track"), NOW);
        let lease = Command::Lease {
            worker: "gateway".into(),
            length_millis: 1_000,
        };
        carry_out(&mut operation, &lease);
        operation
    }

    fn seen(state: Watched, resources: &[(&str, ResourceStatus)]) -> Observation {
        let resources = resources.iter().map(|(id, status)| Observed {
            kind: None,
            id: (*id).to_owned(),
            status: *status,
            output: None,
            error: None,
        });
        Observation {
            kind: None,
            state,
            resources: resources.collect(),
            output: None,
            message: None,
            error: None,
        }
    }

    fn running(resources: &[(&str, ResourceStatus)]) -> (Observation, Option<Outcome>) {
        (seen(Watched::Running(Mix::UNFINISHED), resources), None)
    }

    /// Lets an operation follow these observations, and gives the tally after each and the operation in the end.
    fn follow(told: &[(Observation, Option<Outcome>)]) -> (Vec<(u32, u32, u32)>, Operation) {
        let mut operation = leased();
        let mut held = Vec::new();
        let mut tallies = Vec::new();
        for (seen, end) in told {
            let mirrored = mirror(&operation, Some(seen), *end, &held);
            held = mirrored.held;
            if let Some(report) = mirrored.report {
                carry_out(&mut operation, &Command::Report(report));
            }
            let tally = operation.tally;
            tallies.push((tally.succeeded, tally.failed, tally.unfinished()));
        }
        (tallies, operation)
    }

    #[test]
    fn the_end_of_a_resource_counts_when_it_was_seen_twice() {
        let (tallies, operation) = follow(&[
            running(&[("a", Pending), ("b", Running)]),
            running(&[("a", Succeeded), ("b", Running)]),
            running(&[("a", Running), ("b", Running)]),
            running(&[("a", Succeeded), ("b", Running)]),
            running(&[("a", Succeeded), ("b", Running)]),
            running(&[("a", Failed), ("b", Running)]),
        ]);
        let expected = [
            (0, 0, 2),
            (0, 0, 2),
            (0, 0, 2),
            (0, 0, 2),
            (1, 0, 1),
            (1, 0, 1),
        ];
        assert_eq!(tallies, expected);
        assert_eq!(operation.phase, Phase::Running);
    }

    #[test]
    fn the_operation_stays_open_as_long_as_its_task() {
        let all = running(&[("a", Succeeded), ("b", Failed)]);
        let (tallies, _) = follow(&[all.clone(), all.clone(), all.clone(), all]);
        assert_eq!(tallies, [(0, 0, 2), (1, 0, 1), (1, 0, 1), (1, 0, 1)]);
    }

    #[test]
    fn an_operation_ends_as_its_task_does() {
        let a_b = |a, b| [("a", a), ("b", b)];
        for (state, end, resources, phase) in [
            (
                Watched::Succeeded,
                Outcome::Succeeded,
                vec![],
                Phase::Succeeded,
            ),
            (Watched::Failed, Outcome::Failed, vec![], Phase::Failed),
            (Watched::Partial, Outcome::Partial, vec![], Phase::Failed),
            (
                Watched::Succeeded,
                Outcome::Succeeded,
                a_b(Succeeded, Succeeded).to_vec(),
                Phase::Succeeded,
            ),
            (
                Watched::Succeeded,
                Outcome::Succeeded,
                a_b(Succeeded, Running).to_vec(),
                Phase::Succeeded,
            ),
            (
                Watched::Failed,
                Outcome::Failed,
                a_b(Failed, Running).to_vec(),
                Phase::Failed,
            ),
            (
                Watched::Failed,
                Outcome::Failed,
                a_b(Succeeded, Succeeded).to_vec(),
                Phase::Partial,
            ),
            (
                Watched::Partial,
                Outcome::Partial,
                a_b(Succeeded, Failed).to_vec(),
                Phase::Partial,
            ),
        ] {
            let last = (seen(state, &resources), Some(end));
            let (_, once) = follow(std::slice::from_ref(&last));
            assert_eq!(once.phase, phase, "{last:?}");
            let before = running(&resources);
            let (_, later) = follow(&[before.clone(), before.clone(), before, last]);
            assert_eq!(later.phase, phase, "{resources:?} after a while");
        }
    }

    #[test]
    fn what_the_cloud_does_not_know_is_no_failure() {
        for was_known in [true, false] {
            let mut operation = leased();
            assert!(!is_unknown(&operation));
            let end = Some(Outcome::Unknown { was_known });
            let report = mirror(&operation, None, end, &[]).report.unwrap();
            carry_out(&mut operation, &Command::Report(report));
            assert_eq!(operation.phase, Phase::Expired);
            assert!(is_unknown(&operation));
        }
    }

    #[test]
    fn nothing_is_told_twice_and_nothing_over_a_limit() {
        let mut told = seen(Watched::Queued, &[("a", Running)]);
        told.message = Some("é".repeat(limits::PAYLOAD_BYTES_MAX));
        told.resources[0].output = Some(Json::from_checked("x".repeat(70_000)));
        let mut operation = leased();
        let report = mirror(&operation, Some(&told), None, &[]).report.unwrap();
        assert_eq!(report.results[0].outcome.output, None);
        carry_out(&mut operation, &Command::Report(report));
        let message = operation.progress.message.as_ref().unwrap();
        assert_eq!(message.len(), limits::PAYLOAD_BYTES_MAX);
        assert_eq!(
            mirror(&operation, Some(&told), None, &[]),
            Mirrored::default()
        );
    }
}
