//! How an operation is laid out in rows, the same in every database.
//!
//! Few resources stand in the operation's own row; many stand in chunks, so that a report on a few of them reads and
//! writes only those. The beginning of the history stands in the operation's own row too.

use crate::StoreError;
use crate::record::{self, Unreadable};
use longrun_model::{Operation, OperationKey, Resource, ResourceStatus, Resources, Tally};
use std::collections::BTreeSet;

/// How many resources stand together. An operation with no more than that has them in its own row.
pub(crate) const CHUNK: u32 = 64;

/// How many bytes of an operation's history stand in its own row, where the next event costs least. Later ones have rows
/// of their own, so that a long history does not make every change dear.
pub(crate) const EVENTS_BYTES_MAX: usize = 512;

/// Whether an operation with `total` resources has them in chunks.
pub(crate) const fn is_chunked(total: u32) -> bool {
    total > CHUNK
}

/// The indexes of the resources in a chunk: the first one, and how many.
pub(crate) fn span(number: u32, total: u32) -> (u32, u32) {
    let first = number * CHUNK;
    (first, CHUNK.min(total - first))
}

/// The numbers of the chunks that hold the resources with these indexes.
pub(crate) fn chunks_of(indexes: &BTreeSet<u32>) -> BTreeSet<u32> {
    indexes.iter().map(|index| index / CHUNK).collect()
}

/// Writes one chunk of `operation` into `blob`. The whole chunk must be loaded.
pub(crate) fn write_chunk(operation: &Operation, number: u32, blob: &mut Vec<u8>) {
    let (first, count) = span(number, operation.resources.total());
    let loaded = operation.resources.indexed();
    let from = loaded.partition_point(|(index, _)| *index < first);
    let chunk = &loaded[from..from + count as usize];
    assert!(
        chunk
            .last()
            .is_some_and(|(index, _)| *index == first + count - 1),
        "resources are loaded by whole chunks"
    );
    record::write_resources(chunk, blob);
}

/// Adds the resources of one chunk of the operation `key`, which has `total` of them.
pub(crate) fn read_chunk(
    key: OperationKey,
    total: u32,
    number: u32,
    blob: &[u8],
    resources: &mut Vec<(u32, Resource)>,
) -> Result<(), StoreError> {
    let (first, count) = span(number, total);
    record::read_resources(blob, first, count, resources).map_err(unreadable("a resource", key))
}

/// Gives `operation` the resources that stand in its own row: all of them, unless they are many.
pub(crate) fn read_own_resources(
    operation: &mut Operation,
    blob: Option<&[u8]>,
) -> Result<(), StoreError> {
    let total = operation.tally.total;
    if operation.removed || is_chunked(total) {
        return Ok(());
    }
    let unreadable = unreadable("a resource", operation.key);
    let blob = blob.ok_or_else(|| unreadable(Unreadable))?;
    let mut resources = Vec::with_capacity(total as usize);
    record::read_resources(blob, 0, total, &mut resources).map_err(unreadable)?;
    operation.resources = Resources::part(total, resources);
    check_tally(operation)
}

/// Says which part of which operation is damaged.
pub(crate) fn unreadable(
    what: &'static str,
    key: OperationKey,
) -> impl Fn(Unreadable) -> StoreError {
    move |Unreadable| StoreError::Unreadable {
        what,
        key: key.get(),
    }
}

/// The number of the row of an operation.
pub(crate) const fn row_id(key: OperationKey) -> i64 {
    key.get().cast_signed()
}

/// The key of the operation in the row with this number.
pub(crate) fn key_of(row_id: i64) -> Result<OperationKey, StoreError> {
    let key = row_id.cast_unsigned();
    OperationKey::new(key).ok_or(StoreError::Unreadable {
        what: "the key",
        key,
    })
}

/// Refuses an aggregate that the resources do not bear out: going on with it would spread the damage.
pub(crate) fn check_tally(operation: &Operation) -> Result<(), StoreError> {
    let mut loaded = Tally::default();
    for resource in operation.resources.iter() {
        loaded.total += 1;
        match resource.status {
            ResourceStatus::Pending | ResourceStatus::Running => (),
            ResourceStatus::Succeeded => loaded.succeeded += 1,
            ResourceStatus::Failed => loaded.failed += 1,
            ResourceStatus::Cancelled => loaded.cancelled += 1,
        }
    }
    let tally = operation.tally;
    let agrees = if operation.resources.is_whole() {
        loaded == tally
    } else {
        loaded.succeeded <= tally.succeeded
            && loaded.failed <= tally.failed
            && loaded.cancelled <= tally.cancelled
            && loaded.unfinished() <= tally.unfinished()
    };
    if agrees {
        Ok(())
    } else {
        Err(unreadable("the tally", operation.key)(Unreadable))
    }
}
