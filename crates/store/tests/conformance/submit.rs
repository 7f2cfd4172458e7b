//! Submitting, alone and in batches, once and again.

use crate::bed::{
    Bed, finish, key, lease_command, operation, report, results, submitted, submitted_all, under,
    write,
};
use longrun_model::{Command, FinishStatus, Json, Phase, ResourceStatus, Submission, Timestamp};
use longrun_store::{Refused, Submitted, Write, Written};

pub(crate) fn everything_handed_in_is_kept(bed: &mut Bed) {
    let mut submission = Submission {
        project: Some("p1".into()),
        region: Some("ap-guangzhou".into()),
        resource_group: Some("rg-1".into()),
        labels: vec![("team".into(), "blue".into()), ("empty".into(), "".into())],
        priority: 7,
        input: Some(Json::from_checked("{\"é\":1}")),
        deadline_at: Some(bed.instant().plus_millis(60_000)),
        retention_millis: 5,
        mixed_end: longrun_model::MixedEnd::Succeeded,
        ..operation(2)
    };
    submission.resources[1].kind = Some("server".into());
    submission.resources[1].input = Some(Json::from_checked("[1,2]"));
    let told = bed.try_submit(submission.clone()).unwrap();
    assert!(!told.repeated);
    let expected = longrun_model::Operation::submitted(key(1), submission.clone(), bed.instant());
    assert_eq!(*told.operation, expected);
    bed.reopen();
    assert_eq!(bed.get(key(1)), expected);
}

pub(crate) fn keys_ascend_and_are_never_given_twice(bed: &mut Bed) {
    for expected in 1..=3 {
        assert_eq!(bed.submit(operation(1)), key(expected));
    }
    bed.command(key(3), Command::Cancel).unwrap();
    bed.command(key(3), Command::Delete).unwrap();
    bed.reopen();
    let batch = bed.write(Write::SubmitAll(vec![operation(0), operation(1)]));
    assert_eq!(numbers(batch), [4, 5]);
}

fn numbers(written: Result<Written, Refused>) -> Vec<u64> {
    let all = submitted_all(written.unwrap());
    all.iter().map(|one| one.operation.key.get()).collect()
}

pub(crate) fn every_number_of_resources_is_kept(bed: &mut Bed) {
    for count in [0, 1, 4, 63, 64, 65, 128, 1_000] {
        let key = bed.running(count);
        let half = results(0..count / 2, ResourceStatus::Succeeded);
        bed.command(key, report(1, half)).unwrap();
        bed.reopen();
        let found = bed.get(key);
        assert!(found.resources.is_whole());
        assert_eq!(found.tally.total as usize, count);
        assert_eq!(found.tally.succeeded as usize, count / 2);
        for (index, resource) in found.resources.iter().enumerate() {
            assert_eq!(resource.id.as_str(), format!("r{index}"));
            assert_eq!(resource.output.is_some(), index < count / 2, "of {count}");
        }
    }
}

pub(crate) fn a_repeated_submit_returns_the_first(bed: &mut Bed) {
    let first = bed.submit(under(operation(65), "k", 1));
    bed.command(first, lease_command()).unwrap();
    bed.reopen();
    let again = bed.try_submit(under(operation(65), "k", 1)).unwrap();
    assert!(again.repeated);
    assert_eq!(*again.operation, bed.get(first), "as it is now, and whole");
}

pub(crate) fn a_repeated_submit_in_the_same_commit_returns_the_first(bed: &mut Bed) {
    let submit = |payload| Write::Submit(under(operation(1), "k", payload));
    let mut written = bed
        .commit(vec![submit(1), submit(1), submit(2)])
        .into_iter();
    let mut next = || written.next().unwrap();
    let (first, second): (Submitted, Submitted) =
        (submitted(next().unwrap()), submitted(next().unwrap()));
    assert_eq!((first.repeated, second.repeated), (false, true));
    assert_eq!(first.operation, second.operation);
    assert_eq!(next().unwrap_err(), Refused::IdempotencyMismatch);
    assert_eq!(bed.find(key(2)), None);
}

pub(crate) fn what_was_submitted_under_a_key_is_found_again(bed: &mut Bed) {
    let recall = |account: &str, key: &str| Write::Recall {
        account: account.into(),
        key: key.into(),
    };
    let found = |bed: &Bed, account, key| {
        let written = bed.write(recall(account, key));
        written.ok().map(|written| submitted(written).operation.key)
    };
    assert_eq!(found(bed, "acme", "k"), None);
    let key = bed.submit(under(operation(70), "k", 1));
    bed.reopen();
    assert_eq!(found(bed, "acme", "k"), Some(key));
    assert_eq!(found(bed, "acme", "l"), None);
    assert_eq!(found(bed, "other", "k"), None);
    let both = bed.commit(vec![
        Write::Submit(under(operation(1), "l", 1)),
        recall("acme", "l"),
    ]);
    let both: Vec<_> = both
        .into_iter()
        .map(|one| submitted(one.unwrap()))
        .collect();
    assert_eq!(both[0].operation, both[1].operation, "in the same commit");
    bed.command(key, Command::Cancel).unwrap();
    bed.command(key, Command::Delete).unwrap();
    assert_eq!(found(bed, "acme", "k"), None);
}

