//! Whom to ask next, of many tasks in several clouds.
//!
//! Every task is in the lane of its upstream account, which keeps the account's quota, spares an upstream that is down,
//! and bounds how many polls are on their way. A lane asks for its tasks in the order in which they are due, so that
//! under a quota that is too small each gets its turn. Who waits for which task is in the [`Share`].

use crate::advice::{Answer, Next};
use crate::breaker::{Breaker, Permit};
use crate::bucket::Bucket;
use crate::pace::{Chance, HINT_MILLIS_MAX, later};
use crate::share::{Joined, Key, Poller, Share, Told, Wish};
use crate::watch::Watch;
use longrun_dialects::Retry;
use longrun_model::Timestamp;
use std::collections::BTreeMap;

/// How long a whole account is left alone that was told to slow down without being told for how long.
const THROTTLED_MILLIS: u64 = 1_000;

/// One of the lanes of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(usize);

/// What a poll told about the upstream, whatever it told about the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Well,
    /// It answers, and wants less to do.
    Busy {
        /// For how long, if it said so.
        millis: Option<u64>,
    },
    /// It does not answer, or only that it cannot.
    Down,
}

impl Health {
    /// What this answer tells, which came with this HTTP status, if any came.
    pub fn of(answer: &Answer, status: Option<u16>) -> Self {
        let error = match answer {
            Answer::Observed(_) => return Self::Well,
            Answer::Lost(_) => return Self::Down,
            Answer::Refused { error, .. } => error,
        };
        let hint = match error.retry {
            Retry::Again { after_millis } => after_millis,
            Retry::Clock | Retry::Unknown | Retry::Forbidden | Retry::Never => None,
        };
        match status {
            Some(429) => Self::Busy { millis: hint },
            // With a status that is good, a hint stands for a code that means the same.
            Some(200..=299) if hint.is_some() => Self::Busy { millis: hint },
            Some(500..) => Self::Down,
            Some(_) | None => Self::Well,
        }
    }
}

/// The right to make one poll now. What came of it is to be told, whatever it was.
#[derive(Debug)]
pub struct Turn {
    lane: LaneId,
    poller: Poller,
    /// What to add to the clock when signing.
    pub clock_offset_millis: i64,
}

impl Turn {
    /// What to ask for.
    pub const fn key(&self) -> &Key {
        self.poller.key()
    }

    /// In whose lane it is.
    pub const fn lane(&self) -> LaneId {
        self.lane
    }
}

/// All watched tasks, and when to ask for them.
#[derive(Debug)]
pub struct Schedule<W> {
    share: Share<W>,
    lanes: Vec<Lane>,
    serial: u64,
}

#[derive(Debug)]
struct Lane {
    bucket: Bucket,
    breaker: Breaker,
    /// Those who wait for their turn, by when they are due. Some are no longer needed; that shows at their turn.
    queue: BTreeMap<(Timestamp, u64), Poller>,
    /// Before when the breaker lets nobody through.
    closed_until: Option<Timestamp>,
    on_their_way: usize,
    on_their_way_max: usize,
}

impl<W> Default for Schedule<W> {
    fn default() -> Self {
        Self {
            share: Share::default(),
            lanes: Vec::new(),
            serial: 0,
        }
    }
}

impl<W: Ord + Clone> Schedule<W> {
    /// Adds a lane in which so many polls may be on their way at once.
    pub fn add_lane(
        &mut self,
        bucket: Bucket,
        breaker: Breaker,
        on_their_way_max: usize,
    ) -> LaneId {
        self.lanes.push(Lane {
            bucket,
            breaker,
            queue: BTreeMap::new(),
            closed_until: None,
            on_their_way: 0,
            on_their_way_max,
        });
        LaneId(self.lanes.len() - 1)
    }

    /// Lets `waiter` wait for a task. `watch` begins one if there is none. Says whether there was room.
    pub fn join(
        &mut self,
        lane: LaneId,
        key: &Key,
        waiter: W,
        watch: impl FnOnce() -> Watch,
        now: Timestamp,
    ) -> bool {
        match self.share.join(key, waiter, Wish::Changes, watch) {
            Joined::First(poller) => {
                if let Some(told) = self.share.tick(&poller, now) {
                    self.place(lane, poller, &told.next);
                }
                true
            }
            Joined::Shared => true,
            Joined::Full => false,
        }
    }

    /// Lets `waiter` go.
    pub fn leave(&mut self, key: &Key, waiter: &W) {
        self.share.leave(key, waiter);
    }

    /// The watch of a task, with what is known of it.
    pub fn watch(&self, key: &Key) -> Option<&Watch> {
        self.share.watch(key)
    }

