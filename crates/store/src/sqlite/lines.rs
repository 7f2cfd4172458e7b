//! The lines of operations that do not share their resources. Each place has a ticket that is higher than those before.

use crate::StoreError;
use crate::doing::Doing;
use crate::layout::{key_of, row_id};
use longrun_model::OperationKey;
use rusqlite::{Connection, OptionalExtension, params};

const FIRST: &str = "SELECT operation FROM place WHERE resource = ?1 ORDER BY ticket LIMIT 1";
const LAST: &str = "SELECT max(ticket) FROM place WHERE resource = ?1";
const JOIN: &str = "INSERT INTO place (resource, ticket, operation) VALUES (?1, ?2, ?3)";
const PLACES: &str = "SELECT resource, ticket FROM place WHERE operation = ?1 ORDER BY resource";
const LEAVE: &str = "DELETE FROM place WHERE resource = ?1 AND ticket = ?2";

/// Who stands first in a line.
pub(super) fn first(
    connection: &Connection,
    line: &[u8],
) -> Result<Option<OperationKey>, StoreError> {
    let first: Option<i64> = connection
        .prepare_cached(FIRST)
        .and_then(|mut statement| statement.query_row([line], |row| row.get(0)).optional())
        .doing("look into a line")?;
    first.map(key_of).transpose()
}

/// Puts an operation at the end of a line: whether others stand before it.
pub(super) fn join(
    connection: &Connection,
    line: &[u8],
    key: OperationKey,
) -> Result<bool, StoreError> {
    let last: Option<i64> = connection
        .prepare_cached(LAST)
        .and_then(|mut statement| statement.query_row([line], |row| row.get(0)))
        .doing("look into a line")?;
    let ticket = last.unwrap_or(0) + 1;
    keep(connection, line, ticket, key)?;
    Ok(last.is_some())
}

/// Takes an operation out of all lines: those that have become the first in one.
pub(super) fn leave(
    connection: &Connection,
    key: OperationKey,
) -> Result<Vec<OperationKey>, StoreError> {
    let places = places(connection, key)?;
    let mut statement = connection
        .prepare_cached(LEAVE)
        .doing("prepare to leave a line")?;
    let mut next = Vec::new();
    for (line, ticket) in places {
        let was_first = first(connection, &line)? == Some(key);
        statement
            .execute(params![line, ticket])
            .doing("leave a line")?;
        if was_first {
            next.extend(first(connection, &line)?);
        }
    }
    Ok(next)
}

/// The places of an operation: each line, in the order of its bytes, and the ticket in it.
pub(super) fn places(
    connection: &Connection,
    key: OperationKey,
) -> Result<Vec<(Vec<u8>, i64)>, StoreError> {
    let doing = "find the places of an operation";
    let mut statement = connection.prepare_cached(PLACES).doing(doing)?;
    let rows = statement
        .query_map([row_id(key)], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(doing)?;
    rows.collect::<Result<_, _>>().doing(doing)
}

/// Keeps a place that an operation has in another store.
pub(super) fn keep(
    connection: &Connection,
    line: &[u8],
    ticket: i64,
    key: OperationKey,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(JOIN)
        .and_then(|mut statement| statement.execute(params![line, ticket, row_id(key)]))
        .doing("take a place in a line")?;
    Ok(())
}
