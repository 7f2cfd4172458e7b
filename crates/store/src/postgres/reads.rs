//! Reads. Those of several statements see one moment of the database.

use crate::layout::{CHUNK, check_tally, is_chunked, key_of, read_chunk, row_id, unreadable};
use crate::postgres::connections::Connections;
use crate::postgres::failure::Failure;
use crate::postgres::row::{read_key, read_operation, read_with_resources};
use crate::postgres::session::{Session, Step, Value, column};
use crate::query::Paging;
use crate::record::{self, Unreadable, phase_code};
use crate::{AccessKey, Document, Due, Filter, HistoryEntry, Page, StoreError};
use longrun_model::{Operation, OperationKey, Resources, Timestamp};
use std::ops::ControlFlow;
use tokio_postgres::Row;

/// How many rows of a list are fetched at a time, at the most.
const LIST_ROWS_MAX: usize = 1_000;

/// What several statements that are to see the same begin with.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// What they end with: nothing was written, so there is nothing to lose.
const END: &str = "ROLLBACK";

const GET: &str = "SELECT key, account, kind, phase, removed, head, resources \
    FROM operation WHERE key = $1";
const CHUNKS: &str = "SELECT operation, number, resources FROM chunk WHERE operation = $1 \
    ORDER BY operation, number";
const EVENTS: &str = "SELECT key, account, kind, phase, removed, head, events \
    FROM operation WHERE key = $1";
const HISTORY: &str = "SELECT events FROM history WHERE operation = $1 AND last > $2 \
    ORDER BY last LIMIT $3";
// Heads that cannot match are not sent; their rows are, because they count. Which of the three it is decides which index
// is walked.
const LIST: &str = "SELECT key, account, kind, phase, removed, CASE WHEN NOT removed \
    AND ($2::bytea IS NULL OR kind = $2) AND ($3::smallint IS NULL OR phase = $3) THEN head END \
    FROM operation WHERE key < $1 ORDER BY key DESC LIMIT $4";
const LIST_OF_ACCOUNT: &str = "SELECT key, account, kind, phase, removed, CASE WHEN \
    ($2::bytea IS NULL OR kind = $2) AND ($3::smallint IS NULL OR phase = $3) THEN head END \
    FROM operation WHERE key < $1 AND account = $5 AND NOT removed ORDER BY key DESC LIMIT $4";
const LIST_LIVE: &str = "SELECT key, account, kind, phase, removed, CASE WHEN NOT removed \
    AND ($2::bytea IS NULL OR kind = $2) AND ($3::smallint IS NULL OR phase = $3) \
    AND ($5::bytea IS NULL OR account = $5) THEN head END \
    FROM operation WHERE key < $1 AND phase < 3 ORDER BY key DESC LIMIT $4";
const DUE: &str = "SELECT operation, due FROM timer ORDER BY due, operation LIMIT $1";
const ACCESS_KEYS: &str = "SELECT id, record FROM access_key ORDER BY id";
const DOCUMENT: &str = "SELECT version, body FROM document WHERE name = $1 AND body IS NOT NULL";
const PROPOSE_SECRET: &str = "INSERT INTO meta (name, value) VALUES ('id_secret', $1) \
    ON CONFLICT (name) DO NOTHING";
const SECRET: &str = "SELECT value FROM meta WHERE name = 'id_secret'";

/// The operation with this key and all its resources.
pub(super) async fn get(
    connections: &Connections,
    key: OperationKey,
) -> Result<Option<Operation>, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let found = get_in(&session, key).await?;
            session.settle();
            Ok(found)
        })
        .await
}

async fn get_in(session: &Session, key: OperationKey) -> Result<Option<Operation>, Failure> {
    let values: Vec<Value> = vec![Box::new(row_id(key))];
    let rows = session.query("read an operation", GET, values).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let operation = read_with_resources(row)?;
    if operation.removed || !is_chunked(operation.tally.total) {
        return Ok(Some(operation));
    }
    get_large(session, key).await
}

