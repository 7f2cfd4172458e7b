//! What was found and locked for a commit, and the workset's look at it.

use crate::document::Named;
use crate::layout::{self, CHUNK, check_tally, is_chunked, key_of, row_id, unreadable};
use crate::postgres::failure::Failure;
use crate::postgres::lines::{self, Lines, Missing, Queues};
use crate::postgres::needs::{Needs, Resources as Needed};
use crate::postgres::row::{name, read_key, read_with_resources};
use crate::postgres::session::{Session, Step, column};
use crate::postgres::waiting::{self, Leasing, Turns};
use crate::record::Unreadable;
use crate::turns::{self, Book, Round, Taken};
use crate::waits::Waits;
use crate::workset::Tables;
use crate::{LeaseWish, StoreError};
use longrun_model::{
    Account, KindName, Operation, OperationKey, Resource, Resources as Loaded, Touch,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio_postgres::Row;

/// What was found for a commit. Every row of an operation in here is locked.
#[derive(Default)]
pub(super) struct Found {
    operations: HashMap<OperationKey, Stored>,
    idempotent: HashMap<(Account, Box<str>), (OperationKey, [u8; 16])>,
    documents: HashMap<Box<str>, Named>,
    /// What is known of lines, if other servers are kept from changing them.
    lines: Option<Lines>,
    waits: Waits,
    /// What is in the lanes.
    waiting: BTreeSet<OperationKey>,
    keys: Vec<OperationKey>,
    /// What begins the transaction, until it was sent.
    begin: Option<&'static str>,
    /// How many operations run, by kind and account; counted only if it matters.
    running: Vec<(KindName, Account, u32)>,
}

/// An operation that was found.
struct Stored {
    operation: Operation,
    events_bytes: usize,
}

const FIND_IDEMPOTENT: &str = "
    SELECT found.operation, found.account, found.key, found.digest
    FROM unnest($1::bytea[], $2::bytea[]) AS wanted (account, key)
    JOIN idempotency AS found ON found.account = wanted.account AND found.key = wanted.key";
// Rows of documents are never deleted, so that holding one keeps others away from its name.
const LOCK_DOCUMENTS: &str = "SELECT name, version, body IS NULL FROM document \
    WHERE name = ANY($1) ORDER BY name FOR UPDATE";
const LOCK: &str = "
    SELECT key, account, kind, phase, removed, head, resources, length(events)
    FROM operation WHERE key = ANY($1) ORDER BY key FOR UPDATE";
const GIVE_KEYS: &str = "SELECT nextval('operation_key') FROM generate_series(1, $1::bigint)";
const FIND_MEMBERS: &str = "
    SELECT found.operation, found.position
    FROM unnest($1::bigint[], $2::bytea[]) AS wanted (operation, name)
    JOIN member AS found ON found.operation = wanted.operation AND found.name = wanted.name";
const FIND_CHUNKS: &str = "
    SELECT found.operation, found.number, found.resources
    FROM unnest($1::bigint[], $2::integer[]) AS wanted (operation, number)
    JOIN chunk AS found ON found.operation = wanted.operation AND found.number = wanted.number
    ORDER BY found.operation, found.number";

impl Found {
    /// Begins a transaction with `begin`, and finds and locks in it what `needs` names, `in_lines` so that lines can be
    /// changed. Nothing is sent if there is nothing to find: new operations need no more than keys, and `keys` are there
    /// already.
    pub(super) async fn find(
        session: &Session,
        begin: &'static str,
        needs: &Needs<'_>,
        leasing: &Leasing,
        in_lines: bool,
        keys: Vec<OperationKey>,
    ) -> Result<Self, Failure> {
        let mut found = Self {
            keys,
            ..Self::default()
        };
        let mut begin = Some(begin);
        let mut keys: BTreeSet<OperationKey> = needs.commands.keys().copied().collect();
        if !needs.idempotent.is_empty() {
            let step = find_idempotent(needs);
            let rows = session.pipeline(begin.take(), &[step], None).await?;
            for row in rows.iter().flatten() {
                keys.insert(found.take_idempotent(row)?);
            }
        }
        if !needs.documents.is_empty() {
            let step = lock_documents(needs);
            let rows = session.pipeline(begin.take(), &[step], None).await?;
            for row in rows.iter().flatten() {
                found.take_document(row)?;
            }
        }
        if in_lines {
            let steps = lines::steps(needs);
            let answers = session.pipeline(begin.take(), &steps, None).await?;
            let lines = Lines::read(&answers, needs)?;
            keys.extend(lines.next());
            found.lines = Some(lines);
        }
        let there = i64::try_from(found.keys.len()).unwrap_or(i64::MAX);
        let asked = questions(needs, leasing, &keys, needs.keys.saturating_sub(there));
        if !asked.is_empty() {
            let (about, steps): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let rows = session.pipeline(begin.take(), &steps, None).await?;
            for (about, rows) in about.into_iter().zip(&rows) {
                found.take(about, rows)?;
            }
        }
        found.begin = begin;
        found.load_large(session, needs).await?;
        Ok(found)
    }

    pub(super) fn with_keys_of(mut self, other: Self) -> Self {
        self.keys = other.keys;
        self
    }

    fn take(&mut self, about: About, rows: &[Row]) -> Result<(), Failure> {
        match about {
            About::Nothing => Ok(()),
            About::Operations => rows.iter().try_for_each(|row| self.take_operation(row)),
            About::Keys => {
                self.keys.extend(keys(rows)?);
                Ok(())
            }
            About::Running => rows.iter().try_for_each(|row| {
                self.running.push(waiting::running(row)?);
                Ok(())
            }),
            About::Waiting => rows.iter().try_for_each(|row| self.take_waiting(row)),
        }
    }

    /// Gets `count` more keys.
    pub(super) async fn more_keys(&mut self, session: &Session, count: i64) -> Result<(), Failure> {
        let steps = [give_keys(count)];
        let rows = session.pipeline(self.begin.take(), &steps, None).await?;
        for rows in &rows {
            self.keys.extend(keys(rows)?);
        }
        Ok(())
    }

    /// What is still to be sent to begin the transaction, if nothing had to be found.
    pub(super) fn begin(&self) -> Option<&'static str> {
        self.begin
    }

    /// The keys that are left when so many were given.
    pub(super) fn keys_after(&self, given: usize) -> &[OperationKey] {
        self.keys.get(given..).unwrap_or_default()
    }

    /// Finds more lines.
    pub(super) async fn more_lines(
        &mut self,
        session: &Session,
        wanted: &BTreeSet<Vec<u8>>,
    ) -> Result<(), Failure> {
        let step = lines::find_more(wanted);
        let rows = session.pipeline(self.begin.take(), &[step], None).await?;
        if let Some(lines) = &mut self.lines {
            lines.take(wanted.iter(), rows.first().map_or(&[][..], Vec::as_slice))?;
        }
        Ok(())
    }

    /// How many bytes of the history of an operation stand in its row.
    pub(super) fn events_bytes(&self, key: OperationKey) -> usize {
        self.operations
            .get(&key)
            .map_or(0, |stored| stored.events_bytes)
    }

    /// Whether there is, or once was, a document with this name.
    pub(super) fn has_document(&self, name: &str) -> bool {
        self.documents.contains_key(name)
    }

    fn take_idempotent(&mut self, row: &Row) -> Result<OperationKey, Failure> {
        let key = read_key(row)?;
        let account = Account::from(name(row, 1, "the account", key)?);
        let name = name(row, 2, "the idempotency key", key)?;
        let digest: &[u8] = column(row, 3)?;
        let digest = digest
            .try_into()
            .map_err(|_| unreadable("the digest", key)(Unreadable))?;
        self.idempotent
            .insert((account, name.into()), (key, digest));
        Ok(key)
    }

    fn take_document(&mut self, row: &Row) -> Result<(), Failure> {
        let named = Named {
            version: column::<i64>(row, 1)?.cast_unsigned(),
            removed: column(row, 2)?,
        };
        let name = String::from_utf8_lossy(column(row, 0)?);
        self.documents.insert(name.into(), named);
        Ok(())
    }

    fn take_operation(&mut self, row: &Row) -> Result<(), Failure> {
        let operation = read_with_resources(row)?;
        let events_bytes: i32 = column(row, 7)?;
        let stored = Stored {
            operation,
            events_bytes: usize::try_from(events_bytes).unwrap_or_default(),
        };
        self.operations.insert(stored.operation.key, stored);
        Ok(())
    }

    fn take_waiting(&mut self, row: &Row) -> Result<(), Failure> {
        let key = read_key(row)?;
        if !self.operations.contains_key(&key) {
            self.take_operation(row)?;
        }
        self.waits.insert(&self.operations[&key].operation);
        self.waiting.insert(key);
        Ok(())
    }

    /// Loads those chunks of large operations that are needed.
    async fn load_large(&mut self, session: &Session, needs: &Needs<'_>) -> Result<(), Failure> {
        let mut totals: BTreeMap<OperationKey, u32> = BTreeMap::new();
        let mut wanted: BTreeSet<(OperationKey, u32)> = BTreeSet::new();
        let mut named = Vec::new();
        for stored in self.operations.values() {
            let Operation { key, tally, .. } = stored.operation;
            if stored.operation.removed || !is_chunked(tally.total) {
                continue;
            }
            totals.insert(key, tally.total);
            match needs.commands.get(&key) {
                Some(Needed::Named { names, results })
                    if !self.is_needed_whole(stored, *results) =>
                {
                    named.extend(names.iter().map(|id| (key, *id)));
                }
                // What is leased, or was submitted before, is shown whole.
                None if !self.is_shown(key) => (),
                Some(Needed::Named { .. } | Needed::All) | None => {
                    wanted.extend((0..tally.total.div_ceil(CHUNK)).map(|number| (key, number)));
                }
            }
        }
        if !named.is_empty() {
            let rows = session
                .pipeline(None, &[find_members(&named)], None)
                .await?;
            for row in rows.iter().flatten() {
                wanted.insert(member(row, &totals)?);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let rows = session
            .pipeline(None, &[find_chunks(&wanted)], None)
            .await?;
        self.take_chunks(rows.iter().flatten(), &totals, &wanted)
    }

    /// Whether all resources of an operation may be needed although reports bring only so many `results`.
    fn is_needed_whole(&self, stored: &Stored, results: usize) -> bool {
        let Operation { key, tally, .. } = stored.operation;
        let may_be_retried =
            stored.operation.retry.is_some() && results >= tally.unfinished() as usize;
        may_be_retried || self.is_shown(key)
    }

    /// Whether an operation may be handed out, or was submitted before.
    fn is_shown(&self, key: OperationKey) -> bool {
        self.waiting.contains(&key) || self.idempotent.values().any(|(of, _)| *of == key)
    }

    fn take_chunks<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r Row>,
        totals: &BTreeMap<OperationKey, u32>,
        wanted: &BTreeSet<(OperationKey, u32)>,
    ) -> Result<(), Failure> {
        let mut resources: BTreeMap<OperationKey, Vec<(u32, Resource)>> = BTreeMap::new();
        let mut missing = wanted.clone();
        for row in rows {
            let key = read_key(row)?;
            let number: i32 = column(row, 1)?;
            let number = number.cast_unsigned();
            missing.remove(&(key, number));
            let loaded = resources.entry(key).or_default();
            layout::read_chunk(key, totals[&key], number, column(row, 2)?, loaded)?;
        }
        if let Some((key, _)) = missing.first() {
            return Err(unreadable("a resource", *key)(Unreadable).into());
        }
        for (key, loaded) in resources {
            if let Some(stored) = self.operations.get_mut(&key) {
                stored.operation.resources = Loaded::part(totals[&key], loaded);
                check_tally(&stored.operation)?;
            }
        }
        Ok(())
    }
}

fn find_idempotent(needs: &Needs<'_>) -> Step {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let (accounts, keys): (Vec<_>, Vec<_>) = needs
        .idempotent
        .iter()
        .map(|(account, key)| (bytes(account), bytes(key)))
        .unzip();
    Step {
        doing: "look up idempotency keys",
        sql: FIND_IDEMPOTENT.into(),
        values: vec![Box::new(accounts), Box::new(keys)],
    }
}

fn lock_documents(needs: &Needs<'_>) -> Step {
    let names = needs.documents.iter().map(|name| name.as_bytes().to_vec());
    let names: Vec<_> = names.collect();
    Step {
        doing: "look up documents",
        sql: LOCK_DOCUMENTS.into(),
        values: vec![Box::new(names)],
    }
}

fn lock(keys: &BTreeSet<OperationKey>) -> Step {
    let keys: Vec<i64> = keys.iter().copied().map(row_id).collect();
    Step {
        doing: "load operations",
        sql: LOCK.into(),
        values: vec![Box::new(keys)],
    }
}

/// What an answer of the database is about.
#[derive(Clone, Copy)]
enum About {
    /// It says nothing.
    Nothing,
    /// The operations that are named.
    Operations,
    /// Keys for new ones.
    Keys,
    /// What runs.
    Running,
    /// What waits for a worker.
    Waiting,
}

/// What is to be asked. Rows that are waited for come first, in the order of their keys: nobody who holds others' rows
/// waits.
fn questions(
    needs: &Needs<'_>,
    leasing: &Leasing,
    operations: &BTreeSet<OperationKey>,
    keys_missing: i64,
) -> Vec<(About, Step)> {
    let is_limited = leasing.is_limited() && !needs.scopes.is_empty();
    let mut asked = Vec::new();
    if is_limited {
        asked.push((About::Nothing, waiting::alone()));
    }
    if !operations.is_empty() {
        asked.push((About::Operations, lock(operations)));
    }
    if keys_missing > 0 {
        asked.push((About::Keys, give_keys(keys_missing)));
    }
    if is_limited {
        asked.push((About::Running, waiting::count()));
    }
    let waiting = waiting::steps(needs, leasing).into_iter();
    asked.extend(waiting.map(|step| (About::Waiting, step)));
    asked
}

/// The step that gets so many keys.
pub(super) fn give_keys(count: i64) -> Step {
    Step {
        doing: "give keys to operations",
        sql: GIVE_KEYS.into(),
        values: vec![Box::new(count)],
    }
}

/// The keys in the answer to [`give_keys`].
pub(super) fn keys(rows: &[Row]) -> Result<Vec<OperationKey>, Failure> {
    rows.iter().map(read_key).collect()
}

fn find_members(named: &[(OperationKey, &str)]) -> Step {
    let (operations, ids): (Vec<i64>, Vec<Vec<u8>>) = named
        .iter()
        .map(|(key, id)| (row_id(*key), id.as_bytes().to_vec()))
        .unzip();
    Step {
        doing: "find resources",
        sql: FIND_MEMBERS.into(),
        values: vec![Box::new(operations), Box::new(ids)],
    }
}

/// The chunk that holds the resource in `row`.
fn member(row: &Row, totals: &BTreeMap<OperationKey, u32>) -> Result<(OperationKey, u32), Failure> {
    let key = read_key(row)?;
    let position: i32 = column(row, 1)?;
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    if totals.get(&key).is_some_and(|total| position < *total) {
        Ok((key, position / CHUNK))
    } else {
        Err(unreadable("a resource's place", key)(Unreadable).into())
    }
}

fn find_chunks(wanted: &BTreeSet<(OperationKey, u32)>) -> Step {
    let (operations, numbers): (Vec<i64>, Vec<i32>) = wanted
        .iter()
        .map(|(key, number)| (row_id(*key), number.cast_signed()))
        .unzip();
    Step {
        doing: "load chunks",
        sql: FIND_CHUNKS.into(),
        values: vec![Box::new(operations), Box::new(numbers)],
    }
}

/// The workset's look at what was found.
pub(super) struct View<'f> {
    found: &'f Found,
    given: usize,
    book: Book,
    round: Round,
    queues: Queues,
}

