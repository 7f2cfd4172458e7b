//! From rows to operations, for the writer and the readers alike.

use crate::StoreError;
use crate::doing::Doing;
use crate::layout::{self, key_of, unreadable};
use crate::record::{self, Columns};
use crate::sqlite::names::Names;
use longrun_model::Operation;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// Finds one operation. Lists select the same columns but for the last two, in the same order.
pub(super) const SELECT_OPERATION: &str = "SELECT key, account, kind, phase, removed, head, \
     resources, length(events) FROM operation WHERE key = ?1";

/// The numbers of all names that rows hold.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// Those of the accounts.
    pub(super) accounts: Names,
    /// Those of the kinds.
    pub(super) kinds: Names,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self {
            accounts: Names::of_accounts(),
            kinds: Names::of_kinds(),
        }
    }
}

/// The operation in `row`, without its resources.
pub(super) fn read_operation(
    connection: &Connection,
    names: &mut Dictionary,
    row: &Row<'_>,
) -> Result<Operation, StoreError> {
    let key = key_of(column(row, 0)?)?;
    let lost = |what| StoreError::Unreadable {
        what,
        key: key.get(),
    };
    let account = names.accounts.name(connection, column(row, 1)?)?;
    let account = account.ok_or_else(|| lost("the account"))?.into();
    let kind = names.kinds.name(connection, column(row, 2)?)?;
    let kind = kind.ok_or_else(|| lost("the kind"))?.into();
    let columns = Columns {
        key,
        account,
        kind,
        phase: column(row, 3)?,
        removed: column(row, 4)?,
    };
    let head = blob(row, 5)?.ok_or_else(|| lost("the head"))?;
    record::read_head(columns, head).map_err(unreadable("the head", key))
}

/// Gives `operation`, just read from `row`, the resources that stand in the row: all of them, unless they are many.
pub(super) fn read_own_resources(
    operation: &mut Operation,
    row: &Row<'_>,
) -> Result<(), StoreError> {
    layout::read_own_resources(operation, blob(row, 6)?)
}

/// The value of a column.
pub(super) fn column<T: rusqlite::types::FromSql>(
    row: &Row<'_>,
    index: usize,
) -> Result<T, StoreError> {
    row.get(index).doing("read a column")
}

/// The bytes in a column, if it is not null.
pub(super) fn blob<'r>(row: &'r Row<'_>, index: usize) -> Result<Option<&'r [u8]>, StoreError> {
    row.get_ref(index)
        .doing("read a column")
        .and_then(|value: ValueRef<'_>| value.as_blob_or_null().doing("read a blob"))
}
