//! What lies between an engine and its store: a store takes its time, fails now and then, and what it has acknowledged
//! is written down.

use crate::bug::{Bug, Buggy};
use crate::clock::ServerClock;
use crate::tasks::step_aside;
use fastrand::Rng;
use futures_util::FutureExt;
use futures_util::future::pending;
use longrun_model::{Operation, OperationKey, Timestamp};
use longrun_store::{
    Changes, Committed, Cursor, Due, Refused, Store, StoreError, StoreFuture, Write, Written,
    pass_on,
};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// One write that a store has carried out.
pub(crate) struct Entry {
    pub(crate) write: Write,
    pub(crate) result: Result<Written, Refused>,
    /// The time of the commit, as the server saw it.
    pub(crate) now: Timestamp,
    /// Which server.
    pub(crate) server: usize,
    /// The number of the commit, over all servers.
    pub(crate) commit: u64,
    /// Whether the server is told that it was made.
    pub(crate) is_heard: bool,
}

/// All that was carried out, in order, whoever has heard of it.
pub(crate) struct Journal {
    entries: Vec<Entry>,
    commits: u64,
    random: Rng,
    /// Whether stores fail now and then.
    pub(crate) is_rough: bool,
}

/// What can be wrong with a commit.
#[derive(Clone, Copy)]
enum Fault {
    /// It is not made, and the store says so.
    Refused,
    /// It is not made, and nobody knows.
    Lost,
    /// It is made, and nobody knows.
    Unheard,
}

/// The store of one server.
pub(crate) struct Witness {
    pub(crate) store: Buggy,
    journal: Arc<Mutex<Journal>>,
    runtime: Arc<Runtime>,
    clock: ServerClock,
    server: usize,
    seen: Mutex<Seen>,
}

/// What a server has come to know through its store.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    /// The last commit of any server that it can have heard of from the others.
    pub(crate) heard: u64,
    /// How often its clock had been set when it last looked at the timers.
    pub(crate) jumps: u64,
    /// How often the store has failed.
    pub(crate) faults: u64,
    /// Commits that were begun.
    begun: u64,
}

impl Journal {
    /// Nothing yet.
    pub(crate) fn new(random: Rng) -> Self {
        Self {
            entries: Vec::new(),
            commits: 0,
            random,
            is_rough: true,
        }
    }

    /// What was written down since the last call.
    pub(crate) fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Whether something that happens once in so many times happens now.
    fn happens(&mut self, times: u8) -> bool {
        self.is_rough && self.random.u8(..times) == 0
    }
}

impl Witness {
    pub(crate) fn new(
        store: Buggy,
        journal: Arc<Mutex<Journal>>,
        runtime: Arc<Runtime>,
        clock: ServerClock,
        server: usize,
    ) -> Self {
        Self {
            store,
            journal,
            runtime,
            clock,
            server,
            seen: Mutex::default(),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock()
    }

    /// What `future`, which waits for nothing in this world, comes to.
    pub(crate) fn at_once<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Others get their turn.
    async fn pause(&self) {
        let times = self.journal.lock().random.u8(1..4);
        step_aside(times).await;
    }

    fn fails(&self, times: u8) -> Result<(), StoreError> {
        if !self.journal.lock().happens(times) {
            return Ok(());
        }
        self.note_fault();
        Err(StoreError::Database {
            doing: "do it",
            source: "the disk is full".into(),
        })
    }

    fn note_fault(&self) {
        self.seen.lock().faults += 1;
    }

    fn fault(&self) -> Option<Fault> {
        let mut journal = self.journal.lock();
        let fails = journal.happens(32);
        let faults = [Fault::Refused, Fault::Lost, Fault::Unheard];
        let fault = faults[journal.random.usize(..faults.len())];
        drop(journal);
        fails.then(|| {
            self.note_fault();
            fault
        })
    }

    async fn commit_in_time(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        self.pause().await;
        let begun = {
            let mut seen = self.seen.lock();
            seen.begun += 1;
            seen.begun
        };
        if self.store.is(Bug::SilentCommit) && begun.is_multiple_of(9) {
            pending::<()>().await;
        }
        let fault = self.fault();
        let committed = match fault {
            Some(Fault::Refused) => {
                return Err(StoreError::Database {
                    doing: "commit",
                    source: "the disk is full".into(),
                });
            }
            Some(Fault::Lost) => None,
            Some(Fault::Unheard) | None => {
                Some(self.carry_out(writes.clone(), now, fault.is_none())?)
            }
        };
        self.pause().await;
        if fault.is_some() && self.store.is(Bug::CommitTwice) {
            return self.carry_out(writes, now, true);
        }
        match (fault, committed) {
            (None, Some(committed)) => Ok(committed),
            (_, _) => Err(StoreError::OutcomeUnknown {
                source: "the connection was lost".into(),
            }),
        }
    }

    /// Commits, and writes it down.
    fn carry_out(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
        is_heard: bool,
    ) -> Result<Committed, StoreError> {
        let results = self.at_once(self.store.commit(writes.clone(), now))?;
        let mut journal = self.journal.lock();
        journal.commits += 1;
        let commit = journal.commits;
        let entries = writes.into_iter().zip(&results);
        let entries = entries.map(|(write, result)| Entry {
            write,
            result: result.clone(),
            now,
            server: self.server,
            commit,
            is_heard,
        });
        journal.entries.extend(entries);
        Ok(results)
    }
}

impl Store for Witness {
    fn commit(&self, writes: Vec<Write>, now: Timestamp) -> StoreFuture<'_, Committed> {
        self.commit_in_time(writes, now).boxed()
    }

    fn get(&self, key: OperationKey) -> StoreFuture<'_, Option<Operation>> {
        async move {
            self.pause().await;
            self.fails(64)?;
            let found = self.at_once(self.store.get(key));
            self.pause().await;
            found
        }
        .boxed()
    }

    fn due(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, Due> {
        let jumps = self.clock.jumps();
        async move {
            self.pause().await;
            self.fails(32)?;
            let due = self.at_once(self.store.due(now, limit));
            self.seen.lock().jumps = jumps;
            self.pause().await;
            due
        }
        .boxed()
    }

    fn changes(&self, since: Cursor) -> StoreFuture<'_, Changes> {
        async move {
            self.pause().await;
            self.fails(16)?;
            let changes = self.at_once(self.store.changes(since));
            self.seen.lock().heard = self.journal.lock().commits;
            self.pause().await;
            changes
        }
        .boxed()
    }

    pass_on!(store: limit, list, history, document, access_keys, id_secret, is_shared);
}
