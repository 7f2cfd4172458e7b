//! Lists: which operations, in which order, and where a page ends.

use crate::bed::{Bed, START, finish, key, operation};
use longrun_model::{
    Command, FinishStatus, Operation, OperationKey, Phase, StuckRule, Submission, Timestamp,
};
use longrun_store::{Filter, Page, Write};

fn all() -> Filter {
    Filter {
        limit: 100,
        ..Filter::default()
    }
}

fn numbers(page: &Page) -> Vec<u64> {
    page.operations.iter().map(|one| one.key.get()).collect()
}

pub(crate) fn newest_come_first_without_their_resources(bed: &mut Bed) {
    for count in [0, 2, 65] {
        bed.submit(operation(count));
    }
    bed.reopen();
    let page = bed.list(all());
    assert_eq!((numbers(&page), page.next), (vec![3, 2, 1], None));
    for listed in &page.operations {
        let whole = bed.get(listed.key);
        assert_eq!(listed.resources.iter().len(), 0);
        assert_eq!(listed.resources.total(), whole.resources.total());
        let resources = listed.resources.clone();
        assert_eq!(*listed, Operation { resources, ..whole });
    }
}

/// What is asked for, and what is found.
type Row = (fn(&mut Filter), &'static [u64]);

pub(crate) fn each_filter_filters(bed: &mut Bed) {
    bed.submit(operation(1));
    bed.now = 10;
    bed.submit(Submission {
        account: "other".into(),
        kind: "resize".into(),
        project: Some("p".into()),
        labels: labels(&["a=1", "b=2"]),
        ..operation(1)
    });
    bed.running(1);
    bed.finished(1);
    let rows: [Row; 19] = [
        (|one| one.account = Some("acme".into()), &[4, 3, 1]),
        (|one| one.account = Some("nobody".into()), &[]),
        (|one| one.kind = Some("resize".into()), &[2]),
        (|one| one.kind = Some("unknown".into()), &[]),
        (|one| one.phase = Some(Phase::Queued), &[2, 1]),
        (|one| one.phase = Some(Phase::Succeeded), &[4]),
        (|one| one.phase = Some(Phase::Running), &[3]),
        (|one| one.stuck = Some((rule(), after(20))), &[3, 2, 1]),
        (|one| one.stuck = Some((rule(), after(19))), &[3, 1]),
        (|one| one.project = Some("p".into()), &[2]),
        (|one| one.labels = labels(&["b=2", "a=1"]), &[2]),
        (|one| one.labels = labels(&["a=2"]), &[]),
        (|one| one.created_after = Some(after(0)), &[4, 3, 2]),
        (|one| one.created_after = Some(after(10)), &[]),
        (|one| one.before = Some(key(3)), &[2, 1]),
        (|one| one.before = Some(key(1)), &[]),
        (
            |one| (one.account, one.before) = (Some("acme".into()), Some(key(3))),
            &[1],
        ),
        (|one| one.before = Some(OperationKey::MAX), &[4, 3, 2, 1]),
        (
            |one| (one.account, one.phase) = (Some("other".into()), Some(Phase::Running)),
            &[],
        ),
    ];
    for (change, expected) in rows {
        let mut filter = all();
        change(&mut filter);
        assert_eq!(numbers(&bed.list(filter.clone())), expected, "{filter:?}");
    }
}

fn rule() -> StuckRule {
    StuckRule {
        queued_millis: 10,
        silent_millis: 9,
        attempts: 5,
    }
}

fn labels(pairs: &[&str]) -> Vec<(Box<str>, Box<str>)> {
    let pairs = pairs.iter().map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

/// Pages that are read while others write show everything that was there, and nothing twice.
pub(crate) fn pages_are_stable_under_writes(bed: &mut Bed) {
    for _ in 0..7 {
        bed.submit(operation(1));
    }
    let mut found = Vec::new();
    let mut filter = Filter { limit: 3, ..all() };
    loop {
        let page = bed.list(filter.clone());
        found.extend(numbers(&page));
        bed.submit(operation(1));
        bed.command(key(7), Command::Cancel).unwrap();
        filter.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(found, [7, 6, 5, 4, 3, 2, 1]);
}

pub(crate) fn a_last_page_that_is_full_has_no_next(bed: &mut Bed) {
    for _ in 0..4 {
        bed.submit(operation(0));
    }
    let page = bed.list(Filter {
        limit: 2,
        before: Some(key(3)),
        ..all()
    });
    assert_eq!((numbers(&page), page.next), (vec![2, 1], None));
    let page = bed.list(Filter { limit: 2, ..all() });
    assert_eq!((numbers(&page), page.next), (vec![4, 3], Some(key(3))));
    assert_eq!(bed.list(Filter { limit: 0, ..all() }), Page::default());
}

/// A call looks at so many operations and no more; the next page goes on from there.
pub(crate) fn a_rare_match_is_found_page_by_page(bed: &mut Bed) {
    bed.submit(Submission {
        kind: "rare".into(),
        ..operation(0)
    });
    for _ in 0..3 {
        bed.commit((0..5_000).map(|_| Write::Submit(operation(0))).collect());
    }
    let rare = Filter {
        kind: Some("rare".into()),
        ..all()
    };
    let first = bed.list(rare.clone());
    assert_eq!((numbers(&first), first.next), (vec![], Some(key(5_002))));
    let second = bed.list(Filter {
        before: first.next,
        ..rare
    });
    assert_eq!((numbers(&second), second.next), (vec![1], None));
}

/// A list of what has not ended looks at nothing else, however much has ended since.
pub(crate) fn what_lives_is_found_among_what_has_ended(bed: &mut Bed) {
    let other = Submission {
        account: "other".into(),
        ..operation(0)
    };
    bed.submit(other);
    bed.submit(operation(0));
    for _ in 0..2 {
        bed.commit((0..5_500).map(|_| Write::Submit(operation(0))).collect());
    }
    let ended = (3..=11_002).map(|number| crate::bed::write(key(number), Command::Cancel));
    bed.commit(ended.collect());
    let acme = || Some("acme".into());
    let rows: [Row; 4] = [
        (|one| one.phase = Some(Phase::Queued), &[2, 1]),
        (|one| one.phase = Some(Phase::Running), &[]),
        (|one| one.stuck = Some((rule(), after(20))), &[2, 1]),
        (|one| one.before = Some(key(2)), &[1]),
    ];
    for (change, expected) in rows {
        let mut filter = Filter {
            phase: Some(Phase::Queued),
            ..all()
        };
        change(&mut filter);
        let page = bed.list(filter.clone());
        assert_eq!((numbers(&page), page.next), (expected.to_vec(), None));
        filter.account = acme();
        let own: Vec<u64> = expected.iter().copied().filter(|one| *one == 2).collect();
        assert_eq!(numbers(&bed.list(filter)), own);
    }
}

pub(crate) fn removed_ones_are_left_out(bed: &mut Bed) {
    let gone = bed.finished(1);
    let kept = bed.running(1);
    bed.command(gone, Command::Delete).unwrap();
    for account in [None, Some("acme".into())] {
        let page = bed.list(Filter { account, ..all() });
        assert_eq!(numbers(&page), [kept.get()]);
    }
    bed.command(kept, finish(1, FinishStatus::Failed)).unwrap();
    let failed = Filter {
        phase: Some(Phase::Failed),
        ..all()
    };
    assert_eq!(numbers(&bed.list(failed)), [kept.get()]);
}
