//! One watched task, from the first poll to its end.
//!
//! What ends a watch has to be said clearly, and an error of a poll is never an error of the task:
//!
//! - An end that the cloud states, and that nothing contradicts, is final at once. What the cloud says later is not
//!   asked for and not heard: somebody has acted on the end already.
//! - An end is contradicted when a listed resource is unfinished, when one failed and the whole is said to have
//!   succeeded, or when a resource that was listed before is missing. Such an end is nothing until it has been said
//!   three times in a row over two seconds; until then nobody is told, so nobody has to be told otherwise. Then it
//!   holds, as the cloud's word on the whole is all there is.
//! - While the task runs, the newest word on a resource holds, even one that takes back an earlier word. A resource
//!   that is no longer listed stays as it was last seen.
//! - "Unknown" may be a replica that lags behind. A task that nobody has seen is believed to be unknown after three
//!   such answers over two seconds, long enough for a submission to spread and short enough for a mistyped id; one that
//!   was seen, after five over fifteen seconds. It is an outcome of its own: the task may have ended either way.
//! - That we may not ask, or ask wrongly, is believed when it is said twice over a second, and a wrong clock when it is
//!   said three times, the last two of them after corrections. What proves nothing, such as an outage or a throttled
//!   poll, does not break such a row; any other word of the cloud does.
//! - Outages, throttling and words that we do not know end nothing. Only the deadline does.

use crate::advice::{Answer, Next, Outcome, Reason, Step, Trouble};
use crate::pace::{Chance, Pace, Rhythm};
use longrun_dialects::{Observation, Observed, QueryError, Retry, Watched};
use longrun_model::limits::RESOURCES_MAX;
use longrun_model::{Mix, Timestamp};
use std::collections::HashSet;

/// One watched task.
///
/// All instants that it is handed are of one clock, the one that polls are signed with.
#[derive(Clone, Debug)]
pub struct Watch {
    pace: Pace,
    next: Next,
    seen: Option<Observation>,
    seen_at: Option<Timestamp>,
    doubt: Option<Doubt>,
    trouble: Option<Trouble>,
    has_met_cloud: bool,
    clock_offset_millis: Option<i64>,
}

