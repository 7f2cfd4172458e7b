//! Looking at tasks that nobody follows yet, for requests.
//!
//! Many requests may look at the same task at once, and one poll answers them all. The task is watched for a moment
//! longer: if it is to be followed, nobody has to ask again, and if it is unknown, the next request is told so at once.

use super::tracker::{Tracker, Waiter};
use super::{Look, Looked};
use longrun_dialects::Observation;
use longrun_model::Timestamp;
use longrun_poller::{Key, Trouble, Watch};
use tokio::sync::oneshot;

/// How long a task that was looked at is watched without anybody who follows it.
const LOOK_MILLIS: i64 = 10_000;

/// Requests that look at a task.
pub(super) struct Looking {
    pub(super) replies: Vec<oneshot::Sender<Looked>>,
    pub(super) until: Timestamp,
}

impl Tracker {
    pub(super) fn look(&mut self, look: Look) {
        let Look::At {
            upstream,
            task,
            reply,
        } = look;
        let key = self.key(upstream, &task);
        let now = self.app.engine.now();
        let known = self.schedule.watch(&key).and_then(known);
        let rhythm = self.app.gateway.upstreams()[upstream].upstream.rhythm;
        let watch = || Watch::new(rhythm, None, now);
        let has_room = self
            .schedule
            .join(self.lanes[upstream], &key, Waiter::Look, watch, now);
        let looking = self.looks.entry(key).or_insert_with(|| Looking {
            replies: Vec::new(),
            until: now,
        });
        looking.until = now.plus_millis(LOOK_MILLIS);
        match known {
            // Whoever does not wait for the answer any more does not need it.
            Some(known) => _ = reply.send(known),
            None if has_room => looking.replies.push(reply),
            None => _ = reply.send(Looked::Lost),
        }
    }

    pub(super) fn answer_looks(
        &mut self,
        task: &Key,
        seen: Option<&Observation>,
        refusal: Option<Looked>,
    ) {
        let Some(looking) = self.looks.get_mut(task) else {
            return;
        };
        let Some(looked) = refusal.or(seen.map(told)) else {
            return;
        };
        for reply in looking.replies.drain(..) {
            let _ = reply.send(looked.clone());
        }
    }
}

/// What is known of a task without asking.
fn known(watch: &Watch) -> Option<Looked> {
    match watch.trouble() {
        Some(Trouble::Refused(error)) => Some(Looked::Refused(error.clone())),
        Some(Trouble::Lost(_)) | None => watch.seen().map(told),
    }
}

fn told(seen: &Observation) -> Looked {
    Looked::Seen(seen.kind.as_deref().map(Box::from))
}
