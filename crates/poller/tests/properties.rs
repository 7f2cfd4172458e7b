//! What holds for any answers at any instants, on a clock that does nothing but jump.

use longrun_dialects::{Observation, Observed, QueryError, Retry, Watched};
use longrun_model::{Mix, ResourceStatus, Timestamp};
use longrun_poller::{
    Answer, Ask, Backoff, Breaker, Bucket, Chance, Fuse, HINT_MILLIS_MAX, Joined, Key, Next,
    Outcome, Pace, Permit, Quota, Rhythm, Share, Watch, Wish,
};
use proptest::prelude::*;
use std::num::NonZeroU32;

const START: Timestamp = Timestamp::from_seconds(1_000_000);

const ENDS: [Watched; 3] = [Watched::Succeeded, Watched::Failed, Watched::Partial];

fn observation(state: Watched, statuses: &[ResourceStatus]) -> Observation {
    let resources = statuses.iter().zip(0..).map(|(status, number)| Observed {
        kind: None,
        id: format!("r-{number}"),
        status: *status,
        output: None,
        error: None,
    });
    Observation {
        kind: None,
        state,
        resources: resources.collect(),
        output: None,
        message: None,
        error: None,
    }
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let state = prop_oneof![
        4 => Just(Watched::Queued),
        8 => Just(Watched::Running(Mix::UNFINISHED)),
        2 => Just(Watched::Unclear("new word".to_owned())),
        1 => prop::sample::select(&ENDS[..]),
    ];
    let statuses = prop::collection::vec(prop::sample::select(&ResourceStatus::ALL[..]), 0..4);
    (state, statuses).prop_map(|(state, statuses)| observation(state, &statuses))
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let hint = prop::option::of(0..20_000_u64);
    let again = hint.prop_map(|after_millis| Retry::Again { after_millis });
    let retry = prop_oneof![
        6 => again,
        1 => Just(Retry::Clock),
        1 => Just(Retry::Unknown),
        1 => Just(Retry::Forbidden),
        1 => Just(Retry::Never),
    ];
    let refused = (retry, prop::option::of(any::<i32>())).prop_map(|(retry, skew)| {
        let (code, message) = (String::new(), String::new());
        Answer::Refused {
            error: QueryError {
                code,
                message,
                retry,
            },
            cloud_time: skew.map(|skew| START.plus_millis(skew.into())),
        }
    });
    prop_oneof![
        4 => any_observation().prop_map(Answer::Observed),
        3 => refused,
        2 => Just(Answer::Lost("reset".into())),
    ]
}

/// An answer, how long it takes, and the chance for the pause after it.
fn any_polls() -> impl Strategy<Value = Vec<(Answer, i64, u64)>> {
    prop::collection::vec((any_answer(), 0..3_000_i64, any::<u64>()), 1..40)
}

fn hint(answer: &Answer) -> u64 {
    match answer {
        Answer::Refused { error, .. } => match error.retry {
            Retry::Again { after_millis } => after_millis.unwrap_or(0),
            Retry::Clock | Retry::Unknown | Retry::Forbidden | Retry::Never => 0,
        },
        Answer::Observed(_) | Answer::Lost(_) => 0,
    }
}

/// Whether this answer tells of that end.
fn tells(answer: &Answer, outcome: Outcome) -> bool {
    match (answer, outcome) {
        (Answer::Observed(seen), Outcome::Succeeded) => seen.state == Watched::Succeeded,
        (Answer::Observed(seen), Outcome::Failed) => seen.state == Watched::Failed,
        (Answer::Observed(seen), Outcome::Partial) => seen.state == Watched::Partial,
        (Answer::Refused { error, .. }, Outcome::Unknown { .. }) => error.retry == Retry::Unknown,
        (Answer::Observed(_), Outcome::Unknown { .. })
        | (Answer::Refused { .. }, Outcome::Succeeded | Outcome::Failed | Outcome::Partial)
        | (Answer::Lost(_), _) => false,
    }
}

fn quota(calls: u32, per_millis: u32) -> Quota {
    let number = |number| NonZeroU32::new(number).expect("no quota is drawn that is zero");
    Quota {
        calls: number(calls),
        per_millis: number(per_millis),
    }
}

/// How many polls so many waiters cost, and how many of them hear of the end, which is a good one after `minutes`.
fn cost(waiters: u32, minutes: i64, mut seed: u64) -> (usize, usize) {
    let mut share = Share::default();
    let key = Key {
        dialect: "huawei-elb",
        endpoint: "https://elb".into(),
        account: "acme".into(),
        task: "1".into(),
    };
    let mut pollers = Vec::new();
    for waiter in 0..waiters {
        let watch = || Watch::new(Rhythm::TRACK, None, START);
        match share.join(&key, waiter, Wish::End, watch) {
            Joined::First(poller) => pollers.push(poller),
            Joined::Shared => {}
            Joined::Full => panic!("there is room for a thousand"),
        }
    }
    let (mut now, mut polls, mut heard) = (START, 0, 0);
    for poller in &pollers {
        while let Some(told) = share.tick(poller, now) {
            let Next::AskAt(instant) = told.next else {
                panic!("without a deadline it is never too late: {told:?}");
            };
            now = now.max(instant);
            polls += 1;
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let state = if now.millis_since(START) < minutes * 60_000 {
                Watched::Queued
            } else {
                Watched::Succeeded
            };
            let answer = Answer::Observed(observation(state, &[]));
            let told = share.answered(poller, answer, now, Chance(seed));
            heard += told.map_or(0, |told| told.waiters.len());
        }
    }
    (polls, heard)
}

