//! Scenarios played on a stage of their own: the model carries out the deeds, and no clock but the test's runs.

use longrun_model::{
    Command, Operation, OperationKey, Phase, Submission, Timestamp, apply, decide, limits,
};
use longrun_scenario::{Deed, Meddled, Play, Poll, Scenario, WORKER};
use std::collections::BTreeMap;

/// Operations and the play that is given with them.
struct Stage {
    play: Play,
    operations: BTreeMap<OperationKey, Operation>,
    now: Timestamp,
}

impl Stage {
    fn new(scenario: &str) -> Self {
        let scenario = Scenario::read("test.toml", scenario).expect("it is one");
        Self {
            play: Play::new(scenario, 0),
            operations: BTreeMap::new(),
            now: Timestamp::default(),
        }
    }

    fn submit(&mut self, submission: &Submission) -> OperationKey {
        let key = OperationKey::new(self.operations.len() as u64 + 1).expect("few fit");
        let operation = Operation::submitted(key, submission.clone(), self.now);
        self.play.observe(&operation, "native", self.now);
        self.operations.insert(key, operation);
        key
    }

    fn reboot(&mut self, resources: &[&str]) -> OperationKey {
        self.submit(&Submission::new("dev", "reboot").with_resources(resources.iter().copied()))
    }

    fn command(&mut self, key: OperationKey, command: &Command) -> bool {
        let operation = self.operations.get_mut(&key).expect("it was submitted");
        let Ok(decided) = decide(operation, command, self.now) else {
            return false;
        };
        for event in &decided.events {
            apply(operation, event);
        }
        self.play.observe(operation, "native", self.now);
        true
    }

    fn carry_out(&mut self) {
        loop {
            let due = self.play.take_due(self.now);
            if due.is_empty() {
                return;
            }
            for (key, deed) in due {
                let good = match deed.clone() {
                    Deed::Take => self.command(
                        key,
                        &Command::Lease {
                            worker: WORKER.into(),
                            length_millis: limits::SPAN_MILLIS_MAX,
                        },
                    ),
                    Deed::Tell(report) => self.command(key, &Command::Report(*report)),
                    Deed::Show(_) => true,
                };
                let operation = good.then(|| &self.operations[&key]);
                self.play.done(key, deed, operation, self.now);
            }
        }
    }

    /// Lets time pass until so long after the start.
    fn pass(&mut self, until_millis: i64) {
        let until = Timestamp::from_millis(until_millis);
        while let Some(at) = self.play.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.carry_out();
        }
        self.now = until;
    }

    /// Polls, and tells the status, the resources and what went wrong.
    fn poll(&mut self, key: OperationKey) -> (String, Meddled) {
        let number = self.play.poll(key, "tencent-bm", self.now);
        self.carry_out();
        let operation = &self.operations[&key];
        let poll = Poll {
            dialect: "tencent-bm",
            number,
            now: self.now,
        };
        let (told, meddling) = self.play.answer(operation, &poll);
        (shown(told.as_ref().unwrap_or(operation)), meddling.outcome)
    }

    fn shown(&self, key: OperationKey) -> String {
        shown(&self.operations[&key])
    }
}

fn shown(operation: &Operation) -> String {
    let resources = operation
        .resources
        .iter()
        .map(|one| format!(" {}", one.status.as_str()));
    let output = operation
        .output
        .iter()
        .map(|output| format!(" {}", output.as_str()));
    [operation.phase.as_str().to_owned()]
        .into_iter()
        .chain(resources)
        .chain(output)
        .collect()
}

/// What an operation with two resources looks like at some instants, in milliseconds after its submission.
fn check(script: &str, expected: &[(i64, &str)]) {
    let mut stage = Stage::new(&format!("[[rule]]\n[rule.script]\n{script}"));
    let key = stage.reboot(&["a", "b"]);
    for (at, shown) in expected {
        stage.pass(*at);
        assert_eq!(stage.shown(key), *shown, "{at}: {script}");
    }
}

