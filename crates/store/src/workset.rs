//! The operations that one commit works on: loaded when a write first needs them, changed in memory by the model, and
//! saved together at the end. Every store runs its commits through here, so that all of them behave alike.

use crate::document::{DocumentChange, Named};
use crate::indexed::Indexed;
use crate::layout::is_chunked;
use crate::turns::Taken;
use crate::{
    AccessKey, LeaseWish, PutDocument, Refused, Sight, StoreError, Submitted, Write, Written,
};
use longrun_model::{
    Account, Change, Command, Event, Operation, OperationKey, Rejected, Resource, Submission,
    Timestamp, Touch, apply, decide, limits,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

mod lines;

pub(crate) use lines::lines_of;

/// What a store must be able to find while a commit runs.
pub(crate) trait Tables {
    /// The operation with this key, with at least the resources that `touch` names.
    fn load(&mut self, key: OperationKey, touch: Touch) -> Result<Option<Operation>, StoreError>;

    /// At least the resources of a stored operation that `touch` names, ascending by index.
    fn load_resources(
        &mut self,
        key: OperationKey,
        touch: Touch,
    ) -> Result<Vec<(u32, Resource)>, StoreError>;

    /// The operation that was submitted under this idempotency key, and the digest of its payload.
    fn idempotent(
        &mut self,
        account: &Account,
        key: &str,
    ) -> Result<Option<(OperationKey, [u8; 16])>, StoreError>;

    /// Up to `wish.max` operations that wait for a worker, most urgent first, leaving out those that are `taken`.
    fn waiting(&mut self, wish: &LeaseWish, taken: &Taken)
    -> Result<Vec<OperationKey>, StoreError>;

    /// What is known of this name of a document.
    fn document(&mut self, name: &str) -> Result<Option<Named>, StoreError>;

    /// Who stands first in the line with these bytes.
    fn first_in_line(&mut self, line: &[u8]) -> Result<Option<OperationKey>, StoreError>;

    /// Puts an operation at the end of a line: whether others stand before it.
    fn join_line(&mut self, line: Vec<u8>, key: OperationKey) -> Result<bool, StoreError>;

    /// Takes an operation out of all lines: those that have become the first in one, as often as they have.
    fn leave_lines(&mut self, key: OperationKey) -> Result<Vec<OperationKey>, StoreError>;

    /// A key that no operation has had.
    fn next_key(&mut self) -> OperationKey;
}

/// An operation that the commit has touched.
pub(crate) struct Touched {
    /// As it is now. Shared with what the callers are told: it is copied only when it changes again.
    pub(crate) operation: Arc<Operation>,
    /// The timer and the place in the queue that are stored for it; `None` if it is new.
    pub(crate) before: Option<Indexed>,
    /// What happened to it, by number.
    pub(crate) events: Vec<(u64, Event)>,
    /// The indexes of resources that differ from what is stored. Unused for a new operation.
    pub(crate) changed_resources: BTreeSet<u32>,
    /// How many resources are stored, if there are more now. Unused for a new operation.
    pub(crate) grown_from: Option<u32>,
    /// Whether anything differs from what is stored.
    pub(crate) changed: bool,
    /// The idempotency key of a new operation.
    pub(crate) idempotency: Option<longrun_model::Idempotency>,
}

/// What a commit has to save.
#[derive(Default)]
pub(crate) struct Changes {
    /// The operations, ascending by key.
    pub(crate) operations: Vec<Touched>,
    /// The access keys, in order: kept, or forgotten.
    pub(crate) access_keys: Vec<AccessKeyChange>,
    /// The documents, by name.
    pub(crate) documents: BTreeMap<Box<str>, DocumentChange>,
}

impl Changes {
    /// Whether there is nothing to save.
    pub(crate) fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.access_keys.is_empty() && self.documents.is_empty()
    }
}

/// What becomes of an access key.
pub(crate) enum AccessKeyChange {
    /// It is kept.
    Put(AccessKey),
    /// It is forgotten.
    Remove(Box<str>),
}

/// The state of a running commit.
pub(crate) struct Workset<'t, T: Tables> {
    tables: &'t mut T,
    now: Timestamp,
    touched: HashMap<OperationKey, Touched>,
    /// Idempotency keys that were first used in this very commit.
    idempotent: HashMap<(Account, Box<str>), (OperationKey, [u8; 16])>,
    access_keys: Vec<AccessKeyChange>,
    documents: BTreeMap<Box<str>, DocumentChange>,
}

