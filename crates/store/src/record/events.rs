//! What happened to an operation as blobs. A block holds the events of one commit; blocks may stand one after the other.

use super::code::{
    phase_code, release_code, release_of, removal_code, removal_of, status_code, status_of,
};
use super::{FORMAT, FailureRecord, Unreadable, at_distance, distance, phase_of, put, take};
use crate::HistoryEntry;
use longrun_model::{
    Change, Closing, Event, Failure, NewResource, Operation, Outcome, Progress, Timestamp,
    WorkerName,
};
use serde::{Deserialize, Serialize};

/// What a block opens with, after the number of its format.
#[derive(Serialize, Deserialize)]
struct BlockRecord {
    /// The number of its first event; the others follow without a gap.
    first: u64,
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct EventRecord<'a> {
    after: i64,
    #[serde(borrow)]
    change: ChangeRecord<'a>,
}

/// The order of the variants is part of the format. New ones go to the end: the format stays the same then.
#[derive(Serialize, Deserialize)]
enum ChangeRecord<'a> {
    Submitted,
    Leased {
        worker: &'a str,
        fence: u64,
        length_millis: i64,
    },
    /// Never stored, as it has no number; here so that every change has a record.
    Extended,
    /// Without outputs and errors: they stand in the resources.
    Reported {
        results: Vec<(u32, u8)>,
        percent: Option<u8>,
        message: Option<&'a str>,
    },
    Released {
        reason: u8,
    },
    CancelRequested,
    /// Without output and error: they stand in the head, which does not change after the end.
    Ended {
        phase: u8,
        status: u8,
        #[serde(borrow)]
        error: Option<FailureRecord<'a>>,
    },
    Removed {
        reason: u8,
    },
    Retried {
        #[serde(borrow)]
        reopened: Vec<(u32, Option<FailureRecord<'a>>)>,
        not_before_after: Option<i64>,
        #[serde(borrow)]
        error: FailureRecord<'a>,
    },
    Ready,
    DeadlineMoved {
        deadline_after: i64,
    },
    /// Without inputs: they stand in the resources.
    Found {
        #[serde(borrow)]
        resources: Vec<(&'a str, Option<&'a str>)>,
    },
    Blocked {
        lines: u32,
    },
    /// Never stored, as it has no number.
    Advanced {
        lines: u32,
    },
    Unblocked,
}

/// Adds a block with `events` to `blob`.
pub(crate) fn write_events(operation: &Operation, events: &[(u64, Event)], blob: &mut Vec<u8>) {
    let Some((first, _)) = events.first() else {
        return;
    };
    let count = u32::try_from(events.len()).expect("a commit holds fewer than 2^32 writes");
    blob.push(FORMAT);
    put(
        blob,
        &BlockRecord {
            first: *first,
            count,
        },
    );
    for (_, event) in events {
        let record = EventRecord {
            after: distance(event.at, operation.created_at),
            change: write_change(&event.change, operation.created_at),
        };
        put(blob, &record);
    }
}

fn write_change(change: &Change, created_at: Timestamp) -> ChangeRecord<'_> {
    match change {
        Change::Submitted => ChangeRecord::Submitted,
        Change::Leased {
            worker,
            fence,
            length_millis,
        } => ChangeRecord::Leased {
            worker: worker.as_str(),
            fence: *fence,
            length_millis: *length_millis,
        },
        Change::Extended => ChangeRecord::Extended,
        Change::Reported { results, progress } => ChangeRecord::Reported {
            results: results
                .iter()
                .map(|(index, outcome)| (*index, status_code(outcome.status)))
                .collect(),
            percent: progress.percent,
            message: progress.message.as_deref(),
        },
        Change::Released { reason } => ChangeRecord::Released {
            reason: release_code(*reason),
        },
        Change::CancelRequested => ChangeRecord::CancelRequested,
        Change::Ended { phase, closing, .. } => ChangeRecord::Ended {
            phase: phase_code(*phase),
            status: status_code(closing.status),
            error: closing.error.as_ref().map(FailureRecord::from),
        },
        Change::Removed { reason } => ChangeRecord::Removed {
            reason: removal_code(*reason),
        },
        Change::Retried {
            reopened,
            not_before,
            error,
        } => ChangeRecord::Retried {
            reopened: reopened
                .iter()
                .map(|(index, error)| (*index, error.as_deref().map(FailureRecord::from)))
                .collect(),
            not_before_after: not_before.map(|instant| distance(instant, created_at)),
            error: FailureRecord::from(error),
        },
        Change::Ready => ChangeRecord::Ready,
        Change::DeadlineMoved { deadline_at } => ChangeRecord::DeadlineMoved {
            deadline_after: distance(*deadline_at, created_at),
        },
        Change::Blocked { lines } => ChangeRecord::Blocked { lines: *lines },
        Change::Advanced { lines } => ChangeRecord::Advanced { lines: *lines },
        Change::Unblocked => ChangeRecord::Unblocked,
        Change::Found { resources } => ChangeRecord::Found {
            resources: resources
                .iter()
                .map(|one| (one.id.as_str(), one.kind.as_deref()))
                .collect(),
        },
    }
}

