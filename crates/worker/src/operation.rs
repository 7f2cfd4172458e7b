//! Carrying out one operation under its lease.

use crate::client::wire::{Finish, Operation, ResourceReport};
use crate::handler::{Function, Handler, Unit};
use crate::outbox::{News, Note, Sender, Standing, told};
use crate::whole::{Ledger, Whole};
use crate::{Halt, Outcome};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What all operations of a worker share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) halt: watch::Receiver<Halt>,
    /// One for each call of a handler that may run at once.
    pub(crate) slots: Arc<Semaphore>,
}

/// Carries out what was leased, until its last news are on their way.
pub(crate) async fn carry_out(
    operation: Operation,
    handler: Handler,
    news: Sender,
    standing: watch::Receiver<Standing>,
    shared: Shared,
) {
    let _last = LastNote(news.clone());
    let cancel = CancellationToken::new();
    let job = Job {
        waiting: calls(operation, &handler, &cancel, &news),
        running: JoinSet::new(),
        cancel,
        news,
        course: Course::On,
        was_cancelled: false,
    };
    job.work(standing, shared).await;
}

/// Says that nothing more is to be told, however the work comes to its end.
struct LastNote(Sender);

impl Drop for LastNote {
    fn drop(&mut self) {
        self.0.note(Note::Done);
    }
}

/// A handler and what it is to be called with.
enum Call {
    Resource(Function<Unit>, String, Unit),
    Operation(Function<Unit>, Arc<Ledger>, Unit),
    Whole(Function<Whole>, Arc<Ledger>, Box<Whole>),
}

/// What a call was about.
enum Subject {
    Resource(String),
    Operation(Arc<Ledger>),
}

/// The calls that an operation comes to.
fn calls(
    mut operation: Operation,
    handler: &Handler,
    cancel: &CancellationToken,
    news: &Sender,
) -> VecDeque<Call> {
    let ledger = Arc::new(Ledger::new(&operation));
    let function = match handler {
        Handler::EachResource(function) => function,
        Handler::WholeOperation(function) => {
            let whole = Box::new(Whole {
                operation,
                cancel: cancel.clone(),
                ledger: Arc::clone(&ledger),
                news: news.clone(),
            });
            return [Call::Whole(Arc::clone(function), ledger, whole)].into();
        }
    };
    let resources = std::mem::take(&mut operation.resources);
    let operation = Arc::new(operation);
    let unit = |resource| Unit {
        operation: Arc::clone(&operation),
        resource,
        cancel: cancel.clone(),
    };
    if resources.is_empty() {
        return [Call::Operation(Arc::clone(function), ledger, unit(None))].into();
    }
    let of_resources = resources.into_iter().map(|resource| {
        let id = resource.id.clone();
        Call::Resource(Arc::clone(function), id, unit(Some(resource)))
    });
    of_resources.collect()
}

/// What is left to do of an operation, and what is being done.
struct Job {
    waiting: VecDeque<Call>,
    running: JoinSet<(Subject, Outcome)>,
    cancel: CancellationToken,
    news: Sender,
    course: Course,
    /// Whether a resource was begun and cancelled.
    was_cancelled: bool,
}

/// Where it goes from here. It only ever goes down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Course {
    /// On, call by call.
    On,
    /// To the end of what runs; the rest is handed back.
    HandBack,
    /// To the end, as a cancelled operation.
    Cancel,
    /// To the end at once, without a word.
    Leave,
}

impl Job {
    async fn work(mut self, mut standing: watch::Receiver<Standing>, shared: Shared) {
        let Shared { mut halt, slots } = shared;
        while self.has_more() {
            let urgency = self.next_urgency();
            tokio::select! {
                biased;
                () = changed(&mut standing) => self.heed(*standing.borrow_and_update()),
                () = urgency.reached(&mut halt), if self.course != Course::Leave => self.halt(urgency),
                Some(ended) = self.running.join_next() => {
                    // One that was dropped has nothing to say; none panics.
                    if let Ok((subject, outcome)) = ended {
                        self.note(subject, outcome);
                    }
                }
                slot = Arc::clone(&slots).acquire_owned(), if self.course == Course::On && !self.waiting.is_empty() => {
                    self.begin(slot.expect("the slots of a worker are never closed"));
                }
            }
        }
        self.close();
    }

    fn has_more(&self) -> bool {
        !self.running.is_empty() || self.course == Course::On && !self.waiting.is_empty()
    }

    /// The least urgent end that this job does not head for yet.
    fn next_urgency(&self) -> Halt {
        match self.course {
            Course::On => Halt::Soon,
            Course::HandBack | Course::Cancel | Course::Leave => Halt::Now,
        }
    }

    fn heed(&mut self, standing: Standing) {
        match standing {
            Standing::Cancel if self.course < Course::Cancel => {
                self.course = Course::Cancel;
                self.cancel.cancel();
            }
            Standing::Held | Standing::Cancel => {}
            Standing::Lost => self.leave(),
        }
    }

    fn halt(&mut self, urgency: Halt) {
        match urgency {
            Halt::No => {}
            Halt::Soon => self.course = Course::HandBack,
            Halt::Now => self.leave(),
        }
    }

    fn leave(&mut self) {
        self.course = Course::Leave;
        self.cancel.cancel();
        self.running.abort_all();
    }

    fn begin(&mut self, slot: OwnedSemaphorePermit) {
        let Some(call) = self.waiting.pop_front() else {
            return;
        };
        let (subject, outcome) = match call {
            Call::Resource(function, id, unit) => {
                self.news.send(News::Resource(running(id.clone())));
                (Subject::Resource(id), function(unit))
            }
            Call::Operation(function, ledger, unit) => (Subject::Operation(ledger), function(unit)),
            Call::Whole(function, ledger, whole) => (Subject::Operation(ledger), function(*whole)),
        };
        self.running.spawn(async move {
            let outcome = outcome.await.fitting();
            drop(slot);
            (subject, outcome)
        });
    }

    fn note(&mut self, subject: Subject, outcome: Outcome) {
        let is_cancelled = self.cancel.is_cancelled();
        match (subject, outcome) {
            (Subject::Operation(ledger), outcome) => {
                self.news.send(ledger.end(outcome, is_cancelled));
            }
            (Subject::Resource(_), Outcome::Failed(_)) if is_cancelled => self.was_cancelled = true,
            (Subject::Resource(id), outcome) => self.news.send(News::Resource(told(id, outcome))),
        }
    }

    /// Says what becomes of that which was not carried out.
    fn close(&self) {
        if self.waiting.is_empty() && !self.was_cancelled {
            return;
        }
        match self.course {
            Course::On | Course::Leave => {}
            Course::HandBack => self.news.send(News::Release),
            Course::Cancel => self.news.send(News::End {
                last: None,
                finish: Some(Finish {
                    status: "cancelled",
                    output: None,
                    error: None,
                }),
            }),
        }
    }
}

fn running(id: String) -> ResourceReport {
    ResourceReport {
        id,
        status: "running",
        output: None,
        error: None,
    }
}

/// Ends when the standing has changed; never, once it cannot change any more.
async fn changed(standing: &mut watch::Receiver<Standing>) {
    if standing.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
