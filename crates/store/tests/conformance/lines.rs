//! Kinds of which only one operation may work on a resource at a time.

use crate::bed::{
    Bed, finish, key, keys, lease_command, operation, progress, release, results, wish, write,
};
use longrun_model::{
    Busy, Change, Command, Exclusive, FinishStatus, OperationKey, Phase, ResourceStatus, Retry,
    RetryScope, Submission,
};
use longrun_store::{Refused, Write, Written};
use std::sync::Arc;

/// A submission of a kind that does not share these resources.
fn exclusive(busy: Busy, ids: &[&str]) -> Submission {
    let exclusive = Exclusive {
        group: "".into(),
        busy,
    };
    Submission {
        exclusive: Some(Arc::new(exclusive)),
        ..Submission::new("acme", "reboot").with_resources(ids.iter().copied())
    }
}

fn queued(ids: &[&str]) -> Submission {
    exclusive(Busy::Queue, ids)
}

fn refused(ids: &[&str]) -> Submission {
    exclusive(Busy::Refuse, ids)
}

/// Ends an operation, whoever has it.
fn end(bed: &Bed, number: u64) -> Vec<u64> {
    let cancel = write(
        key(number),
        Command::Finish(longrun_model::Finish {
            status: FinishStatus::Succeeded,
            output: None,
            error: None,
        }),
    );
    let Ok(Written::Commanded { freed, .. }) = bed.write(cancel) else {
        panic!("{number} has not ended");
    };
    keys(&freed)
}

fn leased(bed: &Bed) -> Vec<u64> {
    keys(&bed.lease(wish(99)))
}

fn blocked_by(bed: &Bed, number: u64) -> u32 {
    bed.get(key(number)).blocked_by
}

pub(crate) fn one_at_a_time_and_in_order(bed: &mut Bed) {
    for _ in 0..4 {
        bed.submit(queued(&["a"]));
    }
    bed.submit(queued(&["b"]));
    assert_eq!(leased(bed), [1, 5], "others are not held up");
    for number in 1..4 {
        bed.reopen();
        assert_eq!(leased(bed), []);
        assert_eq!(blocked_by(bed, number + 1), 1);
        assert_eq!(end(bed, number), [number + 1]);
        assert_eq!(leased(bed), [number + 1]);
    }
    assert_eq!(end(bed, 4), []);
}

/// However resources overlap, whoever came first goes on; what waits for one resource holds its place for the others.
pub(crate) fn many_resources_wait_for_all(bed: &mut Bed) {
    bed.submit(queued(&["a", "b"]));
    bed.submit(queued(&["b", "c"]));
    bed.submit(queued(&["c", "d"]));
    bed.submit(queued(&["d", "a"]));
    bed.submit(queued(&["a", "b", "c", "d", "e"]));
    let found: Vec<u32> = (1..=5).map(|number| blocked_by(bed, number)).collect();
    assert_eq!(found, [0, 1, 1, 2, 4]);
    assert_eq!(leased(bed), [1]);
    bed.reopen();
    assert_eq!(end(bed, 1), [2], "4 still waits for 3, and 5 for all");
    assert_eq!((blocked_by(bed, 4), blocked_by(bed, 5)), (1, 4));
    // What waits itself may give up: those behind it move up.
    bed.reopen();
    assert_eq!(end(bed, 3), [4]);
    assert_eq!((blocked_by(bed, 4), blocked_by(bed, 5)), (0, 4));
    assert_eq!(leased(bed), [2, 4]);
    assert_eq!(end(bed, 4), []);
    assert_eq!(end(bed, 2), [5]);
    assert_eq!(leased(bed), [5]);
}

