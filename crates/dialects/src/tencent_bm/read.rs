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
    let machines = listed.into_iter().filter_map(machine);
    observation(data.word("status"), machines, envelope.message("message"))
}

fn machine(json: &RawValue) -> Option<(String, Option<String>)> {
    let object = Object::read(json.get())?;
    Some((object.word("instanceId")?, object.word("status")))
}

/// What the status of the whole and that of each machine tell. The status of a machine is a set as well, and a number
/// that is none counts as unfinished.
pub(crate) fn observation(
    status: Option<String>,
    machines: impl Iterator<Item = (String, Option<String>)>,
    message: Option<String>,
) -> Observation {
    let known = |word: Option<String>| word.and_then(|word| set(&word));
    let machines: Vec<(String, Mix)> = machines
        .map(|(id, status)| (id, known(status).unwrap_or(Mix::UNFINISHED)))
        .collect();
    let state = match status {
        Some(word) => state(&word, set(&word)),
        None => state("", union(&machines)),
    };
    Observation {
        kind: None,
        state,
        resources: machines.into_iter().map(observed).collect(),
        output: None,
        message,
        error: None,
    }
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
        kind: None,
        id,
        status,
        output: None,
        error: None,
    }
}
