//! The good case of every call about operations.

use super::*;

/// Takes the members away that differ from run to run, after a look at their form.
fn settled(mut operation: Value, id: &str) -> Value {
    let members = operation.as_object_mut().unwrap();
    assert_eq!(members.remove("id").unwrap(), id);
    assert_eq!(
        members.remove("job_id").unwrap(),
        id.strip_prefix("op-").unwrap()
    );
    assert!(members.remove("task_id").unwrap().as_u64().unwrap() > 0);
    for name in [
        "created_at",
        "started_at",
        "updated_at",
        "ended_at",
        "deadline_at",
        "expires_at",
    ] {
        let time = members
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is left out"));
        if let Some(time) = time.as_str() {
            assert!(
                time.len() == 24 && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(),
                "{time}"
            );
        }
    }
    operation
}

fn submission() -> Value {
    json!({
        "kind": "reboot", "input": {"why": ["update", 1.5]}, "project": "p1", "region": "eu", "resource_group": "rg",
        "labels": {"b": "2", "a": "1 \"ä\""}, "priority": 3, "deadline_ms": 60_000, "retention_ms": 5_000,
        "resources": [{"id": "r1", "type": "vm", "input": {"n": 1}}, {"id": "r2"}],
    })
}

fn failure() -> Value {
    json!({"code": "E1", "message": "broke", "retryable": true})
}

/// Submits an operation and has a worker end it with one success and one failure.
async fn partly_done(bench: &Bench) -> String {
    let id = bench.submit(submission()).await;
    let call = json!({"kinds": ["reboot"], "lease_ms": 30_000, "worker": "w1"});
    bench.post("/api/v1/leases", &call).send().await;
    let results = json!([
        {"id": "r1", "status": "succeeded", "output": {"ok": true}},
        {"id": "r2", "status": "failed", "error": failure()},
    ]);
    let told = bench
        .report(json!({"id": id, "fence": 1, "progress": 40, "message": "half way", "resources": results}))
        .await;
    assert_eq!(
        told,
        json!({"id": id, "fence": 1, "accepted": true, "reason": null, "status": "partial", "refused": []})
    );
    id
}

#[tokio::test]
async fn an_operation_is_submitted() {
    let bench = Bench::new().await;
    let answer = bench.post("/api/v1/operations", &submission()).send().await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::ACCEPTED, Some("application/json"))
    );
    let id = answer.text_at("/id");
    let path = format!("/api/v1/operations/{id}");
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let queued = json!({
        "kind": "reboot", "status": "queued", "tally": {"succeeded": 0, "failed": 0, "unfinished": 2},
        "progress": {"percent": 0, "message": null},
        "resources": [
            {"id": "r1", "type": "vm", "status": "pending", "output": null, "error": null},
            {"id": "r2", "type": null, "status": "pending", "output": null, "error": null},
        ],
        "output": null, "error": null, "attempt": 0, "attempts_max": null, "version": 1, "not_before": null, "project": "p1", "region": "eu",
        "resource_group": "rg", "labels": {"b": "2", "a": "1 \"ä\""},
    });
    assert_eq!(settled(answer.json(), &id), queued);
    assert_eq!(settled(bench.get(&path).send().await.json(), &id), queued);
}

#[tokio::test]
async fn a_worker_is_told_the_inputs() {
    let bench = Bench::new().await;
    let id = bench.submit(submission()).await;
    let call = json!({"kinds": ["reboot"], "lease_ms": 30_000});
    let leases = bench.post("/api/v1/leases", &call).send().await;
    for (place, expected) in [
        ("/lease_ms", json!(30_000)),
        ("/fence", json!(1)),
        ("/operation/id", json!(id)),
        ("/operation/status", json!("running")),
        ("/operation/input", json!({"why": ["update", 1.5]})),
        ("/operation/resources/0/input", json!({"n": 1})),
        ("/operation/resources/1/input", Value::Null),
    ] {
        assert_eq!(leases.at(&format!("/leases/0{place}")), expected, "{place}");
    }
}

