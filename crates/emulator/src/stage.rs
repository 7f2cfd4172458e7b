//! The stage: where a scenario is played with the operations of an engine.

use crate::clock::TestClock;
use crate::recorder::Recorder;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use longrun_engine::{Clock, Engine, EngineError};
use longrun_model::{Command, Ids, Operation, OperationKey, Submission, Timestamp, limits};
use longrun_scenario::file::Script;
use longrun_scenario::{
    Counts, Deed, Line, Meddled as Scripted, NATIVE, PartInfo, Play, Poll, WORKER, dialect_of,
};
use longrun_server::{Interference, Meddled, Meddling, Polled, Spoiling};
use longrun_store::Filter;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// An operation that is there from the start, and what becomes of it if the rules do not say.
pub(crate) struct Prepared {
    pub(crate) submission: Submission,
    pub(crate) script: Option<Script>,
}

/// A scenario that is being played. One task carries out what falls due, for all operations.
pub(crate) struct Stage {
    play: Mutex<Play>,
    clock: TestClock,
    prepared: Mutex<Vec<Prepared>>,
    /// Who writes down what polls are told.
    recorder: Option<Arc<Recorder>>,
    /// Told when something falls due earlier than was known.
    earlier: Notify,
    /// Held by whoever carries out deeds, so that those of an operation come one after the other.
    acting: tokio::sync::Mutex<()>,
    /// Held by whoever moves the clock.
    moving: tokio::sync::Mutex<()>,
    engine: OnceLock<Weak<Engine>>,
    driver: OnceLock<AbortHandle>,
    /// Itself, for the task and the engine to hold on to.
    myself: Weak<Self>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.close();
    }
}

