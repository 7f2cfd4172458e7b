//! Many seeds on the rules as they are, and on each planted bug until the invariant that is there for it catches it.

use longrun_sim::{Bug, Setting, StoreKind, Story, Violation, run};

/// Seeds on the memory store.
const SEEDS: u64 = 1_000;
/// Seeds on a file, which starts anew now and then.
const FILE_SEEDS: u64 = 30;
/// Seeds on a store that two servers share.
const SHARED_SEEDS: u64 = 200;
/// Seeds that a planted bug may need to show.
const BUG_SEEDS: u64 = 200;

fn check(seeds: std::ops::Range<u64>, setting: &Setting) {
    let mut stories: Vec<Story> = Vec::new();
    for seed in seeds {
        match run(seed, setting) {
            Ok(story) => stories.push(story),
            Err(violation) => panic!("seed {seed} on {setting:?}: {violation}"),
        }
    }
    // A world in which nothing happens proves nothing.
    let sum = |count: fn(&Story) -> usize| stories.iter().map(count).sum::<usize>();
    for (what, happened) in [
        ("submissions", sum(|one| one.submitted)),
        ("submissions held off", sum(|one| one.held_off)),
        ("ends by a deadline", sum(|one| one.expired)),
        ("leases", sum(|one| one.leases)),
        ("lost leases", sum(|one| one.lost)),
        ("attempts after failures", sum(|one| one.retried)),
        ("ends of waits in line", sum(|one| one.unblocked)),
        ("refusals", sum(|one| one.refused)),
        ("starts", sum(|one| one.restarts)),
        ("callers that went", sum(|one| one.abandoned)),
        ("leases given back", sum(|one| one.handed_back)),
        ("waits with something to tell", sum(|one| one.woken)),
        ("failures of a store", sum(|one| one.faults)),
    ] {
        let least = stories.len() / 5;
        assert!(happened > least, "{happened} {what} in {setting:?}");
    }
}

#[test]
fn the_invariants_hold_in_memory() {
    check(0..SEEDS, &Setting::default());
}

#[test]
fn the_invariants_hold_in_a_file_that_starts_anew() {
    let setting = Setting {
        store: StoreKind::Sqlite,
        ..Setting::default()
    };
    check(0..FILE_SEEDS, &setting);
}

#[test]
fn the_invariants_hold_with_two_servers() {
    let setting = Setting {
        store: StoreKind::Shared,
        ..Setting::default()
    };
    check(0..SHARED_SEEDS, &setting);
}

/// Down to who has done what, and in which order.
#[test]
fn a_seed_always_tells_the_same_story() {
    for store in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Shared] {
        let setting = Setting {
            store,
            ..Setting::default()
        };
        for seed in [1, 7, 4_711] {
            let stories = [run(seed, &setting), run(seed, &setting)];
            let [Ok(one), Ok(other)] = stories else {
                panic!("seed {seed} on {store:?} breaks an invariant")
            };
            assert_eq!(one, other, "{seed} on {store:?}");
        }
    }
}

/// Runs seeds with a bug until one breaks an invariant in the way that is `meant`.
fn check_caught(bug: Bug, meant: fn(&Violation) -> bool) {
    check_caught_on(StoreKind::Memory, bug, meant);
}

fn check_caught_on(store: StoreKind, bug: Bug, meant: fn(&Violation) -> bool) {
    let setting = Setting {
        store,
        bug: Some(bug),
        ..Setting::default()
    };
    let mut others = Vec::new();
    for seed in 0..BUG_SEEDS {
        match run(seed, &setting) {
            Err(violation) if meant(&violation) => return,
            Err(violation) => others.push(violation.to_string()),
            Ok(_) => (),
        }
    }
    others.truncate(5);
    panic!("{bug:?} was not caught as it should be by {BUG_SEEDS} seeds; but: {others:?}");
}

/// Makes a test of each invariant and of a bug that it is there for.
macro_rules! caught {
    ($($test:ident: $bug:ident => $violation:ident)+) => {
        mod caught {
            use super::{Bug, Violation, check_caught};

            $(
                #[test]
                fn $test() {
                    check_caught(Bug::$bug, |it| matches!(it, Violation::$violation(..)));
                }
            )+

            /// Whoever adds an invariant must plant a bug for it.
            #[test]
            fn every_invariant_has_caught_a_bug() {
                let of = |violation: &Violation| match violation {
                    $(Violation::$violation(..) => stringify!($violation),)+
                    // It says what a store says of itself.
                    Violation::Store(_) => "",
                };
                assert_eq!(of(&Violation::WronglyRefused(String::new())), "WronglyRefused");
            }
        }
    };
}

caught! {
    an_operation_that_is_gone: LostOperation => Lost
    a_result_that_is_gone: LostCommit => LostResult
    an_end_that_was_none: SecondLife => EndedChanged
    a_version_that_stands_still: FrozenVersion => Version
    a_fence_that_goes_back: LowFence => Fence
    a_fence_that_two_have: SharedFence => FenceTwice
    a_lease_within_another: HiddenLoss => Leases
    a_look_at_what_is_others: AllSeeing => Trespass
    a_report_that_came_too_late: StaleFence => StaleTaken
    a_tally_that_is_wrong: WrongTally => Tally
    an_end_that_leaves_something_open: OpenEnd => Ending
    an_event_that_is_missing: LostEvent => History
    a_result_that_no_event_tells: FlatteredResult => Untold
    a_result_that_is_open_again: ForgottenResults => Reopened
    a_success_that_is_tried_again: AllAgain => SucceededAgain
    an_attempt_too_many: Tireless => Attempts
    an_attempt_that_does_not_count: UncountedAttempt => AttemptCount
    a_beginning_before_its_time: Hurry => TooEarly
    a_deadline_that_is_early: EarlyDeadline => ExpiredEarly
    a_deadline_that_is_late: LateDeadline => Overdue
    two_on_one_resource: NoLines => Together
    a_wait_that_should_be_a_refusal: Patient => Crowded
    a_refusal_that_should_be_a_wait: Impatient => WronglyRefused
    a_kind_that_nobody_gets: ForgottenKind => Stuck
    more_than_may_run: NoLimits => OverLimit
    a_commit_that_is_made_twice: CommitTwice => Twice
    an_answer_without_a_commit: HiddenFault => NotCommitted
    a_read_of_what_was: UntoldCache => StaleRead
    a_call_without_an_answer: SilentCommit => Unanswered
    a_wait_that_misses_the_end: LateWatch => Asleep
    a_worker_that_is_not_called: UntoldWorkers => Idle
    a_lease_that_nobody_has_heard_of: KeptLease => Unreturned
    a_wait_that_is_too_short: HastyWait => Early
    a_wait_that_is_too_long: LongWait => Overlong
    a_wait_that_never_rests: BusyWait => Restless
}

/// Other ways for the same invariants to break.
#[test]
fn what_nobody_hears_is_caught() {
    for bug in [Bug::DeafTimers, Bug::UnnotedAlarm] {
        check_caught(bug, |it| matches!(it, Violation::Overdue(..)));
    }
    check_caught(Bug::UnheardOrder, |it| matches!(it, Violation::Asleep(..)));
    check_caught_on(StoreKind::Shared, Bug::DeafFeed, |it| {
        matches!(it, Violation::Asleep(..))
    });
}
