//! The one who asks: a single task for all that is followed.
//!
//! It is an executor as any other: it leases operations of kind `track` from its host, asks their clouds in the order of the [`Schedule`], and tells
//! the engine what has changed. Its state is a cache: after a crash the operations are taken up again from the store.

use super::beats::{beat_after, lease_millis};
use super::known::{resumed, words};
use super::looks::Looking;
use super::telling::{News, Told, is_away, tell};
use super::{Look, Looked, TRACK, Tracking, Upstream};
use crate::app::App;
use crate::clouds::{Polled, Task};
use crate::executors::{Duty, Executor, Host};
use crate::{SystemClock, chance};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use longrun_dialects::Observation;
use longrun_engine::{Clock, EngineError};
use longrun_model::{Command, Operation, OperationKey, Phase, Report, Timestamp, limits};
use longrun_poller::{
    Answer, Breaker, Bucket, Fuse, Health, Key, LaneId, Next, Schedule, Turn, Watch,
};
use longrun_store::Filter;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

/// How long one poll may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many polls may be on their way to one upstream.
const POLLS_MAX: usize = 64;
/// How long the engine may hold back its answer to a wish for operations.
const LEASE_WAIT_MILLIS: i64 = 30_000;
/// How long a cloud that refuses to tell is left alone.
const REFUSED_MILLIS: i64 = 60_000;
/// How long to wait for an order before looking again.
const ORDER_MILLIS: i64 = 3_600_000;

/// Who waits for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waiter {
    /// An operation that follows it.
    Operation(OperationKey),
    /// Requests that look at it.
    Look,
}

/// An operation that is followed.
struct Tracked {
    task: Arc<Key>,
    fence: u64,
    held: Vec<super::mirror::Held>,
    is_telling: bool,
    /// What has come up while something else is told.
    waiting: Option<News>,
    /// Who listens for orders.
    listening: AbortHandle,
    beats_at: Timestamp,
}

/// Something that has been done in the background.
enum Done {
    Polled(usize, Turn, Box<Polled>),
    Told(OperationKey, u64, Told),
    Beaten(OperationKey, u64, Result<(), EngineError>),
}

/// The executor of operations of the kind `track`: one who asks at a time, and what requests wish to know.
pub(crate) struct Following {
    looks: Mutex<mpsc::UnboundedReceiver<Look>>,
}

impl Following {
    /// Will also answer these wishes.
    pub(super) fn new(looks: mpsc::UnboundedReceiver<Look>) -> Self {
        Self {
            looks: Mutex::new(looks),
        }
    }
}

/// Who carries out operations of the kind `track`, and answers these wishes of requests.
pub(crate) fn duty(looks: mpsc::UnboundedReceiver<Look>) -> Duty {
    Duty {
        kinds: vec![TRACK.into()],
        executor: Arc::new(Following::new(looks)),
    }
}

impl Executor for Following {
    fn name(&self) -> &'static str {
        WORKER
    }

    /// Whoever comes after one that has ended by itself takes up what is stored.
    fn run(self: Arc<Self>, host: Host) -> BoxFuture<'static, ()> {
        async move {
            let mut looks = self.looks.lock().await;
            Tracker::new(&host).run(&host, &mut looks).await;
        }
        .boxed()
    }
}

/// The one who asks.
pub(super) struct Tracker {
    pub(super) app: Arc<App>,
    pub(super) lanes: Vec<LaneId>,
    pub(super) schedule: Schedule<Waiter>,
    tracked: HashMap<OperationKey, Tracked>,
    /// Which upstream a watched task is asked for at, and its id there.
    tasks: HashMap<Arc<Key>, (usize, Box<str>)>,
    beats: BTreeSet<(Timestamp, OperationKey)>,
    pub(super) looks: HashMap<Arc<Key>, Looking>,
    doing: FuturesUnordered<BoxFuture<'static, Done>>,
    orders: mpsc::UnboundedSender<OperationKey>,
    ordered: mpsc::UnboundedReceiver<OperationKey>,
}

