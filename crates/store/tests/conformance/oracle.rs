//! The memory store is the oracle: whatever is written, the others say and keep the same, closed and reopened or not.

use crate::bed::{Bed, LEASE, START, operation, result, under};
use longrun_model::{
    Account, Busy, Command, Exclusive, Failure, Finish, FinishStatus, Json, NewResource, Operation,
    OperationKey, Phase, Progress, Report, ResourceStatus, Resources, Retry, RetryScope, StuckRule,
    Submission, Timestamp,
};
use longrun_store::{
    AccessKey, Filter, LeaseWish, Limits, PutDocument, Refused, Share, Sight, Submitted, User,
    Write, Written,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Action>),
    Pass(i64),
    Limit(Limits),
    Reopen,
}

#[derive(Clone, Debug)]
enum Action {
    Write(Write),
    /// A command whose fence is counted from the operation's own.
    Fenced {
        key: u64,
        sight: Sight,
        ahead: i64,
        report: Option<Report>,
    },
}

const ACCOUNTS: [&str; 2] = ["acme", "other"];
const KINDS: [&str; 2] = ["reboot", "resize"];
/// Operations that are spoken of; more may be submitted.
const KEYS: u64 = 6;

fn account() -> impl Strategy<Value = Account> {
    prop::sample::select(&ACCOUNTS[..]).prop_map(Account::from)
}

fn sight() -> impl Strategy<Value = Sight> {
    let projects = prop::sample::subsequence(&["p1", "p2"][..], 0..=2);
    (account(), prop::option::weighted(0.7, projects)).prop_map(
        |(account, projects)| match projects {
            Some(own) => Sight::Projects(account, own.iter().map(|one| (*one).into()).collect()),
            None => Sight::Account(account),
        },
    )
}

fn submission() -> impl Strategy<Value = Submission> {
    let size = prop::sample::select(&[0, 1, 2, 4, 64, 65, 130][..]);
    let deadline = prop::option::weighted(0.3, 0..30_000_i64);
    let start = prop::option::weighted(0.2, 0..20_000_i64);
    let retry = prop::option::weighted(0.6, retry());
    let idempotency = prop::option::weighted(0.4, (0..3_u8, 0..2_u8));
    let exclusive = prop::option::weighted(0.5, exclusive());
    let kind = prop::sample::select(&KINDS[..]);
    (
        size,
        account(),
        kind,
        0..3_u8,
        (start, deadline, retry),
        (idempotency, exclusive),
        0..3_usize,
    )
        .prop_map(
            |(
                size,
                account,
                kind,
                priority,
                (start, deadline, retry),
                (idempotency, exclusive),
                labels,
            )| {
                let submission = Submission {
                    account,
                    kind: kind.into(),
                    priority,
                    not_before: start.map(|one| Timestamp::from_millis(START + one)),
                    retry: retry.map(Arc::new),
                    exclusive: exclusive.map(Arc::new),
                    deadline_at: deadline.map(|one| Timestamp::from_millis(START + one)),
                    retention_millis: 20_000,
                    labels: vec![("team".into(), "blue".into()); labels],
                    project: (labels > 0).then(|| format!("p{labels}").into()),
                    input: (labels > 0).then(|| Json::from_checked("{}")),
                    ..operation(size)
                };
                match idempotency {
                    Some((name, payload)) => under(submission, &format!("k{name}"), payload),
                    None => submission,
                }
            },
        )
}

fn exclusive() -> impl Strategy<Value = Exclusive> {
    let group = prop::sample::select(&["", "", "g"][..]);
    let busy = prop::sample::select(&[Busy::Queue, Busy::Queue, Busy::Refuse][..]);
    (group, busy).prop_map(|(group, busy)| Exclusive {
        group: group.into(),
        busy,
    })
}

fn retry() -> impl Strategy<Value = Retry> {
    let scope = prop::sample::select(&[RetryScope::Failed, RetryScope::All][..]);
    (1..4_u32, scope).prop_map(|(attempts_max, scope)| Retry {
        attempts_max,
        pause_first_millis: 2,
        pause_max_millis: LEASE,
        codes: vec!["E".into()],
        scope,
    })
}

