//! A database at one moment, operation by operation.

use crate::archive::{
    Archive, Contents, Documents, Entry, Expected, Idempotent, PAGE_BYTES, PAGE_DOCUMENTS,
    PAGE_OPERATIONS, Parcel, Queued, Rows,
};
use crate::document::DocumentChange;
use crate::layout::{CHUNK, check_tally, is_chunked, read_chunk, unreadable};
use crate::postgres::connections::Connections;
use crate::postgres::failure::Failure;
use crate::postgres::row::{name, read_key, read_with_resources};
use crate::postgres::session::{Session, Step, Value, column};
use crate::postgres::{reads, waiting};
use crate::record::{self, Unreadable};
use crate::{HistoryEntry, StoreError};
use futures_util::future::{BoxFuture, FutureExt};
use longrun_model::{Operation, OperationKey, Resource, Resources};
use std::collections::HashMap;
use tokio::sync::Mutex;
use tokio_postgres::Row;

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const COUNTS: &str = "SELECT (SELECT coalesce(max(key), 0) FROM operation), \
    (SELECT count(*) FROM operation), (SELECT count(*) FROM queue), (SELECT count(*) FROM timer), \
    (SELECT count(*) FROM idempotency), (SELECT count(*) FROM chunk), \
    (SELECT count(*) FROM member), (SELECT count(*) FROM history), \
    (SELECT count(*) FROM document), (SELECT count(*) FROM place)";
const DOCUMENTS: &str = "SELECT name, version, body FROM document
    WHERE name > $1 ORDER BY name LIMIT $2";
const SECRET: &str = "SELECT value FROM meta WHERE name = 'id_secret'";
/// How much the next operations hold, so that a page can end before it is too much.
const SIZES: &str = "SELECT key, (length(head) + length(events) + coalesce(length(resources), 0)
        + coalesce((SELECT sum(length(chunk.resources)) FROM chunk
            WHERE chunk.operation = operation.key), 0))::bigint
    FROM operation WHERE key > $1 ORDER BY key LIMIT $2";
const OPERATIONS: &str = "SELECT key, account, kind, phase, removed, head, resources, events
    FROM operation WHERE key BETWEEN $1 AND $2 ORDER BY key";
const CHUNKS: &str = "SELECT operation, number, resources FROM chunk
    WHERE operation BETWEEN $1 AND $2 ORDER BY operation, number";
const MEMBERS: &str = "SELECT operation, name, position FROM member
    WHERE operation BETWEEN $1 AND $2 ORDER BY operation, name";
const HISTORIES: &str = "SELECT operation, events FROM history
    WHERE operation BETWEEN $1 AND $2 ORDER BY operation, last";
const IDEMPOTENT: &str = "SELECT operation, account, key, digest FROM idempotency
    WHERE operation BETWEEN $1 AND $2";
const QUEUED: &str = "SELECT operation, kind, account, urgency, project FROM queue
    WHERE operation BETWEEN $1 AND $2";
const TIMERS: &str = "SELECT operation, due FROM timer WHERE operation BETWEEN $1 AND $2";
const PLACES: &str = "SELECT operation, resource, ticket FROM place
    WHERE operation BETWEEN $1 AND $2 ORDER BY operation, resource";

/// A transaction that sees the same for as long as it lasts. Servers may go on writing meanwhile.
pub(super) struct PostgresArchive(Mutex<Session>);

impl PostgresArchive {
    /// What can be seen from now on.
    pub(super) async fn new(connections: &Connections) -> Result<Self, StoreError> {
        let session = connections.patient_session().await;
        let session = session.map_err(|failure| failure.error)?;
        let begun = session.batch("begin to read", BEGIN).await;
        begun.map_err(|failure| failure.error)?;
        Ok(Self(Mutex::new(session)))
    }
}