impl<'f> View<'f> {
    /// A look at `found`.
    pub(super) fn new(found: &'f Found, leasing: &Leasing) -> Self {
        Self {
            found,
            given: 0,
            book: leasing.book(&found.running),
            round: Round::default(),
            queues: Queues::new(found.lines.as_ref()),
        }
    }

    /// What has changed in the lines.
    pub(super) fn into_queues(self) -> Queues {
        self.queues
    }

    /// What of the lines was not found. Nothing of this run can be kept if there is something.
    pub(super) fn lines_missing(&mut self) -> Missing {
        std::mem::take(&mut self.queues.missing)
    }

    /// How many keys were missing. Stand-ins were given for them, so that nothing of this run can be kept.
    pub(super) fn keys_missing(&self) -> usize {
        self.given.saturating_sub(self.found.keys.len())
    }

    /// How many keys were given to new operations.
    pub(super) fn keys_given(&self) -> usize {
        self.given
    }

    /// The turns that were taken.
    pub(super) fn turned(&self) -> Turns {
        let kinds = self.round.turned.iter();
        let turn = |kind: &KindName| Some((kind.clone(), self.book.turn(kind)?.clone()));
        kinds.filter_map(turn).collect()
    }
}

impl Tables for View<'_> {
    fn load(
        &mut self,
        key: OperationKey,
        _touch: Touch<'_>,
    ) -> Result<Option<Operation>, StoreError> {
        let stored = self.found.operations.get(&key);
        Ok(stored.map(|stored| stored.operation.clone()))
    }

    fn load_resources(
        &mut self,
        _key: OperationKey,
        _touch: Touch<'_>,
    ) -> Result<Vec<(u32, Resource)>, StoreError> {
        // All that any write of the commit names was loaded with the operation.
        Ok(Vec::new())
    }

    fn idempotent(
        &mut self,
        account: &Account,
        key: &str,
    ) -> Result<Option<(OperationKey, [u8; 16])>, StoreError> {
        let place = (account.clone(), key.into());
        Ok(self.found.idempotent.get(&place).copied())
    }

    fn waiting(
        &mut self,
        wish: &LeaseWish,
        taken: &Taken,
    ) -> Result<Vec<OperationKey>, StoreError> {
        let Self { book, round, .. } = self;
        turns::pick(&mut &self.found.waits, book, round, wish, taken)
    }

    fn document(&mut self, name: &str) -> Result<Option<Named>, StoreError> {
        Ok(self.found.documents.get(name).copied())
    }

    fn first_in_line(&mut self, line: &[u8]) -> Result<Option<OperationKey>, StoreError> {
        Ok(self.queues.first(line))
    }

    fn join_line(&mut self, line: Vec<u8>, key: OperationKey) -> Result<bool, StoreError> {
        Ok(self.queues.join(line, key))
    }

    fn leave_lines(&mut self, key: OperationKey) -> Result<Vec<OperationKey>, StoreError> {
        Ok(self.queues.leave(key))
    }

    fn next_key(&mut self) -> OperationKey {
        let key = self.found.keys.get(self.given).copied();
        self.given += 1;
        key.unwrap_or_else(|| {
            let stand_in = OperationKey::MAX.get() - self.given as u64;
            key_of(stand_in.cast_signed()).expect("a commit gives fewer than 2^52 keys")
        })
    }
}
