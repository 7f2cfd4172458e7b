//! The answer: the set of what the machines are, and what each of them is.

use crate::tencent3::envelope;
use crate::{Lent, Reply};
use longrun_model::{Operation, Resources};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'o> {
    task_status: u8,
    subtask_status_set: Machines<'o>,
    request_id: String,
}

/// The resources, written without a list of them in between.
struct Machines<'o>(&'o Resources);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Machine<'o> {
    instance_id: &'o str,
    task_status: u8,
}

impl Serialize for Machines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|resource| Machine {
            instance_id: resource.id.as_str(),
            task_status: resource.status.mix().code(),
        }))
    }
}

/// Tells how `operation` stands.
pub(super) fn answer(operation: &Operation, lent: &Lent) -> Reply {
    envelope::success(Response {
        task_status: operation.mix().code(),
        subtask_status_set: Machines(&operation.resources),
        request_id: lent.request_id.to_string(),
    })
}
