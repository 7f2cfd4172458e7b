//! A store file at one moment, operation by operation.

use crate::archive::{
    Archive, Contents, Documents, Entry, Expected, Idempotent, PAGE_BYTES, PAGE_DOCUMENTS,
    PAGE_OPERATIONS, Parcel, Rows,
};
use crate::document::DocumentChange;
use crate::doing::Doing;
use crate::layout::{check_tally, is_chunked, key_of, row_id, unreadable};
use crate::record::Unreadable;
use crate::sqlite::reader::Reader;
use crate::sqlite::row::{blob, column};
use crate::sqlite::{chunk, lines, writer};
use crate::{HistoryEntry, StoreError};
use futures_util::future::{BoxFuture, FutureExt, ready};
use longrun_model::{Operation, OperationKey, ProjectId, Resources};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Params, params};

/// How many faults SQLite looks for.
const FAULTS_MAX: usize = 20;

/// A reader that sees the same for as long as it lives. Servers may go on writing meanwhile.
pub(super) struct SqliteArchive(Mutex<Reader>);

impl SqliteArchive {
    /// What `reader` sees from now on.
    pub(super) fn new(reader: Reader) -> Result<Self, StoreError> {
        let begin = "BEGIN; SELECT count(*) FROM meta";
        reader
            .connection
            .execute_batch(begin)
            .doing("begin to read")?;
        Ok(Self(Mutex::new(reader)))
    }
}

impl Archive for SqliteArchive {
    fn contents(&self) -> BoxFuture<'_, Result<Contents, StoreError>> {
        ready(contents(&mut self.0.lock())).boxed()
    }

    fn page(&self, after: u64) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        ready(page(&mut self.0.lock(), after)).boxed()
    }

    fn documents(&self, after: &str) -> BoxFuture<'_, Result<Documents, StoreError>> {
        ready(documents(&self.0.lock().connection, after)).boxed()
    }

    fn faults(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        ready(faults(&self.0.lock().connection)).boxed()
    }
}

fn faults(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let doing = "check the file";
    let sql = format!("PRAGMA integrity_check({FAULTS_MAX})");
    let mut statement = connection.prepare(&sql).doing(doing)?;
    let rows = statement.query_map([], |row| row.get(0)).doing(doing)?;
    let mut faults: Vec<String> = rows.collect::<Result<_, _>>().doing(doing)?;
    faults.retain(|fault| fault != "ok");
    Ok(faults)
}

fn contents(reader: &mut Reader) -> Result<Contents, StoreError> {
    let access_keys = reader.access_keys()?;
    let Reader { connection, names } = reader;
    let count = |table: &str| number(connection, &format!("SELECT count(*) FROM {table}"));
    let id_secret = connection
        .query_row(
            "SELECT value FROM meta WHERE name = 'id_secret'",
            [],
            |row| row.get(0),
        )
        .optional()
        .doing("read the secret of the ids")?;
    Ok(Contents {
        id_secret,
        access_keys,
        last_key: number(connection, "SELECT ifnull(max(key), 0) FROM operation")?,
        operations: count("operation")?,
        documents: count("document")?,
        rows: Rows {
            queue: count("queue")?,
            timer: count("timer")?,
            live: count("live")?,
            idempotency: count("idempotency")?,
            chunk: count("chunk")?,
            member: count("member")?,
            history: count("history")?,
            place: count("place")?,
        },
        has_live: true,
        turns: writer::read_turns(connection, names)?,
    })
}

fn documents(connection: &Connection, after: &str) -> Result<Documents, StoreError> {
    let doing = "read the documents";
    let sql = "SELECT name, version, body FROM document WHERE name > ?1 ORDER BY name LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).doing(doing)?;
    let mut rows = statement
        .query(params![after, PAGE_DOCUMENTS])
        .doing(doing)?;
    let mut documents = Documents::new();
    while let Some(row) = rows.next().doing(doing)? {
        let change = DocumentChange {
            version: column::<i64>(row, 1)?.cast_unsigned(),
            body: blob(row, 2)?.map(Box::from),
        };
        documents.insert(column(row, 0)?, change);
    }
    Ok(documents)
}

fn number(connection: &Connection, sql: &str) -> Result<u64, StoreError> {
    let number: i64 = connection
        .query_row(sql, [], |row| row.get(0))
        .doing("count what there is")?;
    Ok(number.max(0).cast_unsigned())
}