impl Archive for PostgresArchive {
    fn contents(&self) -> BoxFuture<'_, Result<Contents, StoreError>> {
        async move {
            let session = self.0.lock().await;
            contents(&session).await.map_err(|failure| failure.error)
        }
        .boxed()
    }

    fn page(&self, after: u64) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        async move {
            let session = self.0.lock().await;
            page(&session, after).await.map_err(|failure| failure.error)
        }
        .boxed()
    }

    fn documents(&self, after: &str) -> BoxFuture<'_, Result<Documents, StoreError>> {
        let after = after.as_bytes().to_vec();
        async move {
            let session = self.0.lock().await;
            let documents = documents(&session, after).await;
            documents.map_err(|failure| failure.error)
        }
        .boxed()
    }

    /// The database checks its pages itself when they are read, if it was told to keep their checksums.
    fn faults(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

async fn contents(session: &Session) -> Result<Contents, Failure> {
    let doing = "count what there is";
    let rows = session.query(doing, COUNTS, Vec::new()).await?;
    let count = |index: usize| {
        let row = rows.first().map(|row| column::<i64>(row, index));
        row.unwrap_or(Ok(0))
            .map(|count| count.max(0).cast_unsigned())
    };
    let secret = session.query("read the secret of the ids", SECRET, Vec::new());
    let secret = match secret.await?.first() {
        Some(row) => Some(reads::secret_of(column(row, 0)?)?),
        None => None,
    };
    Ok(Contents {
        id_secret: secret,
        access_keys: reads::access_keys_in(session).await?,
        turns: waiting::turns_in(session).await?.into_iter().collect(),
        last_key: count(0)?,
        operations: count(1)?,
        documents: count(8)?,
        rows: Rows {
            queue: count(2)?,
            timer: count(3)?,
            live: 0,
            idempotency: count(4)?,
            chunk: count(5)?,
            member: count(6)?,
            history: count(7)?,
            place: count(9)?,
        },
        has_live: false,
    })
}

async fn documents(session: &Session, after: Vec<u8>) -> Result<Documents, Failure> {
    let values: Vec<Value> = vec![Box::new(after), Box::new(i64::from(PAGE_DOCUMENTS))];
    let rows = session.query("read the documents", DOCUMENTS, values);
    let mut documents = Documents::new();
    for row in &rows.await? {
        let change = DocumentChange {
            version: column::<i64>(row, 1)?.cast_unsigned(),
            body: column::<Option<&[u8]>>(row, 2)?.map(Box::from),
        };
        let name = String::from_utf8_lossy(column(row, 0)?);
        documents.insert(name.into(), change);
    }
    Ok(documents)
}

async fn page(session: &Session, after: u64) -> Result<Vec<Entry>, Failure> {
    let after = after.cast_signed();
    let values: Vec<Value> = vec![Box::new(after), Box::new(i64::from(PAGE_OPERATIONS))];
    let sizes = session.query("find the next operations", SIZES, values);
    let Some((first, last)) = range(&sizes.await?)? else {
        return Ok(Vec::new());
    };
    let step = |doing, sql: &'static str| Step {
        doing,
        sql: sql.into(),
        values: vec![Box::new(first), Box::new(last)],
    };
    let steps = [
        step("read operations", OPERATIONS),
        step("read chunks", CHUNKS),
        step("read the places of resources", MEMBERS),
        step("read histories", HISTORIES),
        step("read idempotency keys", IDEMPOTENT),
        step("read the queue", QUEUED),
        step("read the timers", TIMERS),
        step("read places in lines", PLACES),
    ];
    let tables = session.pipeline(None, &steps, None).await?;
    let [operations, beside @ ..] = tables.as_slice() else {
        return Ok(Vec::new());
    };
    let beside = Beside::of(beside)?;
    operations
        .iter()
        .map(|row| {
            let key = read_key(row)?;
            let mut rows = Rows::default();
            let parcel = match parcel(row, &beside, &mut rows) {
                Ok(parcel) => Ok(parcel),
                Err(Failure { error, .. }) if is_damage(&error) => Err(error),
                Err(failure) => return Err(failure),
            };
            Ok(Entry { key, parcel, rows })
        })
        .collect()
}

/// From which key to which a page goes.
fn range(sizes: &[Row]) -> Result<Option<(i64, i64)>, Failure> {
    let Some(first) = sizes.first() else {
        return Ok(None);
    };
    let first: i64 = column(first, 0)?;
    let (mut last, mut bytes) = (first, 0);
    for row in sizes {
        bytes += column::<i64>(row, 1)?;
        if bytes > i64::from(PAGE_BYTES) && column::<i64>(row, 0)? != first {
            break;
        }
        last = column(row, 0)?;
    }
    Ok(Some((first, last)))
}

/// Whether an error is one of a single operation.
fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Unreadable { .. })
}

/// The rows of a page that stand beside those of the operations, by operation.
struct Beside<'r>([HashMap<OperationKey, Vec<&'r Row>>; 7]);

impl<'r> Beside<'r> {
    fn of(tables: &'r [Vec<Row>]) -> Result<Self, Failure> {
        let mut beside = Self(Default::default());
        for (by_key, rows) in beside.0.iter_mut().zip(tables) {
            for row in rows {
                by_key.entry(read_key(row)?).or_default().push(row);
            }
        }
        Ok(beside)
    }

