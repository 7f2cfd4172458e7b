//! Reading what bare metal answers.

use crate::Observation;
use crate::tencent::read::Object;
use crate::tencent_bm::read::observation;
use serde_json::value::RawValue;

/// Reads an envelope that tells something.
pub(super) fn read(response: &Object) -> Observation {
    let listed = response.array("SubtaskStatusSet").unwrap_or_default();
    let machines = listed.into_iter().filter_map(machine);
    observation(response.word("TaskStatus"), machines, None)
}

fn machine(json: &RawValue) -> Option<(String, Option<String>)> {
    let object = Object::read(json.get())?;
    Some((object.word("InstanceId")?, object.word("TaskStatus")))
}
