//! What the tests share: a store of either sort, a clock that stands still unless it is moved, and short words.

use crate::schema::Schema;
use longrun_model::{
    Account, Command, Finish, FinishStatus, Idempotency, Json, KindName, Operation, OperationKey,
    Outcome, Progress, RefusedResult, Report, ResourceId, ResourceResult, ResourceStatus,
    Submission, Timestamp, WorkerName,
};
use longrun_store::{
    Committed, Due, Filter, HistoryEntry, LeaseWish, Limits, MemoryStore, Page, PostgresStore,
    Refused, Sight, SqliteStore, Store, Submitted, Write, Written,
};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// When every test begins.
pub(crate) const START: i64 = 1_700_000_000_000;
/// How long a lease lasts here.
pub(crate) const LEASE: i64 = 10_000;

/// A store and all that a test needs to talk to it.
pub(crate) struct Bed {
    store: Option<Box<dyn Store>>,
    place: Place,
    runtime: Runtime,
    /// What time it is, in milliseconds after [`START`].
    pub(crate) now: i64,
}

/// Where a store keeps what it is given.
enum Place {
    Memory,
    Folder(TempDir),
    Schema(Schema, &'static str),
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Commanded {
    pub(crate) operation: Arc<Operation>,
    pub(crate) changed: bool,
    pub(crate) refused: Vec<RefusedResult>,
}

impl Bed {
    pub(crate) fn memory() -> Self {
        Self::at(Place::Memory)
    }

    pub(crate) fn sqlite() -> Self {
        Self::at(Place::Folder(TempDir::new().unwrap()))
    }

    /// None if the tests were given no server.
    pub(crate) fn postgres() -> Option<Self> {
        Schema::new().map(|schema| Self::at(Place::Schema(schema, "read-committed")))
    }

    /// The same with transactions that could have come one after the other.
    pub(crate) fn serializable() -> Option<Self> {
        Schema::new().map(|schema| Self::at(Place::Schema(schema, "serializable")))
    }

    fn at(place: Place) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            store: Some(open(&place, &runtime)),
            place,
            runtime,
            now: 0,
        }
    }

    /// Closes the store and opens it again, if it is one that can.
    pub(crate) fn reopen(&mut self) {
        match self.place {
            Place::Memory => (),
            Place::Folder(_) | Place::Schema(..) => {
                self.store = None;
                self.store = Some(open(&self.place, &self.runtime));
            }
        }
    }

    pub(crate) fn instant(&self) -> Timestamp {
        Timestamp::from_millis(START + self.now)
    }

    fn store(&self) -> &dyn Store {
        &**self
            .store
            .as_ref()
            .expect("it is gone only inside `reopen`")
    }

    pub(crate) fn commit(&self, writes: Vec<Write>) -> Committed {
        self.runtime
            .block_on(self.store().commit(writes, self.instant()))
            .unwrap()
    }

    pub(crate) fn write(&self, write: Write) -> Result<Written, Refused> {
        self.commit(vec![write]).remove(0)
    }

    pub(crate) fn try_submit(&self, submission: Submission) -> Result<Submitted, Refused> {
        self.write(Write::Submit(submission)).map(submitted)
    }

    pub(crate) fn submit(&self, submission: Submission) -> OperationKey {
        self.try_submit(submission).unwrap().operation.key
    }

    pub(crate) fn command(
        &self,
        key: OperationKey,
        command: Command,
    ) -> Result<Commanded, Refused> {
        self.write(write(key, command)).map(commanded)
    }

    pub(crate) fn limit(&self, limits: Limits) {
        self.store().limit(limits);
    }

    pub(crate) fn lease(&self, wish: LeaseWish) -> Vec<Arc<Operation>> {
        leased(self.write(Write::Lease(wish)).unwrap())
    }

    /// Submits an operation with `count` resources and leases it.
    pub(crate) fn running(&self, count: usize) -> OperationKey {
        let key = self.submit(operation(count));
        let leased = self.command(key, lease_command()).unwrap();
        assert_eq!(leased.operation.fence, 1);
        key
    }

    /// An operation with `count` resources that has ended well.
    pub(crate) fn finished(&self, count: usize) -> OperationKey {
        let key = self.running(count);
        self.command(key, finish(1, FinishStatus::Succeeded))
            .unwrap();
        key
    }

    pub(crate) fn find(&self, key: OperationKey) -> Option<Operation> {
        self.runtime.block_on(self.store().get(key)).unwrap()
    }

    pub(crate) fn get(&self, key: OperationKey) -> Operation {
        self.find(key).expect("the operation is stored")
    }

    pub(crate) fn list(&self, filter: Filter) -> Page {
        self.runtime.block_on(self.store().list(filter)).unwrap()
    }

    pub(crate) fn history(&self, key: OperationKey, after: u64, limit: usize) -> Vec<HistoryEntry> {
        self.runtime
            .block_on(self.store().history(key, after, limit))
            .unwrap()
    }

    pub(crate) fn due(&self, limit: usize) -> Due {
        self.runtime
            .block_on(self.store().due(self.instant(), limit))
            .unwrap()
    }

