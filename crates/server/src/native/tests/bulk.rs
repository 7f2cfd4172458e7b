//! Actions on many operations.

use super::*;

impl Bench {
    async fn bulk(&self, body: Value) -> Answer {
        self.post("/api/v1/operations:bulk", &body).send().await
    }

    async fn counts(&self, body: Value) -> (Value, Value, Value) {
        let answer = self.bulk(body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        (
            answer.at("/matched"),
            answer.at("/done"),
            answer.at("/skipped"),
        )
    }

    async fn status(&self, id: &str) -> String {
        let operation = self.get(format!("/api/v1/operations/{id}")).send().await;
        operation.text_at("/status")
    }
}

#[tokio::test]
async fn a_preview_counts_and_the_action_acts() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for kind in ["a", "b", "a", "a"] {
        let body = json!({"kind": kind, "labels": {"of": kind}, "deadline_ms": 60_000});
        ids.push(bench.submit(body).await);
    }
    bench.finished("c").await;
    let cancel = json!({"action": "cancel", "labels": {"of": "a"}});
    let mut preview = cancel.clone();
    preview["preview"] = json!(true);
    let three = (json!(3), json!(0), json!(0));
    assert_eq!(bench.counts(preview.clone()).await, three);
    assert_eq!(bench.status(&ids[0]).await, "queued");
    let extend = json!({"action": "extend_deadline", "extend_ms": 1_000, "kind": "b"});
    assert_eq!(bench.counts(extend).await, (json!(1), json!(1), json!(0)));
    let done = (json!(3), json!(3), json!(0));
    assert_eq!(bench.counts(cancel).await, done);
    assert_eq!(bench.status(&ids[0]).await, "cancelled");
    assert_eq!(bench.counts(preview).await.0, 0);
    let finish = json!({"action": "finish", "status": "queued", "finish": {"status": "succeeded", "output": [1]}});
    assert_eq!(bench.counts(finish).await, (json!(1), json!(1), json!(0)));
    assert_eq!(bench.status(&ids[1]).await, "succeeded");
    let delete = json!({"action": "delete"});
    assert_eq!(bench.counts(delete).await, (json!(5), json!(5), json!(0)));
}

#[tokio::test]
async fn many_are_done_part_by_part() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        bench.submit(json!({"kind": "k"})).await;
    }
    let mut call = json!({"action": "cancel", "limit": 2});
    let mut done = Vec::new();
    loop {
        let answer = bench.bulk(call.clone()).await;
        done.push(answer.at("/done"));
        call["page_token"] = answer.at("/next_page_token");
        if call["page_token"].is_null() {
            break;
        }
    }
    assert_eq!(done, [2, 2, 1]);
}

/// What has ended stays as it is: what failed of it is submitted anew, once.
#[tokio::test]
async fn what_failed_is_submitted_again() {
    let bench = Bench::new().await;
    let body = json!({"kind": "k", "input": 7, "labels": {"x": "y"}, "resources": [{"id": "a"}, {"id": "b", "input": 2}]});
    let id = bench.submit(body).await;
    let (_, fence) = bench.lease("k").await;
    let results = json!([{"id": "a", "status": "succeeded"}, {"id": "b", "status": "failed"}]);
    bench
        .report(json!({"id": id, "fence": fence, "resources": results}))
        .await;
    let retry = json!({"action": "retry", "status": "partial"});
    assert_eq!(bench.counts(retry.clone()).await.1, 1);
    assert_eq!(bench.counts(retry).await, (json!(1), json!(0), json!(1)));
    assert_eq!(bench.status(&id).await, "partial");
    let call = json!({"kinds": ["k"]});
    let lease = bench.post("/api/v1/leases", &call).send().await;
    let again = lease.at("/leases/0/operation");
    assert_eq!(again["labels"], json!({"x": "y", "retry_of": id}));
    assert_eq!(again["input"], 7);
    let open: Vec<_> = again["resources"].as_array().unwrap().iter().collect();
    assert_eq!(
        (open.len(), &open[0]["id"], &open[0]["input"]),
        (1, &json!("b"), &json!(2))
    );
}

#[tokio::test]
async fn calls_that_make_no_sense_are_refused() {
    let bench = Bench::new().await;
    for (call, problem) in [
        (json!({}), "malformed"),
        (json!({"action": "explode"}), "malformed"),
        (json!({"action": "cancel", "status": "done"}), "malformed"),
        (
            json!({"action": "cancel", "created_after": "now"}),
            "malformed",
        ),
        (json!({"action": "cancel", "page_token": "1"}), "malformed"),
        (json!({"action": "cancel", "limit": 0}), "invalid"),
        (json!({"action": "extend_deadline"}), "invalid"),
        (
            json!({"action": "extend_deadline", "extend_ms": 0}),
            "invalid",
        ),
        (json!({"action": "finish"}), "invalid"),
        (
            json!({"action": "finish", "finish": {"status": "ok"}}),
            "malformed",
        ),
    ] {
        let answer = bench.bulk(call.clone()).await;
        assert_eq!(answer.problem(), (400, problem.to_owned()), "{call}");
    }
}

#[tokio::test]
async fn others_operations_and_what_is_not_allowed_stay_untouched() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let other = bench.key("other", &[], None).await;
    let call = json!({"action": "cancel"});
    let answer = bench.post("/api/v1/operations:bulk", &call);
    assert_eq!(answer.token(&other).send().await.at("/matched"), 0);
    let narrow = bench
        .key_that_may(r#""Action":"longrun:GetOperation","Resource":"*""#)
        .await;
    let answer = bench.post("/api/v1/operations:bulk", &call);
    let refused = answer.token(&narrow).send().await;
    assert_eq!(refused.problem(), (403, "forbidden".to_owned()));
    assert_eq!(bench.status(&id).await, "queued");
}
