//! What is kept beside the operations: histories, timers, access keys, the secret of the ids.

use crate::bed::{
    Bed, LEASE, finish, key, lease_command, operation, progress, release, report, result, write,
};
use longrun_model::{
    Change, Command, FinishStatus, Json, Phase, Progress, Report, ResourceStatus, Submission,
};
use longrun_store::{AccessKey, HistoryEntry, User, Write};

pub(crate) fn a_history_tells_all_that_was_seen(bed: &mut Bed) {
    let key = bed.submit(operation(2));
    bed.now = 5;
    bed.command(key, lease_command()).unwrap();
    bed.command(key, Command::Heartbeat { fence: 1 }).unwrap();
    bed.now = 9;
    bed.command(key, report(1, vec![result(1, ResourceStatus::Failed)]))
        .unwrap();
    bed.command(key, Command::Cancel).unwrap();
    bed.command(key, finish(1, FinishStatus::Cancelled))
        .unwrap();
    bed.reopen();
    let history = bed.history(key, 0, 99);
    let numbers: Vec<u64> = history.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(bed.get(key).version, 5);
    let at: Vec<i64> = history
        .iter()
        .map(|entry| entry.event.at.as_millis() - crate::bed::START)
        .collect();
    assert_eq!(at, [0, 5, 9, 9, 9]);
    let [submitted, leased, reported, asked, ended] = &history[..] else {
        panic!("five events: {history:?}");
    };
    assert_eq!(submitted.event.change, Change::Submitted);
    let expected = Change::Leased {
        worker: "w".into(),
        fence: 1,
        length_millis: LEASE,
    };
    assert_eq!(leased.event.change, expected);
    check_reported(reported);
    assert_eq!(asked.event.change, Change::CancelRequested);
    check_ended(bed, ended, key);
}

fn check_reported(entry: &HistoryEntry) {
    let Change::Reported { results, progress } = &entry.event.change else {
        panic!("not a report: {entry:?}");
    };
    assert_eq!(*progress, Progress::default());
    let [(1, outcome)] = &results[..] else {
        panic!("not about the second resource: {results:?}");
    };
    assert_eq!(outcome.status, ResourceStatus::Failed);
    assert_eq!(outcome.output, None, "it stands in the resource");
}

fn check_ended(bed: &Bed, entry: &HistoryEntry, key: longrun_model::OperationKey) {
    let Change::Ended {
        phase,
        closing,
        error,
        ..
    } = &entry.event.change
    else {
        panic!("not the end: {entry:?}");
    };
    assert_eq!(*phase, Phase::Cancelled);
    assert_eq!(closing.status, ResourceStatus::Cancelled);
    assert_eq!(*error, bed.get(key).error);
}

pub(crate) fn a_history_is_read_in_parts(bed: &mut Bed) {
    let operation = bed.running(1);
    for percent in 0..100 {
        bed.command(operation, progress(1, percent)).unwrap();
    }
    bed.reopen();
    let numbers = |after, limit| -> Vec<u64> {
        let history = bed.history(operation, after, limit);
        history.iter().map(|entry| entry.number).collect()
    };
    assert_eq!(numbers(0, 3), [1, 2, 3]);
    assert_eq!(numbers(50, 2), [51, 52]);
    assert_eq!(numbers(99, 9), [100, 101, 102]);
    assert_eq!(numbers(102, 9), []);
    assert_eq!(numbers(u64::MAX, 9), []);
    assert_eq!(numbers(0, 0), []);
    assert_eq!(numbers(0, usize::MAX), (1..=102).collect::<Vec<_>>());
    assert_eq!(bed.history(key(77), 0, 9), []);
}

/// Short and long events in turns, several a commit: they come out in the order they happened.
pub(crate) fn a_history_is_in_order_however_it_is_kept(bed: &mut Bed) {
    let key = bed.running(200);
    for round in 0..20_usize {
        let many =
            (round * 10..(round + 1) * 10).map(|index| result(index, ResourceStatus::Running));
        let message = Progress {
            percent: None,
            message: Some("m".repeat(round * 20).into()),
        };
        let wordy = Command::Report(Report {
            fence: 1,
            progress: message,
            ..Report::default()
        });
        bed.commit(vec![
            write(key, report(1, many.collect())),
            write(key, wordy),
            write(key, progress(1, 1)),
        ]);
    }
    bed.reopen();
    let history = bed.history(key, 0, 999);
    let numbers: Vec<u64> = history.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, (1..=62).collect::<Vec<_>>());
}

