//! Carrying out one operation under its lease.

use super::lease::{Line, News, Standing};
use super::load::Load;
use super::{Order, Outcome, Run, Unit, Worker};
use crate::client::wire::{Failure, Finish, Leased, Operation, ResourceReport};
use crate::signals::{self, Halt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;

/// What is left to do of an operation, and what is being done.
struct Job<R> {
    worker: Arc<Worker<R>>,
    waiting: VecDeque<Unit>,
    running: JoinSet<(Option<String>, Outcome)>,
    orders: watch::Sender<Order>,
    news: mpsc::UnboundedSender<News>,
    course: Course,
    /// Whether something was begun, and stopped before it succeeded.
    has_stopped: bool,
    load: Load,
}

/// Where it goes from here. It only ever goes down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Course {
    /// On, unit by unit.
    On,
    /// To the end of what runs; the rest is handed back.
    HandBack,
    /// To the end, as a cancelled operation.
    Cancel,
    /// To the end at once, without a word.
    Leave,
}

/// Carries out what was leased.
pub(super) async fn carry_out<R: Run>(worker: Arc<Worker<R>>, leased: Leased, load: Load) {
    let id = leased.operation.id.clone();
    let lease = Duration::from_millis(leased.lease_ms);
    tracing::info!(
        operation.id = id,
        fence = leased.fence,
        resources = leased.operation.resources.len(),
        "leased"
    );
    let (news, news_to_tell) = mpsc::unbounded_channel();
    let (teller, standing) = watch::channel(Standing::Held);
    let client = worker.client.clone();
    let mut halt = worker.halt.clone();
    let job = Job {
        worker,
        waiting: units(leased.operation),
        running: JoinSet::new(),
        orders: watch::Sender::default(),
        news,
        course: Course::On,
        has_stopped: false,
        load,
    };
    let line = Line::new(&client, &id, leased.fence, lease, teller);
    let tell = async {
        tokio::select! {
            () = line.keep(news_to_tell) => {}
            () = signals::at_least(&mut halt, Halt::Now) => {}
        }
    };
    tokio::join!(tell, job.work(standing));
    tracing::info!(operation.id = id, "done");
}

fn units(operation: Operation) -> VecDeque<Unit> {
    let Operation {
        id,
        kind,
        attempt,
        input,
        resources,
        ..
    } = operation;
    let unit = |resource, input| Unit {
        operation: id.clone(),
        kind: kind.clone(),
        attempt,
        resource,
        input,
    };
    if resources.is_empty() {
        return [unit(None, input)].into();
    }
    resources
        .into_iter()
        .map(|resource| unit(Some(resource.id), resource.input))
        .collect()
}

impl<R: Run> Job<R> {
    async fn work(mut self, mut standing: watch::Receiver<Standing>) {
        let mut halt = self.worker.halt.clone();
        let slots = Arc::clone(&self.worker.slots);
        while self.has_more() {
            let urgency = self.next_urgency();
            tokio::select! {
                biased;
                () = changed(&mut standing) => self.heed(&standing),
                () = signals::at_least(&mut halt, urgency), if self.course != Course::Leave => {
                    self.halt(urgency);
                }
                Some(ended) = self.running.join_next() => {
                    let (resource, outcome) = ended.expect("nothing that runs panics or is aborted");
                    self.note(resource, outcome);
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

    fn heed(&mut self, standing: &watch::Receiver<Standing>) {
        match *standing.borrow() {
            Standing::Cancel if self.course < Course::Cancel => {
                self.turn(Course::Cancel, Order::Stop);
            }
            Standing::Held | Standing::Cancel => {}
            Standing::Lost => self.turn(Course::Leave, Order::Kill),
        }
    }

    fn halt(&mut self, urgency: Halt) {
        match urgency {
            Halt::No => {}
            Halt::Soon => self.course = Course::HandBack,
            Halt::Now => self.turn(Course::Leave, Order::Kill),
        }
    }

    fn turn(&mut self, course: Course, order: Order) {
        self.course = course;
        self.orders.send_replace(order);
    }

    fn begin(&mut self, slot: OwnedSemaphorePermit) {
        let Some(unit) = self.waiting.pop_front() else {
            return;
        };
        if let Some(id) = &unit.resource {
            self.tell(News::Resource(report(id, "running", None)));
        }
        let worker = Arc::clone(&self.worker);
        let orders = self.orders.subscribe();
        self.running.spawn(async move {
            let resource = unit.resource.clone();
            let outcome = worker.runner.run(unit, orders).await;
            drop(slot);
            (resource, outcome)
        });
    }

    fn note(&mut self, resource: Option<String>, outcome: Outcome) {
        self.load.lighten();
        let (status, output, error) = match outcome {
            Outcome::Succeeded(output) => ("succeeded", output, None),
            Outcome::Failed { code, message } => (
                "failed",
                None,
                Some(Failure {
                    code,
                    message,
                    retryable: false,
                }),
            ),
            Outcome::Stopped => {
                self.has_stopped = true;
                return;
            }
        };
        self.tell(match resource {
            Some(id) => News::Resource(ResourceReport {
                output,
                ..report(&id, status, error)
            }),
            None => News::Finish(Finish {
                status,
                output,
                error,
            }),
        });
    }

    /// Says what becomes of that which was not carried out.
    fn close(&self) {
        if self.waiting.is_empty() && !self.has_stopped {
            return;
        }
        match self.course {
            Course::On | Course::Leave => {}
            Course::HandBack => self.tell(News::Release),
            Course::Cancel => self.tell(News::Finish(Finish {
                status: "cancelled",
                output: None,
                error: None,
            })),
        }
    }

    fn tell(&self, news: News) {
        // Once the lease is lost nobody listens, and nothing is to be told.
        let _ = self.news.send(news);
    }
}

fn report(id: &str, status: &'static str, error: Option<Failure>) -> ResourceReport {
    ResourceReport {
        id: id.to_owned(),
        status,
        output: None,
        error,
    }
}

/// Ends when the standing has changed; never, once it cannot change any more.
async fn changed(standing: &mut watch::Receiver<Standing>) {
    if standing.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