#[test]
fn without_a_scenario_it_waits_a_moment_and_succeeds_after_two_seconds() {
    let mut stage = Stage::new("");
    let key = stage.reboot(&[]);
    for (at, expected) in [
        (99, "queued"),
        (100, "running"),
        (1_999, "running"),
        (2_000, "succeeded"),
    ] {
        stage.pass(at);
        assert_eq!(stage.shown(key), expected, "{at}");
    }
}

#[test]
fn scripts_are_carried_out_in_time() {
    check(
        "queued = 0\nruns = '2h'",
        &[
            (0, "running running running"),
            (7_199_999, "running running running"),
            (7_200_000, "succeeded succeeded succeeded"),
        ],
    );
    check(
        "queued = 'forever'",
        &[(100_000_000, "queued pending pending")],
    );
    check(
        "runs = 'forever'",
        &[(100_000_000, "running running running")],
    );
    check(
        "end = 'failed'\nerror = { code = 'NoPower' }\noutput = [1]",
        &[(2_000, "failed failed failed [1]")],
    );
    check("end = 'expired'", &[(2_000, "expired failed failed")]);
    check(
        "runs = '3s'\n[[rule.script.resource]]\nid = 'a'\nruns = '1s'\nend = 'failed'",
        &[
            (1_099, "running running running"),
            (1_100, "running failed running"),
            (3_100, "partial failed succeeded"),
        ],
    );
    check(
        "[[rule.script.resource]]\nnth = 2\nruns = 'forever'",
        &[(100_000_000, "running running running")],
    );
    check(
        "[[rule.script.resource]]\nnth = 2\nruns = 'forever'\n[[rule.script.resource]]\nruns = '1s'",
        &[(100_000_000, "running succeeded running")],
    );
    // With the last resource the whole ends, and what is said of it is said.
    check(
        "runs = '1h'\noutput = 7\n[[rule.script.resource]]\nid = 'a'\nruns = '1s'\n[[rule.script.resource]]\nruns = '2s'",
        &[
            (1_100, "running succeeded running"),
            (2_100, "succeeded succeeded succeeded 7"),
        ],
    );
    // The operation goes on for as long as its longest resource.
    check(
        "runs = '1s'\n[[rule.script.resource]]\nid = 'b'\nruns = '5s'",
        &[
            (1_100, "running running running"),
            (5_100, "succeeded succeeded succeeded"),
        ],
    );
}

#[test]
fn what_has_come_out_so_far_is_told_to_polls_until_the_end() {
    let mut stage = Stage::new(
        "[[rule]]
         [rule.script]
         runs = '10s'
         output = { total = 2 }
         [[rule.script.progress]]
         after = '1s'
         percent = 10
         output = { total = 0 }
         [[rule.script.progress]]
         at_poll = 3
         output = { total = 1 }",
    );
    let key = stage.reboot(&[]);
    for (at, expected) in [
        (500, "running"),
        (1_100, "running {\"total\":0}"),
        (1_200, "running {\"total\":1}"),
        (10_100, "succeeded {\"total\":2}"),
    ] {
        stage.pass(at);
        assert_eq!(stage.poll(key).0, expected, "{at}");
    }
    assert_eq!(stage.operations[&key].progress.percent, Some(10));
}