fn new_resource(index: usize) -> NewResource {
    NewResource {
        id: format!("r{index}").into(),
        kind: None,
        input: index.is_multiple_of(2).then(|| Json::from_checked("{}")),
    }
}

fn report_of() -> impl Strategy<Value = Report> {
    let index = prop_oneof![4 => 0..5_usize, 1 => 60..70_usize, 1 => 0..140_usize];
    let status = prop::sample::select(&ResourceStatus::ALL[..]);
    let results = vec((index, status, any::<bool>()), 0..6);
    let finish = prop::option::weighted(0.3, 0..4_u8);
    let percent = prop::option::of(0..=100_u8);
    let chance = prop::sample::select(&[0, 1 << 31, u32::MAX][..]);
    let release = prop::bool::weighted(0.2);
    // Sometimes so many that an operation outgrows its own row.
    let found = prop_oneof![6 => Just(0), 2 => 1..8_usize, 1 => 60..140_usize];
    (found, results, finish, percent, release, chance).prop_map(
        |(found, results, finish, percent, release, chance)| Report {
            fence: 0,
            found: (0..found).map(new_resource).collect(),
            results: results
                .into_iter()
                .map(|(index, status, fails)| {
                    let mut result = result(index, status);
                    result.outcome.error = fails.then(|| Box::new(Failure::new("E", "broken")));
                    result
                })
                .collect(),
            progress: Progress {
                percent,
                message: percent.map(|percent| "so far ".repeat(usize::from(percent)).into()),
            },
            finish: finish.map(|one| Finish {
                status: [
                    FinishStatus::Succeeded,
                    FinishStatus::Failed,
                    FinishStatus::Cancelled,
                    FinishStatus::Expired,
                ][usize::from(one)],
                output: (one == 0).then(|| Json::from_checked("[1]")),
                error: (one == 1).then(|| Failure::new("E", "all broken")),
            }),
            release,
            chance,
        },
    )
}

fn wish() -> impl Strategy<Value = LeaseWish> {
    let kinds = vec(prop::sample::select(&KINDS[..]), 0..3);
    (prop::option::of(sight()), kinds, 0..4_usize).prop_map(|(sight, kinds, max)| LeaseWish {
        sight: sight.unwrap_or_default(),
        kinds: kinds.into_iter().map(Into::into).collect(),
        max,
        worker: "w".into(),
        length_millis: LEASE,
    })
}

fn access_key() -> impl Strategy<Value = AccessKey> {
    (0..3_u8, any::<bool>(), account(), vec(any::<u8>(), 0..9)).prop_map(
        |(id, disabled, account, sealed_secret)| AccessKey {
            id: format!("key-{id}").into(),
            account,
            projects: vec!["p".into(); usize::from(id)],
            project_names: vec![("p".into(), "eu-de".into()); usize::from(id)],
            user: disabled.then(|| User {
                name: "jane".into(),
                password_hash: format!("$argon2id${id}").into(),
            }),
            policy: disabled.then(|| Json::from_checked("[]")),
            sealed_secret,
            token_digest: [id; 32],
            disabled,
            created_at: Timestamp::from_millis(START),
        },
    )
}

fn put_document() -> impl Strategy<Value = PutDocument> {
    let body = prop::option::weighted(0.7, vec(any::<u8>(), 0..9));
    let expected = prop::option::weighted(0.6, 1..4_u64);
    (0..2_u8, expected, body).prop_map(|(name, expected, body)| PutDocument {
        name: format!("d{name}").into(),
        expected,
        body: body.map(Into::into),
    })
}

