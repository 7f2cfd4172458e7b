//! The world: callers, workers, a server with a clock, and chance.

use crate::bug::{Bug, Buggy};
use crate::clock::Clock;
use crate::invariants::{self, Violation};
use crate::ledger::Ledger;
use crate::network::{Message, Network};
use crate::wishes;
use crate::worker::{LEASE_MILLIS, Worker};
use fastrand::Rng;
use longrun_model::{
    Change, Command, Finish, FinishStatus, Operation, OperationKey, Phase, ReleaseReason, Report,
    Timestamp,
};
use longrun_store::{
    HistoryEntry, LeaseWish, MemoryStore, Refused, SqliteStore, Store, Write, Written,
};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Workers in the world.
const WORKERS: usize = 4;
/// Virtual time that everything gets to end in, once the chaos has stopped: an hour.
const PEACE_MILLIS: i64 = 3_600_000;

/// What to run on, how long, and with which bug.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The store.
    pub store: StoreKind,
    /// Steps of chaos.
    pub steps: usize,
    /// The bug that is planted.
    pub bug: Option<Bug>,
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In memory; it cannot start anew.
    Memory,
    /// A file, opened anew at every start of the server.
    Sqlite,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            store: StoreKind::Memory,
            steps: 250,
            bug: None,
        }
    }
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Operations that were submitted.
    pub submitted: usize,
    /// Submissions that were refused, since a resource was not free.
    pub held_off: usize,
    /// Operations that ended, all of them.
    pub ended: usize,
    /// Those of them that their deadline ended.
    pub expired: usize,
    /// Leases that were given.
    pub leases: usize,
    /// Leases that were lost.
    pub lost: usize,
    /// Attempts that failed and were followed by another one.
    pub retried: usize,
    /// Operations that waited in line for a resource, and got it.
    pub unblocked: usize,
    /// Reports and heartbeats that were refused.
    pub refused: usize,
    /// Starts of the server after the first.
    pub restarts: usize,
}

impl Story {
    /// Counts what is told.
    fn tell(&mut self, entries: &[HistoryEntry]) {
        for entry in entries {
            match &entry.event.change {
                Change::Released { reason } => {
                    self.lost += usize::from(*reason == ReleaseReason::Lost);
                }
                Change::Retried { .. } => self.retried += 1,
                Change::Unblocked => self.unblocked += 1,
                Change::Ended { phase, .. } => {
                    self.expired += usize::from(*phase == Phase::Expired);
                }
                Change::Submitted
                | Change::Leased { .. }
                | Change::Extended
                | Change::Found { .. }
                | Change::Reported { .. }
                | Change::Blocked { .. }
                | Change::Advanced { .. }
                | Change::Ready
                | Change::DeadlineMoved { .. }
                | Change::CancelRequested
                | Change::Removed { .. } => (),
            }
        }
    }
}

/// Runs the world of `seed`, up to its peaceful end or to the first invariant that does not hold.
pub fn run(seed: u64, setting: &Setting) -> Result<Story, Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has room for a runtime");
    runtime.block_on(async {
        let mut world = World::new(seed, setting)?;
        for _ in 0..setting.steps {
            world.chaos().await?;
        }
        world.peace().await?;
        Ok(world.story)
    })
}

struct World {
    random: Rng,
    /// How much time has truly passed, in milliseconds: messages fly by it.
    passed: i64,
    /// What the server believes the time to be.
    clock: Clock,
    store: Arc<Buggy>,
    file: Option<(TempDir, PathBuf)>,
    ledger: Ledger,
    network: Network,
    workers: [Worker; WORKERS],
    story: Story,
}

