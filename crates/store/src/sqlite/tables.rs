//! What a running commit finds in the tables.

use crate::sqlite::chunk;
use crate::sqlite::doing::Doing;
use crate::sqlite::row::{
    Dictionary, SELECT_OPERATION, check_tally, column, key_of, read_operation, read_own_resources,
    row_id,
};
use crate::workset::{self, Tables};
use crate::{LeaseWish, StoreError};
use longrun_model::{Account, Operation, OperationKey, Resource, Resources, Touch};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The tables as one transaction sees them.
pub(super) struct SqliteTables<'c> {
    pub(super) connection: &'c Connection,
    pub(super) names: &'c mut Dictionary,
    /// The last key that was given.
    pub(super) last_key: u64,
    /// What is known of the rows of the operations that were loaded.
    pub(super) loaded: HashMap<OperationKey, Loaded>,
    /// Up to where all that wait in a lane, by kind and account, are taken: no later wish looks at them again.
    lanes: HashMap<(i64, i64), (i64, i64)>,
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
            lanes: HashMap::new(),
            select,
        })
    }

    /// The first of those that wait in one lane and are not taken, each with its urgency.
    fn lane(
        &mut self,
        (kind, account): (i64, i64),
        max: usize,
        taken: &HashSet<OperationKey>,
    ) -> Result<Vec<(u8, OperationKey)>, StoreError> {
        let sql = "SELECT urgency, operation FROM queue WHERE kind = ?1 AND account = ?2 \
                   AND (urgency, operation) > (?3, ?4) ORDER BY urgency, operation";
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .doing("prepare to look into the queue")?;
        let start = self.lanes.entry((kind, account)).or_insert((-1, 0));
        let mut rows = statement
            .query([kind, account, start.0, start.1])
            .doing("look into the queue")?;
        let mut free = Vec::new();
        while free.len() < max
            && let Some(row) = rows.next().doing("look into the queue")?
        {
            let (urgency, operation): (u8, i64) = (column(row, 0)?, column(row, 1)?);
            let key = key_of(operation)?;
            if !taken.contains(&key) {
                free.push((urgency, key));
            } else if free.is_empty() {
                *start = (urgency.into(), operation);
            }
        }
        Ok(free)
    }

    /// The accounts that have operations of this kind waiting.
    fn waiting_accounts(&self, kind: i64) -> Result<Vec<i64>, StoreError> {
        // One step a waiting account, however many operations each has waiting.
        let sql = "SELECT account FROM queue WHERE kind = ?1 AND account > ?2 \
                   ORDER BY account LIMIT 1";
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .doing("prepare to find who waits")?;
        let mut accounts = Vec::new();
        let mut last = i64::MIN;
        while let Some(account) = statement
            .query_row([kind, last], |row| row.get(0))
            .optional()
            .doing("find who waits")?
        {
            accounts.push(account);
            last = account;
        }
        Ok(accounts)
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
        if chunk::is_chunked(total) && !operation.removed {
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
            Some(loaded) if chunk::is_chunked(loaded.total) => {
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
        taken: &HashSet<OperationKey>,
    ) -> Result<Vec<OperationKey>, StoreError> {
        let mut kinds = BTreeSet::new();
        for kind in &wish.kinds {
            kinds.extend(self.names.kinds.find(self.connection, kind.as_str())?);
        }
        let account = match &wish.account {
            None => None,
            Some(account) => {
                let known = self
                    .names
                    .accounts
                    .find(self.connection, account.as_str())?;
                let Some(account) = known else {
                    return Ok(Vec::new());
                };
                Some(account)
            }
        };
        let mut lanes = Vec::new();
        for kind in kinds {
            let accounts = match account {
                Some(account) => vec![account],
                None => self.waiting_accounts(kind)?,
            };
            for account in accounts {
                lanes.push(self.lane((kind, account), wish.max, taken)?);
            }
        }
        Ok(workset::interleave(lanes, wish.max))
    }

    fn next_key(&mut self) -> OperationKey {
        self.last_key += 1;
        OperationKey::new(self.last_key).expect("2^53 operations do not fit on a disk")
    }
}
