//! Results of single resources, as they come in.

use crate::bed::{
    Bed, commanded, finish, key, lease_command, operation, progress, release, report, result,
    results, submitted, write,
};
use longrun_model::{
    Command, Failure, FinishStatus, Operation, OperationKey, Phase, Refusal, RefusedResult,
    Rejected, Report, ResourceId, ResourceResult, ResourceStatus, Submission,
};
use longrun_store::{Refused, Sight, Write};

fn refused(id: &str, reason: Refusal) -> RefusedResult {
    RefusedResult {
        resource: Some(ResourceId::from(id)),
        reason,
    }
}

/// The statuses of the resources with these indexes.
fn statuses(operation: &Operation, indexes: &[u32]) -> Vec<ResourceStatus> {
    let status = |index: &u32| operation.resources.get(*index).unwrap().status;
    indexes.iter().map(status).collect()
}

pub(crate) fn results_are_kept_one_by_one(bed: &mut Bed) {
    for count in [2, 64, 65, 1_000] {
        let key = bed.running(count);
        let last = count - 1;
        let told = vec![
            result(last, ResourceStatus::Failed),
            result(0, ResourceStatus::Succeeded),
        ];
        let done = bed.command(key, report(1, told)).unwrap();
        assert!(done.changed && done.refused.is_empty());
        bed.reopen();
        let found = bed.get(key);
        let ends = statuses(&found, &[0, u32::try_from(last).unwrap()]);
        assert_eq!(ends, [ResourceStatus::Succeeded, ResourceStatus::Failed]);
        assert_eq!((found.tally.succeeded, found.tally.failed), (1, 1));
    }
}

pub(crate) fn wrong_lines_are_refused_and_the_others_count(bed: &mut Bed) {
    for count in [3, 130] {
        let key = bed.running(count);
        bed.command(key, report(1, vec![result(0, ResourceStatus::Failed)]))
            .unwrap();
        let lines = vec![
            result(0, ResourceStatus::Succeeded),
            result(5_000, ResourceStatus::Succeeded),
            result(1, ResourceStatus::Pending),
            result(2, ResourceStatus::Running),
            result(2, ResourceStatus::Succeeded),
            result(2, ResourceStatus::Failed),
        ];
        let done = bed.command(key, report(1, lines)).unwrap();
        let expected = [
            refused("r0", Refusal::ResourceEnded),
            refused("r5000", Refusal::UnknownResource),
            refused("r1", Refusal::NotAResult),
            refused("r2", Refusal::ResourceEnded),
        ];
        assert_eq!(done.refused, expected);
        let expected = [
            ResourceStatus::Failed,
            ResourceStatus::Pending,
            ResourceStatus::Succeeded,
        ];
        assert_eq!(statuses(&bed.get(key), &[0, 1, 2]), expected);
        bed.command(key, Command::Cancel).unwrap();
        bed.command(key, release(1)).unwrap();
    }
}

/// A worker that did not hear the answer says the same again, even after the end.
pub(crate) fn the_same_again_is_no_error(bed: &mut Bed) {
    for count in [2, 65] {
        let key = bed.running(count);
        let all = || report(1, results(0..count, ResourceStatus::Succeeded));
        assert!(bed.command(key, all()).unwrap().changed);
        bed.reopen();
        let before = bed.get(key);
        assert_eq!(before.phase, Phase::Succeeded);
        let again = bed.command(key, all()).unwrap();
        assert!(!again.changed && again.refused.is_empty());
        let other = bed.command(key, report(1, results(0..1, ResourceStatus::Failed)));
        assert_eq!(other.unwrap_err(), Refused::Rejected(Rejected::Ended));
        assert_eq!(bed.get(key), before);
    }
}

pub(crate) fn the_last_result_ends_the_operation(bed: &mut Bed) {
    for count in [1, 2, 64, 65, 1_000] {
        let key = bed.running(count);
        for from in (0..count).step_by(50) {
            assert_eq!(bed.get(key).phase, Phase::Running);
            let batch = results(from..count.min(from + 50), ResourceStatus::Succeeded);
            bed.command(key, report(1, batch)).unwrap();
        }
        assert_eq!(bed.get(key).phase, Phase::Succeeded, "of {count}");
    }
}

/// Several commands in one commit see each other, whatever of the operation each of them needs.
pub(crate) fn commands_in_one_commit_see_each_other(bed: &mut Bed) {
    for count in [4, 64, 65, 1_000] {
        let key = bed.running(count);
        let one = |index| report(1, vec![result(index, ResourceStatus::Succeeded)]);
        let written = bed.commit(vec![
            write(key, Command::Heartbeat { fence: 1 }),
            write(key, one(0)),
            write(key, one(count - 1)),
            write(key, progress(1, 50)),
            write(key, one(1)),
            write(key, Command::Cancel),
            write(key, finish(1, FinishStatus::Cancelled)),
            write(key, one(2)),
        ]);
        let versions: Vec<u64> = written
            .into_iter()
            .filter_map(Result::ok)
            .map(|one| commanded(one).operation.version)
            .collect();
        assert_eq!(
            versions,
            [2, 3, 4, 5, 6, 7, 8],
            "of {count}, and the last is late"
        );
        bed.reopen();
        let found = bed.get(key);
        assert_eq!(found.phase, Phase::Cancelled);
        assert_eq!(found.tally.succeeded, 3);
        assert_eq!(found.tally.cancelled as usize, count - 3);
        let expected = [ResourceStatus::Succeeded, ResourceStatus::Cancelled];
        assert_eq!(statuses(&found, &[1, 2]), expected);
    }
}