#[tokio::test]
async fn results_are_shown() {
    let bench = Bench::new().await;
    let id = partly_done(&bench).await;
    let ended = bench.get(format!("/api/v1/operations/{id}")).send().await;
    for (place, expected) in [
        ("/status", json!("partial")),
        (
            "/tally",
            json!({"succeeded": 1, "failed": 1, "unfinished": 0}),
        ),
        ("/progress", json!({"percent": 40, "message": "half way"})),
        ("/resources/0/output", json!({"ok": true})),
        ("/resources/1/error", failure()),
        ("/error", failure()),
    ] {
        assert_eq!(ended.at(place), expected, "{place}");
    }
    for place in ["/started_at", "/ended_at", "/expires_at"] {
        assert!(ended.at(place).is_string(), "{place}");
    }
}

#[tokio::test]
async fn the_history_is_shown() {
    let bench = Bench::new().await;
    let id = partly_done(&bench).await;
    let events = bench
        .get(format!("/api/v1/operations/{id}/events"))
        .send()
        .await;
    for (place, expected) in [
        ("/0/type", json!("submitted")),
        ("/1/type", json!("leased")),
        ("/1/worker", json!("w1")),
        ("/1/fence", json!(1)),
        ("/1/lease_ms", json!(30_000)),
        ("/2/type", json!("reported")),
        ("/2/number", json!(3)),
        (
            "/2/resources",
            json!([{"id": "r1", "status": "succeeded"}, {"id": "r2", "status": "failed"}]),
        ),
        ("/2/progress", json!({"percent": 40, "message": "half way"})),
        ("/3/type", json!("ended")),
        ("/3/status", json!("partial")),
        ("/3/error", failure()),
    ] {
        assert_eq!(events.at(&format!("/events{place}")), expected, "{place}");
    }
    assert_eq!(events.at("/events").as_array().unwrap().len(), 4);
    assert_eq!(events.at("/next_after"), Value::Null);
}

#[tokio::test]
async fn inputs_come_back_as_they_were_written() {
    let bench = Bench::new().await;
    let body = r#"{"kind":"k","input":{ "n" : 1.50e3, "big": 123456789012345678901234567890, "s":"\u00e4 b" },"labels":{"b":"2","a":"1"}}"#;
    assert_eq!(
        bench
            .call("POST", "/api/v1/operations")
            .body(body)
            .send()
            .await
            .status,
        StatusCode::ACCEPTED
    );
    let leases = bench
        .post("/api/v1/leases", &json!({"kinds": ["k"]}))
        .send()
        .await;
    let compact = r#""input":{"n":1.50e3,"big":123456789012345678901234567890,"s":"\u00e4 b"}"#;
    assert!(leases.text.contains(compact), "{}", leases.text);
    let labels = r#""labels":{"b":"2","a":"1"}"#;
    assert!(leases.text.contains(labels), "{}", leases.text);
}

#[tokio::test]
async fn resources_and_events_come_in_pages() {
    let bench = Bench::new().await;
    let resources: Vec<_> = (0..5)
        .map(|number| json!({"id": format!("r{number}")}))
        .collect();
    let id = bench
        .submit(json!({"kind": "k", "resources": resources}))
        .await;
    let (_, fence) = bench.lease("k").await;
    for (resource, status) in [("r1", "succeeded"), ("r3", "succeeded"), ("r4", "running")] {
        bench.report(json!({"id": id, "fence": fence, "resources": [{"id": resource, "status": status}]})).await;
    }
    let path = format!("/api/v1/operations/{id}");
    for (query, expected, next) in [
        ("", &["r0", "r1", "r2", "r3", "r4"][..], None),
        ("?page_size=2", &["r0", "r1"], Some("2")),
        ("?page_size=2&page_token=2", &["r2", "r3"], Some("4")),
        ("?page_size=2&page_token=4", &["r4"], None),
        ("?page_token=99", &[], None),
        ("?status=succeeded", &["r1", "r3"], None),
        ("?status=succeeded&page_size=1", &["r1"], Some("3")),
        ("?status=failed", &[], None),
    ] {
        let page = bench
            .get(format!("{path}/resources{query}"))
            .send()
            .await
            .json();
        let ids: Vec<_> = page["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(
            (ids.as_slice(), page["next_page_token"].as_str()),
            (expected, next),
            "{query}"
        );
    }
    for (query, expected, next) in [
        ("", &[1, 2, 3, 4, 5][..], None),
        ("?page_size=2", &[1, 2], Some(2)),
        ("?page_size=2&after=2", &[3, 4], Some(4)),
        ("?page_size=2&after=3", &[4, 5], None),
        ("?after=99", &[], None),
    ] {
        let page = bench
            .get(format!("{path}/events{query}"))
            .send()
            .await
            .json();
        let numbers: Vec<_> = page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["number"].as_u64().unwrap())
            .collect();
        assert_eq!(
            (numbers.as_slice(), page["next_after"].as_u64()),
            (expected, next),
            "{query}"
        );
    }
}

