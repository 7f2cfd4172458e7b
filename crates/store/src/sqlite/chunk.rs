//! The resources of large operations, in chunks, so that a report on a few of them reads and writes only those.

use crate::StoreError;
use crate::sqlite::doing::Doing;
use crate::sqlite::record::{self, Unreadable};
use crate::sqlite::row::{blob, column, row_id, unreadable};
use longrun_model::{Operation, OperationKey, Resource, ResourceResult, Touch, limits};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// How many resources stand together. An operation with no more than that has them in its own row.
const CHUNK: u32 = 64;
/// How many bits of a chunk's key are its number; the others are the key of the operation.
const NUMBER_BITS: u32 = 11;

const _: () = assert!(
    limits::RESOURCES_MAX.div_ceil(CHUNK as usize) <= 1 << NUMBER_BITS
        && OperationKey::MAX.get() <= u64::MAX >> NUMBER_BITS,
    "every chunk of every operation has a key of its own"
);

/// Whether an operation with `total` resources has them in chunks.
pub(super) const fn is_chunked(total: u32) -> bool {
    total > CHUNK
}

/// The key of a chunk. Those of one operation follow each other.
const fn chunk_key(operation: OperationKey, number: u32) -> i64 {
    (operation.get() << NUMBER_BITS | number as u64).cast_signed()
}

/// The indexes of the resources in a chunk: the first one, and how many.
fn span(number: u32, total: u32) -> (u32, u32) {
    let first = number * CHUNK;
    (first, CHUNK.min(total - first))
}

/// The resources of a large operation that `touch` names, and whatever stands in the same chunks.
pub(super) fn load(
    connection: &Connection,
    key: OperationKey,
    total: u32,
    touch: Touch<'_>,
) -> Result<Vec<(u32, Resource)>, StoreError> {
    let numbers = match touch {
        Touch::Head => return Ok(Vec::new()),
        Touch::All => return load_all(connection, key, total),
        Touch::Named(results) => numbers_of(connection, key, total, results)?,
    };
    let mut statement = connection
        .prepare_cached("SELECT resources FROM chunk WHERE key = ?1")
        .doing("prepare to load a chunk")?;
    let unreadable = unreadable("a resource", key);
    let mut resources = Vec::with_capacity(numbers.len() * CHUNK as usize);
    for number in numbers {
        let (first, count) = span(number, total);
        let mut rows = statement
            .query([chunk_key(key, number)])
            .doing("load a chunk")?;
        let row = rows.next().doing("load a chunk")?;
        let row = row.ok_or_else(|| unreadable(Unreadable))?;
        let blob = blob(row, 0)?.unwrap_or_default();
        record::read_resources(blob, first, count, &mut resources).map_err(&unreadable)?;
    }
    Ok(resources)
}

/// All resources of a large operation.
pub(super) fn load_all(
    connection: &Connection,
    key: OperationKey,
    total: u32,
) -> Result<Vec<(u32, Resource)>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT key, resources FROM chunk WHERE key BETWEEN ?1 AND ?2 ORDER BY key")
        .doing("prepare to load chunks")?;
    let unreadable = unreadable("a resource", key);
    let last = total.div_ceil(CHUNK).saturating_sub(1);
    let mut rows = statement
        .query([chunk_key(key, 0), chunk_key(key, last)])
        .doing("load chunks")?;
    let mut resources = Vec::with_capacity(total as usize);
    for number in 0..=last {
        let (first, count) = span(number, total);
        let row = rows.next().doing("load chunks")?;
        let row = row.ok_or_else(|| unreadable(Unreadable))?;
        if column::<i64>(row, 0)? != chunk_key(key, number) {
            return Err(unreadable(Unreadable));
        }
        let blob = blob(row, 1)?.unwrap_or_default();
        record::read_resources(blob, first, count, &mut resources).map_err(&unreadable)?;
    }
    Ok(resources)
}

/// The numbers of the chunks that hold the resources with these names, as far as there are any.
fn numbers_of(
    connection: &Connection,
    key: OperationKey,
    total: u32,
    results: &[ResourceResult],
) -> Result<BTreeSet<u32>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT position FROM member WHERE operation = ?1 AND name = ?2")
        .doing("prepare to find a resource")?;
    let mut numbers = BTreeSet::new();
    for result in results {
        let position: Option<u32> = statement
            .query_row(params![row_id(key), result.id.as_str()], |row| row.get(0))
            .optional()
            .doing("find a resource")?;
        match position {
            Some(position) if position < total => _ = numbers.insert(position / CHUNK),
            Some(_) => return Err(unreadable("a resource's place", key)(Unreadable)),
            None => (),
        }
    }
    Ok(numbers)
}

/// Saves all resources of a new large operation.
pub(super) fn save_new(connection: &Connection, operation: &Operation) -> Result<(), StoreError> {
    let chunks = operation.resources.total().div_ceil(CHUNK);
    save(connection, operation, 0..chunks)?;
    let mut statement = connection
        .prepare_cached("INSERT INTO member (operation, name, position) VALUES (?1, ?2, ?3)")
        .doing("prepare to save a resource's place")?;
    for (index, resource) in operation.resources.indexed() {
        statement
            .execute(params![row_id(operation.key), resource.id.as_str(), index])
            .doing("save a resource's place")?;
    }
    Ok(())
}

/// Saves those chunks that hold the `changed` resources.
pub(super) fn save_changed(
    connection: &Connection,
    operation: &Operation,
    changed: &BTreeSet<u32>,
) -> Result<(), StoreError> {
    let numbers: BTreeSet<u32> = changed.iter().map(|index| index / CHUNK).collect();
    save(connection, operation, numbers)
}

fn save(
    connection: &Connection,
    operation: &Operation,
    numbers: impl IntoIterator<Item = u32>,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO chunk (key, resources) VALUES (?1, ?2)")
        .doing("prepare to save a chunk")?;
    let loaded = operation.resources.indexed();
    let mut blob = Vec::new();
    for number in numbers {
        let (first, count) = span(number, operation.resources.total());
        let from = loaded.partition_point(|(index, _)| *index < first);
        let chunk = &loaded[from..from + count as usize];
        assert!(
            chunk
                .last()
                .is_some_and(|(index, _)| *index == first + count - 1),
            "resources are loaded by whole chunks"
        );
        record::write_resources(chunk, &mut blob);
        statement
            .execute(params![chunk_key(operation.key, number), blob])
            .doing("save a chunk")?;
    }
    Ok(())
}

/// Deletes all resources of a large operation.
pub(super) fn delete(connection: &Connection, key: OperationKey) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM chunk WHERE key BETWEEN ?1 AND ?2")
        .and_then(|mut statement| {
            let last = (1 << NUMBER_BITS) - 1;
            statement.execute([chunk_key(key, 0), chunk_key(key, last)])
        })
        .doing("delete chunks")?;
    connection
        .prepare_cached("DELETE FROM member WHERE operation = ?1")
        .and_then(|mut statement| statement.execute([row_id(key)]))
        .doing("delete the places of resources")?;
    Ok(())
}
