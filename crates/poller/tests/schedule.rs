//! Many tasks, many waiters, and clouds that behave badly, on a clock that does nothing but jump.

use longrun_dialects::{Observation, QueryError, Retry, Watched};
use longrun_model::{Mix, Timestamp};
use longrun_poller::{
    Answer, Breaker, Bucket, Chance, Fuse, Health, Key, LaneId, Next, Outcome, Quota, Rhythm,
    Schedule, Turn, Watch,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;

const START: Timestamp = Timestamp::from_seconds(1_000_000);

/// What a cloud does with a poll: its answer, its status, and after how long.
type Did = (Answer, Option<u16>, i64);

fn observed(state: Watched) -> Did {
    let observation = Observation {
        kind: None,
        state,
        resources: Vec::new(),
        output: None,
        message: None,
        error: None,
    };
    (Answer::Observed(observation), Some(200), 20)
}

fn running() -> Did {
    observed(Watched::Running(Mix::UNFINISHED))
}

fn refused(status: u16, after_millis: Option<u64>) -> Did {
    let error = QueryError {
        code: status.to_string(),
        message: "not now".to_owned(),
        retry: Retry::Again { after_millis },
    };
    let answer = Answer::Refused {
        error,
        cloud_time: None,
    };
    (answer, Some(status), 5)
}

fn lost() -> Did {
    (Answer::Lost("connection reset".into()), None, 100)
}

fn key(task: usize) -> Key {
    Key {
        dialect: "tencent-vpc",
        endpoint: "https://vpc.api.qcloud.com".into(),
        account: "AKID".into(),
        task: task.to_string().into(),
    }
}

/// A schedule with one lane, and what came of it.
struct World {
    schedule: Schedule<u32>,
    lane: LaneId,
    now: Timestamp,
    on_their_way: BTreeMap<(Timestamp, u64), (Turn, Answer, Health)>,
    dice: u64,
    /// When which task was asked for.
    asked: Vec<(Timestamp, Box<str>)>,
    /// How the task ended for whom.
    ended: HashMap<u32, Next>,
    most_on_their_way: usize,
}

impl World {
    fn new(calls: u32, per_millis: u32) -> Self {
        let mut schedule = Schedule::default();
        let quota = Quota {
            calls: NonZeroU32::new(calls).expect("not zero"),
            per_millis: NonZeroU32::new(per_millis).expect("not zero"),
        };
        let breaker = Breaker::new(Fuse::default(), START);
        let lane = schedule.add_lane(Bucket::new(quota), breaker, 16);
        Self {
            schedule,
            lane,
            now: START,
            on_their_way: BTreeMap::new(),
            dice: 7,
            asked: Vec::new(),
            ended: HashMap::new(),
            most_on_their_way: 0,
        }
    }

    fn join(&mut self, task: usize, waiter: u32) {
        let now = self.now;
        let watch = || Watch::new(Rhythm::TRACK, None, now);
        assert!(
            self.schedule
                .join(self.lane, &key(task), waiter, watch, now)
        );
    }

    /// The next number of a sequence that looks random and is always the same.
    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }

    fn millis(&self) -> i64 {
        self.now.millis_since(START)
    }

    /// Lets so many milliseconds pass, or less if nothing is watched any more.
    fn run(&mut self, millis: i64, mut cloud: impl FnMut(&mut Self, &Key) -> Did) {
        let end = self.now.plus_millis(millis);
        while self.now < end && !self.schedule.is_empty() {
            while let Some(turn) = self.schedule.due(self.now) {
                self.asked.push((self.now, turn.key().task.clone()));
                let key = turn.key().clone();
                let (answer, status, after) = cloud(self, &key);
                let health = Health::of(&answer, status);
                let place = (self.now.plus_millis(after), self.roll());
                self.on_their_way.insert(place, (turn, answer, health));
                self.most_on_their_way = self.most_on_their_way.max(self.on_their_way.len());
            }
            let arrives = self.on_their_way.keys().next().map(|(at, _)| *at);
            let due = self.schedule.next_at(self.now);
            let next = [arrives, due].into_iter().flatten().min();
            self.now = next
                .expect("something happens while a task is watched")
                .min(end);
            while let Some(entry) = self.on_their_way.first_entry()
                && entry.key().0 <= self.now
            {
                let (turn, answer, health) = entry.remove();
                let chance = Chance(self.roll());
                let told = self
                    .schedule
                    .answered(turn, answer, health, self.now, chance);
                if let Some(told) = told.filter(|told| told.next.is_over()) {
                    let all = told.waiters.into_iter();
                    self.ended.extend(all.map(|one| (one, told.next.clone())));
                }
            }
        }
    }

    fn most_in(&self, millis: i64) -> usize {
        let instants: Vec<_> = self.asked.iter().map(|(at, _)| *at).collect();
        let window = |(index, first): (usize, &Timestamp)| {
            let later = instants[index..].iter();
            later
                .take_while(|at| at.millis_since(*first) < millis)
                .count()
        };
        instants.iter().enumerate().map(window).max().unwrap_or(0)
    }
}

const SUCCEEDED: Next = Next::Ended(Outcome::Succeeded);

