//! The one connection that writes.

use crate::doing::Doing;
use crate::record::phase_code;
use crate::sqlite::row::{Dictionary, column};
use crate::sqlite::tables::SqliteTables;
use crate::sqlite::{save, schema};
use crate::turns::{Book, Turn};
use crate::{Committed, Limits, StoreError, Write, workset};
use longrun_model::{Account, KindName, Phase, Timestamp};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;

/// The connection, and what it remembers between commits.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    /// Gone while a commit runs: if it fails, what it has learnt was rolled back with it.
    memory: Option<Memory>,
    /// What leases are held to.
    limits: Arc<Limits>,
}

/// What is known of the tables without asking them.
#[derive(Debug)]
struct Memory {
    names: Dictionary,
    /// Whose turn it is, and what runs.
    book: Book,
    /// The last key that was given. Removed operations leave a row, so no key is lower that was ever given.
    last_key: u64,
}

impl Writer {
    /// Opens the file, makes it if there is none, and brings it up to date.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: schema::open_writer(path)?,
            memory: None,
            limits: Arc::default(),
        })
    }

    /// Holds leases to these limits from here on.
    pub(super) fn limit(&mut self, limits: Limits) {
        self.limits = Arc::new(limits);
    }

    /// Carries out `writes` in one transaction.
    pub(super) fn commit(
        &mut self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        let memory = self.memory.take();
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("begin a commit")?;
        let mut memory = match memory {
            Some(memory) => memory,
            None => Memory::read(&transaction)?,
        };
        memory.book.limits = Arc::clone(&self.limits);
        let Memory {
            names,
            book,
            last_key,
        } = &mut memory;
        let mut tables = SqliteTables::new(&transaction, names, book, *last_key)?;
        let (changes, results) = workset::run(&mut tables, writes, now)?;
        save::save(&mut tables, &changes)?;
        let given = tables.last_key;
        drop(tables);
        memory.last_key = given;
        transaction.commit().doing("commit")?;
        self.memory = Some(memory);
        Ok(results)
    }

    /// Moves the log into the file, so that the file alone is the whole store, once reads that run have ended.
    pub(super) fn empty_log(&mut self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .doing("move the log into the file")
    }

    /// The secret of the store, which is `proposal` if it has none yet.
    pub(super) fn id_secret(&mut self, proposal: [u8; 16]) -> Result<[u8; 16], StoreError> {
        self.connection
            .execute(
                "INSERT OR IGNORE INTO meta (name, value) VALUES ('id_secret', ?1)",
                [proposal],
            )
            .doing("save the secret of the ids")?;
        self.connection
            .query_row(
                "SELECT value FROM meta WHERE name = 'id_secret'",
                [],
                |row| row.get(0),
            )
            .doing("read the secret of the ids")
    }
}

impl Memory {
    fn read(connection: &Connection) -> Result<Self, StoreError> {
        let last_key: i64 = connection
            .query_row("SELECT ifnull(max(key), 0) FROM operation", [], |row| {
                row.get(0)
            })
            .doing("find the last key")?;
        let mut names = Dictionary::default();
        let book = read_book(connection, &mut names)?;
        Ok(Self {
            names,
            book,
            last_key: last_key.max(0).cast_unsigned(),
        })
    }
}

/// Whose turn it was, and how much runs.
fn read_book(connection: &Connection, names: &mut Dictionary) -> Result<Book, StoreError> {
    let mut book = Book::default();
    let sql = "SELECT kind, account, taken, number FROM turn";
    let mut statement = connection.prepare(sql).doing("read whose turn it was")?;
    let mut rows = statement.query([]).doing("read whose turn it was")?;
    while let Some(row) = rows.next().doing("read whose turn it was")? {
        let account: String = column(row, 1)?;
        let turn = Turn {
            account: account.into(),
            taken: column(row, 2)?,
            number: column::<i64>(row, 3)?.cast_unsigned(),
        };
        if let Some(kind) = names.kinds.name(connection, column(row, 0)?)? {
            book.take_turn(KindName::from(kind), turn);
        }
    }
    let sql = "SELECT kind, account, count(*) \
               FROM live CROSS JOIN operation ON key = live.operation \
               WHERE phase IN (?1, ?2) GROUP BY kind, account";
    let held = [Phase::Running, Phase::Cancelling].map(phase_code);
    let mut statement = connection.prepare(sql).doing("count what runs")?;
    let mut rows = statement.query(held).doing("count what runs")?;
    while let Some(row) = rows.next().doing("count what runs")? {
        let kind = names.kinds.name(connection, column(row, 0)?)?;
        let kind = kind.map(KindName::from);
        let account = names.accounts.name(connection, column(row, 1)?)?;
        if let (Some(kind), Some(account)) = (kind, account.map(Account::from)) {
            book.begin(&kind, &account, column(row, 2)?);
        }
    }
    Ok(book)
}
