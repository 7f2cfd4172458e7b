//! Saving what a commit has changed: one row an operation, and only those rows of indexes that differ.

use crate::StoreError;
use crate::document::DocumentChange;
use crate::doing::Doing;
use crate::indexed::{Indexed, urgency};
use crate::layout::{EVENTS_BYTES_MAX, is_chunked, row_id};
use crate::record::{self, phase_code};
use crate::sqlite::chunk;
use crate::sqlite::row::Dictionary;
use crate::sqlite::tables::SqliteTables;
use crate::workset::{AccessKeyChange, Changes, Touched};
use longrun_model::{Idempotency, Operation, OperationKey, ProjectId};
use rusqlite::{CachedStatement, Connection, params};

/// Saves `changes` through `tables`, which know what was loaded.
pub(super) fn save(tables: &mut SqliteTables<'_>, changes: &Changes) -> Result<(), StoreError> {
    if !changes.operations.is_empty() {
        let mut saver = Saver::new(tables)?;
        for touched in &changes.operations {
            saver.save(touched)?;
        }
    }
    save_turns(tables)?;
    for change in &changes.access_keys {
        save_access_key(tables.connection, change)?;
    }
    for (name, change) in &changes.documents {
        save_document(tables.connection, name, change)?;
    }
    Ok(())
}

/// The statements that most commits need, and room for blobs that is used again.
struct Saver<'t, 'c> {
    tables: &'t mut SqliteTables<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
    enqueue: CachedStatement<'c>,
    dequeue: CachedStatement<'c>,
    bear: CachedStatement<'c>,
    bury: CachedStatement<'c>,
    set_timer: CachedStatement<'c>,
    clear_timer: CachedStatement<'c>,
    head: Vec<u8>,
    events: Vec<u8>,
    resources: Vec<u8>,
}

const INSERT: &str = "INSERT INTO operation \
    (key, account, kind, phase, removed, head, events, resources) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
// Resources that did not change are given as null and stay as they are.
const UPDATE: &str = "UPDATE operation SET phase = ?2, head = ?3, \
    events = CAST(events || ?4 AS BLOB), resources = ifnull(?5, resources) WHERE key = ?1";
const REMOVE: &str = "UPDATE operation SET phase = ?2, head = ?3, \
    events = x'', resources = NULL, removed = 1 WHERE key = ?1";
const ENQUEUE: &str = "INSERT INTO queue (kind, urgency, account, operation, inside, project) \
    VALUES (?1, ?2, ?3, ?4, ?5 IS NOT NULL, ?5)";
const DEQUEUE: &str = "DELETE FROM queue WHERE kind = ?1 AND urgency = ?2 AND account = ?3 \
    AND inside = (?5 IS NOT NULL) AND operation = ?4";
const BEAR: &str = "INSERT INTO live (operation) VALUES (?1)";
const BURY: &str = "DELETE FROM live WHERE operation = ?1";
const SET_TIMER: &str = "INSERT INTO timer (due, operation) VALUES (?1, ?2)";
const CLEAR_TIMER: &str = "DELETE FROM timer WHERE due = ?1 AND operation = ?2";

impl<'t, 'c> Saver<'t, 'c> {
    fn new(tables: &'t mut SqliteTables<'c>) -> Result<Self, StoreError> {
        let connection = tables.connection;
        let prepare = |sql| {
            connection
                .prepare_cached(sql)
                .doing("prepare to save an operation")
        };
        Ok(Self {
            insert: prepare(INSERT)?,
            update: prepare(UPDATE)?,
            enqueue: prepare(ENQUEUE)?,
            dequeue: prepare(DEQUEUE)?,
            bear: prepare(BEAR)?,
            bury: prepare(BURY)?,
            set_timer: prepare(SET_TIMER)?,
            clear_timer: prepare(CLEAR_TIMER)?,
            tables,
            head: Vec::new(),
            events: Vec::new(),
            resources: Vec::new(),
        })
    }

    fn save(&mut self, touched: &Touched) -> Result<(), StoreError> {
        let operation = &*touched.operation;
        record::write_head(operation, &mut self.head);
        self.events.clear();
        if !operation.removed {
            record::write_events(operation, &touched.events, &mut self.events);
        }
        let account = operation.account.as_str();
        let Dictionary { accounts, kinds } = &mut *self.tables.names;
        let account = accounts.intern(self.tables.connection, account)?;
        let kind = kinds.intern(self.tables.connection, operation.kind.as_str())?;
        match touched.before {
            None => self.save_new(touched, account, kind)?,
            Some(_) if operation.removed => self.remove(operation)?,
            Some(_) => self.save_changed(touched)?,
        }
        self.index(operation, touched.before, kind)
    }

    fn save_new(&mut self, touched: &Touched, account: i64, kind: i64) -> Result<(), StoreError> {
        let operation = &*touched.operation;
        self.spill(touched, 0)?;
        let chunked = is_chunked(operation.resources.total());
        let own = !chunked && !operation.removed;
        if own {
            record::write_resources(operation.resources.indexed(), &mut self.resources);
        }
        self.insert
            .execute(params![
                row_id(operation.key),
                account,
                kind,
                phase_code(operation.phase),
                operation.removed,
                self.head,
                self.events,
                own.then_some(&self.resources),
            ])
            .doing("save a new operation")?;
        if operation.removed {
            return Ok(());
        }
        if chunked {
            chunk::save_new(self.tables.connection, operation)?;
        }
        match &touched.idempotency {
            Some(idempotency) => {
                save_idempotency(self.tables.connection, account, idempotency, operation.key)
            }
            None => Ok(()),
        }
    }