fn page(reader: &mut Reader, after: u64) -> Result<Vec<Entry>, StoreError> {
    let sizes = "SELECT key, length(head) + length(events) + ifnull(length(resources), 0) \
                 FROM operation WHERE key > ?1 ORDER BY key LIMIT ?2";
    let doing = "find the next operations";
    let mut statement = reader.connection.prepare(sizes).doing(doing)?;
    let rows = statement
        .query_map(params![after.cast_signed(), PAGE_OPERATIONS], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .doing(doing)?;
    let rows: Vec<(i64, u64)> = rows.collect::<Result<_, _>>().doing(doing)?;
    drop(statement);
    let mut entries = Vec::new();
    let mut bytes = 0;
    for (row, size) in rows {
        let key = key_of(row)?;
        let mut rows = Rows::default();
        let parcel = parcel(reader, key, &mut rows);
        bytes += size + rows.chunk * CHUNK_BYTES;
        entries.push(Entry { key, parcel, rows });
        if bytes > u64::from(PAGE_BYTES) {
            break;
        }
    }
    Ok(entries)
}

/// What a chunk is taken to hold, on the way to the end of a page.
const CHUNK_BYTES: u64 = 16 << 10;

/// An operation with all that belongs to it. What is right beside it is counted in `rows`.
fn parcel(reader: &mut Reader, key: OperationKey, rows: &mut Rows) -> Result<Parcel, StoreError> {
    let gone = || unreadable("the row", key)(Unreadable);
    let mut operation = reader.get_small(key)?.ok_or_else(gone)?;
    count_rows(reader, &operation, rows)?;
    let total = operation.tally.total;
    if is_chunked(total) && !operation.removed {
        let resources = chunk::load_all(&reader.connection, key, total)?;
        operation.resources = Resources::part(total, resources);
        check_tally(&operation)?;
        rows.member = right_members(&reader.connection, &operation)?;
    }
    let history = history(reader, key)?;
    let idempotent = idempotent(reader, key)?;
    let mut places = Vec::new();
    if operation.holds_place() {
        places = lines::places(&reader.connection, key)?;
        rows.place = places.len() as u64;
    }
    Ok(Parcel {
        operation,
        history,
        idempotent,
        places,
    })
}

/// Counts the rows that belong to `operation`; in indexes only those that say what they should.
fn count_rows(
    reader: &mut Reader,
    operation: &Operation,
    rows: &mut Rows,
) -> Result<(), StoreError> {
    let Reader { connection, names } = reader;
    let row = row_id(operation.key);
    let expected = Expected::of(operation);
    if let Some(queued) = expected.queued {
        let kind = names.kinds.find(connection, queued.kind.as_str())?;
        let sql = "SELECT count(*) FROM queue WHERE kind = ?1 AND urgency = ?2 AND account = ?3 \
                   AND inside = (?5 IS NOT NULL) AND operation = ?4 AND project IS ?5";
        let account = queued.account.as_str();
        let project = queued.project.as_ref().map(ProjectId::as_str);
        let place = params![kind, queued.urgency, account, row, project];
        rows.queue = count(connection, sql, place)?;
    }
    if let Some(due_at) = expected.due_at {
        let sql = "SELECT count(*) FROM timer WHERE due = ?1 AND operation = ?2";
        rows.timer = count(connection, sql, [due_at.as_millis(), row])?;
    }
    if expected.live {
        rows.live = count(
            connection,
            "SELECT count(*) FROM live WHERE operation = ?1",
            [row],
        )?;
    }
    rows.chunk = chunk::count(connection, operation.key)?;
    let sql = "SELECT count(*) FROM history WHERE operation = ?1";
    rows.history = count(connection, sql, [row])?;
    let sql = "SELECT count(*) FROM idempotency WHERE operation = ?1";
    rows.idempotency = count(connection, sql, [row])?;
    Ok(())
}

fn count(connection: &Connection, sql: &str, values: impl Params) -> Result<u64, StoreError> {
    let count: i64 = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(values, |row| row.get(0)))
        .doing("count the rows of an operation")?;
    Ok(count.max(0).cast_unsigned())
}

/// How many resources of a large operation are found at their places by their names.
fn right_members(connection: &Connection, operation: &Operation) -> Result<u64, StoreError> {
    let doing = "read the places of resources";
    let mut statement = connection
        .prepare_cached("SELECT name, position FROM member WHERE operation = ?1")
        .doing(doing)?;
    let mut rows = statement.query([row_id(operation.key)]).doing(doing)?;
    let mut right = 0;
    while let Some(row) = rows.next().doing(doing)? {
        let resource = operation.resources.get(column(row, 1)?);
        let name: Box<str> = column(row, 0)?;
        right += u64::from(resource.is_some_and(|one| one.id.as_str() == &*name));
    }
    Ok(right)
}

fn history(reader: &mut Reader, key: OperationKey) -> Result<Vec<HistoryEntry>, StoreError> {
    reader.history_in(key, 0, usize::MAX)
}

fn idempotent(reader: &mut Reader, key: OperationKey) -> Result<Option<Idempotent>, StoreError> {
    let doing = "read an idempotency key";
    let Reader { connection, names } = reader;
    let mut statement = connection
        .prepare_cached("SELECT account, key, digest FROM idempotency WHERE operation = ?1")
        .doing(doing)?;
    let mut rows = statement.query([row_id(key)]).doing(doing)?;
    let Some(row) = rows.next().doing(doing)? else {
        return Ok(None);
    };
    let lost = || unreadable("the idempotency key", key)(Unreadable);
    let account = names.accounts.name(connection, column(row, 0)?)?;
    let digest = blob(row, 2)?.and_then(|bytes| bytes.try_into().ok());
    Ok(Some(Idempotent {
        account: account.ok_or_else(lost)?.into(),
        key: column(row, 1)?,
        digest: digest.ok_or_else(lost)?,
    }))
}
