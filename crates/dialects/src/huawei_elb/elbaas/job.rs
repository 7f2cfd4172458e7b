//! Jobs: what is told when one is made, and what stands in `entities` while it runs and afterwards.

use super::things::Thing;
use crate::{Lent, Reply, wire};
use longrun_model::{Json, Operation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// What the input of a job holds for its `entities`.
const ENTITIES: &str = "entities";

#[derive(Serialize)]
struct Submitted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    job_id: &'a str,
}

/// Tells that a job was made: where it can be asked about and which it is, or only the latter, as servers have it. The
/// path begins with `/v1`, though the page of the query says `/v1.0`: so it is in every document, and the Go library
/// makes `/v1.0` of it by itself.
pub(crate) fn submitted(operation: &Operation, answer: &str, lent: &Lent) -> Reply {
    let id = lent.ids.text(operation.key);
    let project = operation.project.as_ref();
    let project = project.map_or("", longrun_model::ProjectId::as_str);
    let job_id = id.digits();
    Reply::json(wire::to_json(&Submitted {
        uri: (answer == "job").then(|| format!("/v1/{project}/jobs/{job_id}")),
        job_id,
    }))
}

/// The input of a job with what its `entities` will hold.
pub(super) fn with_entities(input: &Thing, entities: Value) -> Json {
    let mut input: Map<String, Value> = input.clone();
    input.insert(ENTITIES.to_owned(), entities);
    Json::from_checked(Value::Object(input).to_string())
}

/// What a job that was made here has in its `entities`, once it has begun.
pub(crate) fn entities(operation: &Operation) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Input<'a> {
        #[serde(borrow)]
        entities: &'a RawValue,
    }

    let kinds = [
        "createELB",
        "updateELB",
        "deleteELB",
        "addMember",
        "removeMember",
    ];
    let input = operation.input.as_ref()?;
    if !kinds.contains(&operation.kind.as_str()) {
        return None;
    }
    let input: Input<'_> = serde_json::from_str(input.as_str()).ok()?;
    input
        .entities
        .get()
        .starts_with('{')
        .then_some(input.entities)
}
