//! What other servers are told of a commit, as a blob.

use super::{Unreadable, put, take};
use crate::feed::{Changed, Changes, Freed, Queued};
use crate::indexed::Indexed;
use crate::workset::Changes as Saved;
use longrun_model::{OperationKey, ProjectId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format of these blobs. Those of the first one say less, and are left to servers of the release that wrote them.
const FORMAT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct FeedRecord<'a> {
    changed: Vec<ChangedRecord>,
    #[serde(borrow)]
    queued: Vec<QueuedRecord<'a>>,
    #[serde(borrow)]
    freed: Vec<FreedRecord<'a>>,
    due_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ChangedRecord {
    key: u64,
    version: u64,
    ended: bool,
}

#[derive(Serialize, Deserialize)]
struct QueuedRecord<'a> {
    account: &'a str,
    project: Option<&'a str>,
    kind: &'a str,
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct FreedRecord<'a> {
    account: &'a str,
    kind: &'a str,
    count: u32,
}

/// What others have to know of a commit that saves `saved`.
pub(crate) fn write_feed(saved: &Saved) -> Vec<u8> {
    let mut changed = Vec::new();
    let mut queued: BTreeMap<(&str, Option<&str>, &str), u32> = BTreeMap::new();
    let mut freed: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut due_at: Option<Timestamp> = None;
    for touched in &saved.operations {
        let operation = &*touched.operation;
        let after = Indexed::of(operation);
        // Nobody can have asked about a new one, or keep it in memory.
        if touched.before.is_some() && !touched.events.is_empty() {
            changed.push(ChangedRecord {
                key: operation.key.get(),
                version: operation.version,
                ended: operation.phase.is_ended() || operation.removed,
            });
        }
        if after.waiting && !touched.before.is_some_and(|before| before.waiting) {
            let project = operation.project.as_ref().map(ProjectId::as_str);
            let lane = (operation.account.as_str(), project, operation.kind.as_str());
            *queued.entry(lane).or_default() += 1;
        }
        if touched.before.is_some_and(|before| before.held) && !after.held {
            let lane = (operation.account.as_str(), operation.kind.as_str());
            *freed.entry(lane).or_default() += 1;
        }
        if touched.before.and_then(|before| before.due_at) != after.due_at {
            due_at = due_at.into_iter().chain(after.due_at).min();
        }
    }
    let record = FeedRecord {
        changed,
        queued: queued
            .into_iter()
            .map(|((account, project, kind), count)| QueuedRecord {
                account,
                project,
                kind,
                count,
            })
            .collect(),
        freed: freed
            .into_iter()
            .map(|((account, kind), count)| FreedRecord {
                account,
                kind,
                count,
            })
            .collect(),
        due_at: due_at.map(Timestamp::as_millis),
    };
    let mut blob = vec![FORMAT];
    put(&mut blob, &record);
    blob
}

/// Adds what `blob` tells to `changes`.
pub(crate) fn read_feed(blob: &[u8], changes: &mut Changes) -> Result<(), Unreadable> {
    let Some((&FORMAT, mut rest)) = blob.split_first() else {
        return Err(Unreadable);
    };
    let record: FeedRecord<'_> = take(&mut rest)?;
    for one in record.changed {
        changes.changed.push(Changed {
            key: OperationKey::new(one.key).ok_or(Unreadable)?,
            version: one.version,
            ended: one.ended,
        });
    }
    changes
        .queued
        .extend(record.queued.into_iter().map(|lane| Queued {
            account: lane.account.into(),
            project: lane.project.map(ProjectId::from),
            kind: lane.kind.into(),
            count: lane.count,
        }));
    changes
        .freed
        .extend(record.freed.into_iter().map(|lane| Freed {
            account: lane.account.into(),
            kind: lane.kind.into(),
            count: lane.count,
        }));
    let due_at = record.due_at.map(Timestamp::from_millis);
    changes.due_at = changes.due_at.into_iter().chain(due_at).min();
    Ok(())
}