/// Runs `writes` over `tables`: what to save, and what to tell the callers.
pub(crate) fn run<T: Tables>(
    tables: &mut T,
    writes: Vec<Write>,
    now: Timestamp,
) -> Result<(Changes, Vec<Result<Written, Refused>>), StoreError> {
    let mut workset = Workset {
        tables,
        now,
        touched: HashMap::new(),
        idempotent: HashMap::new(),
        access_keys: Vec::new(),
        documents: BTreeMap::new(),
    };
    let results = writes
        .into_iter()
        .map(|write| workset.write(write))
        .collect::<Result<Vec<_>, _>>()?;
    let mut operations: Vec<Touched> = workset
        .touched
        .into_values()
        .filter(|touched| touched.changed)
        .collect();
    operations.sort_unstable_by_key(|touched| touched.operation.key);
    Ok((
        Changes {
            operations,
            access_keys: workset.access_keys,
            documents: workset.documents,
        },
        results,
    ))
}

impl<T: Tables> Workset<'_, T> {
    fn write(&mut self, write: Write) -> Result<Result<Written, Refused>, StoreError> {
        Ok(match write {
            Write::Submit(submission) => self.submit(submission)?.map(Written::Submitted),
            Write::SubmitAll(submissions) => {
                self.submit_all(submissions)?.map(Written::SubmittedAll)
            }
            Write::Command {
                key,
                sight,
                command,
            } => self.command(key, &sight, &command)?,
            Write::Recall { account, key } => {
                let found = self.under(account, key)?;
                let submitted = found.map(|(operation, _)| Submitted {
                    operation,
                    repeated: true,
                });
                submitted.map(Written::Submitted).ok_or(Refused::NotFound)
            }
            Write::Lease(wish) => Ok(Written::Leased(self.lease(&wish)?)),
            Write::PutAccessKey(access_key) => {
                self.access_keys.push(AccessKeyChange::Put(access_key));
                Ok(Written::AccessKey)
            }
            Write::RemoveAccessKey(id) => {
                self.access_keys.push(AccessKeyChange::Remove(id));
                Ok(Written::AccessKey)
            }
            Write::PutDocument(put) => self.put_document(put)?.map(Written::Document),
        })
    }

    /// Makes what has no earlier one, unless its resources are not free.
    fn submit(&mut self, submission: Submission) -> Result<Result<Submitted, Refused>, StoreError> {
        Ok(match self.earlier(&submission)? {
            Some(Ok(operation)) => Ok(Submitted {
                operation,
                repeated: true,
            }),
            Some(Err(refused)) => Err(refused),
            None => match self.held(&submission, &HashSet::new())? {
                Some(refused) => Err(refused),
                None => Ok(self.submit_new(submission)?),
            },
        })
    }

    fn submit_all(
        &mut self,
        submissions: Vec<Submission>,
    ) -> Result<Result<Vec<Submitted>, Refused>, StoreError> {
        if contradict(&submissions) {
            return Ok(Err(Refused::IdempotencyMismatch));
        }
        if let Some(refused) = self.refusal(&submissions)? {
            return Ok(Err(refused));
        }
        let mut all = Vec::with_capacity(submissions.len());
        for submission in submissions {
            all.push(match self.earlier(&submission)? {
                Some(Ok(operation)) => Submitted {
                    operation,
                    repeated: true,
                },
                Some(Err(refused)) => return Ok(Err(refused)),
                None => self.submit_new(submission)?,
            });
        }
        Ok(Ok(all))
    }

    fn submit_new(&mut self, submission: Submission) -> Result<Submitted, StoreError> {
        Ok(Submitted {
            operation: self.create(submission)?,
            repeated: false,
        })
    }

    /// The operation that was submitted before under the same idempotency key, if there is one.
    fn earlier(
        &mut self,
        submission: &Submission,
    ) -> Result<Option<Result<Arc<Operation>, Refused>>, StoreError> {
        let Some(idempotency) = &submission.idempotency else {
            return Ok(None);
        };
        let found = self.under(submission.account.clone(), idempotency.key.clone())?;
        Ok(found.map(|(operation, digest)| {
            if digest == idempotency.digest {
                Ok(operation)
            } else {
                Err(Refused::IdempotencyMismatch)
            }
        }))
    }

    /// The operation that was submitted under an idempotency key, and the digest of its payload.
    fn under(&mut self, account: Account, key: Box<str>) -> Result<Option<Remembered>, StoreError> {
        let place = (account, key);
        let known = match self.idempotent.get(&place) {
            Some(known) => Some(*known),
            None => self.tables.idempotent(&place.0, &place.1)?,
        };
        let Some((key, digest)) = known else {
            return Ok(None);
        };
        let Some(touched) = self.touch(key, Touch::All)? else {
            return Ok(None);
        };
        if touched.operation.removed {
            // This very commit has removed it, and its idempotency key with it.
            return Ok(None);
        }
        Ok(Some((Arc::clone(&touched.operation), digest)))
    }

    fn create(&mut self, mut submission: Submission) -> Result<Arc<Operation>, StoreError> {
        let key = self.tables.next_key();
        let idempotency = submission.idempotency.take();
        let operation = Arc::new(Operation::submitted(key, submission, self.now));
        if let Some(idempotency) = &idempotency {
            let place = (operation.account.clone(), idempotency.key.clone());
            self.idempotent.insert(place, (key, idempotency.digest));
        }
        let event = Event {
            at: self.now,
            change: Change::Submitted,
        };
        let touched = Touched {
            operation: Arc::clone(&operation),
            before: None,
            events: vec![(operation.version, event)],
            changed_resources: BTreeSet::new(),
            grown_from: None,
            changed: true,
            idempotency,
        };
        self.touched.insert(key, touched);
        if operation.holds_place() {
            return self.join(&operation);
        }
        Ok(operation)
    }

    fn command(
        &mut self,
        key: OperationKey,
        sight: &Sight,
        command: &Command,
    ) -> Result<Result<Written, Refused>, StoreError> {
        let now = self.now;
        let Some(touched) = self.touch(key, command.touch())? else {
            return Ok(Err(Refused::NotFound));
        };
        if !sight.sees(&touched.operation) {
            return Ok(Err(Refused::NotFound));
        }
        let (was, held) = (touched.operation.phase, touched.operation.holds_place());
        if command.touch_on(&touched.operation) == Touch::All {
            self.touch(key, Touch::All)?;
        }
        let touched = self.touched.get_mut(&key).expect("it was touched just now");
        let (changed, refused) = match touched.carry_out(command, now) {
            Ok(done) => done,
            Err(rejected) => return Ok(Err(Refused::Rejected(rejected))),
        };
        let operation = Arc::clone(&touched.operation);
        let (operation, freed) = match (held, operation.holds_place()) {
            (false, true) => (self.join(&operation)?, Vec::new()),
            (true, false) => (operation, self.leave(key)?),
            (true, true) | (false, false) => (operation, Vec::new()),
        };
        Ok(Ok(Written::Commanded {
            operation,
            was,
            changed,
            refused,
            freed,
        }))
    }

    fn lease(&mut self, wish: &LeaseWish) -> Result<Vec<Arc<Operation>>, StoreError> {
        let command = Command::Lease {
            worker: wish.worker.clone(),
            length_millis: wish.length_millis,
        };
        let now = self.now;
        // What this commit has changed may stand in the queue otherwise than it is stored. Who publishes the commit calls
        // a worker for that; for what it has only looked at, nobody would.
        let Self {
            tables, touched, ..
        } = self;
        let is_changed = |key| touched.get(&key).is_some_and(|one| one.changed);
        let waiting = tables.waiting(wish, &is_changed)?;
        let mut leased = Vec::with_capacity(waiting.len());
        for key in waiting {
            let Some(touched) = self.touch(key, command.touch())? else {
                continue;
            };
            if touched.carry_out(&command, now).is_ok() {
                leased.push(Arc::clone(&touched.operation));
            }
        }
        Ok(leased)
    }

    fn put_document(
        &mut self,
        put: PutDocument,
    ) -> Result<Result<Option<u64>, Refused>, StoreError> {
        let PutDocument {
            name,
            expected,
            body,
        } = put;
        let bytes = body.as_ref().map_or(0, |body| body.len());
        let named = 1..=limits::DOCUMENT_NAME_BYTES_MAX;
        if !named.contains(&name.len()) || bytes > limits::DOCUMENT_BYTES_MAX {
            return Ok(Err(Refused::DocumentTooLong));
        }
        let known = match self.documents.get(&name) {
            Some(change) => Some(change.named()),
            None => self.tables.document(&name)?,
        };
        let current = known.filter(|one| !one.removed).map(|one| one.version);
        if current != expected {
            return Ok(Err(Refused::DocumentChanged));
        }
        if current.is_none() && body.is_none() {
            return Ok(Ok(None));
        }
        let version = known.map_or(0, |one| one.version) + 1;
        let kept = body.is_some().then_some(version);
        self.documents
            .insert(name, DocumentChange { version, body });
        Ok(Ok(kept))
    }

    /// The operation with this key, loaded as far as `touch` asks.
    fn touch(
        &mut self,
        key: OperationKey,
        touch: Touch,
    ) -> Result<Option<&mut Touched>, StoreError> {
        if let Some(touched) = self.touched.get(&key) {
            if !satisfies(&touched.operation, touch) {
                let more = self.tables.load_resources(key, touch)?;
                let touched = self.touched.get_mut(&key).expect("it was found a line ago");
                Arc::make_mut(&mut touched.operation).resources.merge(more);
            }
        } else {
            let Some(operation) = self.tables.load(key, touch)? else {
                return Ok(None);
            };
            let touched = Touched {
                before: Some(Indexed::of(&operation)),
                operation: Arc::new(operation),
                events: Vec::new(),
                changed_resources: BTreeSet::new(),
                grown_from: None,
                changed: false,
                idempotency: None,
            };
            self.touched.insert(key, touched);
        }
        Ok(self.touched.get_mut(&key))
    }
}