    /// Those of one operation: chunks, places, parts of the history, idempotency keys, the queue, timers.
    fn rows(&self, key: OperationKey) -> [&[&'r Row]; 7] {
        self.0
            .each_ref()
            .map(|by_key| by_key.get(&key).map_or(&[][..], Vec::as_slice))
    }
}

/// The operation in `row` with all that belongs to it. What is right beside it is counted in `rows`.
fn parcel(row: &Row, beside: &Beside<'_>, rows: &mut Rows) -> Result<Parcel, Failure> {
    let mut operation = read_with_resources(row)?;
    let key = operation.key;
    let [chunks, members, parts, idempotent, queued, timers, places] = beside.rows(key);
    rows.chunk = chunks.len() as u64;
    rows.history = parts.len() as u64;
    rows.idempotency = idempotent.len() as u64;
    let expected = Expected::of(&operation);
    for row in timers {
        let due: i64 = column(row, 1)?;
        rows.timer += u64::from(expected.due_at.is_some_and(|at| at.as_millis() == due));
    }
    for row in queued {
        let is_right = match &expected.queued {
            Some(queued) => is_right_place(row, queued)?,
            None => false,
        };
        rows.queue += u64::from(is_right);
    }
    if is_chunked(operation.tally.total) && !operation.removed {
        operation.resources = Resources::part(operation.tally.total, read_all(&operation, chunks)?);
        check_tally(&operation)?;
        for row in members {
            rows.member += u64::from(is_right_member(row, &operation)?);
        }
    }
    let mut own_places = Vec::new();
    if operation.holds_place() {
        for row in places {
            own_places.push((column(row, 1)?, column(row, 2)?));
        }
        rows.place = own_places.len() as u64;
    }
    Ok(Parcel {
        places: own_places,
        history: history(row, &operation, parts)?,
        idempotent: idempotent
            .first()
            .map(|row| read_idempotent(row, key))
            .transpose()?,
        operation,
    })
}

fn is_right_place(row: &Row, queued: &Queued) -> Result<bool, Failure> {
    let (kind, account): (&[u8], &[u8]) = (column(row, 1)?, column(row, 2)?);
    let (urgency, project): (i16, Option<&[u8]>) = (column(row, 3)?, column(row, 4)?);
    let own_project = queued.project.as_ref().map(|one| one.as_str().as_bytes());
    Ok(kind == queued.kind.as_str().as_bytes()
        && account == queued.account.as_str().as_bytes()
        && urgency == i16::from(queued.urgency)
        // A server of an earlier release does not say in which project is what it puts here.
        && (project.is_none() || project == own_project))
}

fn read_all(operation: &Operation, chunks: &[&Row]) -> Result<Vec<(u32, Resource)>, Failure> {
    let (key, total) = (operation.key, operation.tally.total);
    let lost = || unreadable("a resource", key)(Unreadable);
    if chunks.len() != total.div_ceil(CHUNK) as usize {
        return Err(lost().into());
    }
    let mut resources = Vec::with_capacity(total as usize);
    for (number, row) in (0..).zip(chunks) {
        if column::<i32>(row, 1)?.cast_unsigned() != number {
            return Err(lost().into());
        }
        read_chunk(key, total, number, column(row, 2)?, &mut resources)?;
    }
    Ok(resources)
}

fn is_right_member(row: &Row, operation: &Operation) -> Result<bool, Failure> {
    let (name, position): (&[u8], i32) = (column(row, 1)?, column(row, 2)?);
    let resource = operation.resources.get(position.cast_unsigned());
    Ok(resource.is_some_and(|one| one.id.as_str().as_bytes() == name))
}

fn history(row: &Row, operation: &Operation, parts: &[&Row]) -> Result<Vec<HistoryEntry>, Failure> {
    let unreadable = unreadable("the history", operation.key);
    let mut entries = Vec::new();
    let own = column(row, 7)?;
    record::read_events(operation, own, 0, &mut entries).map_err(&unreadable)?;
    for part in parts {
        let events = column(part, 1)?;
        record::read_events(operation, events, 0, &mut entries).map_err(&unreadable)?;
    }
    entries.sort_unstable_by_key(|entry| entry.number);
    Ok(entries)
}

fn read_idempotent(row: &Row, key: OperationKey) -> Result<Idempotent, Failure> {
    let digest: &[u8] = column(row, 3)?;
    let damaged = |_| unreadable("the idempotency key", key)(Unreadable);
    Ok(Idempotent {
        account: name(row, 1, "the account", key)?.into(),
        key: name(row, 2, "the idempotency key", key)?.into(),
        digest: digest.try_into().map_err(damaged)?,
    })
}
