//! The store that forgets everything when it ends: for tests and emulators, and the oracle for the others.

use crate::document::{DocumentChange, Named};
use crate::indexed::Indexed;
use crate::query::Paging;
use crate::turns::{self, Book, Round, Taken};
use crate::waits::Waits;
use crate::workset::{self, AccessKeyChange, Changes, Tables, Touched};
use crate::{
    AccessKey, Committed, Document, Due, Filter, HistoryEntry, LeaseWish, Limits, Page, Store,
    StoreError, Write,
};
use futures_util::future::{BoxFuture, FutureExt, ready};
use longrun_model::{
    Account, Change, Event, Operation, OperationKey, Outcome, Resource, Resources, Timestamp, Touch,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

mod shared;

pub use shared::SharedMemory;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_key: u64,
    /// The keys of the first operations, if they were chosen.
    numbers: VecDeque<OperationKey>,
    operations: BTreeMap<OperationKey, Arc<Operation>>,
    history: BTreeMap<(OperationKey, u64), Event>,
    timers: BTreeSet<(Timestamp, OperationKey)>,
    queue: Waits,
    book: Book,
    round: Round,
    idempotent: HashMap<(Account, Box<str>), (OperationKey, [u8; 16])>,
    access_keys: BTreeMap<Box<str>, AccessKey>,
    documents: HashMap<Box<str>, DocumentChange>,
    lines: HashMap<Vec<u8>, VecDeque<OperationKey>>,
    places: HashMap<OperationKey, Vec<Vec<u8>>>,
    id_secret: Option<[u8; 16]>,
}

