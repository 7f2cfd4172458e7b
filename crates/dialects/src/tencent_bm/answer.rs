//! The answer: the set of what the machines are, and what each of them is.
//!
//! The table of the document calls the list `resourceIds`, all of its examples `instanceIds`; clients read the latter.

use crate::tencent::envelope;
use crate::{Action, Reply};
use longrun_model::{Operation, Resources};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
struct Data<'o> {
    status: u8,
    #[serde(rename = "instanceIds")]
    machines: Machines<'o>,
}

/// The resources, written without a list of them in between.
struct Machines<'o>(&'o Resources);

#[derive(Serialize)]
struct Machine<'o> {
    #[serde(rename = "instanceId")]
    id: &'o str,
    status: u8,
}

impl Serialize for Machines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|resource| Machine {
            id: resource.id.as_str(),
            status: resource.status.mix().code(),
        }))
    }
}

/// Answers a submission with the number to ask by.
pub(super) const TASK_ID: &str = "taskId";
/// Answers a submission with nothing.
pub(super) const NULL: &str = "null";

/// Tells that `operation` was made.
pub(super) fn submitted(operation: &Operation, action: &Action) -> Reply {
    if &*action.answer == NULL {
        envelope::success("", ())
    } else {
        envelope::submitted(operation)
    }
}

/// Tells how `operation` stands.
pub(super) fn answer(operation: &Operation) -> Reply {
    let data = Data {
        status: operation.mix().code(),
        machines: Machines(&operation.resources),
    };
    envelope::success("OK", data)
}