#[test]
fn polls_can_move_it() {
    let mut stage = Stage::new("[[rule]]\nscript = { starts_at_poll = 2, ends_at_poll = 4 }");
    let key = stage.reboot(&["a"]);
    let told: Vec<_> = (0..5).map(|_| stage.poll(key).0).collect();
    let running = "running running";
    assert_eq!(
        told,
        [
            "queued pending",
            running,
            running,
            "succeeded succeeded",
            "succeeded succeeded"
        ]
    );
    // What ends has begun, even if nobody said when.
    let mut stage = Stage::new("[[rule]]\nscript = { ends_at_poll = 1, end = 'failed' }");
    let key = stage.reboot(&["a"]);
    assert_eq!(stage.poll(key).0, "failed failed");
    let mut stage = Stage::new(
        "[[rule]]\nscript = { queued = 0, runs = 'forever', resource = [{ id = 'a', ends_at_poll = 2 }] }",
    );
    let key = stage.reboot(&["a", "b"]);
    let told: Vec<_> = (0..2).map(|_| stage.poll(key).0).collect();
    assert_eq!(
        told,
        ["running running running", "running succeeded running"]
    );
}

#[test]
fn a_wish_to_cancel_is_given_in_to_at_once_late_or_never() {
    for (cancel, at, expected) in [
        ("", 500, "cancelled cancelled"),
        ("cancel = '700ms'", 1_199, "cancelling running"),
        ("cancel = '700ms'", 1_200, "cancelled cancelled"),
        ("cancel = 'forever'", 2_000, "succeeded succeeded"),
        // The end comes first.
        ("cancel = '1h'", 2_000, "succeeded succeeded"),
    ] {
        let mut stage = Stage::new(&format!("[[rule]]\n[rule.script]\n{cancel}"));
        let key = stage.reboot(&["a"]);
        stage.pass(500);
        assert!(stage.command(key, &Command::Cancel));
        stage.pass(at);
        assert_eq!(stage.shown(key), expected, "{cancel} {at}");
    }
}

#[test]
fn rules_count_the_submissions_that_match() {
    let mut stage = Stage::new(
        "[[rule]]
         match = { resource = 'a', nth = 2 }
         script = { end = 'failed' }
         [[rule]]
         match = { kind = 'reboot', nth = [1, 5] }
         script = { runs = 'forever' }",
    );
    let keys: Vec<_> = [["b"], ["a"], ["b"], ["a"], ["a"]]
        .map(|ids| stage.reboot(&ids))
        .to_vec();
    stage.pass(2_000);
    let ends: Vec<_> = keys.iter().map(|key| stage.operations[key].phase).collect();
    assert_eq!(
        ends,
        [
            Phase::Running,
            Phase::Succeeded,
            Phase::Succeeded,
            Phase::Failed,
            Phase::Running
        ]
    );
    assert_eq!(stage.play.counts().rules, [1, 2]);
}

#[test]
fn an_operation_that_is_tried_again_follows_the_script_of_its_attempt() {
    let mut stage = Stage::new(
        "[[rule]]
         match = { attempt = 1 }
         script = { end = 'failed', error = { code = 'Busy', retryable = true } }",
    );
    let mut submission = Submission::new("dev", "reboot").with_resources(["a"]);
    submission.retry = Some(std::sync::Arc::new(longrun_model::Retry {
        attempts_max: 3,
        pause_first_millis: 0,
        pause_max_millis: 0,
        codes: Vec::new(),
        scope: longrun_model::RetryScope::Failed,
    }));
    let key = stage.submit(&submission);
    stage.pass(2_000);
    assert_eq!(stage.operations[&key].phase, Phase::Queued);
    stage.command(key, &Command::Tick);
    stage.pass(4_000);
    assert_eq!(stage.operations[&key].phase, Phase::Succeeded);
    assert_eq!(stage.operations[&key].attempt, 2);
}