proptest! {
    #[test]
    fn every_watch_ends_by_its_deadline_and_only_as_it_was_told(
        polls in any_polls(),
        length in 1..300_000_i64,
    ) {
        let deadline = START.plus_millis(length);
        let mut watch = Watch::new(Rhythm::WAIT, Some(deadline), START);
        let (mut now, mut heard, mut round) = (START, Vec::new(), polls.iter().cycle());
        let ended = loop {
            now = match watch.tick(now) {
                Next::AskAt(instant) => now.max(instant),
                Next::TooLate { wanted } => {
                    prop_assert!(wanted >= deadline);
                    deadline
                }
                over @ (Next::Ended(_) | Next::GaveUp(_)) => break over,
            };
            if now >= deadline {
                continue;
            }
            let (answer, took, chance) = round.next().unwrap();
            // Whoever asks lets go of a poll at the deadline at the latest.
            now = now.plus_millis(*took).min(deadline);
            let step = watch.answered(answer.clone(), now, Chance(*chance));
            heard.push(answer);
            if let Next::AskAt(instant) = step.next {
                let hint = i64::try_from(hint(answer)).unwrap();
                let least = hint.max(Rhythm::WAIT.floor_millis.into());
                prop_assert!(instant.millis_since(now) >= least, "too early after {answer:?}");
                prop_assert!(instant < deadline);
            }
        };
        prop_assert!(now <= deadline);
        match ended {
            Next::Ended(outcome) => prop_assert!(tells(heard.last().unwrap(), outcome)),
            Next::GaveUp(_) => {}
            Next::AskAt(_) | Next::TooLate { .. } => prop_assert!(false, "it is over"),
        }
    }

    #[test]
    fn pauses_stay_within_their_bounds(
        polls in prop::collection::vec((any::<Option<u64>>(), any::<bool>(), any::<u64>()), 1..60),
    ) {
        let mut pace = Pace::new(Rhythm::TRACK, None);
        for (hint, is_answer, chance) in polls {
            let (asked, least, bound) = if is_answer {
                (pace.answered(false, START, Chance(chance)), 0, Rhythm::TRACK.calm)
            } else {
                let least = hint.unwrap_or(0).min(HINT_MILLIS_MAX);
                (pace.failed(hint, START, Chance(chance)), least, Rhythm::TRACK.trouble)
            };
            let Ask::At(instant) = asked else {
                return Err(TestCaseError::fail("there is no deadline"));
            };
            let pause = u64::try_from(instant.millis_since(START)).unwrap();
            prop_assert!(pause >= least.max(Rhythm::TRACK.floor_millis.into()));
            prop_assert!(pause <= least + u64::from(bound.max_millis));
        }
    }

    #[test]
    fn no_stretch_of_time_holds_more_calls_than_the_quota_nor_is_one_withheld(
        calls in 1..12_u32,
        per_millis in 1..2_000_u32,
        // Each waits so long, or exactly until the next token.
        waits in prop::collection::vec(prop::option::of(0..400_i64), 1..200),
    ) {
        let mut bucket = Bucket::new(quota(calls, per_millis));
        let (mut now, mut taken) = (START, Vec::new());
        for wait in waits {
            now = wait.map_or_else(|| bucket.next_at(now), |wait| now.plus_millis(wait));
            match bucket.take(now) {
                Ok(()) => taken.push(now),
                Err(next) => {
                    prop_assert!(next > now);
                    let recent = taken.iter().filter(|it| now.millis_since(**it) < per_millis.into());
                    prop_assert_eq!(recent.count(), calls as usize, "there was a token");
                    let mut later = bucket.clone();
                    prop_assert_eq!(later.take(next), Ok(()));
                    prop_assert!(bucket.take(next.plus_millis(-1)).is_err());
                }
            }
        }
        for stretch in taken.windows(calls as usize + 1) {
            let length = stretch[stretch.len() - 1].millis_since(stretch[0]);
            prop_assert!(length >= per_millis.into(), "{stretch:?}");
        }
    }

    #[test]
    fn a_breaker_lets_one_poll_through_in_each_pause_and_all_when_it_is_answered(
        askers in prop::collection::vec((0..5_000_i64, any::<u64>()), 1..300),
    ) {
        let fuse = Fuse {
            failures: 3,
            pause: Backoff { first_millis: 1_000, max_millis: 8_000 },
            probe_millis: 2_000,
        };
        let mut breaker = Breaker::new(fuse, START);
        let (mut now, mut granted, mut probes) = (START, 0, Vec::new());
        for (wait, chance) in askers {
            now = now.plus_millis(wait);
            match breaker.ask(now) {
                Permit::Granted => granted += 1,
                Permit::Probe => probes.push(now),
                Permit::Denied { until } => {
                    prop_assert!(until > now && until.millis_since(now) <= 8_000);
                    continue;
                }
            }
            breaker.failed(now, Chance(chance));
        }
        prop_assert!(granted <= fuse.failures);
        for pair in probes.windows(2) {
            prop_assert!(pair[1].millis_since(pair[0]) >= fuse.pause.first_millis.into());
        }
        if granted == fuse.failures {
            prop_assert_eq!(breaker.stale_since(), Some(START));
        }
        breaker.succeeded(now);
        prop_assert_eq!(breaker.ask(now), Permit::Granted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_thousand_waiters_cost_the_polls_of_one(minutes in 0..120_i64, seed in any::<u64>()) {
        let (alone, heard) = cost(1, minutes, seed);
        prop_assert_eq!(heard, 1);
        prop_assert_eq!(cost(1_000, minutes, seed), (alone, 1_000));
    }
}
