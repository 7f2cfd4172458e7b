//! The tables, and how a file of an earlier schema becomes one of the latest. There is no way back.

use crate::StoreError;
use crate::doing::Doing;
use crate::record::{self, Unreadable};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};
use std::path::Path;

/// Tells a file of this program from other SQLite files: "LNGR".
const APPLICATION_ID: i64 = 0x4c4e_4752;

/// What each schema adds to the one before it. The number of the schema is the number of steps that were taken.
const MIGRATIONS: &[&str] = &[SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4];

/// An operation is one row with its history so far and its resources, as long as they are few; a large one has its
/// resources in `chunk`, found by id through `member`, and what does not fit of the history in `history`. `queue` holds
/// what waits for a worker, `timer` what needs a tick. A removed operation leaves a small row, so that it is known to
/// have been there and its key is not given twice.
const SCHEMA_1: &str = "
    CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE operation (
        key INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        phase INTEGER NOT NULL,
        removed INTEGER NOT NULL,
        head BLOB NOT NULL,
        events BLOB NOT NULL,
        resources BLOB
    ) STRICT;
    CREATE INDEX operation_of_account ON operation (account) WHERE removed = 0;
    CREATE TABLE chunk (key INTEGER PRIMARY KEY, resources BLOB NOT NULL) STRICT;
    CREATE TABLE member (
        operation INTEGER NOT NULL,
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (operation, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE history (
        operation INTEGER NOT NULL,
        last INTEGER NOT NULL,
        events BLOB NOT NULL,
        PRIMARY KEY (operation, last)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE queue (
        kind INTEGER NOT NULL,
        account INTEGER NOT NULL,
        urgency INTEGER NOT NULL,
        operation INTEGER NOT NULL,
        PRIMARY KEY (kind, account, urgency, operation)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE timer (
        due INTEGER NOT NULL,
        operation INTEGER NOT NULL,
        PRIMARY KEY (due, operation)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE idempotency (
        account INTEGER NOT NULL,
        key TEXT NOT NULL,
        digest BLOB NOT NULL,
        operation INTEGER NOT NULL,
        PRIMARY KEY (account, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_of_operation ON idempotency (operation);
    CREATE TABLE access_key (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// `live` holds the operations that have not ended; what waits is found by its urgency before its account, and
/// accounts are in the order of their names, as in every store; `turn` tells whose turn it was. Heads may have a second
/// record from here on.
const SCHEMA_2: &str = "
    CREATE TABLE live (operation INTEGER PRIMARY KEY) STRICT;
    INSERT INTO live SELECT key FROM operation WHERE phase < 3;
    CREATE TABLE lane (
        kind INTEGER NOT NULL,
        urgency INTEGER NOT NULL,
        account TEXT NOT NULL,
        operation INTEGER NOT NULL,
        PRIMARY KEY (kind, urgency, account, operation)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO lane SELECT queue.kind, queue.urgency, account.name, queue.operation
        FROM queue JOIN account ON account.id = queue.account;
    DROP TABLE queue;
    ALTER TABLE lane RENAME TO queue;
    CREATE TABLE turn (
        kind INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        taken INTEGER NOT NULL,
        number INTEGER NOT NULL
    ) STRICT;
";

/// `document` holds what the edges keep beside the operations. One that was removed leaves its name and its version, so
/// that nobody takes one that was made anew for what was there before. `place` holds the places of operations in the
/// lines for their resources, for kinds of which only one may work on a resource at a time.
const SCHEMA_3: &str = "
    CREATE TABLE document (name TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB) STRICT;
    CREATE TABLE place (
        resource BLOB NOT NULL,
        ticket INTEGER NOT NULL,
        operation INTEGER NOT NULL,
        PRIMARY KEY (resource, ticket)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX place_of_operation ON place (operation);
";

/// What waits is found by its project as well, for workers who see some projects only. What is in none is not in the
/// second index either, so that those who use no projects do not pay for it.
const SCHEMA_4: &str = "
    CREATE TABLE lane (
        kind INTEGER NOT NULL,
        urgency INTEGER NOT NULL,
        account TEXT NOT NULL,
        inside INTEGER NOT NULL,
        operation INTEGER NOT NULL,
        project TEXT,
        PRIMARY KEY (kind, urgency, account, inside, operation)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO lane
        SELECT kind, urgency, account, project IS NOT NULL, operation, project FROM (
            SELECT queue.*, project_of(operation.head) AS project
            FROM queue JOIN operation ON operation.key = queue.operation
        );
    DROP TABLE queue;
    ALTER TABLE lane RENAME TO queue;
    CREATE INDEX queue_of_project ON queue (kind, urgency, account, project, operation)
        WHERE project IS NOT NULL;
";

/// How many pages the log may hold before they are moved into the file. Pages that change often, as those at the end of
/// a table do, are moved once for all the commits in between.
const LOG_PAGES_MAX: i64 = 4_000;
/// How many kibibytes of pages the writer keeps. More would make commits dear: SQLite looks at all that are kept at the
/// end of a transaction in which pages of a tree have changed places. What is not kept is read from the system's memory.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// How many kibibytes of pages each reader keeps: enough for the upper levels of the large trees.
const READER_CACHE_KIB: i64 = 4 * 1024;
/// How many statements a connection keeps prepared: more than there are.
const STATEMENTS_KEPT: usize = 64;

/// Opens the file for writing, makes it if there is none, and brings its schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).doing("open the store file")?;
    let found = schema_of(&connection, path)?;
    set_up_writer(&connection).doing("set up the store file")?;
    log_ahead(&connection)?;
    migrate(&mut connection, found)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Opens the file for reading only. It must have been opened for writing before.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).doing("open the store file for reading")?;
    connection
        .pragma_update(None, "cache_size", -READER_CACHE_KIB)
        .doing("set up a reader")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Refuses files that are not stores of this program.
pub(super) fn check_is_ours(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match schema_of(connection, path)? {
        0 => {
            let why = format!("there is no store in `{}`", path.display());
            Err(StoreError::Unsuitable(why))
        }
        _ => Ok(()),
    }
}

/// Refuses files that are not stores of the latest schema.
pub(super) fn check_is_current(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    check_is_ours(connection, path)?;
    match schema_of(connection, path)? {
        found if found < MIGRATIONS.len() => Err(StoreError::Unsuitable(format!(
            "its schema is {found}, and a server brings it to {} when it is started on it",
            MIGRATIONS.len()
        ))),
        _ => Ok(()),
    }
}

/// The schema of the file: 0 if it is empty. Nothing is written, as the file may be another program's.
fn schema_of(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let foreign = || StoreError::Foreign(path.display().to_string());
    let application = match number("PRAGMA application_id") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(foreign());
        }
        application => application.doing("read the store file")?,
    };
    let found = number("PRAGMA user_version").doing("read the schema's number")?;
    let tables = number("SELECT count(*) FROM sqlite_schema").doing("read the schema")?;
    if application != APPLICATION_ID && (application, found, tables) != (0, 0, 0) {
        return Err(foreign());
    }
    let newer = || StoreError::Newer {
        found,
        known: i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
    };
    usize::try_from(found)
        .ok()
        .filter(|found| *found <= MIGRATIONS.len())
        .ok_or_else(newer)
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", 4_096)?;
    // An answer is given when the commit has returned: the log must be on the disk by then.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
    connection.pragma_update(None, "journal_size_limit", 4 * LOG_PAGES_MAX * 4_096)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Has readers and the writer not wait for each other. Some network file systems cannot do that.
fn log_ahead(connection: &Connection) -> Result<(), StoreError> {
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .doing("keep a write-ahead log")?;
    if mode == "wal" {
        return Ok(());
    }
    Err(StoreError::Database {
        doing: "keep a write-ahead log",
        source: format!("the file system allows only the journal mode `{mode}`").into(),
    })
}

fn migrate(connection: &mut Connection, found: usize) -> Result<(), StoreError> {
    read_heads(connection).doing("bring the schema up to date")?;
    for (number, step) in (1_i64..).zip(MIGRATIONS).skip(found) {
        take_step(connection, number, step).doing("bring the schema up to date")?;
    }
    Ok(())
}

/// Lets statements read the project in a head.
fn read_heads(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("project_of", 1, flags, |values| {
        let project = record::read_project(values.get_raw(0).as_blob()?);
        let project = project.map_err(|Unreadable| Error::InvalidQuery)?;
        Ok(project.map(str::to_owned))
    })
}

fn take_step(connection: &mut Connection, number: i64, step: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "user_version", number)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}