#[tokio::test]
async fn lists_are_filtered() {
    let bench = Bench::new().await;
    let finished = bench.finished("a").await;
    let labelled = bench
        .submit(json!({"kind": "a", "labels": {"x": "1", "y": "a=b"}}))
        .await;
    let placed = bench
        .submit(json!({"kind": "b", "project": "p1", "labels": {"x": "1"}}))
        .await;
    for (query, expected) in [
        ("", &[&placed, &labelled, &finished][..]),
        ("?status=queued", &[&placed, &labelled]),
        ("?status=succeeded", &[&finished]),
        ("?kind=a", &[&labelled, &finished]),
        ("?label=x%3D1", &[&placed, &labelled]),
        ("?label=x=1&label=y=a%3Db", &[&labelled]),
        ("?project=p1", &[&placed]),
        ("?project=p2", &[]),
        ("?created_after=2020-01-01T00:00:00Z&kind=b", &[&placed]),
        ("?created_after=2100-01-01T00:00:00%2B02:00", &[]),
    ] {
        let page = bench
            .get(format!("/api/v1/operations{query}"))
            .send()
            .await
            .json();
        let ids: Vec<_> = page["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expected, "{query}");
        assert!(page["next_page_token"].is_null());
        assert!(
            page["operations"]
                .as_array()
                .unwrap()
                .iter()
                .all(|one| one.get("resources").is_none())
        );
    }
}

#[tokio::test]
async fn pages_are_stable_under_writes() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bench.submit(json!({"kind": "k"})).await);
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = bench
            .get(format!("/api/v1/operations?page_size=2{token}"))
            .send()
            .await
            .json();
        found.extend(
            page["operations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        // What is submitted while somebody turns the pages shifts nothing.
        bench.submit(json!({"kind": "k"})).await;
        let Some(next) = page["next_page_token"].as_str() else {
            break;
        };
        token = format!("&page_token={next}");
    }
    ids.reverse();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn operations_are_cancelled_and_deleted() {
    let bench = Bench::new().await;
    let id = bench
        .submit(json!({"kind": "k", "resources": [{"id": "r"}]}))
        .await;
    let path = format!("/api/v1/operations/{id}");
    assert_eq!(
        bench.call("DELETE", &path).send().await.problem(),
        (409, "not-ended".into())
    );
    let cancelled = bench.call("POST", format!("{path}:cancel")).send().await;
    assert_eq!(
        (cancelled.status, cancelled.at("/status")),
        (StatusCode::OK, json!("cancelled"))
    );
    assert_eq!(cancelled.at("/resources/0/status"), "cancelled");
    assert_eq!(
        bench
            .call("POST", format!("{path}:cancel"))
            .send()
            .await
            .status,
        StatusCode::OK,
        "asked twice"
    );
    let deleted = bench.call("DELETE", &path).send().await;
    assert_eq!(
        (deleted.status, deleted.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    for call in [
        bench.get(&path),
        bench.call("DELETE", &path),
        bench.get(format!("{path}/events")),
    ] {
        assert_eq!(call.send().await.problem(), (410, "gone".into()));
    }
    let finished = bench.finished("k").await;
    let late = bench
        .call("POST", format!("/api/v1/operations/{finished}:cancel"))
        .send()
        .await;
    assert_eq!(late.problem(), (409, "ended".into()));
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let bench = Bench::new().await;
    let good = json!({"operations": [{"kind": "a"}, {"kind": "b", "resources": [{"id": "r"}]}]});
    let answer = bench.post("/api/v1/operations:batch", &good).send().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.at("/operations/0/kind"), "a");
    assert_eq!(answer.at("/operations/1/resources/0/id"), "r");
    let bad = json!({"operations": [{"kind": "a"}, {"kind": ""}]});
    let answer = bench.post("/api/v1/operations:batch", &bad).send().await;
    assert_eq!(answer.problem(), (400, "invalid".into()));
    assert!(
        answer
            .text_at("/detail")
            .starts_with("operations[1]: `kind`")
    );
    let list = bench.get("/api/v1/operations").send().await;
    assert_eq!(list.at("/operations").as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn kinds_have_settings() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "special"})).await;
    let operation = bench
        .app
        .engine
        .get(bench.app.ids.key(&id).unwrap(), None)
        .await
        .unwrap();
    assert_eq!(
        (operation.mixed_end, operation.retention_millis),
        (MixedEnd::Succeeded, 1_000)
    );
    assert!(
        operation
            .deadline_at
            .is_some_and(|at| at.millis_since(operation.created_at).abs_diff(60_000) < 1_000)
    );
    let id = bench
        .submit(json!({"kind": "special", "retention_ms": 7, "deadline_ms": 900_000}))
        .await;
    let operation = bench
        .app
        .engine
        .get(bench.app.ids.key(&id).unwrap(), None)
        .await
        .unwrap();
    assert_eq!(operation.retention_millis, 7);
    assert!(
        operation
            .deadline_at
            .is_some_and(|at| at.millis_since(operation.created_at) > 800_000)
    );
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let bench = Bench::new().await;
    bench.submit(json!({"kind": "k"})).await;
    for path in ["/healthz", "/readyz"] {
        let answer = bench.get(path).anonymous().send().await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (StatusCode::OK, "ok"),
            "{path}"
        );
    }
    let metrics = bench.get("/metrics").anonymous().send().await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    // The key of the bench was written as well.
    assert!(
        metrics
            .text
            .contains("# TYPE longrun_writes_total counter\nlongrun_writes_total 2\n"),
        "{}",
        metrics.text
    );
    for line in metrics.text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split([' ', '{']).next().unwrap();
        assert!(metrics.text.contains(&format!("# HELP {name} ")), "{name}");
    }
    bench
        .app
        .draining
        .store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.get("/healthz").send().await.status, StatusCode::OK);
    assert_eq!(
        bench.get("/readyz").send().await.problem(),
        (503, "unavailable".into())
    );
    bench
        .app
        .draining
        .store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.get("/readyz").send().await.status, StatusCode::OK);
}

