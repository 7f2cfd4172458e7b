//! Who is handed what, in which order, and who has lost it.

use crate::bed::{
    Bed, LEASE, key, keys, lease_command, leased, operation, progress, release, report, result,
    results, under, wish, wish_of,
};
use longrun_model::{
    Command, FinishStatus, KindName, Phase, ProjectId, Rejected, ResourceStatus, Submission,
};
use longrun_store::{LeaseWish, Limits, Refused, Share, Sight, Write};
use std::collections::HashMap;

fn of(account: &str, kind: &str, priority: u8) -> Submission {
    Submission {
        account: account.into(),
        kind: kind.into(),
        priority,
        ..operation(1)
    }
}

pub(crate) fn urgent_ones_come_first_then_older_ones(bed: &mut Bed) {
    for priority in [0, 9, 5, 9, 0] {
        bed.submit(of("acme", "reboot", priority));
    }
    bed.reopen();
    assert_eq!(keys(&bed.lease(wish(3))), [2, 4, 3]);
    assert_eq!(keys(&bed.lease(wish(9))), [1, 5]);
    assert!(bed.lease(wish(9)).is_empty());
}

pub(crate) fn accounts_take_turns(bed: &mut Bed) {
    for _ in 0..5 {
        bed.submit(of("busy", "reboot", 0));
    }
    bed.submit(of("small", "reboot", 0));
    bed.submit(of("third", "reboot", 0));
    assert_eq!(keys(&bed.lease(wish(4))), [1, 6, 7, 2]);
    assert_eq!(keys(&bed.lease(wish(4))), [3, 4, 5]);
}

pub(crate) fn urgency_goes_before_turns(bed: &mut Bed) {
    bed.submit(of("busy", "reboot", 3));
    bed.submit(of("busy", "reboot", 3));
    bed.submit(of("small", "reboot", 0));
    assert_eq!(keys(&bed.lease(wish(9))), [1, 2, 3]);
}

pub(crate) fn a_wish_names_kinds_and_account(bed: &mut Bed) {
    bed.submit(of("acme", "reboot", 0));
    bed.submit(of("other", "reboot", 0));
    bed.submit(of("acme", "resize", 0));
    bed.submit(of("acme", "delete", 0));
    let none: [u64; 0] = [];
    for (account, kinds, expected) in [
        (Some("acme"), &["unknown"][..], &none[..]),
        (Some("nobody"), &["reboot"], &none),
        (None, &[], &none),
        (Some("acme"), &["reboot", "reboot", "resize"], &[1, 3]),
        (None, &["reboot", "delete"], &[2, 4]),
    ] {
        let found = bed.lease(wish_of(account, kinds, 9));
        assert_eq!(keys(&found), expected, "{account:?} {kinds:?}");
    }
}

fn within(project: Option<&str>, priority: u8) -> Submission {
    Submission {
        project: project.map(Into::into),
        ..of("acme", "reboot", priority)
    }
}

/// A wish of somebody who sees these projects of `acme`.
fn wish_in(projects: &[&str], max: usize) -> LeaseWish {
    let projects = projects.iter().map(|one| ProjectId::from(*one));
    LeaseWish {
        sight: Sight::Projects("acme".into(), projects.collect()),
        ..wish(max)
    }
}

pub(crate) fn a_wish_keeps_to_its_projects(bed: &mut Bed) {
    for (project, priority) in [
        (Some("b"), 0),
        (Some("a"), 0),
        (None, 0),
        (Some("c"), 9),
        (Some("b"), 9),
        (None, 5),
        (Some("a"), 0),
        (Some("b"), 0),
    ] {
        bed.submit(within(project, priority));
    }
    bed.submit(of("other", "reboot", 9));
    bed.reopen();
    let none: [u64; 0] = [];
    for (projects, max, expected) in [
        (&["unknown"][..], 1, &[6][..]),
        (&["a", "b"], 4, &[5, 1, 2, 3]),
        (&[], 9, &none),
        (&["a", "a"], 9, &[7]),
        (&["a"], 9, &none),
    ] {
        let found = bed.lease(wish_in(projects, max));
        assert_eq!(keys(&found), expected, "{projects:?}");
    }
    assert_eq!(
        keys(&bed.lease(wish_of(Some("acme"), &["reboot"], 9))),
        [4, 8]
    );
    assert_eq!(keys(&bed.lease(wish(9))), [9]);
}

