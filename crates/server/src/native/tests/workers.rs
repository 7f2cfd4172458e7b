//! Leases, heartbeats and reports.

use super::*;
use longrun_model::limits;

#[tokio::test]
async fn leases_are_handed_out() {
    let bench = Bench::new().await;
    let low = bench.submit(json!({"kind": "a"})).await;
    let high = bench.submit(json!({"kind": "b", "priority": 9})).await;
    let call = json!({"kinds": ["a", "b", "c"], "max": 5});
    let leases = bench.post("/api/v1/leases", &call).send().await;
    assert_eq!(leases.status, StatusCode::OK);
    assert_eq!(leases.at("/leases").as_array().unwrap().len(), 2);
    assert_eq!(
        (
            leases.text_at("/leases/0/operation/id"),
            leases.text_at("/leases/1/operation/id")
        ),
        (high, low.clone())
    );
    assert_eq!(leases.at("/leases/0/lease_ms"), 15_000);
    let events = bench
        .get(format!("/api/v1/operations/{low}/events"))
        .send()
        .await;
    assert_eq!(events.at("/events/1/worker"), "anonymous");
    assert_eq!(
        bench.post("/api/v1/leases", &call).send().await.json(),
        json!({"leases": []})
    );
}

/// Who comes after a worker that gave an operation back is handed only what is still open of it.
#[tokio::test]
async fn an_operation_is_handed_back() {
    let bench = Bench::new().await;
    let id = bench
        .submit(json!({"kind": "k", "resources": [{"id": "r1"}, {"id": "r2", "input": 2}]}))
        .await;
    let (_, fence) = bench.lease("k").await;
    let told = json!({"id": id, "fence": fence, "resources": [{"id": "r1", "status": "succeeded"}], "release": true});
    assert_eq!(bench.report(told).await["status"], "queued");
    let leases = bench
        .post("/api/v1/leases", &json!({"kinds": ["k"]}))
        .send()
        .await;
    assert_eq!(
        (
            leases.at("/leases/0/fence"),
            leases.at("/leases/0/operation/attempt")
        ),
        (json!(2), json!(1))
    );
    let open = json!([{"id": "r2", "type": null, "status": "pending", "output": null, "error": null, "input": 2}]);
    assert_eq!(leases.at("/leases/0/operation/resources"), open);
    let events = bench
        .get(format!("/api/v1/operations/{id}/events"))
        .send()
        .await;
    assert_eq!(
        (events.at("/events/3/type"), events.at("/events/3/reason")),
        (json!("released"), json!("handed_back"))
    );
    assert_eq!(
        bench.report(json!({"id": id, "fence": fence})).await["reason"],
        "stale-fence"
    );
}