    pub(crate) fn access_keys(&self) -> Vec<longrun_store::AccessKey> {
        self.runtime.block_on(self.store().access_keys()).unwrap()
    }

    pub(crate) fn document(&self, name: &str) -> Option<longrun_store::Document> {
        self.runtime.block_on(self.store().document(name)).unwrap()
    }

    pub(crate) fn id_secret(&self, proposal: [u8; 16]) -> [u8; 16] {
        self.runtime
            .block_on(self.store().id_secret(proposal))
            .unwrap()
    }
}

fn open(place: &Place, runtime: &Runtime) -> Box<dyn Store> {
    match place {
        Place::Memory => Box::new(MemoryStore::default()),
        Place::Folder(folder) => {
            Box::new(SqliteStore::open(&folder.path().join("longrun.db")).unwrap())
        }
        Place::Schema(schema, isolation) => {
            let url = schema.url_with(&format!("timer_spread_ms=0&isolation={isolation}"));
            Box::new(runtime.block_on(PostgresStore::open(&url)).unwrap())
        }
    }
}

pub(crate) fn submitted(written: Written) -> Submitted {
    let Written::Submitted(submitted) = written else {
        panic!("not submitted: {written:?}");
    };
    submitted
}

pub(crate) fn submitted_all(written: Written) -> Vec<Submitted> {
    let Written::SubmittedAll(all) = written else {
        panic!("not a batch: {written:?}");
    };
    all
}

pub(crate) fn commanded(written: Written) -> Commanded {
    let Written::Commanded {
        operation,
        changed,
        refused,
        ..
    } = written
    else {
        panic!("not commanded: {written:?}");
    };
    Commanded {
        operation,
        changed,
        refused,
    }
}

pub(crate) fn leased(written: Written) -> Vec<Arc<Operation>> {
    let Written::Leased(leased) = written else {
        panic!("not leased: {written:?}");
    };
    leased
}

pub(crate) fn keys<'o>(operations: impl IntoIterator<Item = &'o Arc<Operation>>) -> Vec<u64> {
    operations.into_iter().map(|one| one.key.get()).collect()
}

pub(crate) fn key(number: u64) -> OperationKey {
    OperationKey::new(number).unwrap()
}

/// A submission with `count` resources: `r0`, `r1` and so on.
pub(crate) fn operation(count: usize) -> Submission {
    let ids: Vec<String> = (0..count).map(|index| format!("r{index}")).collect();
    Submission::new("acme", "reboot").with_resources(ids.iter().map(String::as_str))
}

/// The same under an idempotency key, with a digest made of `payload`.
pub(crate) fn under(submission: Submission, name: &str, payload: u8) -> Submission {
    let idempotency = Idempotency {
        key: name.into(),
        digest: [payload; 16],
    };
    Submission {
        idempotency: Some(idempotency),
        ..submission
    }
}

/// A wish for up to `max` operations of kind `reboot` of any account.
pub(crate) fn wish(max: usize) -> LeaseWish {
    LeaseWish {
        sight: Sight::All,
        kinds: vec!["reboot".into()],
        max,
        worker: WorkerName::new("w"),
        length_millis: LEASE,
    }
}

pub(crate) fn wish_of(account: Option<&str>, kinds: &[&str], max: usize) -> LeaseWish {
    LeaseWish {
        sight: account.map(Account::from).into(),
        kinds: kinds.iter().map(|kind| KindName::from(*kind)).collect(),
        ..wish(max)
    }
}

pub(crate) fn write(key: OperationKey, command: Command) -> Write {
    Write::Command {
        key,
        sight: Sight::All,
        command,
    }
}

pub(crate) fn lease_command() -> Command {
    Command::Lease {
        worker: "w".into(),
        length_millis: LEASE,
    }
}

pub(crate) fn report(fence: u64, results: Vec<ResourceResult>) -> Command {
    Command::Report(Report {
        fence,
        results,
        ..Report::default()
    })
}

pub(crate) fn progress(fence: u64, percent: u8) -> Command {
    let progress = Progress {
        percent: Some(percent),
        message: None,
    };
    Command::Report(Report {
        fence,
        progress,
        ..Report::default()
    })
}

pub(crate) fn release(fence: u64) -> Command {
    Command::Report(Report {
        fence,
        release: true,
        ..Report::default()
    })
}

pub(crate) fn finish(fence: u64, status: FinishStatus) -> Command {
    Command::Report(Report {
        fence,
        finish: Some(Finish {
            status,
            output: None,
            error: None,
        }),
        ..Report::default()
    })
}

/// A result for `r<index>`.
pub(crate) fn result(index: usize, status: ResourceStatus) -> ResourceResult {
    ResourceResult {
        id: ResourceId::from(format!("r{index}")),
        outcome: Outcome {
            status,
            output: Some(Json::from_checked(format!("{{\"index\":{index}}}"))),
            error: None,
        },
    }
}

pub(crate) fn results(
    indexes: impl IntoIterator<Item = usize>,
    status: ResourceStatus,
) -> Vec<ResourceResult> {
    indexes
        .into_iter()
        .map(|index| result(index, status))
        .collect()
}
