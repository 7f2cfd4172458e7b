//! What can be asked of an operation that exists.

use crate::{
    Failure, Json, NewResource, Operation, Progress, ResourceId, ResourceStatus, WorkerName,
};

/// One wish about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A worker takes it.
    Lease {
        /// Who.
        worker: WorkerName,
        /// How long it may be silent.
        length_millis: i64,
    },
    /// The worker with this fence is alive.
    Heartbeat {
        /// The fence of its lease.
        fence: u64,
    },
    /// The worker tells results.
    Report(Report),
    /// Somebody wants it to stop.
    Cancel,
    /// Somebody wants its result deleted.
    Delete,
    /// Somebody does not want to wait until its time has come.
    Hasten,
    /// Somebody gives it so much more time.
    ExtendDeadline {
        /// How much.
        millis: i64,
    },
    /// Somebody ends it by hand, in place of its worker.
    Finish(Finish),
    /// It has taken its places in the lines for its resources, and others stand before it in so many of them.
    Wait {
        /// In how many.
        lines: u32,
    },
    /// It has become the first in so many more of the lines for its resources.
    Advance {
        /// In how many.
        lines: u32,
    },
    /// Time has passed.
    Tick,
}

/// What a worker tells about an operation that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The fence of its lease.
    pub fence: u64,
    /// Resources that the work has come upon. Those that the operation has already are passed over.
    pub found: Vec<NewResource>,
    /// What is known of single resources, those that were found among them.
    pub results: Vec<ResourceResult>,
    /// How far the operation is; what is not said stays as it was.
    pub progress: Progress,
    /// That it is done, and how.
    pub finish: Option<Finish>,
    /// That the worker gives it back undone, for another to take.
    pub release: bool,
    /// A random number, for the pause before another attempt.
    pub chance: u32,
}

/// What is known of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceResult {
    /// Which one.
    pub id: ResourceId,
    /// How it stands.
    pub outcome: Outcome,
}

/// How a resource stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its status.
    pub status: ResourceStatus,
    /// What came out of it.
    pub output: Option<Json>,
    /// What went wrong with it.
    pub error: Option<Box<Failure>>,
}

/// The end of an operation, as its worker tells it. The resources that are still open end with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// How the operation, or what was still open of it, ended.
    pub status: FinishStatus,
    /// What came out of it as a whole.
    pub output: Option<Json>,
    /// What went wrong.
    pub error: Option<Failure>,
}

/// How an operation can be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishStatus {
    /// Well.
    Succeeded,
    /// Badly.
    Failed,
    /// By giving in to a request to cancel.
    Cancelled,
    /// Without a result, as nobody can learn any more how the work ended. That is no failure.
    Expired,
}

impl FinishStatus {
    /// The status of the resources that end with the operation.
    pub const fn resource_status(self) -> ResourceStatus {
        match self {
            Self::Succeeded => ResourceStatus::Succeeded,
            // There is no word for a resource of which nobody knows: its error says so.
            Self::Failed | Self::Expired => ResourceStatus::Failed,
            Self::Cancelled => ResourceStatus::Cancelled,
        }
    }
}

/// Which resources must be loaded before a command can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch<'a> {
    /// None: the head is enough.
    Head,
    /// Those that these results name.
    Named(&'a [ResourceResult]),
    /// All of them.
    All,
}

impl Command {
    /// Which resources it needs of `operation`, once its head is known: at least those that [`Command::touch`] names.
    pub fn touch_on(&self, operation: &Operation) -> Touch<'_> {
        if let Self::Report(report) = self
            && operation.may_retry()
            && report.results.len() >= operation.tally.unfinished() as usize
        {
            // It may be the end of the attempt, and then what failed in it is looked through.
            return Touch::All;
        }
        self.touch()
    }

    /// Which resources it needs, as far as that can be told without the operation.
    pub fn touch(&self) -> Touch<'_> {
        match self {
            Self::Heartbeat { .. }
            | Self::Delete
            | Self::ExtendDeadline { .. }
            | Self::Wait { .. }
            | Self::Advance { .. } => Touch::Head,
            Self::Report(report)
                if report.finish.is_none() && !report.release && report.found.is_empty() =>
            {
                match report.results.as_slice() {
                    [] => Touch::Head,
                    results => Touch::Named(results),
                }
            }
            // A lease hands out what is still open; the others may end what is still open, or add to it.
            // When its time comes, it may take its place in the line for each of its resources.
            Self::Lease { .. }
            | Self::Report(_)
            | Self::Cancel
            | Self::Finish(_)
            | Self::Hasten
            | Self::Tick => Touch::All,
        }
    }
}
