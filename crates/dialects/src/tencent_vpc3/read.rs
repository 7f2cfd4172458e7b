//! Reading what vpc answers. The two actions have the word in fields of different names.

use crate::tencent::read::{Object, compact};
use crate::{Observation, Observed, Watched};
use longrun_model::{Failure, Json, Mix, ResourceStatus};
use serde_json::value::RawValue;

/// Reads an envelope that tells something.
pub(super) fn read(response: &Object) -> Observation {
    let word = response
        .word("Status")
        .or_else(|| response.word("Result"))
        .unwrap_or_default();
    let listed = response.array("Result").unwrap_or_default();
    let told = response.word("Output").filter(|told| !told.is_empty());
    let output = told.as_deref().and_then(json);
    let state = state(word);
    let message = told.filter(|_| output.is_none());
    let failure = || Failure::new("FAILED", message.clone().unwrap_or_default());
    Observation {
        kind: None,
        error: (state == Watched::Failed).then(failure),
        state,
        resources: listed.into_iter().filter_map(observed).collect(),
        output,
        message,
    }
}

/// The text, if it is JSON.
fn json(text: &str) -> Option<Json> {
    serde_json::from_str::<&RawValue>(text).ok()?;
    Some(compact(text))
}

fn state(word: String) -> Watched {
    match word.to_ascii_uppercase().as_str() {
        "SUCCESS" => Watched::Succeeded,
        "FAILED" => Watched::Failed,
        "RUNNING" => Watched::Running(Mix::UNFINISHED),
        _ => Watched::Unclear(word),
    }
}

fn observed(json: &RawValue) -> Option<Observed> {
    let object = Object::read(json.get())?;
    let word = object.word("Status").unwrap_or_default();
    let status = match word.to_ascii_uppercase().as_str() {
        "SUCCESS" => ResourceStatus::Succeeded,
        "FAILED" => ResourceStatus::Failed,
        // A word that we do not know is neither an end nor a success.
        _ => ResourceStatus::Running,
    };
    Some(Observed {
        kind: None,
        id: object.word("ResourceId")?,
        status,
        output: None,
        error: None,
    })
}
