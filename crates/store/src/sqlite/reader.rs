//! The connections that read. Each read sees one moment of the store, and none waits for the writer.

use crate::doing::Doing;
use crate::layout::{check_tally, is_chunked, key_of, row_id, unreadable};
use crate::query::Paging;
use crate::record::{self, Unreadable, phase_code};
use crate::sqlite::row::{
    Dictionary, SELECT_OPERATION, blob, column, read_operation, read_own_resources,
};
use crate::sqlite::{chunk, schema};
use crate::{AccessKey, Document, Due, Filter, HistoryEntry, Page, StoreError};
use longrun_model::{Operation, OperationKey, Resources, Timestamp};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use tokio::sync::Semaphore;

/// How many connections are kept open for the next reads.
const IDLE_MAX: usize = 8;
/// How many reads that take long may run at once.
const SLOW_MAX: usize = 8;

/// The connections that are free, and how to make more.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
    /// What a read that takes long waits for.
    pub(super) slow: Semaphore,
}

impl Readers {
    /// Readers of the file at `path`, which the writer has opened.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            slow: Semaphore::new(SLOW_MAX),
        }
    }

    /// Has a free connection carry out `read`.
    pub(super) fn with<R>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let idle = self.idle.lock().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        let result = read(&mut reader);
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(reader);
        }
        result
    }
}

/// A connection that reads, and the names it has met.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) names: Dictionary,
}