impl Stage {
    /// A stage for a play, whose operations are submitted when it begins.
    pub(crate) fn new(
        play: Play,
        prepared: Vec<Prepared>,
        clock: TestClock,
        recorder: Option<Arc<Recorder>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            play: Mutex::new(play),
            recorder,
            clock,
            prepared: Mutex::new(prepared),
            earlier: Notify::new(),
            acting: tokio::sync::Mutex::default(),
            moving: tokio::sync::Mutex::default(),
            engine: OnceLock::new(),
            driver: OnceLock::new(),
            myself: myself.clone(),
        })
    }

    /// Carries out nothing more.
    pub(crate) fn close(&self) {
        self.driver.get().into_iter().for_each(AbortHandle::abort);
    }

    /// Its clock.
    pub(crate) fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// What has happened so far.
    pub(crate) fn counts(&self) -> Counts {
        self.play.lock().counts().clone()
    }

    /// What the rules are called, and how many operations followed each.
    pub(crate) fn rules(&self) -> Vec<(Option<String>, u64)> {
        let play = self.play.lock();
        let names = play.scenario().rules.iter().map(|rule| rule.name.clone());
        names.zip(play.counts().rules.iter().copied()).collect()
    }

    /// The newest operations, so many of them.
    pub(crate) fn parts(&self, max: usize) -> Vec<PartInfo> {
        self.play.lock().parts().take(max).collect()
    }

    /// Moves the clock forward. When this returns, all that falls due by then has been carried out, each at its instant.
    pub(crate) async fn advance(&self, millis: i64) -> Result<Timestamp, EngineError> {
        let _moving = self.moving.lock().await;
        let engine = self
            .engine
            .get()
            .and_then(Weak::upgrade)
            .ok_or(EngineError::Unavailable)?;
        let target = self.clock.now().plus_millis(millis);
        loop {
            let next = self.settle(&engine).await?;
            let Some(next) = next.filter(|next| *next <= target) else {
                break;
            };
            self.clock.move_to(next);
        }
        self.clock.move_to(target);
        self.settle(&engine).await?;
        Ok(self.clock.now())
    }

    /// Carries out all that is due now, by the scripts and by the engine's own timers. When something is next.
    async fn settle(&self, engine: &Engine) -> Result<Option<Timestamp>, EngineError> {
        loop {
            self.carry_out(engine).await;
            let timer = engine.tick().await?;
            // What a timer has brought back may be due at once.
            let deed = self.play.lock().next_at();
            if deed.is_none_or(|at| at > self.clock.now()) {
                return Ok([timer, deed].into_iter().flatten().min());
            }
        }
    }

    /// Carries out what the scripts have due.
    async fn carry_out(&self, engine: &Engine) {
        let _acting = self.acting.lock().await;
        loop {
            let now = self.clock.now();
            let due = self.play.lock().take_due(now);
            if due.is_empty() {
                return;
            }
            let done = join_all(due.iter().map(|(key, deed)| perform(engine, *key, deed))).await;
            let mut play = self.play.lock();
            for ((key, deed), operation) in due.into_iter().zip(done) {
                play.done(key, deed, operation.as_deref(), now);
            }
        }
    }

    /// Carries out what falls due, for ever.
    async fn drive(self: Arc<Self>, engine: Arc<Engine>) {
        loop {
            self.carry_out(&engine).await;
            let next = self.play.lock().next_at();
            tokio::select! {
                () = self.clock.reach(next) => (),
                () = self.earlier.notified() => (),
            }
        }
    }

    /// Takes note of what has become of an operation.
    fn observe(&self, operation: &Operation) {
        let mut play = self.play.lock();
        let before = play.next_at();
        play.observe(
            operation,
            dialect_of(operation.kind.as_str()),
            self.clock.now(),
        );
        let after = play.next_at();
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.earlier.notify_one();
        }
    }

    async fn prepare(&self, engine: &Arc<Engine>) -> Result<(), EngineError> {
        self.engine
            .set(Arc::downgrade(engine))
            .expect("a stage begins once");
        let observing = self.myself.clone();
        engine.observe(Box::new(move |operation| {
            if let Some(stage) = observing.upgrade() {
                stage.observe(operation);
            }
        }));
        self.take_up(engine).await?;
        let prepared = std::mem::take(&mut *self.prepared.lock());
        for Prepared { submission, script } in prepared {
            if let Some(script) = script {
                self.play.lock().give_next(script);
            }
            engine.submit(submission).await?;
        }
        let stage = self.myself.upgrade().expect("whoever calls holds it");
        let driver = tokio::spawn(stage.drive(Arc::clone(engine))).abort_handle();
        self.driver.set(driver).expect("a stage begins once");
        Ok(())
    }

    /// Takes up what an emulator before this one has left in the store.
    async fn take_up(&self, engine: &Engine) -> Result<(), EngineError> {
        for phase in [
            longrun_model::Phase::Queued,
            longrun_model::Phase::Running,
            longrun_model::Phase::Cancelling,
        ] {
            let mut filter = Filter {
                phase: Some(phase),
                limit: limits::PAGE_MAX,
                ..Filter::default()
            };
            loop {
                let page = engine.list(filter.clone()).await?;
                for found in &page.operations {
                    // One that was removed meanwhile is no longer of interest.
                    if let Ok(operation) = engine.get(found.key, None).await {
                        self.observe(&operation);
                    }
                }
                filter.before = page.next;
                if page.next.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn meddle(&self, polled: Polled<'_>) -> Meddling {
        let Polled {
            engine,
            ids,
            operation,
            dialect,
        } = polled;
        let dialect = dialect.unwrap_or(NATIVE);
        let key = operation.key;
        let now = self.clock.now();
        let (number, is_behind) = {
            let mut play = self.play.lock();
            if !play.knows(key) {
                // It had ended before the emulator was started.
                play.observe(operation, dialect_of(operation.kind.as_str()), now);
            }
            (play.poll(key, dialect, now), play.is_behind(key, now))
        };
        if is_behind {
            self.carry_out(engine).await;
        }
        let current = engine.get(key, None).await;
        let current = current.unwrap_or_else(|_| Arc::clone(operation));
        let poll = Poll {
            dialect,
            number,
            now,
        };
        let (told, meddling) = self.play.lock().answer(&current, &poll);
        let told = told.map_or(current, Arc::new);
        if let Some(recorder) = &self.recorder {
            let id = id_in(dialect, ids, key);
            recorder.write(&Line::told(now, dialect, &id, &told, &meddling.outcome));
        }
        Meddling {
            operation: Some(told),
            delay: Duration::from_millis(meddling.delay_millis),
            outcome: outcome(meddling.outcome),
        }
    }
}

/// What an operation is called in a dialect.
fn id_in(dialect: &str, ids: &Ids, key: OperationKey) -> String {
    if dialect.starts_with("tencent") {
        return key.to_string();
    }
    let text = ids.text(key);
    if dialect.starts_with("huawei") {
        text.digits()
    } else {
        text.prefixed()
    }
    .to_owned()
}

impl Interference for Stage {
    fn begin(&self, engine: Arc<Engine>) -> BoxFuture<'_, Result<(), EngineError>> {
        async move { self.prepare(&engine).await }.boxed()
    }

    fn poll<'a>(&'a self, polled: Polled<'a>) -> BoxFuture<'a, Meddling> {
        self.meddle(polled).boxed()
    }
}

/// Does one thing to an operation: the operation after it, unless it was refused.
async fn perform(engine: &Engine, key: OperationKey, deed: &Deed) -> Option<Arc<Operation>> {
    let command = match deed {
        Deed::Take => Command::Lease {
            worker: WORKER.into(),
            // No heartbeat is needed, however far the clock is moved.
            length_millis: limits::SPAN_MILLIS_MAX,
        },
        Deed::Tell(report) => Command::Report(Box::as_ref(report).clone()),
        Deed::Show(_) => return None,
    };
    match engine.command(key, None, command).await {
        Ok(commanded) => Some(commanded.operation),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(
                operation.id = key.get(),
                error,
                "a script is not followed any more"
            );
            None
        }
    }
}

fn outcome(scripted: Scripted) -> Meddled {
    match scripted {
        Scripted::Nothing => Meddled::Nothing,
        Scripted::Refused(fault) => Meddled::Refused(fault),
        Scripted::Foreign {
            status,
            content_type,
            body,
        } => Meddled::Spoiled(Spoiling::Foreign {
            status,
            content_type,
            body,
        }),
        Scripted::Dropped => Meddled::Spoiled(Spoiling::Dropped),
        Scripted::Truncated(bytes) => Meddled::Spoiled(Spoiling::Truncated(bytes)),
    }
}