/// The same for an operation whose resources stand in rows of their own.
async fn get_large(session: &Session, key: OperationKey) -> Result<Option<Operation>, Failure> {
    let steps = [
        of_key("read an operation", GET, key),
        of_key("read chunks", CHUNKS, key),
    ];
    let rows = session.pipeline(Some(BEGIN), &steps, Some(END)).await?;
    let [found, chunks] = rows.as_slice() else {
        return Ok(None);
    };
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let mut operation = read_with_resources(row)?;
    if operation.removed {
        return Ok(Some(operation));
    }
    let total = operation.tally.total;
    if chunks.len() != total.div_ceil(CHUNK) as usize {
        return Err(unreadable("a resource", key)(Unreadable).into());
    }
    let mut resources = Vec::with_capacity(total as usize);
    for (number, row) in (0..).zip(chunks) {
        if column::<i32>(row, 1)?.cast_unsigned() != number {
            return Err(unreadable("a resource", key)(Unreadable).into());
        }
        read_chunk(key, total, number, column(row, 2)?, &mut resources)?;
    }
    operation.resources = Resources::part(total, resources);
    check_tally(&operation)?;
    Ok(Some(operation))
}

fn of_key(doing: &'static str, sql: &'static str, key: OperationKey) -> Step {
    Step {
        doing,
        sql: sql.into(),
        values: vec![Box::new(row_id(key))],
    }
}

/// Operations without their resources, newest first.
pub(super) async fn list(connections: &Connections, filter: &Filter) -> Result<Page, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let page = list_in(&session, filter).await?;
            session.settle();
            Ok(page)
        })
        .await
}

async fn list_in(session: &Session, filter: &Filter) -> Result<Page, Failure> {
    session.batch("begin to read", BEGIN).await?;
    let page = walk(session, filter).await?;
    session.batch("end a read", END).await?;
    Ok(page)
}

async fn walk(session: &Session, filter: &Filter) -> Result<Page, Failure> {
    let mut paging = Paging::new(filter.limit);
    let mut before = filter.before.map_or(i64::MAX, row_id);
    // One more than is asked for says whether there is a next page.
    let mut wanted = filter.limit.saturating_add(1).min(LIST_ROWS_MAX);
    loop {
        let (sql, values) = list_step(filter, before, wanted);
        let rows = session.query("list", sql, values).await?;
        for row in &rows {
            before = column(row, 0)?;
            if look(&mut paging, filter, row)?.is_break() {
                return Ok(paging.page);
            }
        }
        if rows.len() < wanted {
            return Ok(paging.page);
        }
        wanted = LIST_ROWS_MAX;
    }
}

fn list_step(filter: &Filter, before: i64, wanted: usize) -> (&'static str, Vec<Value>) {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let mut values: Vec<Value> = vec![
        Box::new(before),
        Box::new(filter.kind.as_ref().map(|kind| bytes(kind.as_str()))),
        Box::new(filter.phase.map(|phase| i16::from(phase_code(phase)))),
        Box::new(i64::try_from(wanted).unwrap_or(i64::MAX)),
    ];
    let account = filter.account.as_ref();
    let account = account.map(|account| bytes(account.as_str()));
    if filter.walks_live() {
        values.push(Box::new(account));
        return (LIST_LIVE, values);
    }
    match account {
        Some(account) => {
            values.push(Box::new(account));
            (LIST_OF_ACCOUNT, values)
        }
        None => (LIST, values),
    }
}

fn look(paging: &mut Paging, filter: &Filter, row: &Row) -> Result<ControlFlow<()>, Failure> {
    let found = match column::<Option<&[u8]>>(row, 5)? {
        Some(_) => Some(read_operation(row)?),
        None => None,
    };
    let found = found.filter(|operation| filter.matches(operation));
    Ok(paging.look(read_key(row)?, found))
}

/// The history of an operation from event number `after` on.
pub(super) async fn history(
    connections: &Connections,
    key: OperationKey,
    after: u64,
    limit: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let entries = history_in(&session, key, after, limit).await?;
            session.settle();
            Ok(entries)
        })
        .await
}

async fn history_in(
    session: &Session,
    key: OperationKey,
    after: u64,
    limit: usize,
) -> Result<Vec<HistoryEntry>, Failure> {
    let part = Step {
        doing: "read a history",
        sql: HISTORY.into(),
        values: vec![
            Box::new(row_id(key)),
            Box::new(i64::try_from(after).unwrap_or(i64::MAX)),
            Box::new(i64::try_from(limit).unwrap_or(i64::MAX)),
        ],
    };
    let steps = [of_key("read an operation", EVENTS, key), part];
    let rows = session.pipeline(Some(BEGIN), &steps, Some(END)).await?;
    let [found, parts] = rows.as_slice() else {
        return Ok(Vec::new());
    };
    match found.first() {
        Some(row) => entries(row, parts, after, limit),
        None => Ok(Vec::new()),
    }
}

