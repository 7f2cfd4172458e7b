//! How a target stands, in the same words for a server's operations and for clouds' tasks.

use crate::client::wire::{self, Failure};
use longrun_dialects::{Observation, Observed, Watched};
use longrun_model::{Json, Mix};
use serde::Serialize;
use serde_json::value::RawValue;

/// How a target stands.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resources: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,
}

/// How one of its resources stands.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,
}

/// How many resources stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) unfinished: u64,
}

impl Count {
    /// Counts a resource.
    pub(super) fn add(&mut self, part: &Part) {
        match part.status.as_str() {
            "succeeded" => self.succeeded += 1,
            _ if part.has_ended() => self.failed += 1,
            _ => self.unfinished += 1,
        }
    }

    /// How many there are.
    pub(super) const fn whole(self) -> u64 {
        self.succeeded + self.failed + self.unfinished
    }

    /// How many there are of each sort, of which there are any.
    pub(super) fn words(self) -> Vec<String> {
        let counted = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.unfinished, "unfinished"),
        ];
        let counted = counted.iter().filter(|(number, _)| *number > 0);
        let words = counted.map(|(number, word)| format!("{number} {word}"));
        words.collect()
    }
}

impl Part {
    /// Whether nothing more will happen to it.
    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "running")
    }

    /// Its status, and what went wrong.
    pub(super) fn words(&self) -> String {
        match &self.error {
            None => self.status.clone(),
            Some(error) => format!("{}: {}", self.status, error_words(error)),
        }
    }
}

impl View {
    /// How many of its resources stand how.
    pub(super) fn count(&self) -> Count {
        let mut count = Count::default();
        for part in &self.resources {
            count.add(part);
        }
        count
    }

    /// The status, the tally, and what is said about it, in one line.
    pub(super) fn words(&self) -> String {
        let percent = self.percent.map(|percent| format!("{percent} %"));
        let error = self.error.as_ref().map(error_words);
        let said = error.or_else(|| self.message.clone());
        let words: Vec<String> = std::iter::once(self.status.clone())
            .chain(self.count().words())
            .chain(percent)
            .chain(said)
            .collect();
        words.join(", ")
    }

    /// The resources whose status is another than in `before`.
    pub(super) fn changed_since<'v>(&'v self, before: Option<&'v Self>) -> Vec<&'v Part> {
        let known: std::collections::HashMap<&str, &str> = before
            .into_iter()
            .flat_map(|view| &view.resources)
            .map(|part| (&*part.id, &*part.status))
            .collect();
        let is_new = |part: &&Part| known.get(&*part.id).is_none_or(|it| *it != part.status);
        self.resources.iter().filter(is_new).collect()
    }
}

