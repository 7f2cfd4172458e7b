//! Clouds that are away, slow and wrong, and a gateway whose plug is pulled.

use super::line::Bend;
use super::{Stage, target};
use crate::waiting::eventually;
use serde_json::json;

/// Whatever the line does, no waiter sees anything but how the task stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_trouble_of_a_poll_is_one_of_the_task() {
    let stage = Stage::set_up(&["tencent-bm", "alibaba-bpstudio", "huawei-elb"], "").await;
    for bend in [Bend::Cut, Bend::Throttled, Bend::Broken, Bend::Slow] {
        for dialect in ["tencent-bm", "alibaba-bpstudio", "huawei-elb"] {
            let (task, lease) = stage.task(&["a", "b"]).await;
            let id = stage.track(&target(dialect, &task)).await;
            let is_seen = |it: &serde_json::Value| it["progress"]["message"].is_string();
            stage.api.get_when(&id, is_seen).await;
            stage.line.bend(bend);
            let results = [("a", "succeeded"), ("b", "succeeded")];
            stage.cloud.report(&lease, &results, None).await;
            let before = stage.line.passed();
            eventually("some trouble", async || {
                let told = stage.api.get(&id).await;
                let status = told["status"].as_str().expect("it is a text").to_owned();
                let is_true = matches!(&*status, "running" | "succeeded");
                assert!(is_true, "{bend:?} {dialect}: {told}");
                (stage.line.passed() > before + 3 || status == "succeeded").then_some(())
            })
            .await;
            stage.line.bend(Bend::Straight);
            let told = stage
                .api
                .get_when(&id, |it| it["ended_at"].is_string())
                .await;
            assert_eq!(told["status"], "succeeded", "{bend:?} {dialect}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_how_old_it_is() {
    let stage = Stage::set_up(&["tencent-bm"], "").await;
    let url = stage.gateway().url();
    let (task, lease) = stage.task(&["a"]).await;
    let target = target("tencent-bm", &task);
    let id = stage.track(&target).await;
    let known = stage
        .api
        .get_when(&id, |it| it["progress"]["message"].is_string())
        .await;
    assert_eq!(known.get("stale_since"), None, "{known}");
    stage.line.bend(Bend::Cut);
    let aged = stage
        .api
        .get_when(&id, |it| it["stale_since"].is_string())
        .await;
    assert_eq!(aged["status"], "running");
    let since = aged["stale_since"].as_str().expect("it is a text");
    assert!(
        since >= known["created_at"].as_str().expect("it is a text"),
        "{aged}"
    );
    // Those who ask in the dialect are told what is known.
    let ask = ["get", &*target, "--endpoint", &url];
    stage.place.run(&ask).await.with_status(0);
    // A task of which nothing is known is not there as long as the cloud is not.
    let other = ["get", "tencent-bm:4711", "--endpoint", &url];
    stage.place.run(&other).await.with_status(8);
    let metrics = stage.metrics().await;
    let down = "longrun_upstream_down{upstream=\"tencent-bm\"} 1";
    assert!(metrics.contains(down), "{metrics}");
    stage.line.bend(Bend::Straight);
    stage
        .api
        .get_when(&id, |it| it.get("stale_since").is_none())
        .await;
    stage
        .cloud
        .report(&lease, &[("a", "succeeded")], None)
        .await;
    stage
        .api
        .get_when(&id, |it| it["status"] == "succeeded")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_was_killed_goes_on() {
    let mut stage = Stage::set_up(&["tencent-vpc", "huawei-elb"], "").await;
    let mut followed = Vec::new();
    for dialect in ["tencent-vpc", "huawei-elb"].repeat(5) {
        let (task, lease) = stage.task(&[]).await;
        let id = stage.track(&target(dialect, &task)).await;
        followed.push((id, lease));
    }
    for (id, _) in &followed {
        stage
            .api
            .get_when(id, |it| it["progress"]["message"].is_string())
            .await;
    }
    stage.kill();
    // Half of the tasks end while nobody looks.
    let (early, late) = followed.split_at(5);
    for (_, lease) in early {
        let finish =
            json!({ "status": "failed", "error": { "code": "DiskFull", "message": "no space" } });
        stage.cloud.report(lease, &[], Some(finish)).await;
    }
    stage.restart();
    for (id, _) in early {
        let told = stage
            .api
            .get_when(id, |it| it["ended_at"].is_string())
            .await;
        assert_eq!(told["status"], "failed", "{told}");
    }
    for (id, lease) in late {
        let finish = json!({ "status": "succeeded" });
        stage.cloud.report(lease, &[], Some(finish)).await;
        let told = stage
            .api
            .get_when(id, |it| it["ended_at"].is_string())
            .await;
        assert_eq!(
            (&told["status"], &told["attempt"]),
            (&json!("succeeded"), &json!(1))
        );
    }
}