#[test]
fn a_thousand_waiters_cost_the_polls_of_one() {
    let polls = |waiters: u32| {
        let mut world = World::new(100, 1_000);
        for waiter in 0..waiters {
            world.join(1, waiter);
        }
        world.run(600_000, |world, _| match world.millis() {
            ..60_000 => running(),
            _ => observed(Watched::Succeeded),
        });
        assert_eq!(world.ended.len(), waiters as usize);
        assert!(world.ended.values().all(|end| *end == SUCCEEDED));
        world.asked.len()
    };
    assert_eq!(polls(1_000), polls(1));
    assert!(polls(1) < 20, "{}", polls(1));
}

#[test]
fn two_hundred_tasks_under_a_quota_never_exceed_it_and_all_end() {
    let mut world = World::new(10, 1_000);
    for task in 0..200 {
        world.join(task, u32::try_from(task).expect("it is small"));
    }
    // Every task ends at a time of its own, the last after ten minutes.
    world.run(3_600_000, |world, key| {
        let task: i64 = key.task.parse().expect("it is a number");
        if world.millis() >= task * 3_000 {
            observed(Watched::Succeeded)
        } else {
            running()
        }
    });
    assert_eq!(world.ended.len(), 200);
    assert!(world.ended.values().all(|end| *end == SUCCEEDED));
    assert_eq!(world.most_in(1_000), 10, "all of the quota, and no more");
    assert!(world.millis() < 700_000, "{}", world.millis());
    let first: BTreeSet<_> = world.asked[..200].iter().map(|(_, task)| task).collect();
    assert_eq!(
        first.len(),
        200,
        "nobody has a second turn before all had one"
    );
}

#[test]
fn throttled_cut_and_slow_answers_end_nothing() {
    let mut world = World::new(50, 1_000);
    for task in 0..100 {
        world.join(task, u32::try_from(task).expect("it is small"));
    }
    world.run(7_200_000, |world, _| match world.roll() % 8 {
        0..4 => refused(429, Some(500)),
        4 => lost(),
        5 => refused(503, None),
        _ if world.millis() < 120_000 => running(),
        _ => {
            let (answer, status, _) = observed(Watched::Succeeded);
            (answer, status, 9_000)
        }
    });
    assert_eq!(world.ended.len(), 100);
    assert!(world.ended.values().all(|end| *end == SUCCEEDED));
    assert!(world.most_on_their_way <= 16);
}

#[test]
fn an_upstream_that_is_down_is_probed_and_back_soon() {
    let mut world = World::new(100, 1_000);
    for task in 0..100 {
        world.join(task, u32::try_from(task).expect("it is small"));
    }
    world.run(30_000, |_, _| running());
    assert_eq!(world.schedule.stale_since(world.lane), None);
    let (before, good_until) = (world.asked.len(), world.now);
    world.run(1_800_000, |_, _| lost());
    let while_down = world.asked.len() - before;
    assert!(while_down < 100, "{while_down} polls in half an hour");
    let stale = world.schedule.stale_since(world.lane).expect("it is down");
    assert!(stale <= good_until && good_until.millis_since(stale) < 30_000);
    assert!(world.ended.is_empty());
    let back_at = world.now;
    world.run(3_600_000, |_, _| observed(Watched::Succeeded));
    assert_eq!(world.ended.len(), 100);
    assert!(
        world.now.millis_since(back_at) < 180_000,
        "all are asked again within the longest pauses: {}",
        world.now.millis_since(back_at)
    );
}

#[test]
fn a_throttled_account_is_left_alone_as_a_whole() {
    let mut world = World::new(100, 1_000);
    for task in 0..50 {
        world.join(task, u32::try_from(task).expect("it is small"));
    }
    world.run(20_000, |_, _| refused(429, Some(5_000)));
    // As many as were on their way when the first was turned away, each time.
    assert!(world.asked.len() <= 4 * 16 + 16, "{}", world.asked.len());
    assert_eq!(world.schedule.stale_since(world.lane), None, "it answers");
}

#[test]
fn whoever_leaves_is_not_asked_for() {
    let mut world = World::new(100, 1_000);
    world.join(1, 1);
    world.join(2, 2);
    world.run(10_000, |_, _| running());
    world.schedule.leave(&key(1), &1);
    let before = world.asked.len();
    world.run(60_000, |_, _| running());
    assert!(world.asked[before..].iter().all(|(_, task)| &**task == "2"));
    assert_eq!(world.schedule.len(), 1);
}

#[test]
fn what_an_answer_tells_of_the_upstream() {
    for ((answer, status, _), expected) in [
        (running(), Health::Well),
        (lost(), Health::Down),
        (refused(429, None), Health::Busy { millis: None }),
        (refused(429, Some(7)), Health::Busy { millis: Some(7) }),
        (refused(200, Some(7)), Health::Busy { millis: Some(7) }),
        (refused(200, None), Health::Well),
        (refused(404, None), Health::Well),
        (refused(503, Some(7)), Health::Down),
    ] {
        assert_eq!(Health::of(&answer, status), expected, "{answer:?}");
    }
}