/// What one looks at and may not take is there for the others, whatever they see.
pub(crate) fn workers_of_several_projects_share_a_commit(bed: &mut Bed) {
    for project in [Some("a"), None, Some("b"), Some("a"), Some("b"), None] {
        bed.submit(within(project, 0));
    }
    let wishes = [
        wish_in(&["a", "b"], 1),
        wish_in(&["b"], 1),
        wish_in(&["b", "c"], 1),
        wish(1),
        wish_in(&["a"], 1),
        wish_in(&["b"], 2),
        wish_in(&["a"], 1),
    ];
    let found = bed.commit(wishes.map(Write::Lease).into());
    let found: Vec<_> = found
        .into_iter()
        .map(|one| keys(&leased(one.unwrap())))
        .collect();
    let expected = [&[1][..], &[2], &[3], &[4], &[6], &[5], &[]];
    assert_eq!(found, expected);
}

/// However much of another project waits before it: more than any store looks at at a time.
pub(crate) fn a_project_is_found_behind_others(bed: &mut Bed) {
    let others = (0..400).map(|_| Write::Submit(within(Some("b"), 9)));
    bed.commit(others.collect());
    let own = bed.submit(within(Some("a"), 0));
    let shared = bed.submit(within(None, 0));
    for expected in [own, shared] {
        let found = bed.lease(wish_in(&["a"], 1));
        assert_eq!(keys(&found), [expected.get()]);
    }
    assert!(bed.lease(wish_in(&["a"], 1)).is_empty());
    assert_eq!(keys(&bed.lease(wish_in(&["b"], 1))), [1]);
}

/// One that is tried again, or was given back, waits where it stood.
pub(crate) fn what_waits_again_is_in_its_project(bed: &mut Bed) {
    let key = bed.submit(within(Some("a"), 0));
    for fence in 1..4 {
        assert!(bed.lease(wish_in(&["b"], 1)).is_empty());
        assert_eq!(keys(&bed.lease(wish_in(&["a"], 1))), [key.get()]);
        bed.write(crate::bed::write(key, release(fence))).unwrap();
    }
}

/// A limit of the account holds for all its projects together, and who sees one takes no turn from the others.
pub(crate) fn projects_of_an_account_share_its_limit(bed: &mut Bed) {
    let share = Share {
        running_max: Some(2),
        ..Share::default()
    };
    bed.limit(Limits {
        accounts: [("acme".into(), share)].into(),
        ..Limits::default()
    });
    for project in ["a", "b", "b", "a"] {
        bed.submit(within(Some(project), 0));
    }
    assert_eq!(keys(&bed.lease(wish_in(&["b"], 1))), [2]);
    assert_eq!(keys(&bed.lease(wish_in(&["a"], 9))), [1]);
    assert!(bed.lease(wish_in(&["a", "b"], 9)).is_empty());
    bed.write(crate::bed::write(key(2), release(1))).unwrap();
    assert_eq!(keys(&bed.lease(wish_in(&["a", "b"], 9))), [2]);
}

pub(crate) fn a_wish_for_none_gets_none(bed: &mut Bed) {
    bed.submit(operation(1));
    assert!(bed.lease(wish(0)).is_empty());
}

pub(crate) fn a_lease_hands_out_the_whole_operation(bed: &mut Bed) {
    for count in [0, 4, 65] {
        let key = bed.submit(operation(count));
        let leased = bed.lease(wish(1)).remove(0);
        assert_eq!(*leased, bed.get(key));
        assert!(leased.resources.is_whole());
        assert_eq!((leased.phase, leased.fence), (Phase::Running, 1));
        let lease = leased.lease.as_ref().unwrap();
        assert_eq!(lease.until, bed.instant().plus_millis(LEASE));
    }
}

