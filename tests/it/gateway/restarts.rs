//! A cloud whose plug is pulled, again and again, while a gateway follows many of its tasks and somebody waits for each.

use super::line::Bend;
use super::{Stage, target};
use crate::api::Api;
use crate::waiting::eventually;
use futures_util::future::join_all;
use serde_json::{Value, json};

const DIALECTS: [&str; 4] = [
    "tencent-bm",
    "tencent-bm3",
    "alibaba-bpstudio",
    "huawei-elb",
];
/// Tasks that are followed at once.
const TASKS: usize = 200;
/// What the line to the cloud is like after each restart.
const BENDS: [Bend; 4] = [Bend::Throttled, Bend::Cut, Bend::Slow, Bend::Straight];
/// Polls in vain, before the line is straight again.
const IN_VAIN: usize = 20;

/// A task, what it is called in the gateway, and how it will end.
struct Followed {
    kind: String,
    id: String,
    end: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_restart_of_the_cloud_is_one_of_its_tasks() {
    // Each task is asked for about once a second.
    let quota = "quota = { calls = 50, per_ms = 1000 }";
    let mut stage = Stage::set_up(&DIALECTS, quota).await;
    let mut followed = Vec::new();
    for number in 0..TASKS {
        let kind = format!("work-{number}");
        let task = stage.cloud.submit(&kind, &["a", "b"]).await;
        let target = target(DIALECTS[number % DIALECTS.len()], &task);
        let end = ["succeeded", "failed", "partial"][number % 3];
        let id = stage.track(&target).await;
        followed.push(Followed { kind, id, end });
    }
    let waiting = followed.iter().map(|one| {
        let (api, id) = (stage.api.clone(), one.id.clone());
        tokio::spawn(async move { wait(&api, &id).await })
    });
    let waiting: Vec<_> = waiting.collect();
    for (bend, part) in BENDS.into_iter().zip(followed.chunks(TASKS / BENDS.len())) {
        stage.restart_cloud(|line| line.bend(bend));
        for one in part {
            carry_out(&stage.cloud, one).await;
        }
        if bend == Bend::Cut {
            let before = stage.line.passed();
            eventually("polls in vain", async || {
                (stage.line.passed() >= before + IN_VAIN).then_some(())
            })
            .await;
        } else {
            // Half of them end while the line is bent; then it is straight for the rest.
            for one in part.iter().step_by(2) {
                stage.ended(&one.id).await;
            }
        }
        stage.line.bend(Bend::Straight);
        for one in part {
            stage.ended(&one.id).await;
        }
    }
    for (one, heard) in followed.iter().zip(join_all(waiting).await) {
        let told = stage.api.get(&one.id).await;
        assert_eq!(heard.expect("it does not panic"), one.end, "{told}");
    }
}

/// Waits for the end, as often as it takes, and hands it back. Until then nothing but what is true may be told.
async fn wait(api: &Api, id: &str) -> String {
    loop {
        let answer = api.get_within(id, 20).await.expect("the server answers");
        let told: Value = answer.json().await.expect("it is JSON");
        let status = told["status"].as_str().expect("it is a text");
        if told["ended_at"].is_string() {
            return status.to_owned();
        }
        assert!(matches!(status, "queued" | "running"), "{told}");
        assert_eq!(told["tally"]["failed"], 0, "{told}");
    }
}

/// Does the work of a task in the cloud.
async fn carry_out(cloud: &Api, one: &Followed) {
    let lease = cloud.lease(&one.kind).await;
    let results = match one.end {
        "succeeded" => [("a", "succeeded"), ("b", "succeeded")],
        "failed" => [("a", "failed"), ("b", "failed")],
        _ => [("a", "succeeded"), ("b", "failed")],
    };
    let reported = cloud.report(&lease, &results, None).await;
    assert_eq!(reported["status"], json!(one.end), "{reported}");
}