    /// Who waits for a task.
    pub fn waiters(&self, key: &Key) -> impl Iterator<Item = &W> {
        self.share.waiters(key)
    }

    /// How many tasks are watched.
    pub fn len(&self) -> usize {
        self.share.len()
    }

    /// Whether no task is watched.
    pub fn is_empty(&self) -> bool {
        self.share.is_empty()
    }

    /// While the upstream of a lane is down: since when nothing good has come from it.
    pub fn stale_since(&self, lane: LaneId) -> Option<Timestamp> {
        self.lanes[lane.0].breaker.stale_since()
    }

    /// A poll that is due and may be made now.
    pub fn due(&mut self, now: Timestamp) -> Option<Turn> {
        (0..self.lanes.len()).find_map(|number| self.due_in(LaneId(number), now))
    }

    /// Takes a token of a lane for a call that is not a poll, or says when there will be one.
    pub fn take(&mut self, lane: LaneId, now: Timestamp) -> Result<(), Timestamp> {
        let lane = &mut self.lanes[lane.0];
        match lane.closed_until.filter(|until| *until > now) {
            Some(until) => Err(until),
            None => lane.bucket.take(now),
        }
    }

    /// When to look for a due poll again. Nothing if only an answer or a new task can bring one.
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.lanes.iter().filter_map(|lane| lane.next_at(now)).min()
    }

    /// Takes in what came of a poll: who is to be told of what, if the task is still watched.
    pub fn answered(
        &mut self,
        turn: Turn,
        answer: Answer,
        health: Health,
        now: Timestamp,
        chance: Chance,
    ) -> Option<Told<W>> {
        self.lanes[turn.lane.0].learn(health, now, chance);
        let told = self.share.answered(&turn.poller, answer, now, chance)?;
        self.place(turn.lane, turn.poller, &told.next);
        Some(told)
    }

    fn due_in(&mut self, id: LaneId, now: Timestamp) -> Option<Turn> {
        loop {
            let lane = &mut self.lanes[id.0];
            if lane.next_at(now).is_none_or(|at| at > now) {
                return None;
            }
            let (_, poller) = lane.queue.pop_first()?;
            // Nobody may wait for it any more.
            let Some(told) = self.share.tick(&poller, now) else {
                continue;
            };
            match told.next {
                Next::AskAt(at) if at <= now => {}
                Next::AskAt(_) | Next::TooLate { .. } | Next::Ended(_) | Next::GaveUp(_) => {
                    self.place(id, poller, &told.next);
                    continue;
                }
            }
            let lane = &mut self.lanes[id.0];
            if !lane.admit(now) {
                self.place(id, poller, &told.next);
                return None;
            }
            let watch = self.share.watch(poller.key());
            let offset = watch.and_then(Watch::clock_offset_millis);
            return Some(Turn {
                lane: id,
                poller,
                clock_offset_millis: offset.unwrap_or(0),
            });
        }
    }

    /// Puts a poller where it waits for its next turn, if it has one.
    fn place(&mut self, lane: LaneId, poller: Poller, next: &Next) {
        let at = match next {
            Next::AskAt(at) => *at,
            // A watch without a deadline is never too late; one that is over needs no turn.
            Next::TooLate { wanted } => *wanted,
            Next::Ended(_) | Next::GaveUp(_) => return,
        };
        self.serial += 1;
        self.lanes[lane.0].queue.insert((at, self.serial), poller);
    }
}

impl Lane {
    fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.on_their_way >= self.on_their_way_max {
            return None;
        }
        let ((due, _), _) = self.queue.first_key_value()?;
        let free = Some(self.bucket.next_at(now)).filter(|free| *free > now);
        let later = [free, self.closed_until];
        Some(later.into_iter().flatten().fold(*due, Timestamp::max))
    }

    /// Whether a poll may be made now; if so, it is counted.
    fn admit(&mut self, now: Timestamp) -> bool {
        match self.breaker.ask(now) {
            Permit::Granted | Permit::Probe => {}
            Permit::Denied { until } => {
                self.closed_until = Some(until);
                return false;
            }
        }
        self.bucket
            .take(now)
            .expect("a lane without a token is not due");
        self.on_their_way += 1;
        true
    }

    fn learn(&mut self, health: Health, now: Timestamp, chance: Chance) {
        self.on_their_way = self.on_their_way.saturating_sub(1);
        // What the breaker said is old.
        self.closed_until = None;
        match health {
            Health::Well => self.breaker.succeeded(now),
            Health::Busy { millis } => {
                self.breaker.succeeded(now);
                let millis = millis.unwrap_or(THROTTLED_MILLIS).min(HINT_MILLIS_MAX);
                self.bucket.close_until(later(now, millis));
            }
            Health::Down => self.breaker.failed(now, chance),
        }
    }
}