/// An operation that was submitted under an idempotency key, and the digest of its payload.
type Remembered = (Arc<Operation>, [u8; 16]);

/// Whether two submissions of a batch give different payloads under the same idempotency key.
fn contradict(submissions: &[Submission]) -> bool {
    let mut digests = HashMap::new();
    submissions.iter().any(|submission| {
        submission.idempotency.as_ref().is_some_and(|idempotency| {
            let place = (&submission.account, &idempotency.key);
            *digests.entry(place).or_insert(&idempotency.digest) != &idempotency.digest
        })
    })
}

/// Whether the resources that `touch` names are loaded. Names are looked up in the store, where unknown ones show.
fn satisfies(operation: &Operation, touch: Touch) -> bool {
    match touch {
        Touch::Head => true,
        Touch::Named(_) | Touch::All => operation.resources.is_whole() || operation.removed,
    }
}

impl Touched {
    /// Has the model decide and applies what comes of it: whether callers can see a difference, and what was refused.
    fn carry_out(
        &mut self,
        command: &Command,
        now: Timestamp,
    ) -> Result<(bool, Vec<longrun_model::RefusedResult>), Rejected> {
        let decided = decide(&self.operation, command, now)?;
        let version = self.operation.version;
        for event in decided.events {
            self.note_resources(&event);
            apply(Arc::make_mut(&mut self.operation), &event);
            self.changed = true;
            if event.change.is_visible() {
                self.events.push((self.operation.version, event));
            }
        }
        Ok((self.operation.version > version, decided.refused))
    }