impl World {
    fn new(seed: u64, setting: &Setting) -> Result<Self, Violation> {
        let file = (setting.store == StoreKind::Sqlite).then(|| {
            let folder = tempfile::tempdir().expect("there is room for a folder");
            let path = folder.path().join("longrun.db");
            (folder, path)
        });
        let store: Arc<dyn Store> = match &file {
            Some((_, path)) => Arc::new(SqliteStore::open(path)?),
            None => Arc::new(MemoryStore::default()),
        };
        let mut random = Rng::with_seed(seed);
        let workers = std::array::from_fn(|index| {
            let shows = random.i64(0..2_000_000_000);
            let clock = Clock::drifting(shows, random.i64(600..1_400));
            // The last one has no heartbeat.
            Worker::new(clock, index + 1 < WORKERS)
        });
        Ok(Self {
            random,
            passed: 0,
            clock: Clock::exact(1_000_000_000),
            store: Arc::new(Buggy::new(store, setting.bug)),
            file,
            ledger: Ledger::default(),
            network: Network::default(),
            workers,
            story: Story::default(),
        })
    }

    /// One step: something happens, time passes or does not, and everything must still hold.
    async fn chaos(&mut self) -> Result<(), Violation> {
        match self.random.u8(..32) {
            0..=3 => self.submit().await?,
            4..=9 => self.ask_for_work(),
            10..=17 => self.work(),
            18 => self.lie(),
            19 => self.mix_up(),
            20 => self.cancel().await?,
            21 => self.die(),
            22 => self.delete().await?,
            23 => self.restart()?,
            24 => self.clock.jump(self.random.i64(-20_000..20_000)),
            25 => self.set_a_worker(),
            _ => self.pass_time().await?,
        }
        self.beat();
        self.deliver().await?;
        let ticks = self.random.bool();
        if ticks {
            self.tick().await?;
        }
        self.check().await?;
        if ticks {
            self.ledger.check_punctual(self.now())?;
        }
        Ok(())
    }