impl Reader {
    /// A reader of the file at `path`, which a writer has opened.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: schema::open_reader(path)?,
            names: Dictionary::default(),
        })
    }

    /// A reader of a file that nobody may have looked at before.
    pub(super) fn open_checked(path: &Path) -> Result<Self, StoreError> {
        let reader = Self::open(path)?;
        schema::check_is_current(&reader.connection, path)?;
        Ok(reader)
    }

    /// The operation with this key; without its resources if they are many, as reading them takes long.
    pub(super) fn get_small(&mut self, key: OperationKey) -> Result<Option<Operation>, StoreError> {
        let Self { connection, names } = self;
        let mut statement = connection
            .prepare_cached(SELECT_OPERATION)
            .doing("prepare to read an operation")?;
        let mut rows = statement.query([row_id(key)]).doing("read an operation")?;
        let Some(row) = rows.next().doing("read an operation")? else {
            return Ok(None);
        };
        let mut operation = read_operation(connection, names, row)?;
        read_own_resources(&mut operation, row)?;
        Ok(Some(operation))
    }

    /// The operation with this key, however large it is.
    pub(super) fn get(&mut self, key: OperationKey) -> Result<Option<Operation>, StoreError> {
        self.at_one_moment(|reader| {
            let Some(mut operation) = reader.get_small(key)? else {
                return Ok(None);
            };
            let total = operation.tally.total;
            if is_chunked(total) && !operation.removed {
                let resources = chunk::load_all(&reader.connection, key, total)?;
                operation.resources = Resources::part(total, resources);
                check_tally(&operation)?;
            }
            Ok(Some(operation))
        })
    }

    /// Operations without their resources, newest first.
    pub(super) fn list(&mut self, filter: &Filter) -> Result<Page, StoreError> {
        self.at_one_moment(|reader| {
            let Wanted::Rows { account, kind } = reader.wanted(filter)? else {
                return Ok(Page::default());
            };
            // Which of the three it is decides which tree is walked.
            let sql = match account {
                _ if filter.walks_live() => {
                    "SELECT key, account, kind, phase, removed, head \
                     FROM live CROSS JOIN operation ON key = live.operation \
                     WHERE live.operation < ?2 ORDER BY live.operation DESC"
                }
                Some(_) => {
                    "SELECT key, account, kind, phase, removed, head FROM operation \
                     WHERE account = ?1 AND removed = 0 AND key < ?2 ORDER BY key DESC"
                }
                None => {
                    "SELECT key, account, kind, phase, removed, head FROM operation \
                     WHERE ?1 IS NULL AND key < ?2 ORDER BY key DESC"
                }
            };
            let Self { connection, names } = reader;
            let mut statement = connection.prepare_cached(sql).doing("prepare a list")?;
            let end = filter.before.map_or(i64::MAX, row_id);
            let mut rows = statement.query(params![account, end]).doing("list")?;
            let mut paging = Paging::new(filter.limit);
            while let Some(row) = rows.next().doing("list")? {
                let found = if may_match(filter, (account, kind), row)? {
                    Some(read_operation(connection, names, row)?)
                } else {
                    None
                };
                let found = found.filter(|operation| filter.matches(operation));
                if paging.look(key_of(column(row, 0)?)?, found).is_break() {
                    break;
                }
            }
            Ok(paging.page)
        })
    }

    /// The numbers that stand for the names in `filter`.
    fn wanted(&mut self, filter: &Filter) -> Result<Wanted, StoreError> {
        let Self { connection, names } = self;
        let account = match &filter.account {
            None => None,
            Some(account) => match names.accounts.find(connection, account.as_str())? {
                None => return Ok(Wanted::Nothing),
                known => known,
            },
        };
        let kind = match &filter.kind {
            None => None,
            // Rows are walked even if none can match, as they are in every store.
            Some(kind) => Some(names.kinds.find(connection, kind.as_str())?.unwrap_or(0)),
        };
        Ok(Wanted::Rows { account, kind })
    }

    /// The history of an operation from event number `after` on.
    pub(super) fn history(
        &mut self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        self.at_one_moment(|reader| reader.history_in(key, after, limit))
    }

    /// The same inside a transaction.
    pub(super) fn history_in(
        &mut self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let Some((operation, own)) = self.row_with_events(key)? else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::new();
        let unreadable = unreadable("the history", key);
        record::read_events(&operation, &own, after, &mut entries).map_err(&unreadable)?;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT events FROM history WHERE operation = ?1 AND last > ?2 ORDER BY last",
            )
            .doing("prepare to read a history")?;
        let mut rows = statement
            .query([row_id(key), i64::try_from(after).unwrap_or(i64::MAX)])
            .doing("read a history")?;
        // A short commit may have found room in the operation's row after a long one had not.
        let in_row = entries.len();
        while entries.len() - in_row < limit
            && let Some(row) = rows.next().doing("read a history")?
        {
            let events = blob(row, 0)?.unwrap_or_default();
            record::read_events(&operation, events, after, &mut entries).map_err(&unreadable)?;
        }
        entries.sort_unstable_by_key(|entry| entry.number);
        entries.truncate(limit);
        Ok(entries)
    }

    /// The operations whose timers have run out at `now`, and when the next one will.
    pub(super) fn due(&mut self, now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT due, operation FROM timer ORDER BY due, operation")
            .doing("prepare to read the timers")?;
        let mut rows = statement.query([]).doing("read the timers")?;
        let mut due = Due::default();
        while let Some(row) = rows.next().doing("read the timers")? {
            let at = Timestamp::from_millis(column(row, 0)?);
            if at > now || due.keys.len() == limit {
                due.next_at = Some(at);
                break;
            }
            due.keys.push(key_of(column(row, 1)?)?);
        }
        Ok(due)
    }

    /// All access keys.
    pub(super) fn access_keys(&mut self) -> Result<Vec<AccessKey>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, record FROM access_key ORDER BY id")
            .doing("prepare to read the access keys")?;
        let mut rows = statement.query([]).doing("read the access keys")?;
        let mut access_keys = Vec::new();
        while let Some(row) = rows.next().doing("read the access keys")? {
            let id: Box<str> = column(row, 0)?;
            let record = blob(row, 1)?.unwrap_or_default();
            let access_key = record::read_access_key(&id, record)
                .map_err(|Unreadable| StoreError::UnreadableAccessKey(id))?;
            access_keys.push(access_key);
        }
        Ok(access_keys)
    }

    /// The document with this name, if there is one.
    pub(super) fn document(&mut self, name: &str) -> Result<Option<Document>, StoreError> {
        let sql = "SELECT version, body FROM document WHERE name = ?1 AND body IS NOT NULL";
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let found = statement.query_row([name], |row| {
                    Ok(Document {
                        version: row.get::<_, i64>(0)?.cast_unsigned(),
                        body: row.get_ref(1)?.as_blob()?.into(),
                    })
                });
                found.optional()
            })
            .doing("read a document")
    }

    /// An operation without its resources, and that part of its history that stands in its row.
    fn row_with_events(
        &mut self,
        key: OperationKey,
    ) -> Result<Option<(Operation, Vec<u8>)>, StoreError> {
        let Self { connection, names } = self;
        let mut statement = connection
            .prepare_cached(
                "SELECT key, account, kind, phase, removed, head, events FROM operation \
                 WHERE key = ?1",
            )
            .doing("prepare to read an operation")?;
        let mut rows = statement.query([row_id(key)]).doing("read an operation")?;
        let Some(row) = rows.next().doing("read an operation")? else {
            return Ok(None);
        };
        let operation = read_operation(connection, names, row)?;
        let events = blob(row, 6)?.unwrap_or_default().to_vec();
        Ok(Some((operation, events)))
    }

    /// Carries out a read of several statements so that all of them see the same.
    fn at_one_moment<R>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.connection
            .execute_batch("BEGIN")
            .doing("begin to read")?;
        let result = read(self);
        // Nothing was written, so there is nothing to lose.
        self.connection
            .execute_batch("ROLLBACK")
            .doing("end a read")?;
        result
    }
}

/// What a filter comes to in the tables.
enum Wanted {
    /// The account has nothing stored.
    Nothing,
    /// Rows with these numbers, or with any.
    Rows {
        account: Option<i64>,
        kind: Option<i64>,
    },
}

/// What the columns alone say of whether a row matches, which spares reading most heads.
fn may_match(
    filter: &Filter,
    (account, kind): (Option<i64>, Option<i64>),
    row: &Row<'_>,
) -> Result<bool, StoreError> {
    Ok(!column::<bool>(row, 4)?
        && (account.is_none() || account == Some(column(row, 1)?))
        && (kind.is_none() || kind == Some(column(row, 2)?))
        && (filter.phase.is_none() || filter.phase.map(phase_code) == Some(column(row, 3)?)))
}