/// Here an operation counts as stuck as soon as it waits, or once it needs a second attempt.
#[tokio::test]
async fn what_is_stuck_is_found_and_says_why() {
    let bench = Bench::new().await;
    let waiting = bench.submit(json!({"kind": "k"})).await;
    bench.submit(json!({"kind": "k", "delay_ms": 60_000})).await;
    bench.finished("l").await;
    let retried = bench.submit(json!({"kind": "m"})).await;
    let (_, fence) = bench.lease("m").await;
    let list = bench.get("/api/v1/operations?stuck=true").send().await;
    assert_eq!(
        (
            list.text_at("/operations/0/id"),
            list.at("/operations/0/stuck")
        ),
        (waiting, json!("queued"))
    );
    assert_eq!(list.at("/operations").as_array().unwrap().len(), 1);
    let all = bench.get("/api/v1/operations?stuck=false").send().await;
    assert_eq!(all.at("/operations").as_array().unwrap().len(), 4);
    assert_eq!(all.json()["operations"][0].get("stuck"), None);
    let metrics = bench.get("/metrics").anonymous().send().await;
    for line in ["queued\"} 1", "silent\"} 0", "retrying\"} 0"] {
        let line = format!("longrun_stuck_operations{{reason=\"{line}\n");
        assert!(metrics.text.contains(&line), "{line}");
    }
    bench
        .report(json!({"id": retried, "fence": fence, "release": true}))
        .await;
    let wrong = bench.get("/api/v1/operations?stuck=maybe").send().await;
    assert_eq!(wrong.problem(), (400, "malformed".to_owned()));
}