#[tokio::test]
async fn wishes_out_of_range_are_refused() {
    let bench = Bench::new().await;
    for (call, name, detail) in [
        (json!({}), "malformed", "missing field `kinds`"),
        (json!({"kinds": []}), "invalid", "`kinds`"),
        (json!({"kinds": [""]}), "invalid", "`kinds`"),
        (
            json!({"kinds": ["k"], "max": 0}),
            "invalid",
            "`max` must lie between 1 and 1000",
        ),
        (json!({"kinds": ["k"], "max": 1_001}), "invalid", "`max`"),
        (
            json!({"kinds": ["k"], "max": -1}),
            "malformed",
            "invalid value",
        ),
        (
            json!({"kinds": ["k"], "lease_ms": 99}),
            "invalid",
            "`lease_ms` must lie between 100 and",
        ),
        (
            json!({"kinds": ["k"], "lease_ms": i64::MAX}),
            "invalid",
            "`lease_ms`",
        ),
        (
            json!({"kinds": ["k"], "wait_ms": -1}),
            "invalid",
            "`wait_ms`",
        ),
        (json!({"kinds": ["k"], "worker": ""}), "invalid", "`worker`"),
        (
            json!({"kinds": ["k"], "colour": "red"}),
            "malformed",
            "unknown field",
        ),
    ] {
        let answer = bench.post("/api/v1/leases", &call).send().await;
        assert_eq!(answer.problem(), (400, name.into()), "{call}");
        assert!(
            answer.text_at("/detail").contains(detail),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn heartbeats_say_how_a_lease_stands() {
    let bench = Bench::new().await;
    let held = bench.submit(json!({"kind": "k"})).await;
    bench.lease("k").await;
    let cancelled = bench.submit(json!({"kind": "k"})).await;
    bench.lease("k").await;
    let asked = bench
        .call("POST", format!("/api/v1/operations/{cancelled}:cancel"))
        .send()
        .await;
    assert_eq!(asked.at("/status"), "cancelling");
    let ended = bench.finished("k").await;
    let unknown = "op-00000000000000000000000000000000";
    let given = bench.submit(json!({"kind": "k"})).await;
    let leases: Vec<_> = [
        (&*held, 1),
        (&*cancelled, 1),
        (&*held, 7),
        (&*ended, 1),
        (unknown, 1),
        (&*given, 0),
    ]
    .iter()
    .map(|(id, fence)| json!({"id": id, "fence": fence}))
    .collect();
    let answer = bench
        .post("/api/v1/leases:heartbeat", &json!({"leases": leases}))
        .send()
        .await;
    assert_eq!(
        answer.json(),
        json!({"leases": [
            {"id": held, "fence": 1, "state": "held", "reason": null},
            {"id": cancelled, "fence": 1, "state": "cancel", "reason": null},
            {"id": held, "fence": 7, "state": "lost", "reason": "stale-fence"},
            {"id": ended, "fence": 1, "state": "lost", "reason": "ended"},
            {"id": unknown, "fence": 1, "state": "lost", "reason": "not-found"},
            {"id": given, "fence": 0, "state": "lost", "reason": "stale-fence"},
        ]})
    );
    let released = bench
        .report(json!({"id": held, "fence": 1, "release": true}))
        .await;
    assert_eq!(released["accepted"], true);
    let late = json!({"leases": [{"id": held, "fence": 1}]});
    let late = bench.post("/api/v1/leases:heartbeat", &late).send().await;
    assert_eq!(late.at("/leases/0/reason"), "lease-lost");
    let none = bench
        .post("/api/v1/leases:heartbeat", &json!({"leases": []}))
        .send()
        .await;
    assert_eq!(none.json(), json!({"leases": []}));
    let many = json!({"leases": vec![json!({"id": held, "fence": 1}); limits::LEASES_MAX + 1]});
    let many = bench.post("/api/v1/leases:heartbeat", &many).send().await;
    assert_eq!(many.problem(), (400, "invalid".into()));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
async fn wrong_parts_of_a_report_are_refused_and_the_rest_kept() {
    let bench = Bench::new().await;
    let resources: Vec<_> = (0..12)
        .map(|number| json!({"id": format!("r{number}")}))
        .collect();
    let id = bench
        .submit(json!({"kind": "k", "resources": resources}))
        .await;
    let (_, fence) = bench.lease("k").await;
    bench
        .report(
            json!({"id": id, "fence": fence, "resources": [{"id": "r0", "status": "succeeded"}]}),
        )
        .await;
    let long = "x".repeat(limits::PAYLOAD_BYTES_MAX);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let results = json!([
        {"id": "r0", "status": "failed"},
        {"id": "r1", "status": "succeeded", "output": {"kept": true}},
        {"id": "r2", "status": "done"},
        {"id": "r3", "status": "succeeded", "output": long},
        {"id": "r4", "status": "pending"},
        {"id": "r5", "status": "failed", "error": {"code": "E", "message": format!("{long}x")}},
        {"id": "r6", "status": "failed", "error": {"message": "no code"}},
        {"id": "nobody", "status": "succeeded"},
        {"id": "r7", "status": "succeeded", "colour": "red"},
        {"status": "succeeded"},
        7,
        {"id": "r9", "status": "running"},
    ])
    .to_string();
    let results = format!(
        r#"{},{{"id":"r8","status":"succeeded","output":{deep}}}]"#,
        &results[..results.len() - 1]
    );
    let body = format!(
        r#"{{"reports":[{{"id":"{id}","fence":{fence},"progress":101,"message":7,"finish":{{"status":"done"}},"resources":{results}}}]}}"#
    );
    let answer = bench
        .call("POST", "/api/v1/leases:report")
        .body(body)
        .send()
        .await;
    let told = answer.at("/reports/0");
    assert_eq!(
        (&told["accepted"], &told["status"]),
        (&json!(true), &json!("running"))
    );
    let refused: Vec<_> = told["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            (
                part["resource"].as_str().unwrap_or("-"),
                part["reason"].as_str().unwrap(),
            )
        })
        .collect();
    let invalid =
        ["r2", "r3", "r5", "r6", "r7", "-", "-", "r8", "-", "-", "-"].map(|id| (id, "invalid"));
    let judged = [
        ("r0", "resource-ended"),
        ("r4", "not-a-result"),
        ("nobody", "unknown-resource"),
    ];
    assert_eq!(refused, [&invalid[..], &judged].concat());
    let operation = bench.get(format!("/api/v1/operations/{id}")).send().await;
    assert_eq!(
        operation.at("/tally"),
        json!({"succeeded": 2, "failed": 0, "unfinished": 10})
    );
    assert_eq!(operation.at("/resources/1/output"), json!({"kept": true}));
    assert_eq!(operation.at("/resources/9/status"), "running");
}

#[tokio::test]
async fn a_finish_that_contradicts_is_refused() {
    let bench = Bench::new().await;
    let id = bench
        .submit(json!({"kind": "k", "resources": [{"id": "r"}]}))
        .await;
    let (_, fence) = bench.lease("k").await;
    let results = json!([{"id": "r", "status": "succeeded"}]);
    let told =
        json!({"id": id, "fence": fence, "resources": results, "finish": {"status": "failed"}});
    let answer = bench.report(told).await;
    assert_eq!(
        answer["refused"],
        json!([{"resource": null, "reason": "contradiction"}])
    );
    assert_eq!(answer["status"], "succeeded");
}

#[tokio::test]
async fn wrong_reports_are_refused_and_the_others_kept() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let (_, fence) = bench.lease("k").await;
    let reports = json!({"reports": [
        {"id": id},
        {"fence": 3, "id": "op-nobody"},
        {"id": id, "fence": fence, "colour": "red"},
        "report",
        {"id": id, "fence": fence, "message": "on it", "progress": 100},
        {"id": id, "fence": fence, "finish": {"status": "succeeded", "output": {"n": 1}}},
        {"id": id, "fence": fence, "finish": {"status": "failed"}},
    ]});
    let answer = bench.post("/api/v1/leases:report", &reports).send().await;
    let told: Vec<_> = answer
        .at("/reports")
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["id"].clone(),
                one["fence"].clone(),
                one["reason"].clone(),
                one["status"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!(id), Value::Null, json!("malformed"), Value::Null),
            (
                json!("op-nobody"),
                json!(3),
                json!("not-found"),
                Value::Null
            ),
            (json!(id), json!(fence), json!("malformed"), Value::Null),
            (Value::Null, Value::Null, json!("malformed"), Value::Null),
            (json!(id), json!(fence), Value::Null, json!("running")),
            (json!(id), json!(fence), Value::Null, json!("succeeded")),
            (json!(id), json!(fence), json!("ended"), Value::Null),
        ]
    );
    let operation = bench.get(format!("/api/v1/operations/{id}")).send().await;
    assert_eq!(
        (operation.at("/output"), operation.at("/progress/message")),
        (json!({"n": 1}), json!("on it"))
    );
}