pub(crate) fn another_payload_under_the_same_key_is_refused(bed: &mut Bed) {
    bed.submit(under(operation(1), "k", 1));
    let other = bed.try_submit(under(operation(2), "k", 2));
    assert_eq!(other.unwrap_err(), Refused::IdempotencyMismatch);
    let elsewhere = Submission {
        account: "other".into(),
        ..under(operation(2), "k", 2)
    };
    assert_eq!(
        bed.submit(elsewhere),
        key(2),
        "a key belongs to its account"
    );
}

pub(crate) fn an_idempotency_key_goes_with_its_operation(bed: &mut Bed) {
    let first = bed.submit(under(operation(1), "k", 1));
    bed.command(first, Command::Cancel).unwrap();
    let before = bed.try_submit(under(operation(1), "k", 1)).unwrap();
    assert!(
        before.repeated,
        "an operation that ended is still the first"
    );
    bed.command(first, Command::Delete).unwrap();
    bed.reopen();
    let after = bed.try_submit(under(operation(1), "k", 2)).unwrap();
    assert_eq!((after.repeated, after.operation.key), (false, key(2)));
}

pub(crate) fn an_idempotency_key_is_free_once_its_operation_is_removed_in_the_same_commit(
    bed: &mut Bed,
) {
    let first = bed.submit(under(operation(1), "k", 1));
    let mut written = bed.commit(vec![
        write(first, Command::Cancel),
        write(first, Command::Delete),
        Write::Submit(under(operation(1), "k", 2)),
    ]);
    let second = submitted(written.remove(2).unwrap());
    assert_eq!((second.repeated, second.operation.key), (false, key(2)));
    bed.reopen();
    let again = bed.try_submit(under(operation(1), "k", 2)).unwrap();
    assert_eq!((again.repeated, again.operation.key), (true, key(2)));
}

pub(crate) fn a_batch_is_all_or_nothing(bed: &mut Bed) {
    bed.submit(under(operation(1), "k", 1));
    let stored = bed.write(Write::SubmitAll(vec![
        operation(1),
        under(operation(1), "k", 2),
    ]));
    assert_eq!(stored.unwrap_err(), Refused::IdempotencyMismatch);
    let inside = bed.write(Write::SubmitAll(vec![
        under(operation(1), "new", 1),
        operation(1),
        under(operation(1), "new", 2),
    ]));
    assert_eq!(inside.unwrap_err(), Refused::IdempotencyMismatch);
    assert_eq!(bed.find(key(2)), None);
    let good = bed.write(Write::SubmitAll(vec![
        under(operation(1), "new", 2),
        under(operation(1), "k", 1),
        under(operation(1), "new", 2),
    ]));
    assert_eq!(
        numbers(good),
        [2, 1, 2],
        "in order, the known ones among them"
    );
    assert_eq!(numbers(bed.write(Write::SubmitAll(Vec::new()))), []);
}

/// What was submitted can be carried out before anybody was told that it is there.
pub(crate) fn an_operation_can_be_born_and_end_in_one_commit(bed: &mut Bed) {
    let first = key(1);
    let all = |count| results(0..count, ResourceStatus::Succeeded);
    for (offset, count) in [0, 1, 64, 65].into_iter().enumerate() {
        let key = key(first.get() + offset as u64);
        let last = if count == 0 {
            finish(1, FinishStatus::Succeeded)
        } else {
            report(1, all(count))
        };
        let written = bed.commit(vec![
            Write::Submit(operation(count)),
            write(key, lease_command()),
            write(key, last),
        ]);
        assert!(written.iter().all(Result::is_ok), "{written:?}");
        bed.reopen();
        let found = bed.get(key);
        assert_eq!(
            (found.phase, found.tally.succeeded as usize),
            (Phase::Succeeded, count)
        );
        assert_eq!(
            bed.history(key, 0, 9).len(),
            usize::try_from(found.version).unwrap()
        );
    }
}

pub(crate) fn an_operation_can_be_born_and_removed_in_one_commit(bed: &mut Bed) {
    for (number, count) in [(1, 1), (2, 65)] {
        let written = bed.commit(vec![
            Write::Submit(under(operation(count), "k", 1)),
            write(key(number), Command::Cancel),
            write(key(number), Command::Delete),
        ]);
        assert!(written.iter().all(Result::is_ok), "{written:?}");
        assert!(bed.get(key(number)).removed);
        assert_eq!(bed.due(9).next_at, None);
    }
}

/// A clock that was set back, or one that is far off, is kept as it is.
pub(crate) fn every_instant_is_kept(bed: &mut Bed) {
    for millis in [i64::MIN, -1, 0, i64::MAX] {
        let submission = Submission {
            deadline_at: Some(Timestamp::from_millis(millis)),
            ..operation(0)
        };
        let key = bed.submit(submission);
        bed.reopen();
        let deadline = bed.get(key).deadline_at;
        assert_eq!(deadline, Some(Timestamp::from_millis(millis)));
    }
}
