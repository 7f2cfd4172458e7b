//! The head of an operation as a blob: all that is not a resource and has no column.

use super::code::{busy_code, busy_of, mixed_end_code, mixed_end_of, scope_code, scope_of};
use super::{
    FORMAT, FailureRecord, Unreadable, at_distance, distance, json, phase_of, put, take, text,
};
use longrun_model::{
    Account, Exclusive, Failure, KindName, Lease, Operation, OperationKey, Phase, Progress,
    ProjectId, Resources, Retry, Tally, Timestamp, WorkerName,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The format of heads that is written: a record as in the first format, and behind it one of what came later.
const SECOND_FORMAT: u8 = 2;
/// The format of those that do not share their resources: the second, and behind it a record of that.
const THIRD_FORMAT: u8 = 3;

#[derive(Serialize, Deserialize)]
struct HeadRecord<'a> {
    project: Option<&'a str>,
    region: Option<&'a str>,
    resource_group: Option<&'a str>,
    #[serde(borrow)]
    labels: Vec<(&'a str, &'a str)>,
    priority: u8,
    input: Option<&'a str>,
    mixed_end: u8,
    version: u64,
    attempt: u32,
    fence: u64,
    #[serde(borrow)]
    lease: Option<LeaseRecord<'a>>,
    percent: Option<u8>,
    message: Option<&'a str>,
    tally: TallyRecord,
    output: Option<&'a str>,
    #[serde(borrow)]
    error: Option<FailureRecord<'a>>,
    created_at: i64,
    started_after: Option<i64>,
    updated_after: i64,
    ended_after: Option<i64>,
    deadline_after: Option<i64>,
    retention_millis: i64,
}

/// What heads of the first format do not have.
#[derive(Default, Serialize, Deserialize)]
struct LaterRecord<'a> {
    not_before_after: Option<i64>,
    #[serde(borrow)]
    retry: Option<RetryRecord<'a>>,
}

/// That an operation does not share its resources, and how it stands in the lines for them.
#[derive(Serialize, Deserialize)]
struct ExclusiveRecord<'a> {
    group: &'a str,
    busy: u8,
    blocked_by: u32,
}

#[derive(Serialize, Deserialize)]
struct RetryRecord<'a> {
    attempts_max: u32,
    pause_first_millis: i64,
    pause_max_millis: i64,
    #[serde(borrow)]
    codes: Vec<&'a str>,
    scope: u8,
}

#[derive(Serialize, Deserialize)]
struct LeaseRecord<'a> {
    worker: &'a str,
    until_after: i64,
    length_millis: i64,
}

#[derive(Serialize, Deserialize)]
struct TallyRecord {
    total: u32,
    succeeded: u32,
    failed: u32,
    cancelled: u32,
}

/// Writes the head of `operation` into `blob`.
pub(crate) fn write_head(operation: &Operation, blob: &mut Vec<u8>) {
    let created_at = operation.created_at;
    let after = |instant: Option<Timestamp>| instant.map(|one| distance(one, created_at));
    let record = HeadRecord {
        project: operation.project.as_ref().map(ProjectId::as_str),
        region: operation.region.as_deref(),
        resource_group: operation.resource_group.as_deref(),
        labels: operation
            .labels
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect(),
        priority: operation.priority,
        input: text(operation.input.as_ref()),
        mixed_end: mixed_end_code(operation.mixed_end),
        version: operation.version,
        attempt: operation.attempt,
        fence: operation.fence,
        lease: operation.lease.as_ref().map(|lease| LeaseRecord {
            worker: lease.worker.as_str(),
            until_after: distance(lease.until, created_at),
            length_millis: lease.length_millis,
        }),
        percent: operation.progress.percent,
        message: operation.progress.message.as_deref(),
        tally: TallyRecord {
            total: operation.tally.total,
            succeeded: operation.tally.succeeded,
            failed: operation.tally.failed,
            cancelled: operation.tally.cancelled,
        },
        output: text(operation.output.as_ref()),
        error: operation.error.as_ref().map(FailureRecord::from),
        created_at: created_at.as_millis(),
        started_after: after(operation.started_at),
        updated_after: distance(operation.updated_at, created_at),
        ended_after: after(operation.ended_at),
        deadline_after: after(operation.deadline_at),
        retention_millis: operation.retention_millis,
    };
    let later = LaterRecord {
        not_before_after: after(operation.not_before),
        retry: operation.retry.as_deref().map(write_retry),
    };
    blob.clear();
    let exclusive = operation.exclusive.as_deref();
    blob.push(exclusive.map_or(SECOND_FORMAT, |_| THIRD_FORMAT));
    put(blob, &record);
    put(blob, &later);
    if let Some(Exclusive { group, busy }) = exclusive {
        let record = ExclusiveRecord {
            group,
            busy: busy_code(*busy),
            blocked_by: operation.blocked_by,
        };
        put(blob, &record);
    }
}

fn write_retry(retry: &Retry) -> RetryRecord<'_> {
    RetryRecord {
        attempts_max: retry.attempts_max,
        pause_first_millis: retry.pause_first_millis,
        pause_max_millis: retry.pause_max_millis,
        codes: retry.codes.iter().map(|code| &**code).collect(),
        scope: scope_code(retry.scope),
    }
}

