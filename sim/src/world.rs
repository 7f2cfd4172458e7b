//! The world: callers, workers, a server with a clock, and chance.

use crate::bug::{Bug, Buggy};
use crate::invariants::{self, Violation};
use crate::ledger::Ledger;
use crate::network::{Message, Network};
use fastrand::Rng;
use longrun_model::{
    Command, Failure, Finish, FinishStatus, Operation, OperationKey, Outcome, Report,
    ResourceResult, ResourceStatus, Submission, Timestamp,
};
use longrun_store::{LeaseWish, MemoryStore, SqliteStore, Store, Write, Written};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// How long a lease lasts.
const LEASE_MILLIS: i64 = 15_000;
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
    /// Operations that ended, all of them.
    pub ended: usize,
    /// Leases that were given.
    pub leases: usize,
    /// Reports and heartbeats that were refused.
    pub refused: usize,
    /// Starts of the server after the first.
    pub restarts: usize,
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
    /// What the server's clock shows, in milliseconds.
    now: i64,
    store: Arc<Buggy>,
    file: Option<(TempDir, PathBuf)>,
    ledger: Ledger,
    network: Network,
    /// What each worker believes to hold.
    workers: [Vec<Arc<Operation>>; WORKERS],
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
        Ok(Self {
            random: Rng::with_seed(seed),
            now: 1_000_000_000,
            store: Arc::new(Buggy::new(store, setting.bug)),
            file,
            ledger: Ledger::default(),
            network: Network::default(),
            workers: Default::default(),
            story: Story::default(),
        })
    }

    /// One step: something happens, time passes or does not, and everything must still hold.
    async fn chaos(&mut self) -> Result<(), Violation> {
        match self.random.u8(..32) {
            0..=4 => self.submit().await?,
            5..=10 => self.ask_for_work(),
            11..=18 => self.work(),
            19..=20 => self.lie(),
            21 => self.cancel().await?,
            22 => self.die(),
            23 => self.delete().await?,
            24 => self.restart()?,
            25 => self.jump(),
            _ => self.pass_time().await?,
        }
        self.deliver().await?;
        if self.random.bool() {
            self.tick().await?;
        }
        self.check().await
    }

    async fn commit(&self, write: Write) -> Result<Option<Written>, Violation> {
        let committed = self
            .store
            .commit(vec![write], Timestamp::from_millis(self.now))
            .await?;
        Ok(committed.into_iter().next().and_then(Result::ok))
    }

    async fn command(&mut self, key: OperationKey, command: Command) -> Result<(), Violation> {
        let write = Write::Command {
            key,
            account: None,
            command,
        };
        if self.commit(write).await?.is_none() {
            self.story.refused += 1;
        }
        Ok(())
    }

    async fn submit(&mut self) -> Result<(), Violation> {
        let names = ["a", "b", "c", "d", "e"];
        let resources = self.random.usize(..=names.len());
        let account = ["acme", "globex"][self.random.usize(..2)];
        let mut submission =
            Submission::new(account, "sim").with_resources(names[..resources].iter().copied());
        submission.priority = self.random.u8(..=9);
        if self.random.u8(..3) == 0 {
            let deadline = self.now + self.random.i64(1..60_000);
            submission.deadline_at = Some(Timestamp::from_millis(deadline));
        }
        submission.retention_millis = self.random.i64(60_000..2 * PEACE_MILLIS);
        if let Some(Written::Submitted(submitted)) = self.commit(Write::Submit(submission)).await? {
            self.ledger.submitted(submitted.operation.key);
            self.story.submitted += 1;
        }
        Ok(())
    }

    fn ask_for_work(&mut self) {
        let worker = self.random.usize(..WORKERS);
        self.network
            .send(&mut self.random, self.now, Message::Lease { worker });
    }

    /// A worker does something about an operation that it believes to hold.
    fn work(&mut self) {
        let worker = self.random.usize(..WORKERS);
        let Some(operation) = self.random.choice(self.workers[worker].iter()).cloned() else {
            return;
        };
        let message = if self.random.u8(..3) == 0 {
            Message::Heartbeat {
                key: operation.key,
                fence: operation.fence,
            }
        } else {
            let report = self.report(&operation);
            Message::Report {
                key: operation.key,
                report,
            }
        };
        self.network.send(&mut self.random, self.now, message);
    }

    /// Some results, and now and then the end.
    fn report(&mut self, operation: &Operation) -> Report {
        let mut results = Vec::new();
        for resource in operation.resources.iter() {
            if self.random.bool() {
                let outcome = self.outcome();
                results.push(ResourceResult {
                    id: resource.id.clone(),
                    outcome,
                });
            }
        }
        let finish = (self.random.u8(..4) == 0).then(|| self.finish());
        let release = self.random.u8(..12) == 0;
        Report {
            fence: operation.fence,
            results,
            finish,
            release,
            ..Report::default()
        }
    }

    fn outcome(&mut self) -> Outcome {
        let status = match self.random.u8(..5) {
            0 => ResourceStatus::Running,
            1 => ResourceStatus::Failed,
            2 => ResourceStatus::Cancelled,
            _ => ResourceStatus::Succeeded,
        };
        let failure = || Box::new(Failure::new("Sim", "it did not work out"));
        Outcome {
            status,
            output: None,
            error: (status == ResourceStatus::Failed).then(failure),
        }
    }

    fn finish(&mut self) -> Finish {
        let all = [
            FinishStatus::Succeeded,
            FinishStatus::Failed,
            FinishStatus::Cancelled,
        ];
        Finish {
            status: all[self.random.usize(..3)],
            output: None,
            error: None,
        }
    }

    /// Somebody reports about an operation that is not theirs, with a fence that they made up.
    fn lie(&mut self) {
        let Some(key) = self.any_operation() else {
            return;
        };
        let fence = self.random.u64(..4);
        let outcome = self.outcome();
        let results = vec![ResourceResult {
            id: "a".into(),
            outcome,
        }];
        let report = Report {
            fence,
            results,
            ..Report::default()
        };
        self.network.fly(self.now, Message::Report { key, report });
    }

    fn any_operation(&mut self) -> Option<OperationKey> {
        self.random.choice(self.ledger.operations.keys()).copied()
    }

    async fn cancel(&mut self) -> Result<(), Violation> {
        match self.any_operation() {
            Some(key) => self.command(key, Command::Cancel).await,
            None => Ok(()),
        }
    }

    async fn delete(&mut self) -> Result<(), Violation> {
        let Some(key) = self.any_operation() else {
            return Ok(());
        };
        if let Some(known) = self.ledger.operations.get_mut(&key) {
            known.may_be_removed = true;
        }
        self.command(key, Command::Delete).await
    }

    /// A worker forgets everything.
    fn die(&mut self) {
        let worker = self.random.usize(..WORKERS);
        self.workers[worker].clear();
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

    /// The server's clock is set, forward or back.
    fn jump(&mut self) {
        self.now += self.random.i64(-20_000..20_000);
    }

    /// Time passes: a little, or exactly to the next thing that is due, or to a millisecond beside it.
    async fn pass_time(&mut self) -> Result<(), Violation> {
        let due = self.store.due(Timestamp::from_millis(self.now), 0).await?;
        let timer = due.next_at.map(Timestamp::as_millis);
        let message = self.network.next_at();
        let to = match (self.random.u8(..4), timer, message) {
            (0, Some(at), _) => at + self.random.i64(-1..=1),
            (1, _, Some(at)) => at,
            _ => self.now + self.random.i64(1..5_000),
        };
        self.now = self.now.max(to);
        Ok(())
    }

    /// Everything that has arrived is carried out.
    async fn deliver(&mut self) -> Result<(), Violation> {
        while let Some(message) = self.network.arrived(self.now) {
            match message {
                Message::Lease { worker } => self.lease(worker).await?,
                Message::Heartbeat { key, fence } => {
                    self.command(key, Command::Heartbeat { fence }).await?;
                }
                Message::Report { key, report } => self.take_report(key, report).await?,
            }
        }
        Ok(())
    }

    async fn lease(&mut self, worker: usize) -> Result<(), Violation> {
        let wish = LeaseWish {
            account: None,
            kinds: vec!["sim".into()],
            max: self.random.usize(1..4),
            worker: format!("w{worker}").into(),
            length_millis: LEASE_MILLIS,
        };
        let Some(Written::Leased(leased)) = self.commit(Write::Lease(wish)).await? else {
            return Ok(());
        };
        for operation in &leased {
            self.ledger.leased(operation)?;
            self.story.leases += 1;
        }
        // One answer in eight is lost on its way back.
        if self.random.u8(..8) != 0 {
            self.workers[worker].extend(leased);
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
            Some(Written::Commanded {
                changed, refused, ..
            }) => {
                let names = refused.into_iter().filter_map(|one| one.resource);
                let refused: HashSet<String> = names.map(|id| id.to_string()).collect();
                self.ledger.reported(key, &report, &refused, changed)
            }
            _ => {
                self.story.refused += 1;
                Ok(())
            }
        }
    }

    async fn tick(&mut self) -> Result<(), Violation> {
        let due = self
            .store
            .due(Timestamp::from_millis(self.now), 100)
            .await?;
        for key in due.keys {
            self.command(key, Command::Tick).await?;
        }
        Ok(())
    }

    /// Holds every operation against what is known of it.
    async fn check(&mut self) -> Result<(), Violation> {
        let keys: Vec<OperationKey> = self.ledger.operations.keys().copied().collect();
        for key in keys {
            let found = self.store.get(key).await?;
            let operation = found.ok_or(Violation::Lost(key))?;
            let known = self.ledger.operations.entry(key).or_default();
            if let Some(last) = &known.last
                && last
                    .expires_at()
                    .is_some_and(|at| at.as_millis() <= self.now + PEACE_MILLIS)
            {
                // The clock may have been ahead when its retention was looked at.
                known.may_be_removed = true;
            }
            invariants::check(known, &operation)?;
            known.last = Some(operation);
        }
        Ok(())
    }

    /// No more chaos: one good worker, time that passes, and nothing else. Everything ends.
    async fn peace(&mut self) -> Result<(), Violation> {
        let until = self.now + PEACE_MILLIS;
        while self.now < until && invariants::check_ended(&self.ledger).is_err() {
            self.deliver().await?;
            self.tick().await?;
            self.workers[0].clear();
            self.lease(0).await?;
            for operation in std::mem::take(&mut self.workers[0]) {
                let status = FinishStatus::Succeeded;
                let finish = Some(Finish {
                    status,
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
            self.now += LEASE_MILLIS / 3;
        }
        invariants::check_ended(&self.ledger)?;
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