#[tokio::test]
async fn a_report_of_too_many_resources_is_refused_alone() {
    let bench = Bench::new().await;
    let resources = json!([{"id": "r"}, {"id": "s"}]);
    let mut leases = Vec::new();
    for _ in 0..3 {
        bench
            .submit(json!({"kind": "k", "resources": resources}))
            .await;
        leases.push(bench.lease("k").await);
    }
    let report = |index: usize, results: Vec<Value>| {
        let (id, fence) = &leases[index];
        json!({"id": id, "fence": fence, "resources": results})
    };
    let done = || json!({"id": "r", "status": "succeeded"});
    let reports = json!({"reports": [
        report(0, vec![done()]),
        report(1, vec![done(); limits::RESOURCES_MAX + 1]),
        report(2, vec![done(); limits::RESOURCES_MAX]),
    ]});
    let answer = bench.post("/api/v1/leases:report", &reports).send().await;
    let accepted = |index: usize| {
        let (id, fence) = &leases[index];
        json!({"id": id, "fence": fence, "accepted": true, "reason": null, "status": "running", "refused": []})
    };
    let (id, fence) = &leases[1];
    let refused = json!({
        "id": id, "fence": fence, "accepted": false, "reason": "too-many-resources", "status": null, "refused": [],
    });
    assert_eq!(
        answer.at("/reports"),
        json!([accepted(0), refused, accepted(2)])
    );
    for ((id, _), succeeded) in leases.iter().zip([1, 0, 1]) {
        let operation = bench.get(format!("/api/v1/operations/{id}")).send().await;
        assert_eq!(
            operation.at("/tally"),
            json!({"succeeded": succeeded, "failed": 0, "unfinished": 2 - succeeded})
        );
    }
}

