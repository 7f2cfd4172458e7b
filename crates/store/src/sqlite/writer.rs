//! The one connection that writes.

use crate::archive::{Contents, Documents, Parcel, State, arrived};
use crate::doing::Doing;
use crate::layout::row_id;
use crate::record::{self, Unreadable, phase_code};
use crate::sqlite::row::{Dictionary, column};
use crate::sqlite::tables::SqliteTables;
use crate::sqlite::{lines, save, schema};
use crate::turns::{Book, Turn};
use crate::workset::{AccessKeyChange, Changes};
use crate::{Committed, Limits, StoreError, Write, workset};
use longrun_model::{Account, KindName, Phase, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
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
        self.transact(|tables| {
            let (changes, results) = workset::run(tables, writes, now)?;
            save::save(tables, &changes)?;
            Ok(results)
        })
    }

    /// Keeps operations of another store, which are none of those that are here.
    pub(super) fn fill(&mut self, parcels: Vec<Parcel>) -> Result<(), StoreError> {
        self.transact(|tables| {
            for mut parcel in parcels {
                let key = parcel.operation.key;
                tables.last_key = tables.last_key.max(key.get());
                for (line, ticket) in std::mem::take(&mut parcel.places) {
                    lines::keep(tables.connection, &line, ticket, key)?;
                }
                let (touched, parts) = arrived(parcel);
                let row = row_id(touched.operation.key);
                let changes = Changes {
                    operations: vec![touched],
                    ..Changes::default()
                };
                save::save(tables, &changes)?;
                for (last, events) in parts {
                    save::save_history(tables.connection, row, last, &events)?;
                }
            }
            Ok(())
        })
    }

    /// Keeps what another store has besides operations.
    pub(super) fn furnish(&mut self, contents: Contents) -> Result<(), StoreError> {
        self.transact(|tables| {
            for (kind, turn) in contents.turns {
                tables.book.take_turn(kind.clone(), turn);
                tables.round.turned.insert(kind);
            }
            let access_keys = contents.access_keys.into_iter();
            let changes = Changes {
                access_keys: access_keys.map(AccessKeyChange::Put).collect(),
                ..Changes::default()
            };
            save::save(tables, &changes)
        })
    }

    /// Keeps documents of another store.
    pub(super) fn put_documents(&mut self, documents: Documents) -> Result<(), StoreError> {
        self.transact(|tables| {
            let changes = Changes {
                documents,
                ..Changes::default()
            };
            save::save(tables, &changes)
        })
    }

    /// Carries out one transaction.
    fn transact<R>(
        &mut self,
        run: impl FnOnce(&mut SqliteTables<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
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
        let result = run(&mut tables)?;
        let given = tables.last_key;
        drop(tables);
        memory.last_key = given;
        transaction.commit().doing("commit")?;
        self.memory = Some(memory);
        Ok(result)
    }

    /// What may be done with the store.
    pub(super) fn state(&self) -> Result<State, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = 'state'";
        let blob: Option<Vec<u8>> = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .optional()
            .doing("read what may be done with the store")?;
        record::read_state(&blob.unwrap_or_default())
            .map_err(|Unreadable| StoreError::Unsuitable("its state is damaged".to_owned()))
    }

    /// Says from here on that this may be done with the store.
    pub(super) fn mark(&self, state: &State) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES ('state', ?1)";
        self.connection
            .execute(sql, [record::write_state(state)])
            .doing("save what may be done with the store")?;
        Ok(())
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
    for (kind, turn) in read_turns(connection, names)? {
        book.take_turn(kind, turn);
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

/// Whose turn it was last, by kind.
pub(super) fn read_turns(
    connection: &Connection,
    names: &mut Dictionary,
) -> Result<Vec<(KindName, Turn)>, StoreError> {
    let sql = "SELECT turn.kind, account, taken, number FROM turn JOIN kind ON kind.id = turn.kind \
               ORDER BY kind.name";
    let mut statement = connection.prepare(sql).doing("read whose turn it was")?;
    let mut rows = statement.query([]).doing("read whose turn it was")?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next().doing("read whose turn it was")? {
        let account: String = column(row, 1)?;
        let turn = Turn {
            account: account.into(),
            taken: column(row, 2)?,
            number: column::<i64>(row, 3)?.cast_unsigned(),
        };
        if let Some(kind) = names.kinds.name(connection, column(row, 0)?)? {
            turns.push((KindName::from(kind), turn));
        }
    }
    Ok(turns)
}