#[test]
fn answers_can_flap_while_the_truth_stays() {
    let mut stage = Stage::new(
        "[[rule]]
         [rule.script]
         ends_at_poll = 2
         [[rule.script.answer]]
         polls = 3
         status = 'running'
         [[rule.script.answer]]
         polls = 4
         status = 'failed'
         error = { code = 'Gremlin' }
         [[rule.script.answer]]
         polls = 5
         resource = [{ id = 'b', status = 'queued' }]
         [[rule.script.answer]]
         polls = 6
         dialect = 'huawei-*'
         status = 'failed'",
    );
    let key = stage.reboot(&["a", "b"]);
    let told: Vec<_> = (0..6).map(|_| stage.poll(key).0).collect();
    assert_eq!(
        told,
        [
            "queued pending pending",
            "succeeded succeeded succeeded",
            "running running running",
            "failed failed failed",
            "running succeeded pending",
            "succeeded succeeded succeeded",
        ]
    );
    assert_eq!(stage.shown(key), "succeeded succeeded succeeded");
    assert_eq!(stage.play.counts().untrue, 3);
}

#[test]
fn faults_come_as_often_as_they_are_to() {
    let mut stage = Stage::new(
        "[[fault]]
         answer = 'dropped'
         times = 2
         [[rule]]
         [[rule.script.fault]]
         answer = 'throttled'
         polls = '2-3'
         retry_after = '5s'
         [[rule.script.fault]]
         answer = 'http'
         polls = 5
         status = 503
         body = 'busy'",
    );
    let key = stage.reboot(&[]);
    let outcomes: Vec<_> = (0..6).map(|_| stage.poll(key).1).collect();
    let throttled = Meddled::Refused(longrun_dialects::Fault::Throttled {
        retry_after_millis: 5_000,
    });
    let foreign = Meddled::Foreign {
        status: 503,
        content_type: "text/html".to_owned(),
        body: "busy".to_owned(),
    };
    let (dropped, nothing) = (Meddled::Dropped, Meddled::Nothing);
    assert_eq!(
        outcomes,
        [
            dropped.clone(),
            throttled.clone(),
            throttled,
            dropped,
            foreign,
            nothing
        ]
    );
    assert_eq!(stage.play.counts().faults, 5);
}

/// Whatever a seed draws, it draws again, and in whatever order operations are polled.
#[test]
fn a_seed_gives_the_same_run() {
    let run = |seed: u64, backwards: bool| {
        let mut stage = Stage::new(&format!(
            "seed = {seed}
             [[rule]]
             script = {{ queued = ['0s', '10s'], runs = ['1s', '1h'], resource = [{{ chance = 0.5, end = 'failed' }}] }}
             [[fault]]
             answer = 'internal'
             chance = 0.5"
        ));
        let mut keys: Vec<_> = (0..20).map(|_| stage.reboot(&["a", "b", "c"])).collect();
        if backwards {
            keys.reverse();
        }
        let mut faults: Vec<_> = keys.iter().map(|key| (*key, stage.poll(*key).1)).collect();
        faults.sort_by_key(|(key, _)| *key);
        stage.pass(10_000_000);
        let ends: Vec<_> = stage
            .operations
            .values()
            .map(|one| (shown(one), one.ended_at))
            .collect();
        (format!("{faults:?}"), ends)
    };
    assert_eq!(run(1, false), run(1, true));
    assert_ne!(run(1, false), run(2, false));
    let (faults, ends) = run(1, false);
    assert!(faults.contains("Internal") && faults.contains("Nothing"));
    assert!(
        ends.iter().any(|(shown, _)| shown.starts_with("partial")),
        "{ends:?}"
    );
}

#[test]
fn what_workers_carry_out_is_left_to_them() {
    let mut stage = Stage::new(
        "[[rule]]\nscript = { by_worker = true, answer = [{ polls = 2, status = 'failed' }] }",
    );
    let key = stage.reboot(&[]);
    stage.pass(1_000_000);
    assert_eq!(stage.poll(key).0, "queued");
    assert_eq!(stage.poll(key).0, "failed");
}

#[test]
fn what_is_removed_is_forgotten() {
    let mut stage = Stage::new("");
    let key = stage.reboot(&[]);
    stage.pass(2_000);
    assert!(stage.command(key, &Command::Delete));
    assert_eq!(stage.play.parts().count(), 0);
    assert_eq!(stage.play.next_at(), None);
}