/// Reports of one call count in the order in which they stand, however many there are.
#[tokio::test]
async fn reports_keep_their_order() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let (_, fence) = bench.lease("k").await;
    let reports: Vec<_> = (0..500)
        .map(|number| json!({"id": id, "fence": fence, "message": number.to_string()}))
        .collect();
    let answer = bench
        .post("/api/v1/leases:report", &json!({"reports": reports}))
        .send()
        .await;
    assert_eq!(answer.at("/reports").as_array().unwrap().len(), 500);
    let events = bench
        .get(format!("/api/v1/operations/{id}/events?page_size=1000"))
        .send()
        .await
        .json();
    let messages = events["events"].as_array().unwrap()[2..]
        .iter()
        .map(|one| one["progress"]["message"].clone());
    assert!(messages.eq((0..500).map(|number| json!(number.to_string()))));
}

/// What failed and may pass is tried again, what succeeded stays, and the history has every attempt.
#[tokio::test]
async fn an_attempt_that_failed_is_followed_by_another() {
    let bench = Bench::new().await;
    let body = json!({"kind": "patient", "resources": [{"id": "a"}, {"id": "b"}]});
    let id = bench.submit(body).await;
    for (attempt, status) in [(1, "queued"), (2, "partial")] {
        let (_, fence) = bench.lease("patient").await;
        let error = json!({"code": "Busy", "message": format!("try {attempt}")});
        let mut results = vec![json!({"id": "b", "status": "failed", "error": error})];
        if attempt == 1 {
            results.push(json!({"id": "a", "status": "succeeded"}));
        }
        let told = json!({"id": id, "fence": fence, "resources": results});
        assert_eq!(bench.report(told).await["status"], status);
    }
    let path = format!("/api/v1/operations/{id}");
    let operation = bench.get(&path).send().await;
    assert_eq!(operation.at("/error/message"), "try 2");
    assert_eq!(
        (operation.at("/attempt"), operation.at("/attempts_max")),
        (json!(2), json!(2))
    );
    let events = bench.get(format!("{path}/events")).send().await;
    let error = json!({"code": "Busy", "message": "try 1", "retryable": false});
    let retried = json!({
        "number": 4, "at": events.at("/events/3/at"), "type": "retried", "error": error, "not_before": null,
        "resources": [{"id": "b", "status": "pending", "error": error}],
    });
    assert_eq!(events.at("/events/3"), retried);
    let metrics = bench.get("/metrics").anonymous().send().await;
    assert!(metrics.text.contains("longrun_retries_total 1\n"));
}

