//! Reading what bare metal answers.

use crate::tencent::read::Object;
use crate::{Observation, Observed, Watched};
use longrun_model::{Mix, ResourceStatus};
use serde_json::value::RawValue;

/// Reads an envelope that tells something.
pub(super) fn read(envelope: &Object) -> Observation {
    let data = envelope.object("data");
    let listed = data
        .array("instanceIds")
        .or_else(|| data.array("resourceIds"))
        .unwrap_or_default();
    let machines: Vec<_> = listed.into_iter().filter_map(machine).collect();
    let state = match data.word("status") {
        Some(word) => state(&word, set(&word)),
        None => state("", union(&machines)),
    };
    Observation {
        state,
        resources: machines.into_iter().map(observed).collect(),
        output: None,
        message: envelope.message("message"),
        error: None,
    }
}

/// One machine: its id, and the set that its status is. A number that is no set counts as unfinished.
fn machine(json: &RawValue) -> Option<(String, Mix)> {
    let object = Object::read(json.get())?;
    let status = object.word("status").and_then(|word| set(&word));
    Some((
        object.word("instanceId")?,
        status.unwrap_or(Mix::UNFINISHED),
    ))
}

fn set(word: &str) -> Option<Mix> {
    word.parse().ok().and_then(Mix::from_code)
}

/// What the machines are together, for an answer that has no status of the whole.
fn union(machines: &[(String, Mix)]) -> Option<Mix> {
    machines.iter().map(|(_, mix)| *mix).reduce(Mix::union)
}

fn state(word: &str, mix: Option<Mix>) -> Watched {
    match mix {
        None => Watched::Unclear(word.to_owned()),
        Some(mix) if mix.is_unfinished() => Watched::Running(mix),
        Some(Mix::SUCCEEDED) => Watched::Succeeded,
        Some(Mix::FAILED) => Watched::Failed,
        // Of the seven sets only the one with both is left.
        Some(_) => Watched::Partial,
    }
}

fn observed((id, mix): (String, Mix)) -> Observed {
    let status = if mix.is_unfinished() {
        ResourceStatus::Running
    } else if mix.has_failed() {
        ResourceStatus::Failed
    } else {
        ResourceStatus::Succeeded
    };
    Observed {
        id,
        status,
        output: None,
        error: None,
    }
}
