//! Workers that wait for something to do.
//!
//! One operation that becomes free wakes one worker, not all of them. A worker that is woken and then gone passes the
//! call on, and so does one that comes back with something else than it was called for: whoever was called for that finds
//! nothing. Each looks by itself from time to time, so that no operation waits because a call was lost.

use longrun_model::{Account, KindName, Operation, ProjectId};
use longrun_store::{LeaseWish, Sight};
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::Notify;

/// The workers that wait, longest first.
#[derive(Default)]
pub(crate) struct WaitingWorkers {
    waiting: Mutex<VecDeque<Arc<Waiting>>>,
    /// Told of everybody who joins.
    joined: Notify,
}

struct Waiting {
    sight: Sight,
    kinds: Vec<KindName>,
    /// What it has been called for, if it has.
    called: Mutex<Option<Cause>>,
    notify: Notify,
}

/// What a worker is called for.
#[derive(Clone)]
enum Cause {
    /// There is an operation of this account, project and kind.
    Operation(Account, Option<ProjectId>, KindName),
    /// There may be room for one of this kind.
    Kind(KindName),
    /// There may be room for one of this account.
    Account(Account),
    /// It is not known what there is.
    Any,
}

impl Cause {
    /// Whether a worker was called for such an operation.
    fn is_met_by(&self, operation: &Operation) -> bool {
        match self {
            Self::Operation(account, project, kind) => {
                (account, project, kind)
                    == (&operation.account, &operation.project, &operation.kind)
            }
            Self::Kind(kind) => *kind == operation.kind,
            Self::Account(account) => *account == operation.account,
            Self::Any => true,
        }
    }
}

/// A worker's place among those who wait. Dropping it gives the place up.
pub(crate) struct WaitingWorker {
    workers: Arc<WaitingWorkers>,
    waiting: Arc<Waiting>,
    /// What it has been called for, as long as it is not known what it finds.
    follows: Option<Cause>,
}

impl Waiting {
    fn would_take(&self, account: &Account, project: Option<&ProjectId>, kind: &KindName) -> bool {
        self.kinds.contains(kind) && self.sight.covers(account, project)
    }

    /// Calls the worker; false if it has been called already.
    fn call(&self, cause: &Cause) -> bool {
        let mut called = self.called.lock();
        let first = called.is_none();
        if first {
            *called = Some(cause.clone());
            self.notify.notify_one();
        }
        first
    }
}

impl WaitingWorkers {
    /// Joins those who wait.
    pub(crate) fn join(self: &Arc<Self>, wish: &LeaseWish) -> WaitingWorker {
        let waiting = Arc::new(Waiting {
            sight: wish.sight.clone(),
            kinds: wish.kinds.clone(),
            called: Mutex::default(),
            notify: Notify::new(),
        });
        self.waiting.lock().push_back(Arc::clone(&waiting));
        self.joined.notify_one();
        WaitingWorker {
            workers: Arc::clone(self),
            waiting,
            follows: None,
        }
    }

    /// Calls the worker that has waited longest for such an operation.
    pub(crate) fn publish(&self, operation: &Operation) {
        if operation.removed || !operation.is_leasable() {
            return;
        }
        self.call(
            &operation.account,
            operation.project.as_ref(),
            &operation.kind,
        );
    }

    /// Calls the worker that has waited longest for operations of this account, project and kind.
    pub(crate) fn call(&self, account: &Account, project: Option<&ProjectId>, kind: &KindName) {
        let waiting = self.waiting.lock();
        let mut able = waiting
            .iter()
            .filter(|one| one.would_take(account, project, kind))
            .peekable();
        if able.peek().is_some() {
            let cause = Cause::Operation(account.clone(), project.cloned(), kind.clone());
            able.find(|one| one.call(&cause));
        }
    }

    /// Calls workers when there may be room for one more operation of this kind: one of those who see the same.
    pub(crate) fn call_for_kind(&self, kind: &KindName) {
        let cause = Cause::Kind(kind.clone());
        let mut sights = HashSet::new();
        for one in self.waiting.lock().iter() {
            if one.kinds.contains(kind) && !sights.contains(&one.sight) && one.call(&cause) {
                sights.insert(&one.sight);
            }
        }
    }

    /// Calls workers when there may be room for one more operation of this account: one for each kind of those who see
    /// the same.
    pub(crate) fn call_for_account(&self, account: &Account) {
        let cause = Cause::Account(account.clone());
        let mut done = HashSet::new();
        for one in self.waiting.lock().iter() {
            let serves = one.sight.account().is_none_or(|own| own == account);
            let own = one.kinds.iter().map(|kind| (&one.sight, kind));
            if serves && own.clone().any(|one| !done.contains(&one)) && one.call(&cause) {
                done.extend(own);
            }
        }
    }

    fn call_again(&self, cause: &Cause) {
        match cause {
            Cause::Operation(account, project, kind) => {
                self.call(account, project.as_ref(), kind);
            }
            Cause::Kind(kind) => self.call_for_kind(kind),
            Cause::Account(account) => self.call_for_account(account),
            Cause::Any => self.pass_on(),
        }
    }

