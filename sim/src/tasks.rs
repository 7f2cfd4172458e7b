//! Tasks that one thread runs. Which of them goes on next is for the world to say.

use futures_util::future::LocalBoxFuture;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// The number of a task.
pub(crate) type TaskId = u64;

/// The tasks that have not ended.
pub(crate) struct Tasks<T> {
    running: BTreeMap<TaskId, Task<T>>,
    last: TaskId,
}

struct Task<T> {
    future: LocalBoxFuture<'static, T>,
    woken: Arc<Woken>,
}

/// Whether a task can go on.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl<T> Tasks<T> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            running: BTreeMap::new(),
            last: 0,
        }
    }

    /// Begins one. It does nothing before it is its turn.
    pub(crate) fn spawn(&mut self, future: LocalBoxFuture<'static, T>) -> TaskId {
        self.last += 1;
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.running.insert(self.last, Task { future, woken });
        self.last
    }

    /// Those that can go on, oldest first.
    pub(crate) fn ready(&self) -> Vec<TaskId> {
        let woken = |task: &Task<T>| task.woken.0.load(SeqCst);
        let ready = self.running.iter().filter(|(_, task)| woken(task));
        ready.map(|(id, _)| *id).collect()
    }

    /// Lets one go on: what came of it, if it has ended.
    pub(crate) fn go_on(&mut self, id: TaskId) -> Option<T> {
        let task = self.running.get_mut(&id)?;
        task.woken.0.store(false, SeqCst);
        let waker = Waker::from(Arc::clone(&task.woken));
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        let Poll::Ready(outcome) = polled else {
            return None;
        };
        self.running.remove(&id);
        Some(outcome)
    }

    /// Drops one, wherever it is.
    pub(crate) fn drop(&mut self, id: TaskId) {
        self.running.remove(&id);
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&self, id: TaskId) -> bool {
        self.running.contains_key(&id)
    }
}

/// Lets the others go on as often as this.
pub(crate) async fn step_aside(times: u8) {
    for _ in 0..times {
        StepAside(false).await;
    }
}

struct StepAside(bool);

impl Future for StepAside {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_task_goes_on_when_it_is_woken_and_not_before() {
        let mut tasks = Tasks::new();
        let (told, hears) = tokio::sync::oneshot::channel();
        let waits = tasks.spawn(hears.map(|heard| heard.unwrap_or(0)).boxed_local());
        let steps = tasks.spawn(step_aside(1).map(|()| 2).boxed_local());
        assert_eq!(tasks.ready(), [waits, steps]);
        assert_eq!((tasks.go_on(waits), tasks.go_on(steps)), (None, None));
        assert_eq!(tasks.ready(), [steps]);
        assert_eq!(tasks.go_on(steps), Some(2));
        assert!(tasks.ready().is_empty() && !tasks.runs(steps));
        told.send(1).unwrap();
        assert_eq!(tasks.ready(), [waits]);
        assert_eq!(tasks.go_on(waits), Some(1));
    }
}