pub(crate) fn who_does_not_wait_is_refused(bed: &mut Bed) {
    bed.submit(refused(&["a", "b"]));
    bed.reopen();
    let held = |id: &str, by| Refused::ResourceHeld {
        resource: id.into(),
        by,
    };
    let outcome = bed.try_submit(refused(&["c", "b"]));
    assert_eq!(outcome.unwrap_err(), held("b", OperationKey::new(1)));
    bed.submit(refused(&["c"]));
    let batch = |all| bed.write(Write::SubmitAll(all)).map(drop);
    let outcome = batch(vec![queued(&["d"]), refused(&["e"]), refused(&["e"])]);
    assert_eq!(outcome, Err(held("e", None)), "all or nothing");
    assert_eq!(batch(vec![refused(&["d"]), queued(&["d"])]), Ok(()));
    end(bed, 1);
    bed.submit(refused(&["b"]));
    assert_eq!(leased(bed), [2, 3, 5], "4 waits for 3");
}

/// A repeated submission is told of the first one, not that it is in its own way.
pub(crate) fn a_repeated_submission_is_not_in_its_own_way(bed: &mut Bed) {
    let again = || crate::bed::under(refused(&["a"]), "k", 1);
    let first = bed.submit(again());
    assert_eq!(bed.submit(again()), first);
    let all = bed.write(Write::SubmitAll(vec![again(), again()])).unwrap();
    let all = crate::bed::submitted_all(all);
    assert!(all.iter().all(|one| one.repeated));
    let twice = || crate::bed::under(refused(&["b"]), "l", 1);
    let all = bed.write(Write::SubmitAll(vec![twice(), twice()])).unwrap();
    let made = crate::bed::submitted_all(all);
    assert_eq!((made[0].repeated, made[1].repeated), (false, true));
}