    /// How many workers wait.
    pub(crate) fn count(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Waits until a worker joins, unless one has since the last time.
    pub(crate) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// Passes on a call that nobody followed. Which operation it was for is not known: every worker may look.
    pub(crate) fn pass_on(&self) {
        for one in self.waiting.lock().iter() {
            one.call(&Cause::Any);
        }
    }
}

impl WaitingWorker {
    /// Waits to be called.
    pub(crate) async fn called(&self) {
        self.waiting.notify.notified().await;
    }

    /// Says that the call is being followed: the next operation may call again.
    pub(crate) fn follow(&mut self) {
        let called = self.waiting.called.lock().take();
        self.follows = self.follows.take().or(called);
    }

    /// Says what there was to do. If it is not what the worker was called for, another one is called for that.
    pub(crate) fn followed(&mut self, leased: &[Arc<Operation>]) {
        let Some(cause) = self.follows.take() else {
            return;
        };
        if !leased.is_empty() && !leased.iter().any(|one| cause.is_met_by(one)) {
            // It has what it waited for, and is not the one to call.
            self.leave();
            self.workers.call_again(&cause);
        }
    }

    fn leave(&self) {
        let mut waiting = self.workers.waiting.lock();
        waiting.retain(|one| !Arc::ptr_eq(one, &self.waiting));
    }
}

impl Drop for WaitingWorker {
    fn drop(&mut self) {
        self.leave();
        if self.waiting.called.lock().is_some() || self.follows.is_some() {
            self.workers.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use longrun_model::{OperationKey, Submission, Timestamp};

    const ALL: Option<&[&str]> = None;

    /// Workers who wait: each sees these projects of `acme`, or everything.
    fn waiting<const N: usize>(
        sights: [Option<&[&str]>; N],
    ) -> (Arc<WaitingWorkers>, [WaitingWorker; N]) {
        let workers = Arc::<WaitingWorkers>::default();
        let joined = sights.map(|projects| {
            let wish = LeaseWish {
                sight: projects.map_or(Sight::All, |own| {
                    let own = own.iter().map(|one| ProjectId::from(*one));
                    Sight::Projects("acme".into(), own.collect())
                }),
                kinds: vec!["reboot".into()],
                max: 1,
                worker: "w".into(),
                length_millis: 1,
            };
            workers.join(&wish)
        });
        (workers, joined)
    }

    fn operation(account: &str, project: Option<&str>) -> Arc<Operation> {
        let submission = Submission {
            project: project.map(ProjectId::from),
            ..Submission::new(account, "reboot")
        };
        let key = OperationKey::new(1).unwrap();
        Arc::new(Operation::submitted(key, submission, Timestamp::default()))
    }

    /// Who has been called since it was asked last.
    fn called<const N: usize>(joined: &[WaitingWorker; N]) -> [bool; N] {
        joined
            .each_ref()
            .map(|worker| worker.called().now_or_never().is_some())
    }

    #[test]
    fn the_first_who_sees_it_is_called() {
        let sights = [Some(&["a"][..]), Some(&["b"]), Some(&[]), ALL];
        for (account, project, expected) in [
            ("acme", Some("a"), [true, false, false, false]),
            ("acme", Some("b"), [false, true, false, false]),
            ("acme", Some("c"), [false, false, false, true]),
            ("acme", None, [true, false, false, false]),
            ("other", None, [false, false, false, true]),
        ] {
            let (workers, joined) = waiting(sights);
            workers.publish(&operation(account, project));
            assert_eq!(called(&joined), expected, "{account} {project:?}");
        }
    }

    /// Room may be for work of any project.
    #[test]
    fn room_calls_one_of_those_who_see_the_same() {
        let sights = [Some(&["a"][..]), Some(&["a"]), Some(&["b"]), ALL, ALL];
        let expected = [true, false, true, true, false];
        let (workers, joined) = waiting(sights);
        workers.call_for_kind(&"reboot".into());
        assert_eq!(called(&joined), expected);
        let (workers, joined) = waiting(sights);
        workers.call_for_account(&"acme".into());
        assert_eq!(called(&joined), expected);
        let (workers, joined) = waiting(sights);
        workers.call_for_account(&"other".into());
        assert_eq!(called(&joined), [false, false, false, true, false]);
    }

    /// One is called for each of two operations, and the one who sees both comes first and takes what the other was
    /// called for.
    #[test]
    fn who_takes_something_else_calls_another_one_for_what_it_was_called_for() {
        let (a, b) = (operation("acme", Some("a")), operation("acme", Some("b")));
        for (leased, expected) in [
            (vec![Arc::clone(&a)], [false, false, false, true]),
            (vec![Arc::clone(&b)], [false; 4]),
            (vec![Arc::clone(&a), Arc::clone(&b)], [false; 4]),
            (vec![], [false; 4]),
        ] {
            let (workers, mut joined) = waiting([Some(&["a"][..]), ALL, Some(&["a"]), ALL]);
            workers.publish(&a);
            workers.publish(&b);
            assert_eq!(called(&joined), [true, true, false, false]);
            joined[1].follow();
            joined[1].followed(&leased);
            assert_eq!(called(&joined), expected);
        }
    }
}