    fn save_changed(&mut self, touched: &Touched) -> Result<(), StoreError> {
        let operation = &*touched.operation;
        let loaded = self.tables.loaded.get(&operation.key);
        self.spill(touched, loaded.map_or(0, |loaded| loaded.events_bytes))?;
        let chunked = is_chunked(operation.resources.total());
        let changed = !touched.changed_resources.is_empty();
        if chunked && changed {
            chunk::save_changed(self.tables.connection, touched)?;
        } else if changed {
            record::write_resources(operation.resources.indexed(), &mut self.resources);
        }
        self.update
            .execute(params![
                row_id(operation.key),
                phase_code(operation.phase),
                self.head,
                self.events,
                (changed && !chunked).then_some(&self.resources),
            ])
            .doing("save an operation")?;
        Ok(())
    }

    /// Leaves a small row, and nothing else.
    fn remove(&mut self, operation: &Operation) -> Result<(), StoreError> {
        let connection = self.tables.connection;
        let row = row_id(operation.key);
        connection
            .prepare_cached(REMOVE)
            .and_then(|mut statement| {
                statement.execute(params![row, phase_code(operation.phase), self.head])
            })
            .doing("remove an operation")?;
        for sql in [
            "DELETE FROM history WHERE operation = ?1",
            "DELETE FROM idempotency WHERE operation = ?1",
        ] {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([row]))
                .doing("remove what belongs to an operation")?;
        }
        if is_chunked(operation.resources.total()) {
            chunk::delete(connection, operation.key)?;
        }
        Ok(())
    }

    /// Gives the new events a row of their own if they do not fit beside the `events_bytes` that are in the operation's.
    fn spill(&mut self, touched: &Touched, events_bytes: usize) -> Result<(), StoreError> {
        if events_bytes + self.events.len() <= EVENTS_BYTES_MAX {
            return Ok(());
        }
        let Some((last, _)) = touched.events.last() else {
            return Ok(());
        };
        let row = row_id(touched.operation.key);
        save_history(self.tables.connection, row, *last, &self.events)?;
        self.events.clear();
        Ok(())
    }

    /// Brings the queue, the timers and what lives up to date.
    fn index(
        &mut self,
        operation: &Operation,
        before: Option<Indexed>,
        kind: i64,
    ) -> Result<(), StoreError> {
        let row = row_id(operation.key);
        let after = Indexed::of(operation);
        let due_before = before.and_then(|before| before.due_at);
        if due_before != after.due_at {
            for (due, statement) in [
                (due_before, &mut self.clear_timer),
                (after.due_at, &mut self.set_timer),
            ] {
                if let Some(due) = due {
                    statement
                        .execute([due.as_millis(), row])
                        .doing("set a timer")?;
                }
            }
        }
        self.tables
            .book
            .settle(&self.tables.round, operation, before);
        let lived = before.is_some_and(|before| before.live);
        if lived != after.live {
            let statement = if lived {
                &mut self.bury
            } else {
                &mut self.bear
            };
            statement.execute([row]).doing("keep what lives")?;
        }
        let waited = before.is_some_and(|before| before.waiting);
        if waited != after.waiting {
            let statement = if waited {
                &mut self.dequeue
            } else {
                &mut self.enqueue
            };
            let urgency = i64::from(urgency(operation.priority));
            let account = operation.account.as_str();
            let project = operation.project.as_ref().map(ProjectId::as_str);
            statement
                .execute(params![kind, urgency, account, row, project])
                .doing("keep the queue")?;
        }
        Ok(())
    }
}

/// Saves a part of the history of the operation in `row` that has a row of its own.
pub(super) fn save_history(
    connection: &Connection,
    row: i64,
    last: u64,
    events: &[u8],
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO history (operation, last, events) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute(params![row, last.cast_signed(), events]))
        .doing("save a part of the history")?;
    Ok(())
}

fn save_idempotency(
    connection: &Connection,
    account: i64,
    idempotency: &Idempotency,
    operation: OperationKey,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO idempotency (account, key, digest, operation) VALUES (?1, ?2, ?3, ?4)";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.execute(params![
                account,
                idempotency.key,
                idempotency.digest,
                row_id(operation),
            ])
        })
        .doing("save an idempotency key")?;
    Ok(())
}

/// Saves whose turn it was, for the kinds for which that has changed.
fn save_turns(tables: &mut SqliteTables<'_>) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO turn (kind, account, taken, number) VALUES (?1, ?2, ?3, ?4)";
    for name in &tables.round.turned {
        let kind = tables
            .names
            .kinds
            .intern(tables.connection, name.as_str())?;
        if let Some(turn) = tables.book.turn(name) {
            let number = turn.number.cast_signed();
            tables
                .connection
                .prepare_cached(sql)
                .and_then(|mut statement| {
                    statement.execute(params![kind, turn.account.as_str(), turn.taken, number])
                })
                .doing("save whose turn it was")?;
        }
    }
    Ok(())
}

fn save_access_key(connection: &Connection, change: &AccessKeyChange) -> Result<(), StoreError> {
    match change {
        AccessKeyChange::Put(access_key) => connection.execute(
            "INSERT OR REPLACE INTO access_key (id, record) VALUES (?1, ?2)",
            params![access_key.id, record::write_access_key(access_key)],
        ),
        AccessKeyChange::Remove(id) => {
            connection.execute("DELETE FROM access_key WHERE id = ?1", [id])
        }
    }
    .doing("save an access key")?;
    Ok(())
}

fn save_document(
    connection: &Connection,
    name: &str,
    change: &DocumentChange,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO document (name, version, body) VALUES (?1, ?2, ?3) \
               ON CONFLICT (name) DO UPDATE SET version = excluded.version, body = excluded.body";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.execute(params![name, change.version.cast_signed(), change.body])
        })
        .doing("save a document")?;
    Ok(())
}