fn action() -> impl Strategy<Value = Action> {
    let plain = prop::sample::select(
        &[
            Command::Cancel,
            Command::Delete,
            Command::Tick,
            Command::Tick,
            Command::Hasten,
            Command::ExtendDeadline { millis: 5_000 },
            Command::Finish(Finish {
                status: FinishStatus::Succeeded,
                output: None,
                error: None,
            }),
        ][..],
    );
    let plain = prop_oneof![
        2 => plain,
        1 => Just(crate::bed::lease_command()),
    ];
    let plain = (1..=KEYS, prop::option::weighted(0.3, sight()), plain).prop_map(
        |(key, sight, command)| {
            let key = OperationKey::new(key).unwrap();
            let sight = sight.unwrap_or_default();
            Action::Write(Write::Command {
                key,
                sight,
                command,
            })
        },
    );
    let report = prop::option::weighted(0.9, report_of());
    let ahead = prop_oneof![1 => -1..0_i64, 8 => 0..1_i64, 2 => 1..2_i64];
    let fenced = (
        1..=KEYS,
        prop::option::weighted(0.2, sight()),
        ahead,
        report,
    )
        .prop_map(|(key, sight, ahead, report)| Action::Fenced {
            key,
            sight: sight.unwrap_or_default(),
            ahead,
            report,
        });
    prop_oneof![
        4 => submission().prop_map(|one| Action::Write(Write::Submit(one))),
        1 => vec(submission(), 0..4).prop_map(|all| Action::Write(Write::SubmitAll(all))),
        4 => plain,
        8 => fenced,
        4 => wish().prop_map(|wish| Action::Write(Write::Lease(wish))),
        1 => access_key().prop_map(|one| Action::Write(Write::PutAccessKey(one))),
        1 => put_document().prop_map(|put| Action::Write(Write::PutDocument(put))),
        1 => (0..3_u8).prop_map(|id| Action::Write(Write::RemoveAccessKey(format!("key-{id}").into()))),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let share = (1..3_u32, prop::option::of(0..4_u32));
    let share = share.prop_map(|(weight, running_max)| Share {
        weight,
        running_max,
    });
    let kind = prop::option::of(0..4_u32);
    (share.clone(), share, kind).prop_map(|(own, usual, kind)| Limits {
        kinds: kind.map(|max| ("reboot".into(), max)).into_iter().collect(),
        accounts: [("acme".into(), own)].into(),
        usual,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(action(), 0..8).prop_map(Step::Commit),
        2 => prop::sample::select(&[1, LEASE - 1, LEASE, 20_000][..]).prop_map(Step::Pass),
        1 => limits().prop_map(Step::Limit),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_does_as_memory_does(steps in vec(step(), 1..16)) {
        check_steps(steps, Bed::sqlite());
    }
}

proptest! {
    // Each case makes all tables anew.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postgres_does_as_memory_does(steps in vec(step(), 1..16)) {
        if let Some(bed) = Bed::postgres() {
            check_steps(steps, bed);
        }
    }
}

fn check_steps(steps: Vec<Step>, mut bed: Bed) {
    let mut memory = Bed::memory();
    let mut held_to = Limits::default();
    for step in steps {
        match step {
            Step::Pass(millis) => {
                memory.now += millis;
                bed.now += millis;
            }
            Step::Limit(limits) => {
                memory.limit(limits.clone());
                bed.limit(limits.clone());
                held_to = limits;
            }
            Step::Reopen => {
                bed.reopen();
                bed.limit(held_to.clone());
            }
            Step::Commit(actions) => {
                let writes: Vec<Write> = actions
                    .into_iter()
                    .map(|action| write_of(action, &memory))
                    .collect();
                let expected = memory.commit(writes.clone());
                let found = bed.commit(writes);
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    check_result(found, expected);
                }
            }
        }
        check_state(&bed, &memory);
    }
}

fn write_of(action: Action, oracle: &Bed) -> Write {
    match action {
        Action::Write(write) => write,
        Action::Fenced {
            key,
            sight,
            ahead,
            report,
        } => {
            let key = OperationKey::new(key).unwrap();
            let own = oracle.find(key).map_or(0, |operation| operation.fence);
            let fence = own.saturating_add_signed(ahead);
            let command = match report {
                Some(report) => Command::Report(Report { fence, ..report }),
                None => Command::Heartbeat { fence },
            };
            Write::Command {
                key,
                sight,
                command,
            }
        }
    }
}

fn check_result(found: &Result<Written, Refused>, expected: &Result<Written, Refused>) {
    match (found, expected) {
        (Err(found), Err(expected)) => assert_eq!(found, expected),
        (Ok(Written::Submitted(found)), Ok(Written::Submitted(expected))) => {
            check_submitted(found, expected);
        }
        (Ok(Written::SubmittedAll(found)), Ok(Written::SubmittedAll(expected))) => {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                check_submitted(found, expected);
            }
        }
        (
            Ok(Written::Commanded {
                operation: found,
                was,
                changed,
                refused,
                freed,
            }),
            Ok(Written::Commanded {
                operation: expected,
                was: expected_was,
                changed: expected_changed,
                refused: expected_refused,
                freed: expected_freed,
            }),
        ) => {
            assert_eq!(was, expected_was);
            assert_eq!((changed, refused), (expected_changed, expected_refused));
            check_part(found, expected);
            assert_eq!(freed.len(), expected_freed.len());
            for (freed, expected) in freed.iter().zip(expected_freed) {
                check_part(freed, expected);
            }
        }
        (Ok(Written::Leased(found)), Ok(Written::Leased(expected))) => {
            assert_eq!(found, expected);
        }
        (Ok(Written::AccessKey), Ok(Written::AccessKey)) => (),
        (Ok(Written::Document(found)), Ok(Written::Document(expected))) => {
            assert_eq!(found, expected);
        }
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
}

fn check_submitted(found: &Submitted, expected: &Submitted) {
    assert_eq!(found.operation, expected.operation);
    assert_eq!(found.repeated, expected.repeated);
}

/// A command may come back with only those resources that it needed.
fn check_part(found: &Operation, expected: &Operation) {
    let head = |operation: &Operation| Operation {
        resources: Resources::default(),
        ..operation.clone()
    };
    assert_eq!(head(found), head(expected));
    for (index, resource) in found.resources.indexed() {
        assert_eq!(Some(resource), expected.resources.get(*index));
    }
    if expected.resources.total() <= 64 {
        assert_eq!(found.resources, expected.resources, "small ones come whole");
    }
}

fn check_state(found: &Bed, expected: &Bed) {
    let everything = expected.list(Filter {
        limit: 1_000,
        ..Filter::default()
    });
    let last = everything.operations.first().map_or(0, |one| one.key.get());
    for number in 1..=last.max(KEYS) + 1 {
        let key = OperationKey::new(number).unwrap();
        assert_eq!(found.find(key), expected.find(key));
        for (after, limit) in [(0, 1_000), (1, 2), (3, 0)] {
            assert_eq!(
                found.history(key, after, limit),
                expected.history(key, after, limit),
                "history of {key} after {after}"
            );
        }
    }
    for filter in filters() {
        let page = found.list(filter.clone());
        assert_eq!(page, expected.list(filter.clone()), "{filter:?}");
    }
    for limit in [0, 1, 3, 100] {
        assert_eq!(found.due(limit), expected.due(limit));
    }
    assert_eq!(found.access_keys(), expected.access_keys());
    for name in ["d0", "d1"] {
        assert_eq!(found.document(name), expected.document(name));
    }
}

fn filters() -> Vec<Filter> {
    let all = Filter {
        limit: 1_000,
        ..Filter::default()
    };
    let rule = StuckRule {
        queued_millis: 9_000,
        silent_millis: 9_000,
        attempts: 2,
    };
    vec![
        all.clone(),
        Filter {
            limit: 2,
            before: OperationKey::new(5),
            ..all.clone()
        },
        Filter {
            account: Some("acme".into()),
            limit: 1,
            ..all.clone()
        },
        Filter {
            account: Some("nobody".into()),
            ..all.clone()
        },
        Filter {
            account: Some("other".into()),
            phase: Some(Phase::Queued),
            kind: Some("reboot".into()),
            ..all.clone()
        },
        Filter {
            account: Some("acme".into()),
            stuck: Some((rule, Timestamp::from_millis(START + 15_000))),
            limit: 2,
            ..all.clone()
        },
        Filter {
            labels: vec![("team".into(), "blue".into())],
            project: Some("p1".into()),
            created_after: Some(Timestamp::from_millis(START)),
            ..all
        },
    ]
}
