//! Resources as blobs: one record after the other.

use super::code::{status_code, status_of};
use super::{FailureRecord, Unreadable, begin, body, json, put, take, text};
use longrun_model::{Failure, Resource};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct ResourceRecord<'a> {
    id: &'a str,
    kind: Option<&'a str>,
    input: Option<&'a str>,
    status: u8,
    output: Option<&'a str>,
    #[serde(borrow)]
    error: Option<FailureRecord<'a>>,
}

/// Writes `resources` into `blob`.
pub(crate) fn write_resources(resources: &[(u32, Resource)], blob: &mut Vec<u8>) {
    begin(blob);
    for (_, resource) in resources {
        let record = ResourceRecord {
            id: resource.id.as_str(),
            kind: resource.kind.as_deref(),
            input: text(resource.input.as_ref()),
            status: status_code(resource.status),
            output: text(resource.output.as_ref()),
            error: resource.error.as_deref().map(FailureRecord::from),
        };
        put(blob, &record);
    }
}

/// Adds the `count` resources that `blob` must hold, the first of them with the index `first`.
pub(crate) fn read_resources(
    blob: &[u8],
    first: u32,
    count: u32,
    resources: &mut Vec<(u32, Resource)>,
) -> Result<(), Unreadable> {
    let mut rest = body(blob)?;
    for index in first..first + count {
        let record: ResourceRecord<'_> = take(&mut rest)?;
        let resource = Resource {
            id: record.id.into(),
            kind: record.kind.map(Box::from),
            input: json(record.input),
            status: status_of(record.status)?,
            output: json(record.output),
            error: record.error.map(|error| Box::new(Failure::from(error))),
        };
        resources.push((index, resource));
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(Unreadable)
    }
}