/// Two workers in one commit never get the same operation, and the second sees what is left of each lane.
pub(crate) fn wishes_in_one_commit_share_what_waits(bed: &mut Bed) {
    for account in ["acme", "acme", "acme", "other"] {
        bed.submit(of(account, "reboot", 0));
    }
    let one = || Write::Lease(wish(1));
    let found = bed.commit(vec![
        one(),
        Write::Lease(wish_of(Some("acme"), &["reboot"], 1)),
        one(),
        Write::Lease(wish(9)),
        one(),
    ]);
    let found: Vec<_> = found
        .into_iter()
        .map(|one| keys(&leased(one.unwrap())))
        .collect();
    assert_eq!(found, [vec![1], vec![2], vec![4], vec![3], vec![]]);
}

/// What one wish saw and left, for the sake of other accounts, is there for the next wish of the commit.
pub(crate) fn what_a_wish_leaves_is_there_for_the_next(bed: &mut Bed) {
    for account in ["a", "a", "a", "a", "b", "c"] {
        bed.submit(of(account, "reboot", 0));
    }
    let found = bed.commit(vec![
        crate::bed::write(key(3), Command::Cancel),
        Write::Lease(wish(3)),
        Write::Lease(wish(3)),
    ]);
    let found: Vec<_> = found
        .into_iter()
        .skip(1)
        .map(|one| keys(&leased(one.unwrap())))
        .collect();
    assert_eq!(found, [vec![1, 5, 6], vec![2, 4]]);
}

/// What a commit has only looked at, it hands out: nobody is told of it, and nobody would come back for it.
pub(crate) fn what_the_same_commit_has_looked_at_is_handed_out(bed: &mut Bed) {
    let submission = under(operation(1), "again", 1);
    bed.submit(submission.clone());
    let second = bed.submit(operation(2));
    let found = bed.commit(vec![
        Write::Submit(submission),
        crate::bed::write(second, report(7, Vec::new())),
        Write::Lease(wish(9)),
    ]);
    let found = leased(found.into_iter().nth(2).unwrap().unwrap());
    assert_eq!(keys(&found), [1, 2]);
    for operation in &found {
        assert_eq!(**operation, bed.get(operation.key));
    }
}

/// What a commit has changed is handed out by the next one, not by itself.
pub(crate) fn what_the_same_commit_has_changed_is_left_out(bed: &mut Bed) {
    let cancelled = bed.submit(operation(1));
    let untouched = bed.submit(operation(1));
    let found = bed.commit(vec![
        crate::bed::write(cancelled, Command::Cancel),
        Write::Submit(operation(1)),
        Write::Lease(wish(9)),
    ]);
    let found = leased(found.into_iter().nth(2).unwrap().unwrap());
    assert_eq!(keys(&found), [untouched.get()]);
    assert_eq!(keys(&bed.lease(wish(9))), [3]);
}

pub(crate) fn an_old_fence_changes_nothing(bed: &mut Bed) {
    let key = bed.running(2);
    bed.command(key, release(1)).unwrap();
    let lost = bed.command(key, report(1, results(0..1, ResourceStatus::Succeeded)));
    assert_eq!(lost.unwrap_err(), Refused::Rejected(Rejected::LeaseLost));
    assert_eq!(
        bed.command(key, lease_command()).unwrap().operation.fence,
        2
    );
    let before = bed.get(key);
    for fence in [0, 1, 3] {
        for command in [
            Command::Heartbeat { fence },
            report(fence, vec![result(0, ResourceStatus::Succeeded)]),
            release(fence),
        ] {
            let refused = bed.command(key, command).unwrap_err();
            assert_eq!(refused, Refused::Rejected(Rejected::StaleFence));
        }
    }
    assert_eq!(bed.get(key), before);
}

pub(crate) fn what_is_held_is_not_leased(bed: &mut Bed) {
    let key = bed.running(1);
    let refused = bed.command(key, lease_command()).unwrap_err();
    assert_eq!(refused, Refused::Rejected(Rejected::NotLeasable));
    assert!(bed.lease(wish(9)).is_empty());
}