#[tokio::test]
async fn an_operation_is_not_handed_out_before_its_time() {
    let bench = Bench::new().await;
    let in_an_hour = SystemClock.now().as_seconds() + 3_600;
    let in_an_hour = jiff::Timestamp::from_second(in_an_hour).unwrap();
    let late = bench
        .submit(json!({"kind": "k", "not_before": in_an_hour.to_string()}))
        .await;
    let past = bench
        .submit(json!({"kind": "k", "not_before": "2001-01-01T00:00:00Z"}))
        .await;
    let soon = bench.submit(json!({"kind": "k", "delay_ms": 20})).await;
    let call = json!({"kinds": ["k"], "wait_ms": 60_000});
    for expected in [past, soon] {
        let leases = bench.post("/api/v1/leases", &call).send().await;
        assert_eq!(leases.text_at("/leases/0/operation/id"), expected);
        assert_eq!(leases.at("/leases/0/operation/not_before"), Value::Null);
    }
    let operation = bench.get(format!("/api/v1/operations/{late}")).send().await;
    let not_before: jiff::Timestamp = operation.text_at("/not_before").parse().unwrap();
    assert_eq!(not_before, in_an_hour);
    for (wrong, problem) in [
        (json!({"kind": "k", "delay_ms": -1}), "invalid"),
        (json!({"kind": "k", "not_before": "soon"}), "malformed"),
        (
            json!({"kind": "k", "not_before": "9000-01-01T00:00:00Z"}),
            "invalid",
        ),
        (
            json!({"kind": "k", "not_before": "2001-01-01T00:00:00Z", "delay_ms": 1}),
            "invalid",
        ),
    ] {
        let answer = bench.post("/api/v1/operations", &wrong).send().await;
        assert_eq!(answer.problem(), (400, problem.to_owned()), "{wrong}");
    }
}

/// A heartbeat that waits is answered as soon as the operation is to be cancelled, and not by what its worker tells.
#[tokio::test]
async fn a_heartbeat_can_wait_for_orders() {
    let bench = Bench::new().await;
    let ids = [
        bench.submit(json!({"kind": "k"})).await,
        bench.submit(json!({"kind": "k"})).await,
    ];
    bench
        .post(
            "/api/v1/leases",
            &json!({"kinds": ["k"], "max": 2, "lease_ms": 100_000}),
        )
        .send()
        .await;
    let held: Vec<Value> = ids.iter().map(|id| json!({"id": id, "fence": 1})).collect();
    let call = json!({"leases": held, "wait_ms": 60_000});
    let waiting = bench.post("/api/v1/leases:heartbeat", &call).send();
    let cancelling = async {
        // By then the other call waits: both run on this thread, in turns.
        while bench.app.engine.watched() < 2 {
            tokio::task::yield_now().await;
        }
        bench
            .report(json!({"id": ids[0], "fence": 1, "progress": 50}))
            .await;
        bench
            .post(format!("/api/v1/operations/{}:cancel", ids[1]), &json!({}))
            .send()
            .await;
    };
    let (answer, ()) = tokio::join!(waiting, cancelling);
    let states = [answer.at("/leases/0/state"), answer.at("/leases/1/state")];
    assert_eq!(states, [json!("held"), json!("cancel")]);
    // There is something to tell already.
    let again = bench.post("/api/v1/leases:heartbeat", &call).send().await;
    assert_eq!(again.at("/leases/1/state"), "cancel");
    let wrong = json!({"leases": [], "wait_ms": -1});
    let wrong = bench.post("/api/v1/leases:heartbeat", &wrong).send().await;
    assert_eq!(wrong.problem(), (400, "invalid".to_owned()));
}

/// A heartbeat never waits so long that a lease could end meanwhile.
#[tokio::test]
async fn a_waiting_heartbeat_keeps_its_leases() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let lease = json!({"kinds": ["k"], "lease_ms": 400});
    bench.post("/api/v1/leases", &lease).send().await;
    let call = json!({"leases": [{"id": id, "fence": 1}], "wait_ms": 60_000});
    for _ in 0..2 {
        let answer = bench.post("/api/v1/leases:heartbeat", &call).send().await;
        assert_eq!(answer.at("/leases/0/state"), "held");
    }
}
