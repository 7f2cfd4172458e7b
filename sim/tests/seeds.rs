//! Many seeds on the rules as they are, and on each planted bug until one catches it.

use longrun_sim::{Bug, Setting, StoreKind, run};

/// Seeds on the memory store.
const SEEDS: u64 = 1_000;
/// Seeds on a file, which starts anew now and then.
const FILE_SEEDS: u64 = 40;

fn check(seeds: std::ops::Range<u64>, setting: &Setting) {
    let (mut leases, mut refused) = (0, 0);
    for seed in seeds {
        match run(seed, setting) {
            Ok(story) => {
                leases += story.leases;
                refused += story.refused;
            }
            Err(violation) => panic!("seed {seed} on {setting:?}: {violation}"),
        }
    }
    // A world in which nothing happens proves nothing.
    assert!(
        leases > 100 && refused > 100,
        "{leases} leases, {refused} refusals"
    );
}

#[test]
fn the_invariants_hold_in_memory() {
    check(0..SEEDS, &Setting::default());
}

#[test]
fn the_invariants_hold_in_a_file_that_starts_anew() {
    let setting = Setting {
        store: StoreKind::Sqlite,
        steps: 150,
        bug: None,
    };
    check(0..FILE_SEEDS, &setting);
}

#[test]
fn a_seed_always_tells_the_same_story() {
    let setting = Setting::default();
    for seed in [1, 7, 4_711] {
        let stories = [run(seed, &setting), run(seed, &setting)];
        let [Ok(one), Ok(other)] = stories else {
            panic!("seed {seed} breaks an invariant")
        };
        assert_eq!(one, other, "{seed}");
    }
}

#[test]
fn every_planted_bug_is_caught() {
    for bug in Bug::ALL {
        let setting = Setting {
            bug: Some(bug),
            ..Setting::default()
        };
        let caught = (0..200).find_map(|seed| run(seed, &setting).err());
        assert!(caught.is_some(), "{bug:?} was not caught by 200 seeds");
    }
}
