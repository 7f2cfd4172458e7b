//! A trace of polls, played back, tells the same again.

use longrun_model::{
    Command, Operation, OperationKey, Submission, Timestamp, apply, decide, limits,
};
use longrun_scenario::{Deed, Line, Meddled, Play, Poll, Scenario, WORKER, replay};

/// Polls at some instants, and writes down what is told.
fn trace(scenario: Scenario, instants: &[i64]) -> String {
    let mut scenario = scenario;
    let prepared = scenario.operations.remove(0);
    let mut play = Play::new(scenario, 0);
    play.give_next(prepared.script.expect("it has one"));
    let resources = prepared.resources.iter().map(String::as_str);
    let submission = Submission::new("dev", prepared.kind.as_str()).with_resources(resources);
    let key = OperationKey::new(prepared.task_id.expect("it is said")).expect("it is in range");
    let start = Timestamp::default();
    let mut operation = Operation::submitted(key, submission, start);
    play.observe(&operation, "tencent-bm", start);
    let mut text = String::new();
    for at in instants {
        let until = Timestamp::from_millis(*at);
        while let Some(now) = play.next_at().filter(|now| *now <= until) {
            for (key, deed) in play.take_due(now) {
                let command = match deed.clone() {
                    Deed::Take => Command::Lease {
                        worker: WORKER.into(),
                        length_millis: limits::SPAN_MILLIS_MAX,
                    },
                    Deed::Tell(report) => Command::Report(*report),
                    Deed::Show(_) => {
                        play.done(key, deed, None, now);
                        continue;
                    }
                };
                let decided = decide(&operation, &command, now).expect("scripts do nothing else");
                decided
                    .events
                    .iter()
                    .for_each(|event| apply(&mut operation, event));
                play.observe(&operation, "tencent-bm", now);
                play.done(key, deed, Some(&operation), now);
            }
        }
        let number = play.poll(key, "tencent-bm", until);
        let poll = Poll {
            dialect: "tencent-bm",
            number,
            now: until,
        };
        let (told, meddling) = play.answer(&operation, &poll);
        let told = told.as_ref().unwrap_or(&operation);
        text.push_str(&Line::told(until, "tencent-bm", "297", told, &meddling.outcome).write());
    }
    text
}

#[test]
fn what_was_told_is_told_again() {
    let scenario = "
        [[operation]]
        kind = 'tencent-bm.RebootDevice'
        task_id = 297
        resources = ['a', 'b']
        [operation.script]
        queued = '1s'
        runs = '9s'
        message = 'done'
        output = [1]
        [[operation.script.progress]]
        after = '1s'
        message = 'half way'
        output = [0]
        [[operation.script.resource]]
        id = 'a'
        runs = '4s'
        end = 'failed'
        error = { code = 'NoPower', reason = 'no power' }
        [[operation.script.fault]]
        answer = 'throttled'
        polls = 3
        [[operation.script.answer]]
        polls = [5, 8]
        status = 'running'
    ";
    let scenario = Scenario::read("first.toml", scenario).expect("it is one");
    let instants = [0, 1_000, 2_000, 3_000, 5_000, 6_000, 10_000, 11_000, 12_000];
    let first = trace(scenario, &instants);
    let replayed = replay("trace.jsonl", &first).expect("it is a trace");
    let second = trace(replayed.clone(), &instants);
    assert_eq!(
        second,
        first,
        "{}",
        replayed.write().expect("it can be written")
    );
    assert!(first.contains("throttled") && first.contains("NoPower") && first.contains("half way"));
}

#[test]
fn what_is_no_trace_is_refused_with_its_line() {
    let good = Line::lost(Timestamp::default(), "huawei-elb", "x").write();
    let error = replay("t.jsonl", &format!("{good}\n{{}}"))
        .expect_err("it is none")
        .to_string();
    assert!(error.starts_with("t.jsonl:3: missing field"), "{error}");
    let scenario = replay("t.jsonl", &good).expect("it is a trace");
    assert_eq!(scenario.operations[0].id.as_deref(), Some("x"));
    let nothing = Line::told(
        Timestamp::default(),
        "d",
        "1",
        &some_operation(),
        &Meddled::Nothing,
    );
    assert!(!nothing.write().contains("fault"));
}

fn some_operation() -> Operation {
    let key = OperationKey::new(1).expect("it is in range");
    Operation::submitted(key, Submission::new("dev", "reboot"), Timestamp::default())
}