    /// What the server believes the time to be.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.shows())
    }

    async fn commit(&self, write: Write) -> Result<Result<Written, Refused>, Violation> {
        let mut committed = self.store.commit(vec![write], self.now()).await?;
        Ok(committed.pop().expect("a write has an answer"))
    }

    /// Whether the command was carried out.
    async fn command(&mut self, key: OperationKey, command: Command) -> Result<bool, Violation> {
        let write = Write::Command {
            key,
            account: None,
            command,
        };
        let taken = self.commit(write).await?.is_ok();
        self.story.refused += usize::from(!taken);
        Ok(taken)
    }

    async fn submit(&mut self) -> Result<(), Violation> {
        let now = self.now();
        let submission = wishes::submission(&mut self.random, now.as_millis(), 2 * PEACE_MILLIS);
        match self.commit(Write::Submit(submission.clone())).await? {
            Ok(Written::Submitted(submitted)) => {
                let key = submitted.operation.key;
                self.story.submitted += 1;
                self.ledger.submitted(key, submission, now)?;
                self.look(key).await
            }
            Err(Refused::ResourceHeld { resource, .. }) => {
                self.story.held_off += 1;
                self.ledger.refused(&submission, &resource, now)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn any_worker(&mut self) -> usize {
        self.random.usize(..WORKERS)
    }

    fn ask_for_work(&mut self) {
        let worker = self.any_worker();
        self.send(Message::Lease { worker });
    }

    fn send(&mut self, message: Message) {
        self.network.send(&mut self.random, self.passed, message);
    }

    /// A worker does something about an operation that it believes to hold.
    fn work(&mut self) {
        let worker = self.any_worker();
        let Some(operation) = self.workers[worker].any(&mut self.random) else {
            return;
        };
        let key = operation.key;
        let message = if self.random.u8(..4) == 0 {
            let fence = operation.fence;
            Message::Heartbeat { key, fence }
        } else {
            let report = wishes::report(&mut self.random, &operation);
            Message::Report { key, report }
        };
        self.send(message);
    }

    /// Somebody reports about an operation that is not theirs, with a fence that they made up.
    fn lie(&mut self) {
        let Some(key) = self.any_operation() else {
            return;
        };
        let report = wishes::lie(&mut self.random);
        self.network
            .fly(self.passed, Message::Report { key, report });
    }

    /// A worker reports what it knows of one operation about another.
    fn mix_up(&mut self) {
        let worker = self.any_worker();
        let told = self.workers[worker].any(&mut self.random);
        if let (Some(operation), Some(key)) = (told, self.any_operation()) {
            let report = wishes::report(&mut self.random, &operation);
            self.send(Message::Report { key, report });
        }
    }

    fn any_operation(&mut self) -> Option<OperationKey> {
        self.random.choice(self.ledger.operations.keys()).copied()
    }

    async fn cancel(&mut self) -> Result<(), Violation> {
        if let Some(key) = self.any_operation() {
            self.command(key, Command::Cancel).await?;
        }
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Violation> {
        let Some(key) = self.any_operation() else {
            return Ok(());
        };
        if let Some(known) = self.ledger.operations.get_mut(&key) {
            known.may_be_removed = true;
        }
        self.command(key, Command::Delete).await?;
        Ok(())
    }

    /// A worker forgets everything.
    fn die(&mut self) {
        let worker = self.any_worker();
        self.workers[worker].forget_all();
    }

    /// The server ends and starts anew, on what it has written.
    fn restart(&mut self) -> Result<(), Violation> {
        let Some((_, path)) = &self.file else {
            return Ok(());
        };
        let bug = self.store.bug;
        // The file can be opened anew only after it was let go.
        self.store = Arc::new(Buggy::new(Arc::new(MemoryStore::default()), bug));
        self.store = Arc::new(Buggy::new(Arc::new(SqliteStore::open(path)?), bug));
        self.story.restarts += 1;
        Ok(())
    }

    /// A worker's clock is set, forward or back.
    fn set_a_worker(&mut self) {
        let worker = self.any_worker();
        let by = self.random.i64(-30_000..30_000);
        self.workers[worker].clock.jump(by);
    }

    /// Time passes: a little, or exactly to the next thing that is due, or to a millisecond beside it.
    async fn pass_time(&mut self) -> Result<(), Violation> {
        let due = self.store.due(self.now(), 0).await?;
        let timer = due.next_at.map(|at| at.as_millis() - self.clock.shows());
        let message = self.network.next_at().map(|at| at - self.passed);
        let millis = match (self.random.u8(..4), timer, message) {
            (0, Some(millis), _) => millis + self.random.i64(-1..=1),
            (1, _, Some(millis)) => millis,
            _ => self.random.i64(1..5_000),
        };
        self.pass(millis.max(0));
        Ok(())
    }

    fn pass(&mut self, millis: i64) {
        self.passed += millis;
        self.clock.pass(millis);
        for worker in &mut self.workers {
            worker.clock.pass(millis);
        }
    }

    /// Every worker sends the heartbeats that are due by its own clock.
    fn beat(&mut self) {
        for worker in 0..WORKERS {
            for message in self.workers[worker].beat(&mut self.random) {
                self.send(message);
            }
        }
    }

    /// Everything that has arrived is carried out.
    async fn deliver(&mut self) -> Result<(), Violation> {
        while let Some(message) = self.network.arrived(self.passed) {
            match message {
                Message::Lease { worker } => {
                    let leased = self.lease(worker).await?;
                    // One answer in eight is lost on its way back.
                    if self.random.u8(..8) != 0 {
                        self.workers[worker].take(leased);
                    }
                }
                Message::Heartbeat { key, fence } => self.take_heartbeat(key, fence).await?,
                Message::Report { key, report } => self.take_report(key, report).await?,
            }
        }
        Ok(())
    }

    async fn lease(&mut self, worker: usize) -> Result<Vec<Arc<Operation>>, Violation> {
        let wish = LeaseWish {
            account: None,
            kinds: wishes::KINDS.iter().map(|kind| (*kind).into()).collect(),
            max: self.random.usize(1..4),
            worker: format!("w{worker}").into(),
            length_millis: LEASE_MILLIS,
        };
        let Ok(Written::Leased(leased)) = self.commit(Write::Lease(wish)).await? else {
            return Ok(Vec::new());
        };
        for operation in &leased {
            self.ledger.leased(operation)?;
            self.look(operation.key).await?;
            self.story.leases += 1;
        }
        self.ledger.check_alone()?;
        Ok(leased)
    }

    async fn take_heartbeat(&mut self, key: OperationKey, fence: u64) -> Result<(), Violation> {
        let taken = self.command(key, Command::Heartbeat { fence }).await?;
        // Most answers are heard by those whom they are meant for.
        if !taken && self.random.u8(..4) != 0 {
            for worker in &mut self.workers {
                worker.forget(key);
            }
        }
        Ok(())
    }

    async fn take_report(&mut self, key: OperationKey, report: Report) -> Result<(), Violation> {
        let command = Command::Report(report.clone());
        let write = Write::Command {
            key,
            account: None,
            command,
        };
        match self.commit(write).await? {
            Ok(Written::Commanded {
                changed, refused, ..
            }) => {
                let names = refused.into_iter().filter_map(|one| one.resource);
                let refused: HashSet<String> = names.map(|id| id.to_string()).collect();
                self.ledger.reported(key, &report, &refused, changed)?;
                self.look(key).await
            }
            Ok(_) | Err(_) => {
                self.story.refused += 1;
                Ok(())
            }
        }
    }

    async fn tick(&mut self) -> Result<(), Violation> {
        let due = self.store.due(self.now(), 100).await?;
        for key in due.keys {
            self.command(key, Command::Tick).await?;
        }
        Ok(())
    }

    /// Holds every operation against what is known of it.
    async fn check(&mut self) -> Result<(), Violation> {
        let keys: Vec<OperationKey> = self.ledger.operations.keys().copied().collect();
        for key in keys {
            self.look(key).await?;
        }
        self.ledger.check_alone()
    }

    /// Holds one operation against what is known of it.
    async fn look(&mut self, key: OperationKey) -> Result<(), Violation> {
        let found = self.store.get(key).await?;
        let operation = found.ok_or(Violation::Lost(key))?;
        let Some(known) = self.ledger.operations.get_mut(&key) else {
            return Ok(());
        };
        let expires_at = known.last.as_ref().and_then(Operation::expires_at);
        if expires_at.is_some_and(|at| at.as_millis() <= self.clock.shows() + PEACE_MILLIS) {
            // The clock may have been ahead when its retention was looked at.
            known.may_be_removed = true;
        }
        let number = known.trail.number;
        let news = if operation.removed || operation.version == number {
            Vec::new()
        } else {
            self.store.history(key, number, usize::MAX).await?
        };
        known.read(operation, &news)?;
        self.story.tell(&news);
        Ok(())
    }

    /// No more chaos: one good worker, time that passes, and nothing else. Everything ends.
    async fn peace(&mut self) -> Result<(), Violation> {
        let until = self.passed + PEACE_MILLIS;
        while self.passed < until && self.ledger.check_ended().is_err() {
            self.deliver().await?;
            self.tick().await?;
            self.check().await?;
            self.ledger.check_punctual(self.now())?;
            for operation in self.lease(0).await? {
                let finish = Some(Finish {
                    status: FinishStatus::Succeeded,
                    output: None,
                    error: None,
                });
                let report = Report {
                    fence: operation.fence,
                    finish,
                    ..Report::default()
                };
                self.take_report(operation.key, report).await?;
            }
            self.check().await?;
            self.pass(LEASE_MILLIS / 3);
        }
        self.ledger.check_ended()?;
        for (key, known) in &self.ledger.operations {
            let history = self.store.history(*key, 0, usize::MAX).await?;
            if let Some(last) = &known.last {
                invariants::check_history(last, &history)?;
            }
        }
        self.story.ended = self.ledger.operations.len();
        Ok(())
    }
}