/// Adds the events in the blocks of `blob` that have numbers above `after`. `operation` is the one they happened to.
pub(crate) fn read_events(
    operation: &Operation,
    blob: &[u8],
    after: u64,
    entries: &mut Vec<HistoryEntry>,
) -> Result<(), Unreadable> {
    let mut rest = blob;
    while let Some((&format, block)) = rest.split_first() {
        if format != FORMAT {
            return Err(Unreadable);
        }
        rest = block;
        let block: BlockRecord = take(&mut rest)?;
        for place in 0..u64::from(block.count) {
            let record: EventRecord<'_> = take(&mut rest)?;
            let number = block.first.checked_add(place).ok_or(Unreadable)?;
            if number > after {
                let event = Event {
                    at: at_distance(record.after, operation.created_at),
                    change: read_change(record.change, operation)?,
                };
                entries.push(HistoryEntry { number, event });
            }
        }
    }
    Ok(())
}

fn read_change(record: ChangeRecord<'_>, operation: &Operation) -> Result<Change, Unreadable> {
    Ok(match record {
        ChangeRecord::Submitted => Change::Submitted,
        ChangeRecord::Leased {
            worker,
            fence,
            length_millis,
        } => Change::Leased {
            worker: WorkerName::from(worker),
            fence,
            length_millis,
        },
        ChangeRecord::Extended => Change::Extended,
        ChangeRecord::Reported {
            results,
            percent,
            message,
        } => Change::Reported {
            results: results
                .into_iter()
                .map(read_result)
                .collect::<Result<_, _>>()?,
            progress: Progress {
                percent,
                message: message.map(Box::from),
            },
        },
        ChangeRecord::Released { reason } => Change::Released {
            reason: release_of(reason)?,
        },
        ChangeRecord::CancelRequested => Change::CancelRequested,
        ChangeRecord::Ended {
            phase,
            status,
            error,
        } => Change::Ended {
            phase: phase_of(phase)?,
            closing: Closing {
                status: status_of(status)?,
                error: error.map(Failure::from),
            },
            output: operation.output.clone(),
            error: operation.error.clone(),
        },
        ChangeRecord::Removed { reason } => Change::Removed {
            reason: removal_of(reason)?,
        },
        ChangeRecord::Retried {
            reopened,
            not_before_after,
            error,
        } => Change::Retried {
            reopened: reopened
                .into_iter()
                .map(|(index, error)| (index, error.map(|error| Box::new(Failure::from(error)))))
                .collect(),
            not_before: not_before_after.map(|after| at_distance(after, operation.created_at)),
            error: Failure::from(error),
        },
        ChangeRecord::Ready => Change::Ready,
        ChangeRecord::DeadlineMoved { deadline_after } => Change::DeadlineMoved {
            deadline_at: at_distance(deadline_after, operation.created_at),
        },
        ChangeRecord::Blocked { lines } => Change::Blocked { lines },
        ChangeRecord::Advanced { lines } => Change::Advanced { lines },
        ChangeRecord::Unblocked => Change::Unblocked,
        ChangeRecord::Found { resources } => Change::Found {
            resources: resources.into_iter().map(read_found).collect(),
        },
    })
}

fn read_found((id, kind): (&str, Option<&str>)) -> NewResource {
    NewResource {
        id: id.into(),
        kind: kind.map(Box::from),
        input: None,
    }
}

fn read_result((index, status): (u32, u8)) -> Result<(u32, Outcome), Unreadable> {
    let outcome = Outcome {
        status: status_of(status)?,
        output: None,
        error: None,
    };
    Ok((index, outcome))
}
