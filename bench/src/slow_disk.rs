//! A disk that takes as long to flush as those that users have: how many commands share a flush then.

use crate::plan::Plan;
use crate::report::{Figure, Target};
use futures_util::future::FutureExt;
use longrun_engine::Engine;
use longrun_model::{Submission, Timestamp};
use longrun_server::SystemClock;
use longrun_store::{Committed, SqliteStore, Store, StoreFuture, Write, pass_on};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What a flush takes longer.
const FLUSHES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(2)];

/// A SQLite store whose commits take longer, as on a slower disk.
struct SlowStore {
    inner: SqliteStore,
    flush: Duration,
}

/// Measures groups and rates with a slowed flush.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    if !plan.wants("slow disk") {
        return Ok(());
    }
    for flush in FLUSHES {
        let store = plan.store()?;
        let inner = SqliteStore::open(&store.path())?;
        let slow = Arc::new(SlowStore { inner, flush });
        let runtime = tokio::runtime::Runtime::new()?;
        let (rate, group) = runtime.block_on(async {
            let engine = Engine::start(slow, Arc::new(SystemClock));
            submit(plan, &engine).await
        })?;
        let millis = flush.as_millis();
        let name = format!("slow disk, flush of {millis} ms: submits");
        let waiting = f64::from(u32::try_from(plan.connections)?);
        // Nobody's answer comes before the flush that began after the question.
        let most = waiting / flush.as_secs_f64();
        plan.report
            .add(Figure::new(name, rate, "1/s").of("all callers in each flush", most))?;
        let name = format!("slow disk, flush of {millis} ms: group");
        let figure = Figure::new(name, group, "writes").of("the callers", waiting);
        plan.report.add(figure.held_to(Target::Ratio {
            must: 0.5,
            aim: 0.8,
        }))?;
    }
    Ok(())
}

/// Submissions a second by as many callers as there are connections elsewhere, and how many share a commit.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is about the time that passes"
)]
async fn submit(plan: &Plan, engine: &Engine) -> anyhow::Result<(f64, f64)> {
    let stop = AtomicBool::new(false);
    let one = async || -> anyhow::Result<u32> {
        let mut count = 0;
        while !stop.load(Relaxed) {
            let submission = Submission::new("acme", "slow");
            engine
                .submit(submission.with_resources(["a", "b", "c", "d"]))
                .await?;
            count += 1;
        }
        Ok(count)
    };
    let began = Instant::now();
    let callers = futures_util::future::try_join_all((0..plan.connections).map(|_| one()));
    let stopping = async {
        tokio::time::sleep(Duration::from_secs_f64(plan.seconds)).await;
        stop.store(true, Relaxed);
    };
    let (counts, ()) = tokio::join!(callers, stopping);
    let rate = f64::from(counts?.iter().sum::<u32>()) / began.elapsed().as_secs_f64();
    let counted = engine.figures().snapshot();
    engine.stop();
    let [writes, commits] = [counted.writes, counted.commits]
        .map(|count| u32::try_from(count).map_or(f64::MAX, f64::from));
    Ok((rate, writes / commits))
}

impl Store for SlowStore {
    fn commit(&self, writes: Vec<Write>, now: Timestamp) -> StoreFuture<'_, Committed> {
        async move {
            let committed = self.inner.commit(writes, now).await;
            // Commits come from a thread of their own, which a slow disk blocks as well.
            std::thread::sleep(self.flush);
            committed
        }
        .boxed()
    }

    pass_on!(inner: limit, get, list, history, due, access_keys, document, rest, id_secret, is_shared, changes);
}
