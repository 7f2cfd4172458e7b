//! Following tasks: what is mirrored, how it is asked for, and what is left when the cloud has forgotten.

use super::{Stage, id_of, target};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;

const DIALECTS: [&str; 7] = [
    "tencent-bm",
    "tencent-vpc",
    "tencent-bm3",
    "tencent-vpc3",
    "alibaba-bpstudio",
    "huawei-elb",
    "huawei-ecs",
];

/// A bare poll of a task that nobody follows yet makes the gateway follow it; callers sign with keys of the gateway, and
/// the cloud hears its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_in_its_own_dialect_follows_a_task() {
    let stage = Stage::set_up(&DIALECTS, "").await;
    let url = stage.gateway().url();
    for dialect in DIALECTS {
        // Tasks of the cloud and operations of the gateway have numbers of their own that run apart.
        stage.cloud.submit("other", &[]).await;
        let (task, lease) = stage.task(&["a", "b"]).await;
        let target = target(dialect, &task);
        let ask = ["get", &target, "--endpoint", &url, "--json"];
        let told = stage.place.run(&ask).await.with_status(0).lines().remove(0);
        assert_eq!(told["status"], "running", "{dialect}: {told}");
        let results = [("a", "succeeded"), ("b", "succeeded")];
        stage.cloud.report(&lease, &results, None).await;
        let wait = ["wait", &target, "--endpoint", &url];
        stage.place.run(&wait).await.with_status(0);
        // The cloud forgets, and the gateway does not.
        stage.cloud.delete(&id_of(&task)).await;
        stage.place.run(&wait).await.with_status(0);
        let list = stage
            .api
            .call(Method::GET, "/api/v1/operations?kind=track", None);
        let newest = list.await["operations"][0].clone();
        let followed = stage.api.get(&id_of(&newest)).await;
        assert_eq!(followed["status"], "succeeded", "{dialect}: {followed}");
        stage
            .place
            .run(&["wait", &id_of(&newest)])
            .await
            .with_status(0);
    }
    let log = stage.gateway().log();
    assert!(!log.contains(crate::program::KEY_SECRET) && !log.contains(super::CALLER_SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources_outputs_and_errors_are_mirrored_as_they_change() {
    let stage = Stage::set_up(&["tencent-bm", "huawei-elb"], "").await;
    for dialect in ["tencent-bm", "huawei-elb"] {
        let (task, lease) = stage.task(&["a", "b", "c"]).await;
        let id = stage.track(&target(dialect, &task)).await;
        assert_eq!(
            stage.track(&target(dialect, &task)).await,
            id,
            "the first one"
        );
        stage
            .cloud
            .report(&lease, &[("a", "succeeded"), ("b", "failed")], None)
            .await;
        let half = stage
            .api
            .get_when(&id, |it| {
                it["tally"]["unfinished"] == 1 && it["tally"]["failed"] == 1
            })
            .await;
        assert_eq!(half["status"], "running");
        stage
            .cloud
            .report(&lease, &[("c", "succeeded")], None)
            .await;
        let ended = stage
            .api
            .get_within(&id, 30)
            .await
            .expect("the server answers");
        let ended: serde_json::Value = ended.json().await.expect("it is JSON");
        assert_eq!(ended["status"], "partial", "{ended}");
        assert_eq!(
            ended["resources"].as_array().map(Vec::len),
            Some(3),
            "{ended}"
        );
        let events = format!("/api/v1/operations/{id}/events");
        let events = stage.api.call(Method::GET, &events, None).await;
        let found = events["events"].as_array().expect("a list").iter();
        let found = found.filter(|event| event["type"] == "found");
        let named = found.flat_map(|event| event["resources"].as_array().expect("a list").clone());
        assert_eq!(named.count(), 3, "{events}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_waiters_cost_the_polls_of_one() {
    let stage = Stage::set_up(&["tencent-vpc"], "").await;
    let (task, lease) = stage.task(&[]).await;
    let target = target("tencent-vpc", &task);
    let id = stage.track(&target).await;
    stage
        .api
        .get_when(&id, |it| it["status"] == "running")
        .await;
    let waiting = join_all((0..1_000).map(|_| stage.api.get_within(&id, 60)));
    let finishing = async {
        let before = stage.line.passed();
        crate::waiting::eventually("twenty polls", async || {
            (stage.line.passed() >= before + 20).then_some(())
        })
        .await;
        let finish = json!({ "status": "succeeded", "output": { "ok": true } });
        stage.cloud.report(&lease, &[], Some(finish)).await;
    };
    let (answers, ()) = tokio::join!(waiting, finishing);
    for answer in answers {
        let answer = answer.expect("the server answers");
        assert_eq!(answer.status(), StatusCode::OK);
        let told: serde_json::Value = answer.json().await.expect("it is JSON");
        assert_eq!(told["status"], "succeeded");
    }
    // As many as one waiter takes: each poll found the one before answered.
    assert!(stage.line.passed() < 1_000, "{}", stage.line.passed());
    let once = stage.line.passed();
    let url = stage.gateway().url();
    let wait = ["wait", &target, "--endpoint", &url];
    join_all((0..4).map(|_| stage.place.run(&wait))).await;
    assert_eq!(
        stage.line.passed(),
        once,
        "what has ended is not asked for again"
    );
}

/// How many polls the cloud allows in a second, and how many tasks are followed under that.
const QUOTA: usize = 10;
const UNDER_QUOTA: usize = 200;

/// The cloud counts polls as they arrive. Since none arrives before it was sent, no busy machine makes more of them than
/// there were; that no second holds too many wherever it begins is shown on a clock of its own, in the poller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_are_followed_under_a_quota_and_all_end() {
    let quota = format!("quota = {{ calls = {QUOTA}, per_ms = 1000 }}");
    let stage = Stage::set_up(&["tencent-vpc"], &quota).await;
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..UNDER_QUOTA {
        let (task, lease) = stage.task(&[]).await;
        let id = stage.track(&target("tencent-vpc", &task)).await;
        tasks.push((id, lease));
    }
    for (_, lease) in &tasks {
        let finish = json!({ "status": "succeeded" });
        stage.cloud.report(lease, &[], Some(finish)).await;
    }
    for (id, _) in &tasks {
        let told = stage.ended(id).await;
        assert_eq!(told["status"], "succeeded", "{told}");
    }
    let arrivals = stage.line.arrivals();
    assert!(arrivals.len() >= UNDER_QUOTA, "{}", arrivals.len());
    for (number, arrival) in arrivals.iter().enumerate() {
        let seconds = (*arrival - begun).as_secs();
        let seconds = usize::try_from(seconds).expect("it is short");
        let allowed = QUOTA * (seconds + 1);
        assert!(number < allowed, "poll {number} in second {seconds}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cloud_does_not_know_is_an_outcome_of_its_own() {
    let stage = Stage::set_up(&["tencent-vpc", "huawei-elb"], "").await;
    let url = stage.gateway().url();
    for target in [
        "tencent-vpc:4711",
        "huawei-elb:00000000000000000000000000000000",
    ] {
        // A bare poll hears what the cloud says, and nothing is kept of it.
        let ask = ["get", target, "--endpoint", &url];
        stage.place.run(&ask).await.with_status(6);
        let tracked = stage
            .place
            .run(&["track", target, "--wait", "--json"])
            .await;
        let tracked = tracked.with_status(6).lines().remove(0);
        assert_eq!(tracked["status"], "expired", "{tracked}");
        assert_eq!(tracked["error"]["code"], "UnknownTask");
        stage.place.run(&ask).await.with_status(6);
    }
    let list = stage
        .api
        .call(Method::GET, "/api/v1/operations", None)
        .await;
    assert_eq!(
        list["operations"].as_array().map(Vec::len),
        Some(2),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_can_be_given_up() {
    let stage = Stage::set_up(&["tencent-vpc"], "").await;
    let (task, _) = stage.task(&[]).await;
    let id = stage.track(&target("tencent-vpc", &task)).await;
    stage
        .api
        .get_when(&id, |it| it["status"] == "running")
        .await;
    stage.api.cancel(&id).await;
    stage
        .api
        .get_when(&id, |it| it["status"] == "cancelled")
        .await;
    let task = stage.cloud.get(&id_of(&task)).await;
    assert_eq!(task["status"], "running", "the task itself goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_followed_is_refused() {
    let stage = Stage::set_up(&["tencent-vpc"], "accounts = ['dev']").await;
    for (input, words) in [
        (json!(null), "CLOUD:ID"),
        (json!({ "target": 5 }), "CLOUD:ID"),
        (json!({ "target": "op-1" }), "names no cloud"),
        (
            json!({ "target": "aws-ec2:1" }),
            "no cloud that can be asked",
        ),
        (
            json!({ "target": "tencent-vpc:abc" }),
            "no id of tencent-vpc",
        ),
        (
            json!({ "target": "tencent-bm:1" }),
            "no upstream is tencent-bm",
        ),
        (
            json!({ "target": "tencent-vpc:1", "upstream": "x" }),
            "no upstream `x`",
        ),
        (
            json!({ "target": "tencent-bm:1", "upstream": "tencent-vpc" }),
            "is not tencent-bm",
        ),
    ] {
        let submission = json!({ "kind": "track", "input": input });
        let refused = stage
            .api
            .send(Method::POST, "/api/v1/operations", Some(&submission))
            .await
            .expect("the server answers");
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{input}");
        let problem = refused.text().await.expect("it has a body");
        assert!(problem.contains(words), "{problem}");
    }
}

/// An upstream that is another account's is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_serves_whom_it_is_for() {
    let stage = Stage::set_up(&["tencent-vpc"], "access_keys = ['AKIDOFSOMEBODYELSE']").await;
    let (task, _) = stage.task(&[]).await;
    let target = target("tencent-vpc", &task);
    let ran = stage.place.run(&["track", &target]).await;
    let ran = ran.with_status(1);
    assert!(ran.stderr.contains("no upstream is tencent-vpc"), "{ran:?}");
    let url = stage.gateway().url();
    let ask = ["get", &*target, "--endpoint", &url];
    stage.place.run(&ask).await.with_status(6);
    assert_eq!(stage.line.passed(), 0);
}
