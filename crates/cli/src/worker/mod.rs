//! Carrying out operations.
//!
//! A worker leases operations and works on their resources one by one, several at once; each result is told as soon as
//! it is there. What working on a resource means is somebody else's: whoever implements [`Run`]. A lease that is lost
//! ends the work at once, a cancelled operation ends it gently, and a worker that shall end finishes what runs and hands
//! back the rest.

mod command;
mod group;
mod lease;
mod load;
mod operation;
mod tail;

pub(crate) use command::CommandRunner;

use crate::backoff::Backoff;
use crate::client::wire::{LeaseWish, Leased};
use crate::client::{Client, ClientError};
use crate::signals::{self, Halt};
use load::Load;
use longrun_model::limits::LEASES_MAX;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How long the server is asked to hold a lease call when there is nothing to do.
const LEASE_WAIT_MS: u64 = 20_000;
/// The pauses between tries to reach the server.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What a worker takes, and how much of it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The kinds of operation.
    pub(crate) kinds: Vec<String>,
    /// How many units of work run at once, over all operations.
    pub(crate) concurrency: usize,
    /// How long a lease lasts when it is not kept.
    pub(crate) lease_ms: u64,
    /// What the worker calls itself.
    pub(crate) name: String,
}

/// Something that can be worked on by itself: a resource, or a whole operation that has none.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// Which operation it belongs to.
    pub(crate) operation: String,
    /// The kind of that operation.
    pub(crate) kind: String,
    /// How many tries there were of it, with this one.
    pub(crate) attempt: u32,
    /// Which resource, if the operation has some.
    pub(crate) resource: Option<String>,
    /// What the submitter said about it.
    pub(crate) input: Option<Box<RawValue>>,
}

/// What came of a unit.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It went well.
    Succeeded(Option<Box<RawValue>>),
    /// It went wrong.
    Failed {
        /// How, for programs.
        code: String,
        /// How, for people.
        message: String,
    },
    /// It was told to stop, and did not go well before it did.
    Stopped,
}

/// What is asked of a unit that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Go on.
    #[default]
    Go,
    /// Come to an end soon.
    Stop,
    /// End at once.
    Kill,
}

/// What working on a unit means.
pub(crate) trait Run: Send + Sync + 'static {
    /// Works on `unit`, and heeds `orders` meanwhile.
    fn run(
        &self,
        unit: Unit,
        orders: watch::Receiver<Order>,
    ) -> impl Future<Output = Outcome> + Send;
}

/// What all operations of a worker share.
struct Worker<R> {
    client: Client,
    runner: R,
    halt: watch::Receiver<Halt>,
    /// One for each unit that may run at once.
    slots: Arc<Semaphore>,
}

/// Carries out operations until it shall end, or the server will not have it.
pub(crate) async fn work<R: Run>(
    client: Client,
    plan: Plan,
    runner: R,
    mut halt: watch::Receiver<Halt>,
) -> Result<(), ClientError> {
    let worker = Arc::new(Worker {
        client,
        runner,
        halt: halt.clone(),
        slots: Arc::new(Semaphore::new(plan.concurrency)),
    });
    let load = watch::Sender::new(0);
    let mut operations = JoinSet::new();
    let end = loop {
        let next = tokio::select! {
            // A lease that is granted while nobody listens any more is found lost by the server, and granted again.
            () = signals::at_least(&mut halt, Halt::Soon) => break Ok(()),
            next = take(&worker.client, &plan, &load) => next,
        };
        match next {
            Ok(taken) => {
                for leased in taken {
                    let load = Load::of(&leased, &load);
                    operations.spawn(operation::carry_out(Arc::clone(&worker), leased, load));
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

/// Takes operations as soon as there is something to do and somebody to do it. Goes on trying while the server is away.
async fn take(
    client: &Client,
    plan: &Plan,
    load: &watch::Sender<usize>,
) -> Result<Vec<Leased>, ClientError> {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    // What could only wait here is left for other workers.
    let spare = spare(load, plan.concurrency).await;
    let wish = LeaseWish {
        kinds: &plan.kinds,
        max: spare.min(LEASES_MAX),
        lease_ms: plan.lease_ms,
        wait_ms: LEASE_WAIT_MS,
        worker: &plan.name,
    };
    loop {
        match client.lease(&wish).await {
            Ok(leases) => return Ok(leases),
            Err(error) if error.is_transient() => {
                let pause = backoff.pause();
                tracing::warn!(%error, pause_ms = pause.as_millis(), "no operations for now");
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until more units could run than there are, and tells how many more.
async fn spare(load: &watch::Sender<usize>, concurrency: usize) -> usize {
    let mut load = load.subscribe();
    let load = load.wait_for(|units| *units < concurrency).await;
    concurrency - *load.expect("the sender is borrowed")
}