pub(crate) fn a_heartbeat_moves_the_end_and_is_not_seen(bed: &mut Bed) {
    for count in [1, 65] {
        let key = bed.running(count);
        let before = bed.get(key);
        bed.now += LEASE / 2;
        let alive = bed.command(key, Command::Heartbeat { fence: 1 }).unwrap();
        assert!(!alive.changed);
        bed.reopen();
        let after = bed.get(key);
        assert_eq!(after.version, before.version);
        let until = after.lease.unwrap().until;
        assert_eq!(until, bed.instant().plus_millis(LEASE));
        assert_eq!(bed.history(key, before.version, 9), []);
        bed.command(key, Command::Cancel).unwrap();
        bed.command(key, release(1)).unwrap();
    }
}

pub(crate) fn a_report_of_progress_moves_the_end_and_is_seen(bed: &mut Bed) {
    let key = bed.running(1);
    bed.now += 1;
    let told = bed.command(key, progress(1, 40)).unwrap();
    assert!(told.changed);
    let found = bed.get(key);
    assert_eq!(found.progress.percent, Some(40));
    assert_eq!(found.lease.unwrap().until, bed.instant().plus_millis(LEASE));
}

/// What is given back waits again, in its old place.
pub(crate) fn what_is_handed_back_waits_again(bed: &mut Bed) {
    let first = bed.submit(operation(1));
    bed.submit(operation(1));
    assert_eq!(keys(&bed.lease(wish(1))), [1]);
    let released = bed.command(first, release(1)).unwrap();
    assert_eq!(released.operation.phase, Phase::Queued);
    assert_eq!(released.operation.attempt, 0);
    bed.reopen();
    let again = bed.lease(wish(9));
    assert_eq!(keys(&again), [1, 2]);
    assert_eq!((again[0].fence, again[0].attempt), (2, 1));
}

/// Many lanes and long ones: each wish goes on where the last one stopped.
pub(crate) fn a_long_queue_empties_in_order(bed: &mut Bed) {
    let writes = (0..40).map(|number| {
        let account = ["a", "b", "c"][number % 3];
        Write::Submit(of(account, "reboot", 0))
    });
    bed.commit(writes.collect());
    let kinds: Vec<KindName> = vec!["reboot".into()];
    let mut found = Vec::new();
    for _ in 0..5 {
        let wishes = (0..4).map(|_| {
            Write::Lease(LeaseWish {
                kinds: kinds.clone(),
                ..wish(2)
            })
        });
        for leases in bed.commit(wishes.collect()) {
            found.extend(keys(&leased(leases.unwrap())));
        }
    }
    assert_eq!(found, (1..=40).collect::<Vec<_>>());
    assert_eq!(bed.get(key(40)).phase, Phase::Running);
}

/// The busy account's operations are older, and it is still the others' turn in between, whatever is taken at a time.
pub(crate) fn turns_go_on_from_lease_to_lease(bed: &mut Bed) {
    let busy = (0..50).map(|_| Write::Submit(of("busy", "reboot", 0)));
    bed.commit(busy.collect());
    for account in ["a", "z"] {
        bed.submit(of(account, "reboot", 0));
    }
    let mut found = Vec::new();
    for _ in 0..4 {
        found.extend(keys(&bed.lease(wish(1))));
        // Whoever works for one account takes no turn away from the others.
        found.extend(keys(&bed.lease(wish_of(Some("busy"), &["reboot"], 1))));
        bed.reopen();
    }
    assert_eq!(found, [51, 1, 2, 3, 52, 4, 5, 6]);
}

/// Someone who works on several kinds does not let one account's flood of one kind hide another's of the next.
pub(crate) fn kinds_take_turns(bed: &mut Bed) {
    for _ in 0..5 {
        bed.submit(of("busy", "reboot", 0));
    }
    bed.submit(of("small", "resize", 0));
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(keys(&bed.lease(wish_of(None, &["reboot", "resize"], 1))));
        bed.reopen();
    }
    assert_eq!(found, [1, 6, 2]);
}