pub(crate) fn timers_run_out_in_order(bed: &mut Bed) {
    let deadlines = [300, 100, 200, 100];
    for deadline in deadlines {
        bed.submit(Submission {
            deadline_at: Some(bed.instant().plus_millis(deadline)),
            ..operation(1)
        });
    }
    bed.submit(operation(1));
    let start = bed.instant();
    assert_eq!(bed.due(9).next_at, Some(start.plus_millis(100)));
    bed.now = 200;
    bed.reopen();
    let due = bed.due(9);
    assert_eq!(due.keys, [key(2), key(4), key(3)]);
    assert_eq!(due.next_at, Some(start.plus_millis(300)));
    let due = bed.due(2);
    assert_eq!(
        (due.keys.len(), due.next_at),
        (2, Some(start.plus_millis(200)))
    );
}

pub(crate) fn a_timer_follows_its_operation(bed: &mut Bed) {
    let key = bed.submit(Submission {
        retention_millis: 70_000,
        deadline_at: Some(bed.instant().plus_millis(50_000)),
        ..operation(2)
    });
    let next = |bed: &Bed| bed.due(9).next_at.unwrap().as_millis() - crate::bed::START;
    assert_eq!(next(bed), 50_000);
    bed.command(key, lease_command()).unwrap();
    assert_eq!(next(bed), LEASE);
    bed.now = 4_000;
    bed.command(key, Command::Heartbeat { fence: 1 }).unwrap();
    assert_eq!(next(bed), 4_000 + LEASE);
    bed.command(key, release(1)).unwrap();
    assert_eq!(next(bed), 50_000);
    bed.command(key, Command::Cancel).unwrap();
    assert_eq!(next(bed), 74_000);
    bed.command(key, Command::Delete).unwrap();
    assert_eq!(bed.due(9).next_at, None);
}

fn access_key(id: &str, policy: Option<&str>) -> AccessKey {
    AccessKey {
        id: id.into(),
        account: "acme".into(),
        projects: vec!["p1".into(), "p2".into()],
        project_names: vec![("p2".into(), "eu-de".into())],
        user: policy.map(|_| User {
            name: "jane".into(),
            password_hash: "$argon2id$".into(),
        }),
        policy: policy.map(Json::from_checked),
        sealed_secret: vec![0, 1, 255],
        token_digest: [9; 32],
        disabled: false,
        created_at: longrun_model::Timestamp::from_millis(-5),
    }
}

pub(crate) fn access_keys_are_kept_replaced_and_forgotten(bed: &mut Bed) {
    let (first, second) = (access_key("b", None), access_key("a", Some("[]")));
    bed.commit(vec![
        Write::PutAccessKey(first.clone()),
        Write::PutAccessKey(second.clone()),
    ]);
    bed.reopen();
    assert_eq!(bed.access_keys(), [second.clone(), first.clone()]);
    let disabled = AccessKey {
        disabled: true,
        projects: Vec::new(),
        ..first
    };
    bed.commit(vec![
        Write::PutAccessKey(disabled.clone()),
        Write::RemoveAccessKey("a".into()),
        Write::RemoveAccessKey("unknown".into()),
    ]);
    bed.reopen();
    assert_eq!(bed.access_keys(), [disabled]);
    bed.commit(vec![
        Write::RemoveAccessKey("b".into()),
        Write::PutAccessKey(second.clone()),
    ]);
    assert_eq!(bed.access_keys(), [second]);
}

pub(crate) fn the_first_secret_stays(bed: &mut Bed) {
    assert_eq!(bed.id_secret([1; 16]), [1; 16]);
    bed.reopen();
    assert_eq!(bed.id_secret([2; 16]), [1; 16]);
}

pub(crate) fn a_commit_of_nothing_does_nothing(bed: &mut Bed) {
    assert_eq!(bed.commit(Vec::new()).len(), 0);
    assert_eq!(bed.submit(operation(0)), key(1));
}
