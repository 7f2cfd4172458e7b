//! What a running commit finds in the tables.

use crate::document::Named;
use crate::doing::Doing;
use crate::layout::{check_tally, is_chunked, key_of, row_id};
use crate::sqlite::row::{
    Dictionary, SELECT_OPERATION, column, read_operation, read_own_resources,
};
use crate::sqlite::{chunk, lines};
use crate::turns::{self, Book, Lane, Lanes, Part, Round, Taken};
use crate::workset::Tables;
use crate::{LeaseWish, StoreError};
use longrun_model::{Account, KindName, Operation, OperationKey, Resource, Resources, Touch};
use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, params};
use std::collections::{HashMap, VecDeque};

/// The tables as one transaction sees them.
pub(super) struct SqliteTables<'c> {
    pub(super) connection: &'c Connection,
    pub(super) names: &'c mut Dictionary,
    /// The last key that was given.
    pub(super) last_key: u64,
    /// What is known of the rows of the operations that were loaded.
    pub(super) loaded: HashMap<OperationKey, Loaded>,
    /// Whose turn it is, and what runs.
    pub(super) book: &'c mut Book,
    /// What this commit has handed out so far.
    pub(super) round: Round,
    /// What was read of the queue.
    ahead: Ahead,
    select: CachedStatement<'c>,
}

/// What is known of the row of an operation that was loaded.
#[derive(Clone, Copy)]
pub(super) struct Loaded {
    /// How many resources it has.
    total: u32,
    /// How many bytes of its history stand in the row.
    pub(super) events_bytes: usize,
}

impl<'c> SqliteTables<'c> {
    /// The tables as `connection` sees them in its transaction.
    pub(super) fn new(
        connection: &'c Connection,
        names: &'c mut Dictionary,
        book: &'c mut Book,
        last_key: u64,
    ) -> Result<Self, StoreError> {
        let select = connection
            .prepare_cached(SELECT_OPERATION)
            .doing("prepare to load an operation")?;
        Ok(Self {
            connection,
            names,
            last_key,
            loaded: HashMap::new(),
            book,
            round: Round::default(),
            ahead: Ahead::default(),
            select,
        })
    }
}

impl Tables for SqliteTables<'_> {
    fn load(
        &mut self,
        key: OperationKey,
        touch: Touch<'_>,
    ) -> Result<Option<Operation>, StoreError> {
        let mut rows = self
            .select
            .query([row_id(key)])
            .doing("load an operation")?;
        let Some(row) = rows.next().doing("load an operation")? else {
            return Ok(None);
        };
        let mut operation = read_operation(self.connection, self.names, row)?;
        read_own_resources(&mut operation, row)?;
        let total = operation.tally.total;
        let loaded = Loaded {
            total,
            events_bytes: column(row, 7)?,
        };
        self.loaded.insert(key, loaded);
        if is_chunked(total) && !operation.removed {
            let resources = chunk::load(self.connection, key, total, touch)?;
            operation.resources = Resources::part(total, resources);
            check_tally(&operation)?;
        }
        Ok(Some(operation))
    }

    fn load_resources(
        &mut self,
        key: OperationKey,
        touch: Touch<'_>,
    ) -> Result<Vec<(u32, Resource)>, StoreError> {
        match self.loaded.get(&key) {
            Some(loaded) if is_chunked(loaded.total) => {
                chunk::load(self.connection, key, loaded.total, touch)
            }
            // Few resources were loaded with the operation, and those of a new one are not stored yet.
            Some(_) | None => Ok(Vec::new()),
        }
    }

    fn idempotent(
        &mut self,
        account: &Account,
        key: &str,
    ) -> Result<Option<(OperationKey, [u8; 16])>, StoreError> {
        let Some(account) = self
            .names
            .accounts
            .find(self.connection, account.as_str())?
        else {
            return Ok(None);
        };
        let sql = "SELECT operation, digest FROM idempotency WHERE account = ?1 AND key = ?2";
        let found: Option<(i64, [u8; 16])> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let found = statement
                    .query_row(params![account, key], |row| Ok((row.get(0)?, row.get(1)?)));
                found.optional()
            })
            .doing("look up an idempotency key")?;
        found
            .map(|(operation, digest)| Ok((key_of(operation)?, digest)))
            .transpose()
    }

    fn waiting(
        &mut self,
        wish: &LeaseWish,
        taken: &Taken,
    ) -> Result<Vec<OperationKey>, StoreError> {
        let Self {
            connection,
            names,
            book,
            round,
            ahead,
            ..
        } = self;
        let mut lanes = Queue {
            connection,
            names,
            ahead,
        };
        turns::pick(&mut lanes, book, round, wish, taken)
    }

    fn document(&mut self, name: &str) -> Result<Option<Named>, StoreError> {
        let sql = "SELECT version, body IS NULL FROM document WHERE name = ?1";
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let found = statement.query_row([name], |row| {
                    Ok(Named {
                        version: row.get::<_, i64>(0)?.cast_unsigned(),
                        removed: row.get(1)?,
                    })
                });
                found.optional()
            })
            .doing("look up a document")
    }

    fn first_in_line(&mut self, line: &[u8]) -> Result<Option<OperationKey>, StoreError> {
        lines::first(self.connection, line)
    }

    fn join_line(&mut self, line: Vec<u8>, key: OperationKey) -> Result<bool, StoreError> {
        lines::join(self.connection, &line, key)
    }

    fn leave_lines(&mut self, key: OperationKey) -> Result<Vec<OperationKey>, StoreError> {
        lines::leave(self.connection, key)
    }

    fn next_key(&mut self) -> OperationKey {
        self.last_key += 1;
        OperationKey::new(self.last_key).expect("2^53 operations do not fit on a disk")
    }
}

