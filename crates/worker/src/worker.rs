//! A worker, from its first lease to its last report.

use crate::backoff::Backoff;
use crate::client::ClientError;
use crate::client::wire::{LeaseWish, Leased};
use crate::handler::{Handler, Unit, function};
use crate::line::Line;
use crate::load::Load;
use crate::operation::{Shared, carry_out};
use crate::outbox::{Lease, Note, Sender, Standing};
use crate::post::Post;
use crate::whole::Whole;
use crate::{Halt, Outcome};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Operations that one lease call may ask for.
const LEASES_MAX: usize = 1_000;
/// How long a lease lasts when it is not kept, if nothing else is said. Three heartbeats fit into it.
const LEASE: Duration = Duration::from_secs(15);
/// How long the server is asked to hold a lease call when there is nothing to do.
const LEASE_WAIT_MS: u64 = 20_000;
/// The pauses between tries to reach the server.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Carries out operations: leases them, calls handlers, and tells what came of it.
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {
    line: Arc<dyn Line>,
    name: String,
    concurrency: usize,
    lease: Duration,
    handlers: BTreeMap<String, Handler>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("line", &self.line)
            .field("name", &self.name)
            .field("concurrency", &self.concurrency)
            .field("lease", &self.lease)
            .field("kinds", &self.handlers.keys())
            .finish()
    }
}

impl Worker {
    /// A worker for the client's server. It has nothing to do until it is given a handler.
    pub fn new(line: impl Line) -> Self {
        Self {
            line: Arc::new(line),
            name: format!("rust-{}", std::process::id()),
            concurrency: 1,
            lease: LEASE,
            handlers: BTreeMap::new(),
        }
    }

    /// What the worker is called in the history of operations.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { name, ..self }
    }

    /// How many calls of handlers run at once, over all operations; one, if nothing is said.
    pub fn concurrency(self, calls: usize) -> Self {
        let concurrency = calls.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            concurrency,
            ..self
        }
    }

    /// How long an operation stays ours when the server hears nothing of us; 15 seconds, if nothing is said. It has
    /// nothing to do with how long the work takes: a heartbeat comes three times as often.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Calls `handler` for each open resource of operations of this kind, and for operations without resources.
    pub fn each_resource<F, Fut>(self, kind: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Unit) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Outcome>> + Send + 'static,
    {
        self.with(kind.into(), Handler::EachResource(function(handler)))
    }

    /// Calls `handler` once for each operation of this kind. It counts as one call, however many resources there are.
    pub fn whole_operation<F, Fut>(self, kind: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Whole) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Outcome>> + Send + 'static,
    {
        self.with(kind.into(), Handler::WholeOperation(function(handler)))
    }

    fn with(mut self, kind: String, handler: Handler) -> Self {
        self.handlers.insert(kind, handler);
        self
    }

    /// Works until `stop` ends; then what runs is finished, and the rest is handed back.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), ClientError> {
        let (teller, halt) = watch::channel(Halt::No);
        let work = self.run(halt);
        tokio::pin!(work);
        tokio::select! {
            end = &mut work => return end,
            () = stop => teller.send_replace(Halt::Soon),
        };
        work.await
    }

    /// Works until it is told to end, or the server will not have it.
    pub async fn run(self, mut halt: watch::Receiver<Halt>) -> Result<(), ClientError> {
        let (notes, notes_to_pass_on) = mpsc::unbounded_channel();
        let post = Post::new(Arc::clone(&self.line));
        let mut now = halt.clone();
        let pass_on = async {
            tokio::select! {
                () = post.run(notes_to_pass_on) => {}
                () = Halt::Now.reached(&mut now) => {}
            }
        };
        let (end, ()) = tokio::join!(self.work(&mut halt, notes), pass_on);
        end
    }

    /// Takes operations and sees to it that they are carried out. Dropping `notes` ends the post.
    async fn work(
        &self,
        halt: &mut watch::Receiver<Halt>,
        notes: mpsc::UnboundedSender<(u64, Note)>,
    ) -> Result<(), ClientError> {
        let shared = Shared {
            halt: halt.clone(),
            slots: Arc::new(Semaphore::new(self.concurrency)),
        };
        let load = watch::Sender::new(0);
        let mut operations = JoinSet::new();
        let mut numbers = 0..;
        let end = loop {
            let next = tokio::select! {
                // A lease that is granted while nobody listens any more is found lost by the server, and granted again.
                () = Halt::Soon.reached(halt) => break Ok(()),
                next = self.take(&load) => next,
            };
            match next {
                Ok((leased, heard_at)) => {
                    for (one, number) in leased.into_iter().zip(&mut numbers) {
                        let news = Sender {
                            number,
                            notes: notes.clone(),
                        };
                        self.begin(one, heard_at, news, &load, &shared, &mut operations);
                    }
                }
                Err(error) => break Err(error),
            }
            while operations.try_join_next().is_some() {}
        };
        tracing::info!(
            units = *load.borrow(),
            "taking no more, finishing what runs"
        );
        while operations.join_next().await.is_some() {}
        end
    }

    fn begin(
        &self,
        leased: Leased,
        heard_at: Instant,
        news: Sender,
        load: &watch::Sender<usize>,
        shared: &Shared,
        operations: &mut JoinSet<()>,
    ) {
        let Leased {
            operation,
            fence,
            lease_ms,
        } = leased;
        let Some(handler) = self.handlers.get(&operation.kind) else {
            // Nobody asked for it: when its lease ends, somebody else gets it.
            tracing::warn!(operation.id, operation.kind, "leased, and not of our kinds");
            return;
        };
        tracing::debug!(
            operation.id,
            fence,
            resources = operation.resources.len(),
            "leased"
        );
        let units = match handler {
            Handler::EachResource(_) => operation.resources.len().max(1),
            Handler::WholeOperation(_) => 1,
        };
        let (teller, standing) = watch::channel(Standing::Held);
        let lease = Lease::new(
            operation.id.clone(),
            fence,
            Duration::from_millis(lease_ms),
            heard_at,
            teller,
            Load::of(units, load),
        );
        news.note(Note::Begin(Box::new(lease)));
        let (handler, shared) = (handler.clone(), shared.clone());
        operations.spawn(carry_out(operation, handler, news, standing, shared));
    }

    /// Takes operations as soon as there is something to do and somebody to do it, and tells when they were handed over.
    /// Goes on trying while the server is away.
    async fn take(
        &self,
        load: &watch::Sender<usize>,
    ) -> Result<(Vec<Leased>, Instant), ClientError> {
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        let kinds: Vec<_> = self.handlers.keys().cloned().collect();
        loop {
            // What could only wait here is left for other workers.
            let spare = spare(load, self.concurrency).await;
            let wish = LeaseWish {
                kinds: &kinds,
                max: spare.min(LEASES_MAX),
                lease_ms: u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX),
                wait_ms: LEASE_WAIT_MS,
                worker: &self.name,
            };
            match self.line.lease(&wish).await {
                Ok(leased) => return Ok((leased, Instant::now())),
                Err(error) if error.is_transient() => {
                    let pause = backoff.pause();
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "no operations for now");
                    sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Waits until more units could run than there are, and tells how many more.
async fn spare(load: &watch::Sender<usize>, concurrency: usize) -> usize {
    let mut load = load.subscribe();
    let load = load.wait_for(|units| *units < concurrency).await;
    concurrency - *load.expect("the sender is borrowed")
}
