//! The real server: its own operations, and the same ones in every dialect.

use super::{Place, Ran};
use crate::api::Api;
use crate::program::Program;
use serde_json::{Value, json};

const KIND: &str = "wait-test";

/// A server, and operations in every state that a wait can meet.
struct Stage {
    program: Program,
    api: Api,
    place: Place,
}

impl Stage {
    fn set_up() -> Self {
        let program = Program::start("memory:");
        let mut place = Place::with_keys();
        place.set("LONGRUN_SERVER", &program.url());
        Self {
            api: Api::new(&program),
            program,
            place,
        }
    }

    /// An operation whose resources have these results, and that has ended if none of them is left.
    async fn operation(&self, results: &[(&str, &str)]) -> Value {
        let ids: Vec<&str> = results.iter().map(|(id, _)| *id).collect();
        let submitted = self.api.submit(KIND, &ids).await;
        let lease = self.api.lease(KIND).await;
        let results: Vec<_> = results
            .iter()
            .copied()
            .filter(|(_, it)| *it != "running")
            .collect();
        self.api.report(&lease, &results, None).await;
        self.api
            .get(submitted["id"].as_str().expect("it is a text"))
            .await
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        self.place.run(arguments).await
    }
}

/// The operation as a target of each dialect, its own first.
fn targets(operation: &Value) -> [String; 8] {
    let text = |name: &str| operation[name].as_str().expect("it is a text").to_owned();
    let (id, job, task) = (text("id"), text("job_id"), operation["task_id"].to_string());
    [
        id.clone(),
        format!("tencent-bm:{task}"),
        format!("tencent-vpc:{task}"),
        format!("tencent-bm3:{task}"),
        format!("tencent-vpc3:{task}"),
        format!("alibaba-bpstudio:{id}"),
        format!("huawei-elb:{job}"),
        format!("huawei-ecs:{job}"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_in_every_dialect() {
    let stage = Stage::set_up();
    let url = stage.program.url();
    // What a dialect cannot tell apart it cannot hand on: two of Tencent's have no partial success.
    for (results, exits) in [
        (&[("a", "succeeded"), ("b", "succeeded")][..], [0; 8]),
        (&[("a", "failed"), ("b", "failed")], [1; 8]),
        (
            &[("a", "succeeded"), ("b", "failed")],
            [3, 3, 1, 3, 1, 3, 3, 3],
        ),
    ] {
        let operation = stage.operation(results).await;
        let targets = targets(&operation);
        let mut words = vec!["wait", "--json", "--timeout", "30s", "--endpoint", &url];
        words.extend(targets.iter().map(String::as_str));
        let ran = stage.run(&words).await;
        let ends = ran.ends();
        let found: Vec<_> = targets
            .iter()
            .map(|target| ends[target]["exit"].clone())
            .collect();
        assert_eq!(found, exits, "{results:?}: {ends:#?}");
        let worst = if exits.contains(&1) { 1 } else { exits[0] };
        ran.with_status(worst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ends_of_the_servers_own_operations() {
    let stage = Stage::set_up();
    let id = |operation: &Value| operation["id"].as_str().expect("it is a text").to_owned();
    let cancelled = id(&stage.api.submit("nobody-takes-this", &["a"]).await);
    stage.api.cancel(&cancelled).await;
    let deleted = id(&stage.operation(&[("a", "succeeded")]).await);
    stage.api.delete(&deleted).await;
    let never = format!("op-{}", "f".repeat(32));
    let running = id(&stage
        .operation(&[("a", "succeeded"), ("b", "running")])
        .await);
    for (id, timeout, status, words) in [
        (&cancelled, "30s", 4, "cancelled"),
        (&deleted, "30s", 6, "unknown"),
        (&never, "30s", 6, "unknown"),
        (
            &running,
            "1s",
            5,
            "last seen: running, 1 succeeded, 1 unfinished",
        ),
    ] {
        let ran = stage
            .run(&["wait", id, "--timeout", timeout])
            .await
            .with_status(status);
        assert!(ran.stdout.contains(words), "{ran:?}");
    }
    let mut place = Place::bare();
    place.set("LONGRUN_SERVER", &stage.program.url());
    place.set("LONGRUN_TOKEN", "not one of ours");
    place.run(&["wait", &running]).await.with_status(7);
    let ran = stage.run(&["get", &running]).await.with_status(0);
    assert!(ran.stdout.contains("1 succeeded, 1 unfinished"), "{ran:?}");
}

/// The server answers as soon as something changes; the error of the task itself is told at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_as_they_come() {
    let stage = Stage::set_up();
    let submitted = stage.api.submit(KIND, &["a", "b"]).await;
    let targets = targets(&submitted);
    let lease = stage.api.lease(KIND).await;
    let url = stage.program.url();
    let words = ["wait", "--endpoint", &url, &targets[0], &targets[1]];
    let wait = stage.run(&words);
    let work = async {
        for result in [("a", "succeeded"), ("b", "failed")] {
            stage.api.report(&lease, &[result], None).await;
        }
    };
    let (ran, ()) = tokio::join!(wait, work);
    let ran = ran.with_status(3);
    assert!(ran.stdout.contains("partial"), "{ran:?}");
    assert!(ran.stdout.contains("DiskFull: no space is left"), "{ran:?}");
    let line = format!("{}  b  failed: DiskFull: no space is left", targets[0]);
    assert!(ran.stderr.contains(&line), "{line}\n{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_is_enough_if_asked_for() {
    let stage = Stage::set_up();
    let running = stage.operation(&[("a", "running")]).await;
    let failed = stage.operation(&[("a", "failed")]).await;
    let never = format!("op-{}", "f".repeat(32));
    let [running, failed] = [&running, &failed].map(|it| it["id"].as_str().expect("it is a text"));
    let ran = stage
        .run(&["wait", "--any", running, failed])
        .await
        .with_status(1);
    assert!(ran.stdout.contains("not waited for"), "{ran:?}");
    // That one is unknown is no end of anything; if nothing is left, the worst is told.
    stage
        .run(&["wait", "--any", &never, failed])
        .await
        .with_status(1);
    stage
        .run(&["wait", "--any", &never, running, "--timeout", "1s"])
        .await
        .with_status(6);
    stage
        .run(&["wait", "--all", failed, running, "--timeout", "1s"])
        .await
        .with_status(1);
    let unknown = stage
        .run(&["wait", "--json", &never, &never])
        .await
        .with_status(6);
    assert_eq!(
        unknown.lines().len(),
        1,
        "the same target is waited for once: {unknown:?}"
    );
    assert_eq!(unknown.lines()[0]["exit"], json!(6));
}