/// Reads two lanes as one.
const WAITING: &str = "SELECT operation FROM queue \
    WHERE kind = ?1 AND urgency = ?2 AND account = ?3 AND inside = 0 AND operation > ?4 \
    UNION ALL \
    SELECT operation FROM queue \
    WHERE kind = ?1 AND urgency = ?2 AND account = ?3 AND inside = 1 AND operation > ?4 \
    ORDER BY operation LIMIT ?5";
const WAITING_OUTSIDE: &str = "SELECT operation FROM queue \
    WHERE kind = ?1 AND urgency = ?2 AND account = ?3 AND inside = 0 AND operation > ?4 \
    ORDER BY operation LIMIT ?5";
const WAITING_IN: &str = "SELECT operation FROM queue \
    WHERE kind = ?1 AND urgency = ?2 AND account = ?3 AND operation > ?4 AND project = ?6 \
    ORDER BY operation LIMIT ?5";
/// How many operations of a lane are read at a time.
const AHEAD_MAX: usize = 32;

/// What was read of the queue. It stays true until the commit saves what it has changed.
#[derive(Default)]
pub(super) struct Ahead {
    urgencies: HashMap<(KindName, u8), Option<u8>>,
    accounts: HashMap<(KindName, u8, Option<Account>), Option<Account>>,
    operations: HashMap<Lane, VecDeque<OperationKey>>,
}

/// The table of what waits.
struct Queue<'t> {
    connection: &'t Connection,
    names: &'t mut Dictionary,
    ahead: &'t mut Ahead,
}

impl Queue<'_> {
    fn kind(&mut self, kind: &KindName) -> Result<Option<i64>, StoreError> {
        self.names.kinds.find(self.connection, kind.as_str())
    }

    fn first<R: FromSql>(&self, sql: &str, values: impl Params) -> Result<Option<R>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, |row| row.get(0)).optional())
            .doing("look into the queue")
    }

    fn read_urgency(&mut self, kind: &KindName, from: u8) -> Result<Option<u8>, StoreError> {
        let Some(kind) = self.kind(kind)? else {
            return Ok(None);
        };
        let sql = "SELECT urgency FROM queue WHERE kind = ?1 AND urgency >= ?2 \
                   ORDER BY urgency LIMIT 1";
        self.first(sql, params![kind, from])
    }

    fn read_account(
        &mut self,
        kind: &KindName,
        urgency: u8,
        after: Option<&Account>,
    ) -> Result<Option<Account>, StoreError> {
        let Some(kind) = self.kind(kind)? else {
            return Ok(None);
        };
        let sql = match after {
            Some(_) => {
                "SELECT account FROM queue WHERE kind = ?1 AND urgency = ?2 AND account > ?3 \
                 ORDER BY account LIMIT 1"
            }
            None => {
                "SELECT account FROM queue WHERE kind = ?1 AND urgency = ?2 AND account >= ?3 \
                 ORDER BY account LIMIT 1"
            }
        };
        let after = after.map_or("", Account::as_str);
        let found: Option<String> = self.first(sql, params![kind, urgency, after])?;
        Ok(found.map(Account::from))
    }

    fn read_operations(
        &mut self,
        (kind, urgency, account, part): &Lane,
        after: Option<OperationKey>,
    ) -> Result<VecDeque<OperationKey>, StoreError> {
        let Some(kind) = self.kind(kind)? else {
            return Ok(VecDeque::new());
        };
        let (account, after) = (account.as_str(), after.map_or(0, row_id));
        let mut values = params![kind, urgency, account, after, AHEAD_MAX].to_vec();
        let project;
        let sql = match part {
            Part::Whole => WAITING,
            Part::Outside => WAITING_OUTSIDE,
            Part::Project(one) => {
                project = one.as_str();
                values.push(&project);
                WAITING_IN
            }
        };
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .doing("prepare to look into the queue")?;
        let mut rows = statement
            .query(values.as_slice())
            .doing("look into the queue")?;
        let mut found = VecDeque::new();
        while let Some(row) = rows.next().doing("look into the queue")? {
            found.push_back(key_of(column(row, 0)?)?);
        }
        Ok(found)
    }
}

impl Lanes for Queue<'_> {
    fn next_urgency(&mut self, kind: &KindName, from: u8) -> Result<Option<u8>, StoreError> {
        let place = (kind.clone(), from);
        if let Some(known) = self.ahead.urgencies.get(&place) {
            return Ok(*known);
        }
        let found = self.read_urgency(kind, from)?;
        self.ahead.urgencies.insert(place, found);
        Ok(found)
    }

    fn next_account(
        &mut self,
        kind: &KindName,
        urgency: u8,
        after: Option<&Account>,
    ) -> Result<Option<Account>, StoreError> {
        let place = (kind.clone(), urgency, after.cloned());
        if let Some(known) = self.ahead.accounts.get(&place) {
            return Ok(known.clone());
        }
        let found = self.read_account(kind, urgency, after)?;
        self.ahead.accounts.insert(place, found.clone());
        Ok(found)
    }

    fn next_operation(
        &mut self,
        lane: &Lane,
        after: Option<OperationKey>,
    ) -> Result<Option<OperationKey>, StoreError> {
        // Lanes are only ever walked onwards.
        if let Some(known) = self.ahead.operations.get_mut(lane) {
            while known.front().copied() <= after && known.pop_front().is_some() {}
            if let Some(next) = known.front() {
                return Ok(Some(*next));
            }
        }
        let found = self.read_operations(lane, after)?;
        let next = found.front().copied();
        self.ahead.operations.insert(lane.clone(), found);
        Ok(next)
    }
}