impl Tracker {
    /// One who has not begun.
    fn new(host: &Host) -> Self {
        let app = Arc::clone(host.app());
        let (orders, ordered) = mpsc::unbounded_channel();
        let mut schedule = Schedule::default();
        let now = app.engine.now();
        let mut accounts: HashMap<(String, &str), LaneId> = HashMap::new();
        let upstreams = app.gateway.upstreams().iter();
        let lanes = upstreams.map(|followed| {
            let upstream = &followed.upstream;
            let account = (upstream.account().to_owned(), upstream.cloud().name());
            *accounts.entry(account).or_insert_with(|| {
                let breaker = Breaker::new(Fuse::default(), now);
                schedule.add_lane(Bucket::new(upstream.quota), breaker, POLLS_MAX)
            })
        });
        let lanes = lanes.collect();
        Self {
            app,
            lanes,
            schedule,
            tracked: HashMap::new(),
            tasks: HashMap::new(),
            beats: BTreeSet::new(),
            looks: HashMap::new(),
            doing: FuturesUnordered::new(),
            orders,
            ordered,
        }
    }

    /// Follows tasks until it is told to stop.
    async fn run(mut self, host: &Host, looks: &mut mpsc::UnboundedReceiver<Look>) {
        self.adopt().await;
        let mut leasing = lease(host).boxed();
        loop {
            let now = self.app.engine.now();
            let wake = self.start_due(now);
            let sleep = async {
                match wake {
                    Some(instant) => SystemClock.sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                leased = &mut leasing => {
                    leasing = lease(host).boxed();
                    for operation in leased {
                        self.take_up(&operation);
                    }
                }
                Some(done) = self.doing.next(), if !self.doing.is_empty() => self.take_in(done),
                Some(key) = self.ordered.recv() => self.tell(key, News::Order),
                Some(look) = looks.recv() => self.look(look),
                () = sleep => {}
                () = host.stopping() => break,
            }
        }
        drop(leasing);
        self.hand_back().await;
    }

    /// Gives what is followed to the other servers, if there may be any.
    async fn hand_back(self) {
        if !self.app.engine.is_shared() {
            return;
        }
        let release = |(key, tracked): (&OperationKey, &Tracked)| {
            let report = Report {
                fence: tracked.fence,
                release: true,
                ..Report::default()
            };
            self.app.engine.command(*key, None, Command::Report(report))
        };
        // What cannot be handed back now is free when its lease has ended.
        let _ = join_all(self.tracked.iter().map(release)).await;
    }

    /// Takes up what this server held when it went down, if it is the only one that can have held it.
    async fn adopt(&mut self) {
        if self.app.engine.is_shared() {
            return;
        }
        for phase in [Phase::Running, Phase::Cancelling] {
            let mut filter = Filter {
                phase: Some(phase),
                kind: Some(TRACK.into()),
                limit: limits::PAGE_MAX,
                ..Filter::default()
            };
            loop {
                let Ok(page) = self.app.engine.list(filter.clone()).await else {
                    // The leases end at some time, and then the operations come by the usual way.
                    return;
                };
                let held = page.operations.iter().filter(|operation| {
                    let lease = operation.lease.as_ref();
                    lease.is_some_and(|lease| is_ours(lease.worker.as_str()))
                });
                for operation in held {
                    // A list has no resources. What cannot be read now comes when its lease has ended.
                    if let Ok(operation) = self.app.engine.get(operation.key, None).await {
                        self.take_up(&operation);
                    }
                }
                filter.before = page.next;
                if page.next.is_none() {
                    break;
                }
            }
        }
    }

    /// Starts whatever is due, and says when something will be.
    fn start_due(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(turn) = self.schedule.due(now) {
            self.poll(turn);
        }
        while let Some((at, key)) = self.beats.first().copied()
            && at <= now
        {
            self.beats.remove(&(at, key));
            self.beat(key, now);
        }
        self.looks.retain(|key, looking| {
            looking.replies.retain(|reply| !reply.is_closed());
            let goes_on = looking.until > now || !looking.replies.is_empty();
            if !goes_on {
                self.schedule.leave(key, &Waiter::Look);
            }
            goes_on
        });
        if self.tasks.len() > 2 * self.schedule.len() + 16 {
            self.tasks
                .retain(|key, _| self.schedule.watch(key).is_some());
        }
        let looks = self.looks.values().map(|looking| looking.until);
        let beats = self.beats.first().map(|(at, _)| *at);
        [self.schedule.next_at(now), beats]
            .into_iter()
            .flatten()
            .chain(looks.filter(|until| *until > now))
            .min()
    }

    /// Follows the task of an operation that we hold.
    fn take_up(&mut self, operation: &Operation) {
        let key = operation.key;
        let gateway = &self.app.gateway;
        let tracking = Tracking::of(operation);
        let upstream = tracking
            .as_ref()
            .and_then(|it| gateway.number(&it.upstream));
        let task = tracking.and_then(|it| it.target.parse::<Task>().ok());
        let now = self.app.engine.now();
        let beats_at = beat_after(now, lease_millis(&self.app));
        let named = upstream.zip(task);
        let task = named
            .as_ref()
            .map(|(upstream, task)| self.key(*upstream, task));
        let tracked = Tracked {
            task: task.clone().unwrap_or_else(nothing),
            fence: operation.fence,
            held: Vec::new(),
            is_telling: false,
            waiting: None,
            listening: self.listen(key, operation.fence),
            beats_at,
        };
        self.beats.insert((beats_at, key));
        if let Some(old) = self.tracked.insert(key, tracked) {
            old.listening.abort();
            self.beats.remove(&(old.beats_at, key));
        }
        let Some(((upstream, _), task)) = named.zip(task) else {
            let words =
                "the upstream that this follows a task in is not among the server's settings";
            self.tell(key, News::Trouble(words.into()));
            return;
        };
        let seen = resumed(operation);
        self.join(upstream, &task, key, seen, now);
        if operation.phase == Phase::Cancelling {
            self.tell(key, News::Order);
        } else if let Some(seen) = self.schedule.watch(&task).and_then(Watch::seen) {
            // Somebody else has asked already.
            let seen = Arc::new(seen.clone());
            self.tell(key, News::Seen(Some(seen), None));
        }
    }

    fn join(
        &mut self,
        upstream: usize,
        task: &Arc<Key>,
        key: OperationKey,
        seen: Option<(Observation, Timestamp)>,
        at: Timestamp,
    ) {
        let rhythm = self.app.gateway.upstreams()[upstream].upstream.rhythm;
        let watch = || {
            let watch = Watch::new(rhythm, None, at);
            match seen {
                Some((seen, seen_at)) => watch.resumed(seen, seen_at),
                None => watch,
            }
        };
        let (lane, waiter) = (self.lanes[upstream], Waiter::Operation(key));
        let now = self.app.engine.now();
        if !self.schedule.join(lane, task, waiter, watch, now) {
            let words = "too many operations follow the same task";
            self.tell(key, News::Trouble(words.into()));
        }
    }

    /// What a task is known by, whoever follows it. The same id in another project or region is another task.
    pub(super) fn key(&mut self, upstream: usize, task: &Task) -> Arc<Key> {
        let upstreams = self.app.gateway.upstreams();
        let Upstream { reach, .. } = &upstreams[upstream].upstream;
        let [project, region] = [&reach.project, &reach.region];
        let [project, region] = [project, region].map(|it| it.as_deref().unwrap_or_default());
        let endpoint = reach.address.as_ref().map(ToString::to_string);
        let key = Arc::new(Key {
            dialect: task.cloud.name(),
            endpoint: endpoint.unwrap_or_default().into(),
            account: upstreams[upstream].upstream.account().into(),
            task: format!("{project}/{region}/{}", task.id).into(),
        });
        let place = (upstream, task.id.as_str().into());
        self.tasks.entry(Arc::clone(&key)).or_insert(place);
        key
    }

    /// Waits in the background for somebody to change the operation.
    fn listen(&self, key: OperationKey, fence: u64) -> AbortHandle {
        let (app, orders) = (Arc::clone(&self.app), self.orders.clone());
        let listening = async move {
            loop {
                let waited = app
                    .engine
                    .wait_for_order(&[(key, fence)], ORDER_MILLIS)
                    .await;
                if app.draining.load(Relaxed) {
                    return;
                }
                let stands = app.engine.get(key, None).await;
                let is_same = stands.as_ref().is_ok_and(|operation| {
                    operation.phase == Phase::Running && operation.fence == fence
                });
                if !is_same && !matches!(stands, Err(EngineError::Unavailable)) {
                    // The tracker is gone with the server.
                    let _ = orders.send(key);
                    return;
                }
                if waited.is_err() || !is_same {
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        };
        tokio::spawn(listening).abort_handle()
    }

    fn poll(&mut self, turn: Turn) {
        let place = self.tasks.get(turn.key()).cloned();
        let (upstream, id) = place.expect("every task that is watched has a place");
        let followed = Arc::clone(&self.app.gateway.upstreams()[upstream]);
        followed.polls.fetch_add(1, Relaxed);
        let ahead = turn.clock_offset_millis;
        followed.clock_offset_millis.store(ahead, Relaxed);
        let polling = async move {
            let offset = turn.clock_offset_millis;
            let asking = followed.upstream.reach.ask(&id, offset, PATIENCE);
            // Getting a token takes time, too.
            let polled = tokio::time::timeout(2 * PATIENCE, asking).await;
            let late = |_| Answer::Lost("there was no answer in time".into()).into();
            Done::Polled(upstream, turn, Box::new(polled.unwrap_or_else(late)))
        };
        self.doing.push(polling.boxed());
    }

    fn beat(&mut self, key: OperationKey, now: Timestamp) {
        let Some(tracked) = self.tracked.get_mut(&key) else {
            return;
        };
        tracked.beats_at = beat_after(now, lease_millis(&self.app));
        self.beats.insert((tracked.beats_at, key));
        let (app, fence) = (Arc::clone(&self.app), tracked.fence);
        let beating = async move {
            let command = Command::Heartbeat { fence };
            let beaten = app.engine.command(key, None, command).await;
            Done::Beaten(key, fence, beaten.map(|_| ()))
        };
        self.doing.push(beating.boxed());
    }

    fn take_in(&mut self, done: Done) {
        match done {
            Done::Polled(upstream, turn, polled) => self.answered(upstream, turn, *polled),
            Done::Told(key, fence, told) => {
                let Some(tracked) = self.tracked.get_mut(&key).filter(|it| it.fence == fence)
                else {
                    return;
                };
                tracked.is_telling = false;
                match told {
                    Told::Over => self.forget(key),
                    Told::Goes(held) => {
                        tracked.held = held;
                        if let Some(news) = tracked.waiting.take() {
                            self.tell(key, news);
                        }
                    }
                }
            }
            Done::Beaten(key, fence, beaten) => {
                let is_lost = beaten.is_err_and(|error| !is_away(&error));
                if is_lost && self.tracked.get(&key).is_some_and(|it| it.fence == fence) {
                    self.forget(key);
                }
            }
        }
    }

    /// Learns from an answer, and tells those who wait.
    fn answered(&mut self, upstream: usize, turn: Turn, polled: Polled) {
        let Polled { answer, status } = polled;
        let (now, task, lane) = (self.app.engine.now(), turn.key().clone(), turn.lane());
        let health = Health::of(&answer, status);
        let is_seen = matches!(answer, Answer::Observed(_));
        let refusal = match &answer {
            Answer::Observed(_) => None,
            Answer::Refused { error, .. } => Some(Looked::Refused(error.clone())),
            Answer::Lost(_) => Some(Looked::Lost),
        };
        let chance = longrun_poller::Chance(chance::wide());
        let told = self.schedule.answered(turn, answer, health, now, chance);
        let followed = Arc::clone(&self.app.gateway.upstreams()[upstream]);
        followed.count(health);
        followed.set_stale(self.schedule.stale_since(lane));
        let Some(told) = told else {
            return;
        };
        let seen = told.seen.map(Arc::new);
        self.answer_looks(&task, seen.as_deref(), refusal);
        let operations = told.waiters.iter().filter_map(|waiter| match waiter {
            Waiter::Operation(key) => Some(*key),
            Waiter::Look => None,
        });
        let operations: Vec<_> = operations.collect();
        match told.next {
            Next::Ended(end) => {
                for key in operations {
                    self.tell(key, News::Seen(seen.clone(), Some(end)));
                }
            }
            Next::GaveUp(reason) => {
                let name = &*followed.upstream.name;
                let reason = words(&reason);
                let words: Box<str> =
                    format!("the upstream `{name}` does not tell: {reason}").into();
                tracing::warn!(
                    upstream = name,
                    task = &*task.task,
                    reason,
                    "the upstream does not tell"
                );
                let task = Arc::new(task);
                for key in operations {
                    let seen = seen.as_ref().map(|seen| (Observation::clone(seen), now));
                    self.join(upstream, &task, key, seen, now.plus_millis(REFUSED_MILLIS));
                    self.tell(key, News::Trouble(words.clone()));
                }
            }
            Next::AskAt(_) | Next::TooLate { .. } if seen.is_some() => {
                for key in operations {
                    self.tell(key, News::Seen(seen.clone(), None));
                }
            }
            Next::AskAt(_) | Next::TooLate { .. } if is_seen => self.confirm(&task),
            Next::AskAt(_) | Next::TooLate { .. } => {}
        }
    }

    /// Nothing has changed: what was seen once has been seen twice.
    fn confirm(&mut self, task: &Key) {
        let waiters = self.schedule.waiters(task);
        let holding = waiters.filter_map(|waiter| match waiter {
            Waiter::Operation(key) => Some(*key),
            Waiter::Look => None,
        });
        let is_holding = |key: &OperationKey| {
            let tracked = self.tracked.get(key);
            tracked.is_some_and(|tracked| !tracked.held.is_empty())
        };
        let holding: Vec<_> = holding.filter(is_holding).collect();
        if holding.is_empty() {
            return;
        }
        let seen = self.schedule.watch(task).and_then(Watch::seen).cloned();
        let seen = seen.map(Arc::new);
        for key in holding {
            self.tell(key, News::Seen(seen.clone(), None));
        }
    }

    /// Tells the engine, one thing after the other for each operation.
    fn tell(&mut self, key: OperationKey, news: News) {
        let Some(tracked) = self.tracked.get_mut(&key) else {
            return;
        };
        if tracked.is_telling {
            if tracked
                .waiting
                .as_ref()
                .is_none_or(|older| news.outdates(older))
            {
                tracked.waiting = Some(news);
            }
            return;
        }
        tracked.is_telling = true;
        let (app, fence, held) = (Arc::clone(&self.app), tracked.fence, tracked.held.clone());
        let telling = async move {
            let told = tell(app, key, fence, news, held).await;
            Done::Told(key, fence, told)
        };
        self.doing.push(telling.boxed());
    }

    fn forget(&mut self, key: OperationKey) {
        if let Some(tracked) = self.tracked.remove(&key) {
            tracked.listening.abort();
            self.beats.remove(&(tracked.beats_at, key));
            self.schedule.leave(&tracked.task, &Waiter::Operation(key));
        }
    }
}

/// The name that leases are held under.
const WORKER: &str = "gateway";

/// Waits for operations to follow.
async fn lease(host: &Host) -> Vec<Arc<Operation>> {
    if host.app().draining.load(Relaxed) {
        return std::future::pending().await;
    }
    let length = lease_millis(host.app());
    host.lease(limits::LEASES_MAX, length, LEASE_WAIT_MILLIS)
        .await
}

/// Whether a lease is one of a server's own, of this process or of another one: each is named after its process.
fn is_ours(worker: &str) -> bool {
    let rest = worker.strip_prefix(WORKER);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The task of an operation that names none.
fn nothing() -> Arc<Key> {
    Arc::new(Key {
        dialect: "",
        endpoint: "".into(),
        account: "".into(),
        task: "".into(),
    })
}
