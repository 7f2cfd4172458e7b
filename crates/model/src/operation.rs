//! The state of an operation.

use crate::{
    Account, Exclusive, Failure, Json, KindName, Line, Mix, MixedEnd, OperationKey, ProjectId,
    Resource, Resources, Retry, Submission, Tally, Timestamp, WorkerName,
};
use std::sync::Arc;

/// Where an operation is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waits for a worker.
    Queued,
    /// A worker holds it.
    Running,
    /// A worker holds it and has been asked to stop.
    Cancelling,
    /// Ended: all went well.
    Succeeded,
    /// Ended: nothing went well.
    Failed,
    /// Ended: some resources succeeded, some did not.
    Partial,
    /// Ended on request.
    Cancelled,
    /// Ended by its deadline.
    Expired,
}

impl Phase {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Cancelling,
        Self::Succeeded,
        Self::Failed,
        Self::Partial,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Whether the operation has ended, for good.
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Cancelling => false,
            Self::Succeeded | Self::Failed | Self::Partial | Self::Cancelled | Self::Expired => {
                true
            }
        }
    }

    /// The word for it in the native API and in the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The phase with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

/// A worker's hold on an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub worker: WorkerName,
    /// When it ends unless the worker is heard of.
    pub until: Timestamp,
    /// How far each heartbeat or report moves its end.
    pub length_millis: i64,
}

/// How far an operation is, as its worker says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// 0 to 100, if the worker said so.
    pub percent: Option<u8>,
    /// What it is doing.
    pub message: Option<Box<str>>,
}

/// An operation: its head, and as many of its resources as were loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its key in the store.
    pub key: OperationKey,
    /// Whose it is.
    pub account: Account,
    /// What is done.
    pub kind: KindName,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// The region it is said to be in.
    pub region: Option<Box<str>>,
    /// The resource group that permission is checked against.
    pub resource_group: Option<Box<str>>,
    /// Labels, in the caller's order.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// 0 to 9; higher is leased earlier.
    pub priority: u8,
    /// The input of the whole operation.
    pub input: Option<Json>,
    /// What a mixed end counts as, where a dialect knows no third word.
    pub mixed_end: MixedEnd,
    /// When it is tried again; without it, what has failed has failed, and lost leases are not counted.
    pub retry: Option<Arc<Retry>>,
    /// That it does not share its resources with others.
    pub exclusive: Option<Arc<Exclusive>>,

    /// Where it is.
    pub phase: Phase,
    /// Grows with every change that callers can see.
    pub version: u64,
    /// How often a worker has begun with it and not handed it back.
    pub attempt: u32,
    /// The number of its last lease. Whoever shows a lower one is late.
    pub fence: u64,
    /// Who holds it now.
    pub lease: Option<Lease>,
    /// How far it is.
    pub progress: Progress,
    /// How its resources stand.
    pub tally: Tally,
    /// What came out of it as a whole.
    pub output: Option<Json>,
    /// Why it failed; while it runs, the first failure of a resource so far.
    pub error: Option<Failure>,

    /// When it was submitted.
    pub created_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Until when it waits before a worker may have it. Gone as soon as a tick finds that it has passed.
    pub not_before: Option<Timestamp>,
    /// In how many of the lines for its resources others stand before it. It waits until there is none.
    pub blocked_by: u32,
    /// When it expires if it has not ended.
    pub deadline_at: Option<Timestamp>,
    /// How long it is kept after its end.
    pub retention_millis: i64,
    /// Whether it has been deleted, by request or by retention. Only its key and its account are left then.
    pub removed: bool,

    /// The resources that were loaded.
    pub resources: Resources,
}

