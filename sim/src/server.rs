//! A server: an engine with what goes on in it, a store, and a clock.

use crate::bug::{Bug, Buggy};
use crate::calls::Answer;
use crate::clock::ServerClock;
use crate::ledger;
use crate::tasks::{TaskId, Tasks};
use crate::witness::{Journal, Witness};
use crate::{Setting, StoreKind};
use futures_util::FutureExt;
use longrun_engine::Engine;
use longrun_store::{Limits, MemoryStore, SharedMemory, SqliteStore, Store, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What the clocks of servers show at first.
const START_MILLIS: i64 = 1_000_000_000;
/// How far they may differ.
const APART_MILLIS: i64 = 3_000;
/// How much later than at once a server may hear of another, or look again after its store has failed.
const SLACK_MILLIS: i64 = 1_000;
/// How long a server may sleep, and not see that its clock was set.
const SLEEP_MILLIS_MAX: i64 = 60_000;

/// How a task has ended.
pub(crate) enum Ended {
    /// Somebody is answered.
    Call(Answer),
    /// A part of an engine has come to its end.
    Loop,
}

/// Where operations are kept.
pub(crate) enum Place {
    Memory(Arc<MemoryStore>),
    File(TempDir),
    Shared(SharedMemory),
}

/// A server.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: ServerClock,
    pub(crate) witness: Arc<Witness>,
    loops: Vec<TaskId>,
    /// How often it was started.
    pub(crate) starts: u64,
    /// Whether it takes no more calls.
    pub(crate) is_ending: bool,
    /// When its clock was set last.
    jumped_at: i64,
    /// How often its store had failed when nobody could go on, and when that was seen first.
    failed: (u64, Option<i64>),
    /// When nobody could go on last.
    rested_at: i64,
}

impl Place {
    pub(crate) fn new(kind: StoreKind) -> Self {
        match kind {
            StoreKind::Memory => Self::Memory(Arc::default()),
            StoreKind::Sqlite => {
                Self::File(tempfile::tempdir().expect("there is room for a folder"))
            }
            StoreKind::Shared => Self::Shared(SharedMemory::first()),
        }
    }

    /// How many servers there are.
    pub(crate) fn servers(&self) -> usize {
        match self {
            Self::Memory(_) | Self::File(_) => 1,
            Self::Shared(_) => 2,
        }
    }

    /// Opens it, for one server.
    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Memory(store) => Arc::clone(store) as _,
            Self::File(folder) => Arc::new(SqliteStore::open(&folder.path().join("longrun.db"))?),
            Self::Shared(first) => Arc::new(first.another()),
        })
    }
}

impl Server {
    /// Starts one.
    pub(crate) fn start(
        number: usize,
        place: &Place,
        setting: &Setting,
        journal: &Arc<Mutex<Journal>>,
        runtime: &Arc<Runtime>,
        (tasks, limits): (&mut Tasks<Ended>, &Limits),
    ) -> Result<Self, StoreError> {
        let apart = APART_MILLIS * i64::try_from(number).expect("there are few");
        let clock = ServerClock::new(START_MILLIS + apart);
        let witness = Arc::new(Witness::new(
            Buggy::new(place.open()?, setting.bug),
            Arc::clone(journal),
            Arc::clone(runtime),
            clock.clone(),
            number,
        ));
        let (engine, loops) = start(&witness, &clock, tasks, limits);
        Ok(Self {
            engine,
            clock,
            witness,
            loops,
            starts: 1,
            is_ending: false,
            jumped_at: 0,
            failed: (0, None),
            rested_at: 0,
        })
    }

    /// Ends it, wherever it is.
    pub(crate) fn die(&mut self, tasks: &mut Tasks<Ended>) {
        for task in self.loops.drain(..) {
            tasks.drop(task);
        }
    }

    /// Starts it anew, after it has died and everybody who had called it has gone.
    pub(crate) fn start_anew(
        &mut self,
        place: &Place,
        tasks: &mut Tasks<Ended>,
        limits: &Limits,
    ) -> Result<(), StoreError> {
        // A file can be opened anew only after it was let go.
        self.witness.store.replace(Arc::new(MemoryStore::default()));
        self.witness.store.replace(place.open()?);
        (self.engine, self.loops) = start(&self.witness, &self.clock, tasks, limits);
        self.starts += 1;
        self.is_ending = false;
        Ok(())
    }

    /// Whether nothing goes on in it any more.
    pub(crate) fn is_over(&self, tasks: &Tasks<Ended>) -> bool {
        !self.loops.iter().any(|task| tasks.runs(*task))
    }

    /// Somebody sets its clock.
    pub(crate) fn jump(&mut self, millis: i64) {
        self.clock.jump(millis);
        self.jumped_at = self.clock.passed();
    }

    /// What server number `number` has to know, it knows at once if it has done it; what others have done it hears when
    /// it asks for it.
    pub(crate) fn knows(&self, number: usize, written: ledger::Written) -> bool {
        let seen = self.witness.seen();
        written.server == number
            || seen.heard >= written.commit
            || self.is_after(written.at.max(self.rested_at) + SLACK_MILLIS)
                && !self.has_failed_lately()
    }

    /// Nobody can go on: who has met with a failure pauses from now on at the latest.
    pub(crate) fn begin_rest(&mut self) {
        let faults = self.witness.seen().faults;
        if faults != self.failed.0 {
            self.failed = (faults, Some(self.clock.passed()));
        }
    }

    /// All was as it should be when nobody could go on.
    pub(crate) fn rested(&mut self) {
        self.rested_at = self.clock.passed();
    }

    /// Whether it has to have seen by now what its clock says.
    pub(crate) fn has_looked(&self) -> bool {
        let has_seen = self.witness.seen().jumps == self.clock.jumps();
        !self.has_failed_lately() && (has_seen || self.is_after(self.jumped_at + SLEEP_MILLIS_MAX))
    }

    fn has_failed_lately(&self) -> bool {
        self.failed
            .1
            .is_some_and(|at| !self.is_after(at + SLACK_MILLIS))
    }

    fn is_after(&self, instant: i64) -> bool {
        self.clock.passed() > instant
    }

    pub(crate) fn bug(&self) -> Option<Bug> {
        self.witness.store.bug
    }
}

fn start(
    witness: &Arc<Witness>,
    clock: &ServerClock,
    tasks: &mut Tasks<Ended>,
    limits: &Limits,
) -> (Arc<Engine>, Vec<TaskId>) {
    let store = Arc::clone(witness) as Arc<dyn Store>;
    let (engine, loops) = Engine::parts(store, Arc::new(clock.clone()));
    engine.limit(limits.clone());
    let all = loops.tasks.into_iter().chain([loops.commits]);
    let all = all.map(|task| tasks.spawn(task.map(|()| Ended::Loop).boxed_local()));
    let loops = all.collect();
    (Arc::new(engine), loops)
}