/// Each caller is told how things stood after its own command, not after the commit.
pub(crate) fn every_answer_is_of_its_own_moment(bed: &mut Bed) {
    let written = bed.commit(vec![
        Write::Submit(operation(1)),
        write(key(1), lease_command()),
        write(key(1), Command::Cancel),
    ]);
    let mut written = written.into_iter().map(Result::unwrap);
    let first = submitted(written.next().unwrap()).operation.phase;
    let others = written.map(|one| commanded(one).operation.phase);
    let phases: Vec<Phase> = std::iter::once(first).chain(others).collect();
    assert_eq!(phases, [Phase::Queued, Phase::Running, Phase::Cancelling]);
}

pub(crate) fn a_command_returns_the_resources_that_it_needed(bed: &mut Bed) {
    let key = bed.running(300);
    let done = bed
        .command(key, report(1, results([7, 290], ResourceStatus::Running)))
        .unwrap();
    let expected = [ResourceStatus::Running, ResourceStatus::Running];
    assert_eq!(statuses(&done.operation, &[7, 290]), expected);
    assert_eq!(done.operation.resources.total(), 300);
}

pub(crate) fn commands_to_others_operations_find_nothing(bed: &mut Bed) {
    let own = bed.submit(Submission {
        project: Some("a".into()),
        ..operation(1)
    });
    bed.command(own, lease_command()).unwrap();
    let of = |account: &str| Sight::Account(account.into());
    let within = |project: &str| Sight::Projects("acme".into(), [project.into()].into());
    let to = |key: OperationKey, sight: Sight| {
        bed.write(Write::Command {
            key,
            sight,
            command: Command::Heartbeat { fence: 1 },
        })
        .map(|_| ())
    };
    assert_eq!(to(own, of("other")), Err(Refused::NotFound));
    assert_eq!(to(own, within("b")), Err(Refused::NotFound));
    assert_eq!(to(key(99), Sight::All), Err(Refused::NotFound));
    assert_eq!(to(OperationKey::MAX, Sight::All), Err(Refused::NotFound));
    assert_eq!(to(own, of("acme")), Ok(()));
    assert_eq!(to(own, within("a")), Ok(()));
    let of_all = bed.running(1);
    assert_eq!(to(of_all, within("b")), Ok(()));
}

/// One write that is refused leaves those around it alone.
pub(crate) fn a_refused_write_stands_alone(bed: &mut Bed) {
    let own = bed.submit(operation(1));
    let written = bed.commit(vec![
        write(key(99), Command::Cancel),
        write(own, Command::Delete),
        Write::Submit(operation(1)),
        write(own, Command::Cancel),
    ]);
    let good: Vec<bool> = written.iter().map(Result::is_ok).collect();
    assert_eq!(good, [false, false, true, true]);
    assert_eq!(bed.get(own).phase, Phase::Cancelled);
}

pub(crate) fn errors_and_outputs_are_kept(bed: &mut Bed) {
    let key = bed.running(2);
    let failure = Failure {
        code: "Disk".into(),
        message: "no room — kein Platz".into(),
        retryable: true,
    };
    let mut line: ResourceResult = result(1, ResourceStatus::Failed);
    line.outcome.error = Some(Box::new(failure.clone()));
    bed.command(key, report(1, vec![line.clone()])).unwrap();
    bed.reopen();
    let found = bed.get(key);
    let resource = found.resources.get(1).unwrap();
    assert_eq!(resource.output, line.outcome.output);
    assert_eq!(resource.error.as_deref(), Some(&failure));
    assert_eq!(found.error, Some(failure), "the first failure so far");
}

/// Outputs as long as they may be, more of them than fit on any page.
pub(crate) fn long_payloads_are_kept(bed: &mut Bed) {
    let key = bed.running(70);
    let long = longrun_model::Json::from_checked(format!("\"{}\"", "x".repeat(65_534)));
    for index in [0, 1, 2, 69] {
        let mut line = result(index, ResourceStatus::Succeeded);
        line.outcome.output = Some(long.clone());
        let command = Command::Report(Report {
            fence: 1,
            results: vec![line],
            ..Report::default()
        });
        bed.command(key, command).unwrap();
    }
    bed.reopen();
    let found = bed.get(key);
    let outputs = found
        .resources
        .iter()
        .filter(|one| one.output == Some(long.clone()));
    assert_eq!(outputs.count(), 4);
}