impl Operation {
    /// A new operation, queued.
    pub fn submitted(key: OperationKey, submission: Submission, now: Timestamp) -> Self {
        let resources = Resources::whole(submission.resources.into_iter().map(Resource::new));
        Self {
            key,
            account: submission.account,
            kind: submission.kind,
            project: submission.project,
            region: submission.region,
            resource_group: submission.resource_group,
            labels: submission.labels,
            priority: submission.priority,
            input: submission.input,
            mixed_end: submission.mixed_end,
            retry: submission.retry,
            exclusive: submission.exclusive,
            phase: Phase::Queued,
            version: 1,
            attempt: 0,
            fence: 0,
            lease: None,
            progress: Progress::default(),
            tally: Tally {
                total: resources.total(),
                ..Tally::default()
            },
            output: None,
            error: None,
            created_at: now,
            started_at: None,
            updated_at: now,
            ended_at: None,
            not_before: submission.not_before.filter(|instant| *instant > now),
            blocked_by: 0,
            deadline_at: submission.deadline_at,
            retention_millis: submission.retention_millis,
            removed: false,
            resources,
        }
    }

    /// The set of what its resources are. One that names no resource is its own single unit.
    pub fn mix(&self) -> Mix {
        self.tally.mix().unwrap_or(match self.phase {
            Phase::Queued | Phase::Running | Phase::Cancelling => Mix::UNFINISHED,
            Phase::Succeeded => Mix::SUCCEEDED,
            Phase::Failed | Phase::Partial | Phase::Cancelled | Phase::Expired => Mix::FAILED,
        })
    }

    /// Whether callers that know only success and failure are told success. Ask only once it has ended.
    pub fn counts_as_success(&self) -> bool {
        match self.phase {
            Phase::Succeeded => true,
            Phase::Partial => self.mixed_end == MixedEnd::Succeeded,
            Phase::Queued
            | Phase::Running
            | Phase::Cancelling
            | Phase::Failed
            | Phase::Cancelled
            | Phase::Expired => false,
        }
    }

    /// How far it is in percent: what the worker said, or the share of its resources that have ended.
    pub fn percent(&self) -> u8 {
        if self.phase == Phase::Succeeded {
            return 100;
        }
        let Tally { total, .. } = self.tally;
        let ended = u64::from(total - self.tally.unfinished()) * 100 / u64::from(total.max(1));
        self.progress
            .percent
            .unwrap_or(u8::try_from(ended).unwrap_or(100))
    }

    /// When its result is deleted, once it has ended.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.ended_at
            .map(|ended_at| ended_at.plus_millis(self.retention_millis))
    }

    /// When it next needs a [`crate::Command::Tick`].
    pub fn due_at(&self) -> Option<Timestamp> {
        if self.removed {
            return None;
        }
        if self.phase.is_ended() {
            return self.expires_at();
        }
        let lease_end = self.lease.as_ref().map(|lease| lease.until);
        let timers = [self.deadline_at, lease_end, self.not_before];
        timers.into_iter().flatten().min()
    }

    /// Whether a worker may take it.
    pub const fn is_leasable(&self) -> bool {
        matches!(self.phase, Phase::Queued) && self.not_before.is_none() && self.blocked_by == 0
    }

    /// Whether the attempt that runs may be followed by another one, should it fail.
    pub fn may_retry(&self) -> bool {
        self.phase == Phase::Running && self.retry.is_some() && self.has_attempts_left()
    }

    /// Whether it may be leased once more.
    pub(crate) fn has_attempts_left(&self) -> bool {
        self.retry
            .as_ref()
            .is_none_or(|retry| self.attempt < retry.attempts_max)
    }

    /// Whether it has a place in the lines for its resources: from its submission to its end, but not before its time
    /// has come, if it is to begin later. Once a worker has had it, it keeps its place over pauses between attempts.
    pub fn holds_place(&self) -> bool {
        self.exclusive.is_some()
            && !self.phase.is_ended()
            && (self.fence > 0 || self.not_before.is_none())
    }

    /// The lines for its resources, as far as these are loaded.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.exclusive.iter().flat_map(|exclusive| {
            self.resources
                .iter()
                .map(|one| exclusive.line(&self.account, one.kind.as_deref(), &one.id))
        })
    }
}
