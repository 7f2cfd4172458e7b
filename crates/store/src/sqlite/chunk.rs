//! The resources of large operations, in chunks, so that a report on a few of them reads and writes only those.

use crate::StoreError;
use crate::doing::Doing;
use crate::layout::{self, CHUNK, row_id, unreadable};
use crate::record::Unreadable;
use crate::sqlite::row::{blob, column};
use crate::workset::Touched;
use longrun_model::{Operation, OperationKey, Resource, ResourceResult, Touch, limits};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// How many bits of a chunk's key are its number; the others are the key of the operation.
const NUMBER_BITS: u32 = 11;

const _: () = assert!(
    limits::RESOURCES_MAX.div_ceil(CHUNK as usize) <= 1 << NUMBER_BITS
        && OperationKey::MAX.get() <= u64::MAX >> NUMBER_BITS,
    "every chunk of every operation has a key of its own"
);

/// The key of a chunk. Those of one operation follow each other.
const fn chunk_key(operation: OperationKey, number: u32) -> i64 {
    (operation.get() << NUMBER_BITS | number as u64).cast_signed()
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
        let mut rows = statement
            .query([chunk_key(key, number)])
            .doing("load a chunk")?;
        let row = rows.next().doing("load a chunk")?;
        let row = row.ok_or_else(|| unreadable(Unreadable))?;
        let blob = blob(row, 0)?.unwrap_or_default();
        layout::read_chunk(key, total, number, blob, &mut resources)?;
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
        let row = rows.next().doing("load chunks")?;
        let row = row.ok_or_else(|| unreadable(Unreadable))?;
        if column::<i64>(row, 0)? != chunk_key(key, number) {
            return Err(unreadable(Unreadable));
        }
        let blob = blob(row, 1)?.unwrap_or_default();
        layout::read_chunk(key, total, number, blob, &mut resources)?;
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
    save_places(connection, operation, 0)
}

/// Saves the places of the resources from the index `from` on.
fn save_places(
    connection: &Connection,
    operation: &Operation,
    from: u32,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("INSERT INTO member (operation, name, position) VALUES (?1, ?2, ?3)")
        .doing("prepare to save a resource's place")?;
    let resources = operation.resources.indexed();
    for (index, resource) in resources.iter().filter(|(index, _)| *index >= from) {
        statement
            .execute(params![row_id(operation.key), resource.id.as_str(), index])
            .doing("save a resource's place")?;
    }
    Ok(())
}

/// Saves those chunks that hold resources that have changed, and the places of those that are new.
pub(super) fn save_changed(connection: &Connection, touched: &Touched) -> Result<(), StoreError> {
    let operation = &*touched.operation;
    let (unplaced, is_new) = touched.unplaced();
    if is_new {
        return save_new(connection, operation);
    }
    save(
        connection,
        operation,
        layout::chunks_of(&touched.changed_resources),
    )?;
    if unplaced.is_empty() {
        return Ok(());
    }
    save_places(connection, operation, unplaced.start)
}

fn save(
    connection: &Connection,
    operation: &Operation,
    numbers: impl IntoIterator<Item = u32>,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO chunk (key, resources) VALUES (?1, ?2)")
        .doing("prepare to save a chunk")?;
    let mut blob = Vec::new();
    for number in numbers {
        layout::write_chunk(operation, number, &mut blob);
        statement
            .execute(params![chunk_key(operation.key, number), blob])
            .doing("save a chunk")?;
    }
    Ok(())
}

/// How many chunks there are of an operation.
pub(super) fn count(connection: &Connection, key: OperationKey) -> Result<u64, StoreError> {
    let last = (1 << NUMBER_BITS) - 1;
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM chunk WHERE key BETWEEN ?1 AND ?2")
        .and_then(|mut statement| {
            let range = [chunk_key(key, 0), chunk_key(key, last)];
            statement.query_row(range, |row| row.get(0))
        })
        .doing("count chunks")?;
    Ok(count.max(0).cast_unsigned())
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
