//! The envelope of every answer of API 2.0. The HTTP status is 200 for errors too: two of the vendor's three clients
//! refuse any other without a look at the body.

use super::fault::{self, Modules};
use crate::{Fault, Reply, wire};
use longrun_model::Operation;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<D> {
    code: u16,
    message: &'static str,
    code_desc: &'static str,
    data: D,
}

/// An answer without data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bare<'a> {
    code: u16,
    message: &'a str,
    code_desc: &'static str,
}

/// An answer that tells something. The message is what the product's own document shows.
///
/// The bare-metal page leaves `codeDesc` out and the newer ones have it; it is always sent.
pub(crate) fn success(message: &'static str, data: impl Serialize) -> Reply {
    Reply::json(wire::to_json(&Success {
        code: 0,
        message,
        code_desc: "Success",
        data,
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Submitted {
    task_id: u64,
}

/// An answer that tells the number to ask by.
pub(crate) fn submitted(operation: &Operation) -> Reply {
    let task_id = operation.key.get();
    success("", Submitted { task_id })
}

/// An answer that tells nothing but that it is done.
pub(crate) fn done() -> Reply {
    Reply::json(wire::to_json(&Bare {
        code: 0,
        message: "",
        code_desc: "Success",
    }))
}

/// An answer that refuses.
pub(crate) fn refusal(fault: &Fault, modules: &Modules) -> Reply {
    let error = fault::error(fault, modules);
    Reply::json(wire::to_json(&Bare {
        code: error.code,
        message: &error.message(fault),
        code_desc: error.code_desc,
    }))
}