/// Resources are told apart by account, group, type and id, and nothing else.
pub(crate) fn lines_are_apart(bed: &mut Bed) {
    let typed = |kind: Option<&str>| {
        let mut submission = queued(&["a"]);
        submission.resources[0].kind = kind.map(Into::into);
        submission
    };
    let grouped = Exclusive {
        group: "g".into(),
        busy: Busy::Queue,
    };
    bed.submit(queued(&["a"]));
    bed.submit(Submission {
        account: "other".into(),
        ..queued(&["a"])
    });
    bed.submit(typed(Some("disk")));
    bed.submit(Submission {
        exclusive: Some(Arc::new(grouped)),
        ..queued(&["a"])
    });
    bed.submit(operation(1));
    bed.submit(Submission {
        kind: "resize".into(),
        ..queued(&["a"])
    });
    bed.submit(typed(Some("disk")));
    let found: Vec<u32> = (1..=7).map(|number| blocked_by(bed, number)).collect();
    assert_eq!(found, [0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(bed.submit(queued(&[])), key(8));
    assert_eq!(blocked_by(bed, 8), 0, "no resource, no line");
}

/// A place is kept over lost leases, pauses between attempts and giving back: the work is half done.
pub(crate) fn what_was_begun_keeps_its_place(bed: &mut Bed) {
    bed.submit(Submission {
        retry: Some(Arc::new(Retry {
            attempts_max: 3,
            pause_first_millis: 5_000,
            pause_max_millis: 5_000,
            codes: vec!["E".into()],
            scope: RetryScope::Failed,
        })),
        ..queued(&["r0"])
    });
    bed.submit(queued(&["r0"]));
    bed.command(key(1), lease_command()).unwrap();
    bed.command(key(1), release(1)).unwrap();
    assert_eq!(leased(bed), [1]);
    let mut failed = results([0], ResourceStatus::Failed);
    failed[0].outcome.error = Some(Box::new(longrun_model::Failure::new("E", "broken")));
    let report = Command::Report(longrun_model::Report {
        fence: 2,
        results: failed,
        chance: u32::MAX,
        ..longrun_model::Report::default()
    });
    let again = bed.command(key(1), report).unwrap().operation;
    assert!(
        again.not_before.is_some(),
        "a pause before the next attempt"
    );
    assert_eq!(leased(bed), [], "nobody uses the pause");
    bed.command(key(1), Command::Hasten).unwrap();
    assert_eq!(blocked_by(bed, 1), 0, "it is still the first");
    assert_eq!(leased(bed), [1]);
    bed.command(key(1), finish(3, FinishStatus::Succeeded))
        .unwrap();
    assert_eq!(leased(bed), [2]);
}

/// One that is to begin later takes its place when its time has come, behind those that are there, whatever its kind
/// does otherwise.
pub(crate) fn what_is_delayed_joins_when_its_time_comes(bed: &mut Bed) {
    let delayed = |submission: Submission| Submission {
        not_before: Some(bed.instant().plus_millis(1_000)),
        ..submission
    };
    let later = [delayed(queued(&["a"])), delayed(refused(&["a", "z"]))];
    for submission in later {
        bed.submit(submission);
    }
    bed.submit(refused(&["a"]));
    bed.submit(queued(&["a"]));
    bed.now = 1_000;
    bed.reopen();
    bed.command(key(2), Command::Hasten).unwrap();
    bed.command(key(1), Command::Tick).unwrap();
    assert_eq!((blocked_by(bed, 2), blocked_by(bed, 1)), (1, 1));
    let changes: Vec<Change> = bed
        .history(key(1), 0, 9)
        .into_iter()
        .map(|one| one.event.change)
        .collect();
    assert_eq!(
        changes,
        [
            Change::Submitted,
            Change::Ready,
            Change::Blocked { lines: 1 }
        ]
    );
    for number in [3, 4, 2, 1] {
        bed.reopen();
        assert_eq!(leased(bed), [number]);
        end(bed, number);
    }
    let last = bed.history(key(1), 3, 1).remove(0).event.change;
    assert_eq!(last, Change::Unblocked);
}

/// All that can happen to who stands in a line in one commit.
pub(crate) fn one_commit_may_turn_lines_over(bed: &mut Bed) {
    for _ in 0..4 {
        bed.submit(queued(&["a", "b"]));
    }
    let outcomes = bed.commit(vec![
        write(key(3), Command::Cancel),
        write(key(1), Command::Cancel),
        write(key(2), Command::Cancel),
        Write::Submit(queued(&["b", "a"])),
        write(key(4), Command::Cancel),
        Write::Submit(queued(&["a"])),
        Write::Lease(wish(9)),
        write(key(5), lease_command()),
        write(key(5), progress(1, 50)),
        write(key(6), Command::Cancel),
        Write::Submit(queued(&["a"])),
    ]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    bed.reopen();
    assert_eq!(bed.get(key(5)).phase, Phase::Running);
    assert_eq!(blocked_by(bed, 7), 1);
    assert_eq!(end(bed, 5), [7]);
    assert_eq!(end(bed, 7), []);
    bed.submit(refused(&["a", "b"]));
    assert_eq!(blocked_by(bed, 8), 0);
}

/// Large operations stand in as many lines as they have resources, and leave all of them.
pub(crate) fn large_operations_stand_in_many_lines(bed: &mut Bed) {
    let ids: Vec<String> = (0..200).map(|index| format!("r{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    bed.submit(queued(&ids));
    for id in &ids {
        bed.submit(queued(&[*id]));
    }
    bed.submit(queued(&ids));
    assert_eq!(blocked_by(bed, 202), 200);
    bed.reopen();
    assert_eq!(leased(bed), [1]);
    let report = crate::bed::report(1, results(0..200, ResourceStatus::Succeeded));
    let Ok(Written::Commanded { freed, .. }) = bed.write(write(key(1), report)) else {
        panic!("the report was refused");
    };
    assert_eq!(keys(&freed), (2..=201).collect::<Vec<_>>());
    for number in 2..=201 {
        assert_eq!(blocked_by(bed, 202), 202 - u32::try_from(number).unwrap());
        let expected: &[u64] = if number == 201 { &[202] } else { &[] };
        assert_eq!(end(bed, number), expected);
    }
    let last = bed.lease(wish(9)).remove(0);
    assert!(last.resources.is_whole() && last.resources.total() == 200);
}
