//! One task, and all that is needed to ask for it.

use longrun_emulator::Recorder;
use longrun_engine::Clock;
use longrun_poller::{Answer, Bucket};
use longrun_scenario::Line as TraceLine;
use longrun_server::SystemClock;
use longrun_server::clouds::{Reach, Task};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// One task, and all that is needed to ask for it.
#[derive(Debug)]
pub(super) struct Aim {
    pub(super) task: Task,
    pub(super) reach: Reach,
    pub(super) line: Arc<Line>,
    /// Who writes down what the cloud answers.
    pub(super) recorder: Option<Arc<Recorder>>,
}

/// Where all polls of one cloud stand in line.
#[derive(Debug)]
pub(super) struct Line(Mutex<Bucket>);

impl Line {
    /// An empty line.
    pub(super) fn new(bucket: Bucket) -> Self {
        Self(Mutex::new(bucket))
    }

    /// Waits for a turn.
    async fn turn(&self) {
        // Whoever holds the lock is first in line.
        let mut bucket = self.0.lock().await;
        while let Err(instant) = bucket.take(SystemClock.now()) {
            SystemClock.sleep_until(instant).await;
        }
    }
}

impl Aim {
    /// Asks once, when it is its turn. `clock_offset_millis` is how far the cloud's clock is ahead of ours, as far as
    /// is known.
    pub(super) async fn ask(&self, clock_offset_millis: i64, patience: Duration) -> Answer {
        self.line.turn().await;
        let Self { task, reach, .. } = self;
        let asked = reach.ask(&task.id, clock_offset_millis, patience).await;
        let answer = asked.answer;
        if let Some(recorder) = &self.recorder {
            recorder.write(&self.line_of(&answer));
        }
        answer
    }

    /// An answer, as it stands in a trace.
    fn line_of(&self, answer: &Answer) -> TraceLine {
        let (now, task) = (SystemClock.now(), &self.task);
        let (cloud, id) = (task.cloud.name(), task.id.as_str());
        match answer {
            Answer::Observed(seen) => TraceLine::observed(now, cloud, id, seen),
            Answer::Refused { error, .. } => TraceLine::refused(now, cloud, id, error),
            Answer::Lost(_) => TraceLine::lost(now, cloud, id),
        }
    }
}
