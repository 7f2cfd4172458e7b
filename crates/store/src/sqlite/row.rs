//! From rows to operations, for the writer and the readers alike.

use crate::StoreError;
use crate::sqlite::chunk;
use crate::sqlite::doing::Doing;
use crate::sqlite::names::Names;
use crate::sqlite::record::{self, Columns, Unreadable};
use longrun_model::{Operation, OperationKey, ResourceStatus, Resources, Tally};
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

/// Says which part of which operation is damaged.
pub(super) fn unreadable(
    what: &'static str,
    key: OperationKey,
) -> impl Fn(Unreadable) -> StoreError {
    move |Unreadable| StoreError::Unreadable {
        what,
        key: key.get(),
    }
}

/// The number of the row of an operation.
pub(super) const fn row_id(key: OperationKey) -> i64 {
    key.get().cast_signed()
}

/// The key of the operation in the row with this number.
pub(super) fn key_of(row_id: i64) -> Result<OperationKey, StoreError> {
    let key = row_id.cast_unsigned();
    OperationKey::new(key).ok_or(StoreError::Unreadable {
        what: "the key",
        key,
    })
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
    let total = operation.tally.total;
    if operation.removed || chunk::is_chunked(total) {
        return Ok(());
    }
    let unreadable = unreadable("a resource", operation.key);
    let blob = blob(row, 6)?.ok_or_else(|| unreadable(Unreadable))?;
    let mut resources = Vec::with_capacity(total as usize);
    record::read_resources(blob, 0, total, &mut resources).map_err(unreadable)?;
    operation.resources = Resources::part(total, resources);
    check_tally(operation)
}

/// Refuses an aggregate that the resources do not bear out: going on with it would spread the damage.
pub(super) fn check_tally(operation: &Operation) -> Result<(), StoreError> {
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
