//! The gateway: tasks of other people's clouds, followed for callers of this server.
//!
//! An operation of kind `track` follows one task of one [`Upstream`]. One asker asks for all who wait for a task, under
//! the quota of its account; what the cloud says is mirrored into the operation, so that waiters may ask in any dialect,
//! and the result outlives the cloud's memory. A poll that fails fails nobody: only the cloud's own word ends an
//! operation, or its deadline. Secrets of upstreams stay here; a caller shows a key of ours.

mod alias;
mod beats;
mod foreign;
mod gate;
mod known;
mod looks;
mod mirror;
mod pass;
mod telling;
mod tracker;
mod upstream;

pub use upstream::{Callers, Upstream};

pub(crate) use alias::{Tracking, followed};
pub(crate) use pass::passed_back;
pub(crate) use tracker::duty;

use crate::clouds::Task;
use crate::keys::Key;
use gate::{Gate, gates};
use longrun_dialects::QueryError;
use longrun_model::{KindName, Operation, Timestamp};
use longrun_poller::Health;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use tokio::sync::{mpsc, oneshot};

/// The kind of operations that follow a task.
pub(crate) const TRACK: &str = "track";

/// No instant at all: nothing is stale.
const FRESH: i64 = i64::MAX;

/// What requests see of the gateway.
pub(crate) struct Gateway {
    upstreams: Vec<Arc<Followed>>,
    looks: mpsc::UnboundedSender<Look>,
    /// What calls are passed on through, for each upstream.
    gates: Vec<Arc<Mutex<Gate>>>,
    /// How long a lease lasts in a store that is shared, where another server has to notice that this one is gone.
    takeover_millis: i64,
}

/// An upstream, and how it does.
pub(crate) struct Followed {
    pub(crate) upstream: Upstream,
    /// Since when nothing good has come from it, while it is down.
    stale_since: AtomicI64,
    /// How often it was asked.
    pub(crate) polls: AtomicU64,
    /// How often it did not answer, or only that it cannot.
    pub(crate) failures: AtomicU64,
    /// How often it wanted less to do.
    pub(crate) throttled: AtomicU64,
    /// How many calls were passed on to it.
    pub(crate) passed: AtomicU64,
    /// How far its clock is ahead of ours, as far as polls have shown.
    clock_offset_millis: AtomicI64,
}

/// A wish of a request to the one who asks.
pub(crate) enum Look {
    /// To know how a task stands that nobody follows yet.
    At {
        /// Which upstream.
        upstream: usize,
        /// Which task.
        task: Task,
        /// Who wants to know.
        reply: oneshot::Sender<Looked>,
    },
}

/// How a task stands that nobody follows yet.
#[derive(Clone, Debug)]
pub(crate) enum Looked {
    /// The cloud has told, and calls what is done this.
    Seen(Option<Box<str>>),
    /// The cloud refused to tell.
    Refused(QueryError),
    /// The cloud did not answer.
    Lost,
}

impl Gateway {
    /// A gateway to these upstreams, and what its tracker will be told.
    pub(crate) fn new(
        upstreams: Vec<Upstream>,
        takeover_millis: i64,
        now: Timestamp,
    ) -> (Self, mpsc::UnboundedReceiver<Look>) {
        let (looks, looked) = mpsc::unbounded_channel();
        let followed = |upstream| {
            Arc::new(Followed {
                upstream,
                stale_since: AtomicI64::new(FRESH),
                polls: AtomicU64::new(0),
                failures: AtomicU64::new(0),
                throttled: AtomicU64::new(0),
                passed: AtomicU64::new(0),
                clock_offset_millis: AtomicI64::new(0),
            })
        };
        let gates = gates(&upstreams, now);
        let upstreams = upstreams.into_iter().map(followed).collect();
        let gateway = Self {
            upstreams,
            looks,
            gates,
            takeover_millis,
        };
        (gateway, looked)
    }

    /// All upstreams.
    pub(crate) fn upstreams(&self) -> &[Arc<Followed>] {
        &self.upstreams
    }

    /// The upstreams that a call in a dialect can be about, by their numbers: of each cloud the first one that serves
    /// the caller. Clouds that share a dialect share paths too, and only their answers tell whose task it is.
    pub(crate) fn covering(
        &self,
        dialect: &str,
        path: &str,
        key: &Key,
        project: Option<&str>,
    ) -> Vec<usize> {
        let mut clouds = Vec::new();
        let covers = |number: &usize| {
            let upstream = &self.upstreams[*number].upstream;
            let is_first = upstream.covers(dialect, path, project)
                && upstream.serves(key)
                && !clouds.contains(&upstream.cloud());
            if is_first {
                clouds.push(upstream.cloud());
            }
            is_first
        };
        (0..self.upstreams.len()).filter(covers).collect()
    }

    /// Since when what is known of a task is out of date, if it is.
    pub(crate) fn stale_since(&self, operation: &Operation) -> Option<Timestamp> {
        if self.upstreams.is_empty() || !is_tracking(&operation.kind) || operation.phase.is_ended()
        {
            return None;
        }
        let tracking = Tracking::of(operation)?;
        let number = self.number(&tracking.upstream)?;
        let since = self.upstreams[number].stale_since()?;
        // What was followed later was never known.
        Some(since.max(operation.created_at))
    }

    /// The number of the upstream with this name.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.upstreams
            .iter()
            .position(|it| it.upstream.name == name)
    }

    /// Asks for a task that nobody follows yet, in its turn and together with all who ask for it now.
    pub(crate) async fn look(&self, upstream: usize, task: Task) -> Looked {
        let (reply, looked) = oneshot::channel();
        let look = Look::At {
            upstream,
            task,
            reply,
        };
        // A tracker that has ended answers nobody, and the server ends too.
        if self.looks.send(look).is_err() {
            return Looked::Lost;
        }
        looked.await.unwrap_or(Looked::Lost)
    }
}

impl Followed {
    /// Since when nothing good has come from it, while it is down.
    pub(crate) fn stale_since(&self) -> Option<Timestamp> {
        let since = self.stale_since.load(Relaxed);
        (since != FRESH).then(|| Timestamp::from_millis(since))
    }

    fn count(&self, health: Health) {
        match health {
            Health::Well => {}
            Health::Busy { .. } => _ = self.throttled.fetch_add(1, Relaxed),
            Health::Down => _ = self.failures.fetch_add(1, Relaxed),
        }
    }

    fn set_stale(&self, since: Option<Timestamp>) {
        let since = since.map_or(FRESH, Timestamp::as_millis);
        let before = self.stale_since.swap(since, Relaxed);
        let upstream = &*self.upstream.name;
        match (before, since) {
            (FRESH, FRESH) => {}
            (FRESH, _) => tracing::warn!(upstream, "the upstream does not answer: it is probed"),
            (_, FRESH) => tracing::info!(upstream, "the upstream answers again"),
            (_, _) => {}
        }
    }
}

/// Whether operations of this kind follow a task.
pub(crate) fn is_tracking(kind: &KindName) -> bool {
    kind.as_str() == TRACK
}