impl MemoryStore {
    /// A store whose first operations get these keys, in this order, and the others those from `next` on.
    pub fn numbered(first: impl IntoIterator<Item = OperationKey>, next: OperationKey) -> Self {
        let state = State {
            last_key: next.get() - 1,
            numbers: first.into_iter().collect(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Commits `writes`; `told` is shown what is saved.
    fn run(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
        told: impl FnOnce(&Changes),
    ) -> Result<Committed, StoreError> {
        let mut state = self.state.lock();
        state.round = Round::default();
        let (changes, results) = workset::run(&mut *state, writes, now)?;
        told(&changes);
        state.save(changes);
        Ok(results)
    }
}

impl Store for MemoryStore {
    fn commit(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
        ready(self.run(writes, now, |_| ())).boxed()
    }

    fn limit(&self, limits: Limits) {
        self.state.lock().book.limits = Arc::new(limits);
    }

    fn get(&self, key: OperationKey) -> BoxFuture<'_, Result<Option<Operation>, StoreError>> {
        ready(Ok(self.state.lock().operation(key))).boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        ready(Ok(self.state.lock().list(&filter))).boxed()
    }

    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<HistoryEntry>, StoreError>> {
        let state = self.state.lock();
        let range = (key, after.saturating_add(1))..=(key, u64::MAX);
        let entries = state.history.range(range).take(limit);
        let entries = entries.map(|((_, number), event)| HistoryEntry {
            number: *number,
            event: event.clone(),
        });
        ready(Ok(entries.collect())).boxed()
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        let state = self.state.lock();
        let keys: Vec<_> = state
            .timers
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(limit)
            .map(|(_, key)| *key)
            .collect();
        let next_at = state.timers.iter().nth(keys.len()).map(|(due, _)| *due);
        ready(Ok(Due { keys, next_at })).boxed()
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, StoreError>> {
        ready(Ok(self
            .state
            .lock()
            .access_keys
            .values()
            .cloned()
            .collect()))
        .boxed()
    }

    fn document(&self, name: &str) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        let state = self.state.lock();
        let document = state.documents.get(name).and_then(|kept| {
            Some(Document {
                version: kept.version,
                body: kept.body.clone()?,
            })
        });
        ready(Ok(document)).boxed()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        ready(Ok(*self.state.lock().id_secret.get_or_insert(proposal))).boxed()
    }
}

impl State {
    fn save(&mut self, changes: Changes) {
        for touched in changes.operations {
            self.save_operation(touched);
        }
        for change in changes.access_keys {
            match change {
                AccessKeyChange::Put(access_key) => {
                    self.access_keys.insert(access_key.id.clone(), access_key);
                }
                AccessKeyChange::Remove(id) => {
                    self.access_keys.remove(&id);
                }
            }
        }
        self.documents.extend(changes.documents);
    }

    fn save_operation(&mut self, touched: Touched) {
        let Touched {
            operation,
            before,
            events,
            idempotency,
            ..
        } = touched;
        let key = operation.key;
        self.index(&operation, before);
        if let Some(idempotency) = idempotency {
            self.idempotent.insert(
                (operation.account.clone(), idempotency.key),
                (key, idempotency.digest),
            );
        }
        if operation.removed {
            self.idempotent.retain(|_, (of, _)| *of != key);
            self.history.retain(|(of, _), _| *of != key);
        } else {
            self.history.extend(
                events
                    .into_iter()
                    .map(|(number, event)| ((key, number), without_outputs(event))),
            );
        }
        self.operations.insert(key, operation);
    }

    fn index(&mut self, operation: &Operation, before: Option<Indexed>) {
        let key = operation.key;
        if let Some(due_at) = before.and_then(|before| before.due_at) {
            self.timers.remove(&(due_at, key));
        }
        let after = Indexed::of(operation);
        self.timers.extend(after.due_at.map(|due_at| (due_at, key)));
        self.book.settle(&self.round, operation, before);
        if after.waiting {
            self.queue.insert(operation);
        } else {
            self.queue.remove(operation);
        }
    }

    fn operation(&self, key: OperationKey) -> Option<Operation> {
        self.operations
            .get(&key)
            .map(|operation| Operation::clone(operation))
    }

    fn list(&self, filter: &Filter) -> Page {
        let end = filter.before.map_or(Bound::Unbounded, Bound::Excluded);
        let older = self.operations.range((Bound::Unbounded, end)).rev();
        let mut paging = Paging::new(filter.limit);
        for (key, operation) in older.filter(|(_, operation)| filter.examines(operation)) {
            let found = filter.matches(operation);
            if paging
                .look(*key, found.then(|| without_resources(operation)))
                .is_break()
            {
                break;
            }
        }
        paging.page
    }
}

impl Tables for State {
    fn load(&mut self, key: OperationKey, _touch: Touch) -> Result<Option<Operation>, StoreError> {
        Ok(self.operation(key))
    }

    fn load_resources(
        &mut self,
        key: OperationKey,
        _touch: Touch,
    ) -> Result<Vec<(u32, Resource)>, StoreError> {
        Ok(self
            .operations
            .get(&key)
            .map(|operation| operation.resources.indexed().to_vec())
            .unwrap_or_default())
    }

    fn idempotent(
        &mut self,
        account: &Account,
        key: &str,
    ) -> Result<Option<(OperationKey, [u8; 16])>, StoreError> {
        Ok(self.idempotent.get(&(account.clone(), key.into())).copied())
    }

    fn waiting(
        &mut self,
        wish: &LeaseWish,
        taken: &Taken,
    ) -> Result<Vec<OperationKey>, StoreError> {
        let Self {
            queue, book, round, ..
        } = self;
        turns::pick(&mut &*queue, book, round, wish, taken)
    }

    fn document(&mut self, name: &str) -> Result<Option<Named>, StoreError> {
        Ok(self.documents.get(name).map(DocumentChange::named))
    }

    fn first_in_line(&mut self, line: &[u8]) -> Result<Option<OperationKey>, StoreError> {
        Ok(self.lines.get(line).and_then(|line| line.front().copied()))
    }

    fn join_line(&mut self, line: Vec<u8>, key: OperationKey) -> Result<bool, StoreError> {
        self.places.entry(key).or_default().push(line.clone());
        let line = self.lines.entry(line).or_default();
        line.push_back(key);
        Ok(line.len() > 1)
    }

    fn leave_lines(&mut self, key: OperationKey) -> Result<Vec<OperationKey>, StoreError> {
        let mut next = Vec::new();
        for place in self.places.remove(&key).unwrap_or_default() {
            let Some(line) = self.lines.get_mut(&place) else {
                continue;
            };
            let was_first = line.front() == Some(&key);
            line.retain(|one| *one != key);
            next.extend(line.front().filter(|_| was_first));
            if line.is_empty() {
                self.lines.remove(&place);
            }
        }
        Ok(next)
    }

    fn next_key(&mut self) -> OperationKey {
        if let Some(key) = self.numbers.pop_front() {
            return key;
        }
        loop {
            self.last_key += 1;
            let key = OperationKey::new(self.last_key);
            let key = key.expect("2^53 operations do not fit into memory");
            if !self.operations.contains_key(&key) {
                return key;
            }
        }
    }
}

/// The event as the history keeps it.
pub(crate) fn without_outputs(mut event: Event) -> Event {
    if let Change::Found { resources } = &mut event.change {
        for found in resources {
            found.input = None;
        }
    } else if let Change::Reported { results, .. } = &mut event.change {
        for (_, outcome) in results {
            *outcome = Outcome {
                status: outcome.status,
                output: None,
                error: None,
            };
        }
    }
    event
}

/// The operation as a list shows it.
fn without_resources(operation: &Operation) -> Operation {
    let resources = Resources::part(operation.resources.total(), Vec::new());
    Operation {
        resources,
        ..operation.clone()
    }
}