    /// The resources whose places in an operation that has them in chunks are not stored yet, by index, and whether no
    /// chunk is stored either: those of an operation that has grown.
    pub(crate) fn unplaced(&self) -> (Range<u32>, bool) {
        let total = self.operation.resources.total();
        match self.grown_from {
            Some(before) if is_chunked(before) => (before..total, false),
            Some(_) if is_chunked(total) => (0..total, true),
            Some(_) | None => (total..total, false),
        }
    }

    /// Remembers which resources `event` is about to change.
    fn note_resources(&mut self, event: &Event) {
        match &event.change {
            Change::Found { resources } => {
                let before = self.operation.resources.total();
                self.grown_from.get_or_insert(before);
                self.changed_resources
                    .extend((before..).zip(resources).map(|(index, _)| index));
            }
            Change::Reported { results, .. } => {
                self.changed_resources
                    .extend(results.iter().map(|(index, _)| *index));
            }
            Change::Retried { reopened, .. } => {
                self.changed_resources
                    .extend(reopened.iter().map(|(index, _)| *index));
            }
            Change::Ended { .. } if self.operation.tally.unfinished() > 0 => {
                let open = self
                    .operation
                    .resources
                    .indexed()
                    .iter()
                    .filter(|(_, one)| !one.status.is_ended());
                self.changed_resources.extend(open.map(|(index, _)| *index));
            }
            Change::Submitted
            | Change::Leased { .. }
            | Change::Extended
            | Change::Blocked { .. }
            | Change::Advanced { .. }
            | Change::Unblocked
            | Change::Released { .. }
            | Change::Ready
            | Change::DeadlineMoved { .. }
            | Change::CancelRequested
            | Change::Ended { .. }
            | Change::Removed { .. } => (),
        }
    }
}
