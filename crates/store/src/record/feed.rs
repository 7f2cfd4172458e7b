//! What other servers are told of a commit, as a blob.

use super::{Unreadable, begin, only, put};
use crate::feed::{Changed, Changes, Queued};
use crate::indexed::Indexed;
use crate::workset::Changes as Saved;
use longrun_model::{OperationKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct FeedRecord<'a> {
    changed: Vec<ChangedRecord>,
    #[serde(borrow)]
    queued: Vec<QueuedRecord<'a>>,
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
    kind: &'a str,
    count: u32,
}

/// What others have to know of a commit that saves `saved`.
pub(crate) fn write_feed(saved: &Saved) -> Vec<u8> {
    let mut changed = Vec::new();
    let mut queued: BTreeMap<(&str, &str), u32> = BTreeMap::new();
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
            let lane = (operation.account.as_str(), operation.kind.as_str());
            *queued.entry(lane).or_default() += 1;
        }
        if touched.before.and_then(|before| before.due_at) != after.due_at {
            due_at = due_at.into_iter().chain(after.due_at).min();
        }
    }
    let record = FeedRecord {
        changed,
        queued: queued
            .into_iter()
            .map(|((account, kind), count)| QueuedRecord {
                account,
                kind,
                count,
            })
            .collect(),
        due_at: due_at.map(Timestamp::as_millis),
    };
    let mut blob = Vec::new();
    begin(&mut blob);
    put(&mut blob, &record);
    blob
}

/// Adds what `blob` tells to `changes`.
pub(crate) fn read_feed(blob: &[u8], changes: &mut Changes) -> Result<(), Unreadable> {
    let record: FeedRecord<'_> = only(blob)?;
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
            kind: lane.kind.into(),
            count: lane.count,
        }));
    let due_at = record.due_at.map(Timestamp::from_millis);
    changes.due_at = changes.due_at.into_iter().chain(due_at).min();
    Ok(())
}