impl Watch {
    /// A watch that wants to ask at once.
    pub const fn new(rhythm: Rhythm, deadline: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            pace: Pace::new(rhythm, deadline),
            next: Next::AskAt(now),
            seen: None,
            seen_at: None,
            doubt: None,
            trouble: None,
            has_met_cloud: false,
            clock_offset_millis: None,
        }
    }

    /// The same watch, of a task that was seen before: what was stored when a server went down.
    #[must_use]
    pub fn resumed(mut self, seen: Observation, seen_at: Timestamp) -> Self {
        self.seen = Some(seen);
        self.seen_at = Some(seen_at);
        self
    }

    /// What is known of the task.
    pub const fn seen(&self) -> Option<&Observation> {
        self.seen.as_ref()
    }

    /// What is known of the task, when the watch is no longer needed.
    pub fn into_seen(self) -> Option<Observation> {
        self.seen
    }

    /// When the cloud last confirmed what is known.
    pub const fn seen_at(&self) -> Option<Timestamp> {
        self.seen_at
    }

    /// What was wrong with the last poll, if something was.
    pub const fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// What to add to the clock when signing, if the cloud refused ours and told its own.
    pub const fn clock_offset_millis(&self) -> Option<i64> {
        self.clock_offset_millis
    }

    /// Lets time pass. Says what to do next, as often as it is asked.
    pub fn tick(&mut self, now: Timestamp) -> Next {
        let is_late = self.pace.deadline().is_some_and(|deadline| now >= deadline);
        if is_late && !self.next.is_over() {
            let reason = match self.trouble.clone() {
                Some(trouble) if !self.has_met_cloud => Reason::Unreachable(trouble),
                trouble => Reason::TimedOut { trouble },
            };
            self.next = Next::GaveUp(reason);
        }
        self.next.clone()
    }

    /// Takes in what came of a poll. An end that arrives late is still the end; anything else then meets the deadline.
    pub fn answered(&mut self, answer: Answer, now: Timestamp, chance: Chance) -> Step {
        if self.next.is_over() {
            return Step {
                changed: false,
                next: self.next.clone(),
            };
        }
        let (changed, next) = match answer {
            Answer::Observed(observation) => self.observed(observation, now, chance),
            Answer::Refused { error, cloud_time } => {
                (false, self.refused(error, cloud_time, now, chance))
            }
            Answer::Lost(why) => {
                self.trouble = Some(Trouble::Lost(why));
                (false, self.pace.failed(None, now, chance).into())
            }
        };
        self.next = next;
        Step {
            changed,
            next: self.tick(now),
        }
    }

    fn observed(
        &mut self,
        mut observation: Observation,
        now: Timestamp,
        chance: Chance,
    ) -> (bool, Next) {
        self.has_met_cloud = true;
        self.trouble = None;
        let outcome = Outcome::of(&observation.state);
        let is_odd =
            contradicts_itself(&observation) | keep_unlisted(&mut observation, self.seen.as_ref());
        match outcome {
            Some(end) if is_odd && !self.believes(Word::End(end), now) => {
                let is_new = self.doubt.is_some_and(|doubt| doubt.times == 1);
                return (false, self.pace.answered(is_new, now, chance).into());
            }
            Some(_) => {}
            None => self.doubt = None,
        }
        let changed = self.seen.as_ref() != Some(&observation);
        self.seen = Some(observation);
        self.seen_at = Some(now);
        match outcome {
            Some(end) => (changed, Next::Ended(end)),
            None => (changed, self.pace.answered(changed, now, chance).into()),
        }
    }

    fn refused(
        &mut self,
        error: QueryError,
        cloud_time: Option<Timestamp>,
        now: Timestamp,
        chance: Chance,
    ) -> Next {
        let (word, after_millis) = match error.retry {
            Retry::Again { after_millis } => (None, after_millis),
            Retry::Clock => {
                let offset = cloud_time.map(|there| there.millis_since(now));
                self.clock_offset_millis = offset.or(self.clock_offset_millis);
                (Some(Word::Clock), None)
            }
            Retry::Unknown => (Some(Word::Unknown), None),
            Retry::Forbidden => (Some(Word::Forbidden), None),
            Retry::Never => (Some(Word::Useless), None),
        };
        self.has_met_cloud |= word.is_some();
        if let Some(word) = word
            && self.believes(word, now)
        {
            return self.end(word, error);
        }
        self.trouble = Some(Trouble::Refused(error));
        match word {
            // Signed anew, the next poll should pass: there is nothing to wait for.
            Some(Word::Clock) => self.pace.answered(true, now, chance).into(),
            Some(_) | None => self.pace.failed(after_millis, now, chance).into(),
        }
    }

    /// Hears a word that ends the watch if it is repeated often and long enough. Says whether it was.
    fn believes(&mut self, word: Word, now: Timestamp) -> bool {
        let heard = self.doubt.filter(|doubt| doubt.word == word);
        let first = Doubt {
            word,
            times: 0,
            since: now,
        };
        let mut doubt = heard.unwrap_or(first);
        doubt.times = doubt.times.saturating_add(1);
        self.doubt = Some(doubt);
        let (times, span_millis) = word.proof(self.seen.is_some());
        doubt.times >= times && now.millis_since(doubt.since) >= span_millis
    }

    fn end(&self, word: Word, error: QueryError) -> Next {
        match word {
            Word::End(outcome) => Next::Ended(outcome),
            Word::Unknown => Next::Ended(Outcome::Unknown {
                was_known: self.seen.is_some(),
            }),
            Word::Forbidden => Next::GaveUp(Reason::NotAllowed(error)),
            Word::Useless => Next::GaveUp(Reason::Refused(error)),
            Word::Clock => Next::GaveUp(Reason::Clock {
                offset_millis: self.clock_offset_millis,
                error,
            }),
        }
    }
}

/// Something that would end the watch, and how often in a row it was said.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    word: Word,
    times: u32,
    since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    End(Outcome),
    Unknown,
    Forbidden,
    Useless,
    Clock,
}

impl Word {
    /// How often it must be said, and over how many milliseconds, to be believed.
    const fn proof(self, was_known: bool) -> (u32, i64) {
        match self {
            Self::Unknown if was_known => (5, 15_000),
            Self::End(_) | Self::Unknown => (3, 2_000),
            Self::Forbidden | Self::Useless => (2, 1_000),
            Self::Clock => (3, 0),
        }
    }
}

/// Whether the whole is said to have ended in a way that its resources deny.
fn contradicts_itself(observation: &Observation) -> bool {
    let has_succeeded = observation.state == Watched::Succeeded;
    let denies = |mix: Mix| mix.is_unfinished() || (has_succeeded && mix.has_failed());
    let mut resources = observation.resources.iter();
    resources.any(|resource| denies(resource.status.mix()))
}