fn entries(
    row: &Row,
    parts: &[Row],
    after: u64,
    limit: usize,
) -> Result<Vec<HistoryEntry>, Failure> {
    let operation = read_operation(row)?;
    let unreadable = unreadable("the history", operation.key);
    let mut entries = Vec::new();
    record::read_events(&operation, column(row, 6)?, after, &mut entries).map_err(&unreadable)?;
    for part in parts {
        record::read_events(&operation, column(part, 0)?, after, &mut entries)
            .map_err(&unreadable)?;
    }
    // A short commit may have found room in the operation's row after a long one had not.
    entries.sort_unstable_by_key(|entry| entry.number);
    entries.truncate(limit);
    Ok(entries)
}

/// The operations whose timers have run out `lateness` before `now`, and when the next one will be looked at.
pub(super) async fn due(
    connections: &Connections,
    now: Timestamp,
    limit: usize,
    lateness: i64,
) -> Result<Due, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let due = due_in(&session, now, limit, lateness).await?;
            session.settle();
            Ok(due)
        })
        .await
}

async fn due_in(
    session: &Session,
    now: Timestamp,
    limit: usize,
    lateness: i64,
) -> Result<Due, Failure> {
    let rows = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = session.query("read the timers", DUE, vec![Box::new(rows)]);
    let mut due = Due::default();
    for row in &rows.await? {
        let at = Timestamp::from_millis(column(row, 1)?).plus_millis(lateness);
        if at > now || due.keys.len() == limit {
            due.next_at = Some(at);
            break;
        }
        due.keys.push(key_of(column(row, 0)?)?);
    }
    Ok(due)
}

/// All access keys.
pub(super) async fn access_keys(connections: &Connections) -> Result<Vec<AccessKey>, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let access_keys = access_keys_in(&session).await?;
            session.settle();
            Ok(access_keys)
        })
        .await
}

/// The same on a connection.
pub(super) async fn access_keys_in(session: &Session) -> Result<Vec<AccessKey>, Failure> {
    let rows = session.query("read the access keys", ACCESS_KEYS, Vec::new());
    rows.await?.iter().map(access_key).collect()
}

fn access_key(row: &Row) -> Result<AccessKey, Failure> {
    let id = String::from_utf8_lossy(column(row, 0)?);
    let access_key = record::read_access_key(&id, column(row, 1)?);
    Ok(access_key.map_err(|Unreadable| StoreError::UnreadableAccessKey(id.as_ref().into()))?)
}

/// The document with this name, if there is one.
pub(super) async fn document(
    connections: &Connections,
    name: Vec<u8>,
) -> Result<Option<Document>, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let values: Vec<Value> = vec![Box::new(name.clone())];
            let rows = session.query("read a document", DOCUMENT, values).await?;
            session.settle();
            rows.first().map(read_document).transpose()
        })
        .await
}

fn read_document(row: &Row) -> Result<Document, Failure> {
    Ok(Document {
        version: column::<i64>(row, 0)?.cast_unsigned(),
        body: column::<&[u8]>(row, 1)?.into(),
    })
}

/// The secret of the store, which is `proposal` if it has none yet.
pub(super) async fn id_secret(
    connections: &Connections,
    proposal: [u8; 16],
) -> Result<[u8; 16], StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let secret = secret_in(&session, proposal).await?;
            session.settle();
            Ok(secret)
        })
        .await
}

async fn secret_in(session: &Session, proposal: [u8; 16]) -> Result<[u8; 16], Failure> {
    let doing = "read the secret of the ids";
    let values: Vec<Value> = vec![Box::new(proposal.to_vec())];
    session.query(doing, PROPOSE_SECRET, values).await?;
    let rows = session.query(doing, SECRET, Vec::new()).await?;
    let bytes: &[u8] = rows.first().map_or(Ok(&[][..]), |row| column(row, 0))?;
    secret_of(bytes)
}

/// The secret in these bytes.
pub(super) fn secret_of(bytes: &[u8]) -> Result<[u8; 16], Failure> {
    let malformed = || StoreError::Unsuitable("the secret of its ids is damaged".to_owned());
    bytes.try_into().map_err(|_| malformed().into())
}
