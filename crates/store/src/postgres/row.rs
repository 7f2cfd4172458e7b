//! From rows to operations.

use crate::layout::{self, key_of, unreadable};
use crate::postgres::failure::Failure;
use crate::postgres::session::column;
use crate::record::{self, Columns, Unreadable};
use longrun_model::{Operation, OperationKey};
use tokio_postgres::Row;

/// The key in the first column of `row`.
pub(super) fn read_key(row: &Row) -> Result<OperationKey, Failure> {
    Ok(key_of(column(row, 0)?)?)
}

/// The operation in `row`, without its resources. The columns are key, account, kind, phase, removed and head.
pub(super) fn read_operation(row: &Row) -> Result<Operation, Failure> {
    let key = read_key(row)?;
    let phase: i16 = column(row, 3)?;
    let columns = Columns {
        key,
        account: name(row, 1, "the account", key)?.into(),
        kind: name(row, 2, "the kind", key)?.into(),
        phase: u8::try_from(phase).map_err(|_| unreadable("the phase", key)(Unreadable))?,
        removed: column(row, 4)?,
    };
    let head = column(row, 5)?;
    Ok(record::read_head(columns, head).map_err(unreadable("the head", key))?)
}

/// The same with the resources that stand in its row, which is the next column: all of them, unless they are many.
pub(super) fn read_with_resources(row: &Row) -> Result<Operation, Failure> {
    let mut operation = read_operation(row)?;
    layout::read_own_resources(&mut operation, column(row, 6)?)?;
    Ok(operation)
}

/// A name that is kept as bytes.
pub(super) fn name<'r>(
    row: &'r Row,
    index: usize,
    what: &'static str,
    key: OperationKey,
) -> Result<&'r str, Failure> {
    let bytes: &[u8] = column(row, index)?;
    let text = std::str::from_utf8(bytes);
    Ok(text.map_err(|_| unreadable(what, key)(Unreadable))?)
}
