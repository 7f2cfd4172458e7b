//! The one connection that writes.

use crate::sqlite::doing::Doing;
use crate::sqlite::row::Dictionary;
use crate::sqlite::tables::SqliteTables;
use crate::sqlite::{save, schema};
use crate::{Committed, StoreError, Write, workset};
use longrun_model::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// The connection, and what it remembers between commits.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    /// Gone while a commit runs: if it fails, what it has learnt was rolled back with it.
    memory: Option<Memory>,
}

/// What is known of the tables without asking them.
#[derive(Debug)]
struct Memory {
    names: Dictionary,
    /// The last key that was given. Removed operations leave a row, so no key is lower that was ever given.
    last_key: u64,
}

impl Writer {
    /// Opens the file, makes it if there is none, and brings it up to date.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: schema::open_writer(path)?,
            memory: None,
        })
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
        let mut tables = SqliteTables::new(&transaction, &mut memory.names, memory.last_key)?;
        let (changes, results) = workset::run(&mut tables, writes, now)?;
        save::save(&mut tables, &changes)?;
        memory.last_key = tables.last_key;
        drop(tables);
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
        Ok(Self {
            names: Dictionary::default(),
            last_key: last_key.max(0).cast_unsigned(),
        })
    }
}
