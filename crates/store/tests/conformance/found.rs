//! Resources that come to light while the work goes on, and ends that nobody can learn.

use crate::bed::{Bed, finish, report, result};
use longrun_model::{
    Change, Command, FinishStatus, NewResource, OperationKey, Phase, Refusal, Report, ResourceId,
    ResourceResult, ResourceStatus, limits,
};
use std::ops::Range;

fn new(index: usize) -> NewResource {
    NewResource {
        id: ResourceId::new(format!("r{index}")),
        kind: Some("disk".into()),
        input: None,
    }
}

/// Tells of resources with these indexes, and of these results in the same breath.
fn found(indexes: Range<usize>, results: Vec<ResourceResult>) -> Command {
    Command::Report(Report {
        fence: 1,
        found: indexes.map(new).collect(),
        results,
        ..Report::default()
    })
}

fn total(bed: &Bed, key: OperationKey) -> usize {
    let operation = bed.get(key);
    let ids = operation.resources.iter().map(|one| one.id.as_str());
    for (index, id) in ids.enumerate() {
        assert_eq!(id, format!("r{index}"), "in the order in which they came");
    }
    operation.tally.total as usize
}

/// However the resources are kept before and after.
pub(crate) fn what_is_found_is_kept_and_can_be_reported(bed: &mut Bed) {
    for (before, after) in [
        (0, 2),
        (2, 5),
        (60, 64),
        (30, 70),
        (64, 65),
        (0, 200),
        (70, 300),
    ] {
        let key = bed.running(before);
        let last = after - 1;
        let told = found(before..after, vec![result(last, ResourceStatus::Running)]);
        let done = bed.command(key, told).unwrap();
        assert!(done.changed && done.refused.is_empty());
        bed.reopen();
        assert_eq!(total(bed, key), after, "{before} to {after}");
        let events = bed.history(key, 2, 9);
        let Change::Found { resources } = &events[0].event.change else {
            panic!("{events:?}");
        };
        assert_eq!(*resources, (before..after).map(new).collect::<Vec<_>>());
        bed.command(key, report(1, vec![result(last, ResourceStatus::Failed)]))
            .unwrap();
        bed.command(key, finish(1, FinishStatus::Succeeded))
            .unwrap();
        bed.reopen();
        let ended = bed.get(key);
        assert_eq!(ended.tally.failed, 1);
        assert_eq!(ended.tally.succeeded as usize, after - 1);
        bed.command(key, Command::Delete).unwrap();
        bed.reopen();
        assert!(bed.get(key).removed);
    }
}

pub(crate) fn what_is_known_is_found_once(bed: &mut Bed) {
    let key = bed.running(2);
    bed.command(key, found(1..3, Vec::new())).unwrap();
    let version = bed.get(key).version;
    let again = bed.command(key, found(0..3, Vec::new())).unwrap();
    assert!(!again.changed);
    assert_eq!((total(bed, key), bed.get(key).version), (3, version));
}

/// What is found with the last result keeps the operation open.
pub(crate) fn what_is_found_is_open(bed: &mut Bed) {
    let key = bed.running(1);
    let told = found(1..2, vec![result(0, ResourceStatus::Succeeded)]);
    let done = bed.command(key, told).unwrap();
    assert_eq!(done.operation.phase, Phase::Running);
    let last = bed.command(key, report(1, vec![result(1, ResourceStatus::Succeeded)]));
    assert_eq!(last.unwrap().operation.phase, Phase::Succeeded);
    assert_eq!(total(bed, key), 2);
}

pub(crate) fn no_more_is_found_than_may_be(bed: &mut Bed) {
    let key = bed.running(0);
    let max = limits::RESOURCES_MAX;
    let done = bed.command(key, found(0..max + 2, Vec::new())).unwrap();
    let reasons: Vec<_> = done.refused.iter().map(|part| part.reason).collect();
    assert_eq!(reasons, [Refusal::TooManyResources; 2]);
    assert_eq!(bed.get(key).tally.total as usize, max);
}

pub(crate) fn an_end_that_nobody_knows_is_expired(bed: &mut Bed) {
    for count in [0, 2, 100] {
        let key = bed.running(count);
        if count > 0 {
            bed.command(key, report(1, vec![result(0, ResourceStatus::Succeeded)]))
                .unwrap();
        }
        for _ in 0..2 {
            let told = bed.command(key, finish(1, FinishStatus::Expired)).unwrap();
            assert_eq!(told.operation.phase, Phase::Expired, "{count}");
        }
        bed.reopen();
        let tally = bed.get(key).tally;
        let succeeded = u32::from(count > 0);
        assert_eq!((tally.succeeded, tally.unfinished()), (succeeded, 0));
    }
}