fn read_exclusive(record: &ExclusiveRecord<'_>) -> Result<Arc<Exclusive>, Unreadable> {
    Ok(Arc::new(Exclusive {
        group: record.group.into(),
        busy: busy_of(record.busy)?,
    }))
}

fn read_retry(record: RetryRecord<'_>) -> Result<Arc<Retry>, Unreadable> {
    Ok(Arc::new(Retry {
        attempts_max: record.attempts_max,
        pause_first_millis: record.pause_first_millis,
        pause_max_millis: record.pause_max_millis,
        codes: record.codes.into_iter().map(Box::from).collect(),
        scope: scope_of(record.scope)?,
    }))
}

/// The records that a blob consists of.
type Records<'a> = (HeadRecord<'a>, LaterRecord<'a>, Option<ExclusiveRecord<'a>>);

/// The records that a blob of any format consists of.
fn records(blob: &[u8]) -> Result<Records<'_>, Unreadable> {
    let (format, mut rest) = blob.split_first().ok_or(Unreadable)?;
    let head = take(&mut rest)?;
    let later = match *format {
        FORMAT => LaterRecord::default(),
        SECOND_FORMAT | THIRD_FORMAT => take(&mut rest)?,
        _ => return Err(Unreadable),
    };
    let exclusive = match *format {
        THIRD_FORMAT => Some(take(&mut rest)?),
        _ => None,
    };
    if rest.is_empty() {
        Ok((head, later, exclusive))
    } else {
        Err(Unreadable)
    }
}

/// What stands beside the head in columns of its own.
pub(crate) struct Columns {
    /// The key of the row.
    pub(crate) key: OperationKey,
    /// Whose it is.
    pub(crate) account: Account,
    /// What is done.
    pub(crate) kind: KindName,
    /// The number of its phase.
    pub(crate) phase: u8,
    /// Whether it was deleted.
    pub(crate) removed: bool,
}

/// The project alone that the operation with this head belongs to.
pub(crate) fn read_project(blob: &[u8]) -> Result<Option<&str>, Unreadable> {
    records(blob).map(|(record, _, _)| record.project)
}

/// The operation with these columns and this head. None of its resources is loaded.
pub(crate) fn read_head(columns: Columns, blob: &[u8]) -> Result<Operation, Unreadable> {
    let (record, later, exclusive) = records(blob)?;
    let blocked_by = exclusive.as_ref().map_or(0, |one| one.blocked_by);
    let phase = phase_of(columns.phase)?;
    check(&record, phase)?;
    let created_at = Timestamp::from_millis(record.created_at);
    let after = |distance: Option<i64>| distance.map(|one| at_distance(one, created_at));
    let labels = record.labels.into_iter();
    Ok(Operation {
        key: columns.key,
        account: columns.account,
        kind: columns.kind,
        project: record.project.map(ProjectId::from),
        region: record.region.map(Box::from),
        resource_group: record.resource_group.map(Box::from),
        labels: labels
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
        priority: record.priority,
        input: json(record.input),
        mixed_end: mixed_end_of(record.mixed_end)?,
        retry: later.retry.map(read_retry).transpose()?,
        exclusive: exclusive.as_ref().map(read_exclusive).transpose()?,
        phase,
        version: record.version,
        attempt: record.attempt,
        fence: record.fence,
        lease: record.lease.map(|lease| Lease {
            worker: WorkerName::from(lease.worker),
            until: at_distance(lease.until_after, created_at),
            length_millis: lease.length_millis,
        }),
        progress: Progress {
            percent: record.percent,
            message: record.message.map(Box::from),
        },
        tally: Tally {
            total: record.tally.total,
            succeeded: record.tally.succeeded,
            failed: record.tally.failed,
            cancelled: record.tally.cancelled,
        },
        output: json(record.output),
        error: record.error.map(Failure::from),
        created_at,
        started_at: after(record.started_after),
        updated_at: at_distance(record.updated_after, created_at),
        ended_at: after(record.ended_after),
        not_before: after(later.not_before_after),
        blocked_by,
        deadline_at: after(record.deadline_after),
        retention_millis: record.retention_millis,
        removed: columns.removed,
        resources: Resources::part(record.tally.total, Vec::new()),
    })
}

/// What the model takes for granted about every operation, and would stumble over.
fn check(record: &HeadRecord<'_>, phase: Phase) -> Result<(), Unreadable> {
    let TallyRecord {
        total,
        succeeded,
        failed,
        cancelled,
    } = record.tally;
    let ended = [succeeded, failed, cancelled].map(u64::from).iter().sum();
    let counted =
        u64::from(total) >= ended && total as usize <= longrun_model::limits::RESOURCES_MAX;
    let held = matches!(phase, Phase::Running | Phase::Cancelling);
    let leased = record.lease.is_some() == held && (!held || record.attempt > 0);
    let timed = record.ended_after.is_some() == phase.is_ended();
    // Half of the numbers there are is far more than any operation sees, and leaves room to count on.
    let countable =
        record.version.max(record.fence) < u64::MAX / 2 && record.attempt < u32::MAX / 2;
    if counted && leased && timed && countable {
        Ok(())
    } else {
        Err(Unreadable)
    }
}