/// What went wrong, whole.
pub(super) fn error_words(error: &Failure) -> String {
    match (error.code.as_str(), error.message.trim()) {
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

impl From<&Observation> for View {
    fn from(seen: &Observation) -> Self {
        let (status, message) = match &seen.state {
            Watched::Queued => ("queued", None),
            Watched::Running(mix) => ("running", parts_of(*mix, seen)),
            Watched::Succeeded => ("succeeded", None),
            Watched::Failed => ("failed", None),
            Watched::Partial => ("partial", None),
            Watched::Unclear(word) if word.is_empty() => {
                ("unclear", Some("the cloud tells no status".to_owned()))
            }
            Watched::Unclear(word) => ("unclear", Some(format!("the cloud says `{word}`"))),
        };
        Self {
            status: status.to_owned(),
            percent: None,
            message: message.or_else(|| seen.message.clone()),
            resources: seen.resources.iter().map(Part::from).collect(),
            output: seen.output.as_ref().and_then(raw),
            error: seen.error.as_ref().map(failure),
        }
    }
}

/// What the whole says of resources that it does not list.
fn parts_of(mix: Mix, seen: &Observation) -> Option<String> {
    let words = match (mix.has_succeeded(), mix.has_failed()) {
        (true, true) => "some succeeded, some failed",
        (true, false) => "some succeeded",
        (false, true) => "some failed",
        (false, false) => return None,
    };
    seen.resources.is_empty().then(|| words.to_owned())
}

impl From<&Observed> for Part {
    fn from(seen: &Observed) -> Self {
        Self {
            id: seen.id.clone(),
            status: seen.status.as_str().to_owned(),
            output: seen.output.as_ref().and_then(raw),
            error: seen.error.as_ref().map(failure),
        }
    }
}

impl From<wire::Operation> for View {
    fn from(operation: wire::Operation) -> Self {
        let progress = operation.progress;
        let resources = operation.resources.into_iter().map(|resource| Part {
            id: resource.id,
            status: resource.status,
            output: resource.output,
            error: resource.error,
        });
        Self {
            status: operation.status,
            percent: progress.as_ref().and_then(|progress| progress.percent),
            message: progress.and_then(|progress| progress.message),
            resources: resources.collect(),
            output: operation.output,
            error: operation.error,
        }
    }
}

fn failure(failure: &longrun_model::Failure) -> Failure {
    Failure {
        code: failure.code.to_string(),
        message: failure.message.to_string(),
        retryable: failure.retryable,
    }
}

fn raw(json: &Json) -> Option<Box<RawValue>> {
    RawValue::from_string(json.as_str().to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_model::ResourceStatus;

    fn observation(state: Watched, resources: &[(&str, ResourceStatus)]) -> View {
        let resources = resources.iter().map(|(id, status)| Observed {
            kind: None,
            id: (*id).to_owned(),
            status: *status,
            output: None,
            error: None,
        });
        View::from(&Observation {
            kind: None,
            state,
            resources: resources.collect(),
            output: None,
            message: None,
            error: None,
        })
    }

    #[test]
    fn a_target_in_one_line() {
        use ResourceStatus::{Cancelled, Failed, Running, Succeeded};
        let mix = |code| Mix::from_code(code).unwrap();
        for (state, resources, expected) in [
            (Watched::Queued, &[][..], "queued"),
            (Watched::Running(mix(4)), &[], "running"),
            (
                Watched::Running(mix(7)),
                &[],
                "running, some succeeded, some failed",
            ),
            (
                Watched::Running(mix(7)),
                &[
                    ("a", Succeeded),
                    ("b", Failed),
                    ("c", Cancelled),
                    ("d", Running),
                ],
                "running, 1 succeeded, 2 failed, 1 unfinished",
            ),
            (
                Watched::Partial,
                &[("a", Succeeded)],
                "partial, 1 succeeded",
            ),
            (
                Watched::Unclear(String::new()),
                &[],
                "unclear, the cloud tells no status",
            ),
            (
                Watched::Unclear("HUH".into()),
                &[],
                "unclear, the cloud says `HUH`",
            ),
        ] {
            let told = format!("{state:?}");
            assert_eq!(observation(state, resources).words(), expected, "{told}");
        }
    }

    #[test]
    fn only_changed_resources_are_told() {
        use ResourceStatus::{Running, Succeeded};
        let state = || Watched::Running(Mix::UNFINISHED);
        let before = observation(state(), &[("a", Running), ("b", Running)]);
        let after = observation(state(), &[("b", Succeeded), ("a", Running), ("c", Running)]);
        let ids = |parts: Vec<&Part>| parts.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(after.changed_since(Some(&before))), ["b", "c"]);
        assert_eq!(ids(before.changed_since(None)), ["a", "b"]);
    }

    #[test]
    fn errors_are_told_whole() {
        for (code, message, expected) in [
            ("", "words", "words"),
            ("C.1", "", "C.1"),
            ("C.1", "words\n", "C.1: words"),
        ] {
            let failure = longrun_model::Failure::new(code, message);
            assert_eq!(error_words(&super::failure(&failure)), expected);
        }
    }
}