pub(crate) fn shares_are_weighted(bed: &mut Bed) {
    let large = Share {
        weight: 3,
        ..Share::default()
    };
    bed.limit(Limits {
        accounts: HashMap::from([("large".into(), large)]),
        ..Limits::default()
    });
    for account in ["large", "small"] {
        let many = (0..8).map(|_| Write::Submit(of(account, "reboot", 0)));
        bed.commit(many.collect());
    }
    let mut found = Vec::new();
    for max in [1, 2, 5] {
        found.extend(keys(&bed.lease(wish(max))));
    }
    assert_eq!(found, [1, 2, 3, 9, 4, 5, 6, 10]);
}

/// What runs is counted, whoever asks, however it began and ended, and after the store was closed too.
pub(crate) fn no_more_run_than_may(bed: &mut Bed) {
    let few = Share {
        running_max: Some(2),
        ..Share::default()
    };
    let limits = Limits {
        kinds: HashMap::from([("reboot".into(), 3)]),
        accounts: HashMap::from([("acme".into(), few)]),
        ..Limits::default()
    };
    bed.limit(limits.clone());
    for account in ["acme", "acme", "acme", "other", "other"] {
        bed.submit(of(account, "reboot", 0));
    }
    let wishes = (0..3).map(|_| Write::Lease(wish(2))).collect();
    let found = bed.commit(wishes).into_iter();
    let found: Vec<_> = found.map(|one| keys(&leased(one.unwrap()))).collect();
    assert_eq!(found, [vec![1, 4], vec![2], vec![]]);
    bed.reopen();
    bed.limit(limits);
    assert!(bed.lease(wish(9)).is_empty());
    bed.command(key(4), crate::bed::finish(1, FinishStatus::Succeeded))
        .unwrap();
    assert_eq!(keys(&bed.lease(wish(9))), [5]);
    bed.command(key(1), release(1)).unwrap();
    assert_eq!(keys(&bed.lease(wish(9))), [1]);
    bed.now += LEASE;
    bed.command(key(2), Command::Tick).unwrap();
    assert_eq!(bed.lease(wish(9)).len(), 1);
    bed.limit(Limits::default());
    assert_eq!(bed.lease(wish(9)).len(), 1, "all that is left");
}

/// What one lease costs does not grow with the number of accounts that wait, nor with what waits of one.
pub(crate) fn many_accounts_are_served_in_turn(bed: &mut Bed) {
    let account = |number: usize| format!("account-{number:04}");
    let singles = (0..2_000).map(|number| Write::Submit(of(&account(number), "reboot", 0)));
    let flood = (0..2_000).map(|_| Write::Submit(of("account-0500", "reboot", 0)));
    bed.commit(flood.chain(singles).collect());
    let mut served = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..20 {
        let wishes = (0..100).map(|_| Write::Lease(wish(1))).collect();
        for leases in bed.commit(wishes) {
            for operation in leased(leases.unwrap()) {
                *served.entry(operation.account.to_string()).or_default() += 1;
            }
        }
    }
    assert_eq!(served.len(), 2_000);
    assert!(served.values().all(|count| *count == 1));
}

/// However much waits of one account, and however little a worker takes at a time, what another one hands in is among
/// the first two that are handed out then, at once and later.
pub(crate) fn a_flood_delays_a_single_one_by_one_turn(bed: &mut Bed) {
    const FLOOD: usize = 100_000;
    for _ in 0..FLOOD / 1_000 {
        let many = (0..1_000).map(|_| Write::Submit(of("busy", "reboot", 0)));
        bed.commit(many.collect());
    }
    for taken in [1, 2, 50, 1] {
        // The turn is the busy one's before and after: it has been served alone.
        assert_eq!(bed.lease(wish(taken)).len(), taken);
        let single = bed.submit(of("small", "reboot", 0));
        let mut next = keys(&bed.lease(wish(1)));
        next.extend(keys(&bed.lease(wish(1))));
        assert!(next.contains(&single.get()), "{taken}: {next:?}");
        bed.reopen();
        let single = bed.submit(of("small", "reboot", 0));
        let round = keys(&bed.lease(wish(2)));
        assert!(round.contains(&single.get()), "{taken}: {round:?}");
    }
}