/// Takes over what was seen before and is no longer listed. Says whether there was such a resource.
fn keep_unlisted(observation: &mut Observation, seen: Option<&Observation>) -> bool {
    fn ids(resources: &[Observed]) -> impl Iterator<Item = &str> {
        resources.iter().map(|resource| &*resource.id)
    }
    let known = seen.map_or(&[][..], |seen| &seen.resources);
    // Nearly always the same ones are listed in the same order.
    if ids(known).eq(ids(&observation.resources)) {
        return false;
    }
    let listed: HashSet<&str> = ids(&observation.resources).collect();
    let is_unlisted = |resource: &&Observed| !listed.contains(&*resource.id);
    let unlisted: Vec<_> = known.iter().filter(is_unlisted).cloned().collect();
    let has_shrunk = !unlisted.is_empty();
    // A cloud that names other resources every time would otherwise fill the memory.
    let room = RESOURCES_MAX.saturating_sub(observation.resources.len());
    observation
        .resources
        .extend(unlisted.into_iter().take(room));
    has_shrunk
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_model::ResourceStatus::{self, Failed, Running, Succeeded};

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn observed(state: Watched, resources: &[(&str, ResourceStatus)]) -> Answer {
        let resources = resources.iter().map(|(id, status)| Observed {
            kind: None,
            id: (*id).to_owned(),
            status: *status,
            output: None,
            error: None,
        });
        Answer::Observed(Observation {
            kind: None,
            state,
            resources: resources.collect(),
            output: None,
            message: None,
            error: None,
        })
    }

    fn running(resources: &[(&str, ResourceStatus)]) -> Answer {
        observed(Watched::Running(Mix::UNFINISHED), resources)
    }

    fn error(retry: Retry) -> QueryError {
        QueryError {
            code: "code".to_owned(),
            message: "words".to_owned(),
            retry,
        }
    }

    fn refused(retry: Retry) -> Answer {
        Answer::Refused {
            error: error(retry),
            cloud_time: None,
        }
    }

    fn throttled() -> Answer {
        refused(Retry::Again {
            after_millis: Some(3_000),
        })
    }

    fn lost() -> Answer {
        Answer::Lost("connection reset".into())
    }

    fn watch() -> Watch {
        Watch::new(Rhythm::WAIT, Some(at(600_000)), at(0))
    }

    /// Answers once a second, from second 0 on, and gives the second of the end and what it was.
    fn play(watch: &mut Watch, answers: impl IntoIterator<Item = Answer>) -> (i64, Next) {
        let mut last = (-1, watch.tick(at(0)));
        for (answer, second) in answers.into_iter().zip(0..) {
            let next = watch.answered(answer, at(second * 1_000), Chance(0)).next;
            if !last.1.is_over() {
                last = (second, next);
            }
        }
        last
    }

    #[test]
    fn a_plain_end_is_final_at_once() {
        for (state, status, outcome) in [
            (Watched::Succeeded, Succeeded, Outcome::Succeeded),
            (Watched::Failed, Failed, Outcome::Failed),
            (Watched::Partial, Failed, Outcome::Partial),
        ] {
            let end = observed(state.clone(), &[("a", status)]);
            let mut watch = watch();
            let answers = [running(&[("a", Running)]), end, running(&[("a", Running)])];
            assert_eq!(play(&mut watch, answers), (1, Next::Ended(outcome)));
            assert_eq!(
                watch.seen().unwrap().state,
                state,
                "no word after it counts"
            );
        }
    }

    #[test]
    fn a_contradicted_end_must_be_repeated() {
        let seen = [("a", Succeeded), ("b", Running)];
        for (what, state, resources, second) in [
            ("one is unfinished", Watched::Succeeded, &seen[..], 3),
            ("one is missing", Watched::Succeeded, &seen[..1], 3),
            ("all are missing", Watched::Failed, &[], 3),
            (
                "one failed",
                Watched::Succeeded,
                &[("a", Succeeded), ("b", Failed)],
                3,
            ),
            (
                "a failure of the whole may have good parts",
                Watched::Failed,
                &[("b", Succeeded), ("a", Failed)],
                1,
            ),
            (
                "one is new",
                Watched::Succeeded,
                &[("c", Succeeded), ("a", Succeeded), ("b", Succeeded)],
                1,
            ),
        ] {
            let mut watch = watch();
            let end = observed(state, resources);
            let answers = [running(&seen), end.clone(), end.clone(), end];
            assert_eq!(play(&mut watch, answers).0, second, "{what}");
        }
    }

    #[test]
    fn a_flapping_task_is_told_only_as_far_as_it_is_true() {
        let (odd, both) = ([("a", Succeeded)], [("a", Succeeded), ("b", Running)]);
        let mut watch = watch();
        let mut changes = Vec::new();
        for (answer, second) in [
            running(&both),
            observed(Watched::Succeeded, &odd),
            observed(Watched::Succeeded, &odd),
            running(&both),
            observed(Watched::Succeeded, &odd),
            running(&odd),
        ]
        .into_iter()
        .zip(0..)
        {
            let step = watch.answered(answer, at(second * 1_000), Chance(0));
            assert!(!step.next.is_over(), "in second {second}");
            changes.push(step.changed);
        }
        assert_eq!(changes, [true, false, false, false, false, false]);
        let ids = watch.seen().unwrap().resources.iter();
        assert_eq!(ids.map(|it| &*it.id).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn the_word_that_ends_a_watch_is_said_more_than_once() {
        let unknown = |was_known| Next::Ended(Outcome::Unknown { was_known });
        let not_allowed = Next::GaveUp(Reason::NotAllowed(error(Retry::Forbidden)));
        for (retry, known, second, expected) in [
            (Retry::Unknown, false, 2, unknown(false)),
            (Retry::Unknown, true, 15, unknown(true)),
            (Retry::Forbidden, false, 1, not_allowed.clone()),
            (Retry::Forbidden, true, 1, not_allowed),
            (
                Retry::Never,
                true,
                1,
                Next::GaveUp(Reason::Refused(error(Retry::Never))),
            ),
        ] {
            let mut watch = watch();
            if let (Answer::Observed(seen), true) = (running(&[]), known) {
                watch = watch.resumed(seen, at(-1));
            }
            let answers = std::iter::repeat_n(refused(retry), 30);
            assert_eq!(play(&mut watch, answers), (second, expected), "{retry:?}");
        }
    }

    #[test]
    fn noise_neither_breaks_a_row_nor_makes_one() {
        let gap = |between: fn() -> Answer| {
            let pair = move |_| [refused(Retry::Unknown), between()];
            play(&mut watch(), (0..10).flat_map(pair))
        };
        let unknown = Next::Ended(Outcome::Unknown { was_known: false });
        assert_eq!(gap(lost), (4, unknown.clone()));
        assert_eq!(gap(throttled), (4, unknown));
        assert!(!gap(|| running(&[])).1.is_over());
        assert!(!gap(|| refused(Retry::Forbidden)).1.is_over());
    }

    #[test]
    fn a_wrong_clock_is_measured_and_given_up_on_only_when_corrected() {
        let ahead = |second: i64| Answer::Refused {
            error: error(Retry::Clock),
            cloud_time: Some(at((second + 3_600) * 1_000)),
        };
        let mut cured = watch();
        cured.answered(ahead(0), at(0), Chance(0));
        assert_eq!(cured.clock_offset_millis(), Some(3_600_000));
        assert_eq!(cured.tick(at(0)), Next::AskAt(at(125)), "soon");
        assert!(cured.answered(running(&[]), at(125), Chance(0)).changed);
        for (answers, offset_millis) in [
            ((0..3).map(ahead).collect(), Some(3_600_000)),
            (vec![refused(Retry::Clock); 3], None),
        ] {
            let reason = Reason::Clock {
                offset_millis,
                error: error(Retry::Clock),
            };
            assert_eq!(play(&mut watch(), answers), (2, Next::GaveUp(reason)));
        }
    }

    #[test]
    fn the_deadline_says_what_was_wrong_last() {
        let reset = Trouble::Lost("connection reset".into());
        let timed_out = |trouble| Reason::TimedOut { trouble };
        for (answers, reason) in [
            (vec![], timed_out(None)),
            (vec![running(&[])], timed_out(None)),
            (vec![running(&[]), lost()], timed_out(Some(reset.clone()))),
            (vec![lost(), running(&[])], timed_out(None)),
            (vec![throttled(), lost()], Reason::Unreachable(reset)),
        ] {
            let mut watch = watch();
            assert!(!play(&mut watch, answers).1.is_over());
            assert!(!watch.tick(at(599_999)).is_over());
            assert_eq!(watch.tick(at(600_000)), Next::GaveUp(reason));
        }
    }

    #[test]
    fn an_answer_after_the_deadline_counts_only_as_an_end() {
        let late = |answer| watch().answered(answer, at(600_000), Chance(0)).next;
        let end = observed(Watched::Failed, &[]);
        assert_eq!(late(end), Next::Ended(Outcome::Failed));
        assert!(matches!(late(running(&[])), Next::GaveUp(_)));
    }
}
