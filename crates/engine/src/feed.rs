//! What other servers on the same store have committed, so that whoever waits here hears of it.
//!
//! The store is asked again and again, often while somebody waits and seldom otherwise. Nothing depends on how soon it
//! answers but how soon those who wait are woken, and how long a result that another server has removed is still shown.

use crate::shared::Shared;
use crate::watch::Seen;
use longrun_store::{Changes, Cursor};
use std::sync::Arc;

/// The pause between two looks while somebody waits: with the look itself, well below a quarter of a second.
const PAUSE_MILLIS: i64 = 80;
/// The pause while nobody does.
const IDLE_MILLIS: i64 = 1_000;
/// After how many looks that failed, one after the other, nothing that is kept in memory is shown any more.
const FAILURES_MAX: u32 = 5;

/// Reads what others commit, for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut cursor = Cursor::default();
    let mut failures = 0;
    loop {
        match shared.store.changes(cursor.clone()).await {
            Ok(mut changes) => {
                failures = 0;
                // The first look only finds out where to begin, and somebody may have begun to wait before it.
                changes.missed |= cursor == Cursor::default();
                cursor = std::mem::take(&mut changes.cursor);
                take(&shared, &changes);
            }
            Err(error) => {
                failures += 1;
                // Once is enough to say it; it says so itself when it is over.
                if failures == 1 {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "what other servers do could not be read"
                    );
                }
                if failures >= FAILURES_MAX {
                    shared.cache.clear();
                }
            }
        }
        pause(&shared).await;
    }
}

/// Waits until it is time for the next look.
async fn pause(shared: &Shared) {
    let is_waited = shared.watchers.count() > 0 || shared.workers.count() > 0;
    if is_waited {
        shared.sleep(PAUSE_MILLIS).await;
        return;
    }
    tokio::select! {
        biased;
        () = shared.sleep(IDLE_MILLIS) => (),
        () = shared.watchers.begun() => (),
        () = shared.workers.joined() => (),
    }
}

/// Tells everybody here what others have done.
fn take(shared: &Shared, changes: &Changes) {
    if changes.missed {
        shared.look_again();
    }
    for changed in &changes.changed {
        shared.cache.forget(changed.key);
        let seen = Seen {
            version: changed.version,
            ended: changed.ended,
        };
        shared.watchers.tell(changed.key, seen);
    }
    let waiting = u32::try_from(shared.workers.count()).unwrap_or(u32::MAX);
    for queued in &changes.queued {
        for _ in 0..queued.count.min(waiting) {
            let project = queued.project.as_ref();
            shared.workers.call(&queued.account, project, &queued.kind);
        }
    }
    for freed in &changes.freed {
        for _ in 0..freed.count.min(waiting) {
            shared.free(&freed.account, &freed.kind);
        }
    }
    if let Some(due_at) = changes.due_at {
        shared.alarm.note(due_at);
    }
}
