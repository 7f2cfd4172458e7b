//! Who may see and do what.

use super::*;
use std::net::IpAddr;

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let path = format!("/api/v1/operations/{id}");
    let other = bench.key("other", &["p1"], None).await;
    for call in [
        bench.get(&path),
        bench.get(format!("{path}/resources")),
        bench.get(format!("{path}/events")),
        bench.call("DELETE", &path),
        bench.call("POST", format!("{path}:cancel")),
    ] {
        assert_eq!(
            call.token(&other).send().await.problem(),
            (404, "not-found".into())
        );
    }
    let list = bench.get("/api/v1/operations").token(&other).send().await;
    assert_eq!(list.at("/operations"), json!([]));
    let call = json!({"kinds": ["k"]});
    assert_eq!(
        bench
            .post("/api/v1/leases", &call)
            .token(&other)
            .send()
            .await
            .at("/leases"),
        json!([])
    );
    let (_, fence) = bench.lease("k").await;
    let held = json!({"leases": [{"id": id, "fence": fence}]});
    let beat = bench
        .post("/api/v1/leases:heartbeat", &held)
        .token(&other)
        .send()
        .await;
    assert_eq!(
        (beat.at("/leases/0/state"), beat.at("/leases/0/reason")),
        (json!("lost"), json!("not-found"))
    );
    let told = json!({"reports": [{"id": id, "fence": fence, "finish": {"status": "failed"}}]});
    let told = bench
        .post("/api/v1/leases:report", &told)
        .token(&other)
        .send()
        .await;
    assert_eq!(
        (told.at("/reports/0/accepted"), told.at("/reports/0/reason")),
        (json!(false), json!("not-found"))
    );
    let operator = bench.key("*", &[], None).await;
    assert_eq!(
        bench.get(&path).token(&operator).send().await.at("/status"),
        "running"
    );
}

#[tokio::test]
async fn projects_do_not_see_each_other() {
    let bench = Bench::new().await;
    let placed = bench.submit(json!({"kind": "k", "project": "p1"})).await;
    let free = bench.submit(json!({"kind": "k"})).await;
    let elsewhere = bench.key("acme", &["p2"], None).await;
    let path = format!("/api/v1/operations/{placed}");
    for call in [
        bench.get(&path),
        bench.get(format!("{path}/events")),
        bench.call("DELETE", &path),
        bench.call("POST", format!("{path}:cancel")),
    ] {
        assert_eq!(
            call.token(&elsewhere).send().await.problem(),
            (404, "not-found".into())
        );
    }
    let list = bench
        .get("/api/v1/operations")
        .token(&elsewhere)
        .send()
        .await;
    assert_eq!(list.at("/operations").as_array().unwrap().len(), 1);
    assert_eq!(list.text_at("/operations/0/id"), free);
    let list = bench
        .get("/api/v1/operations?project=p1")
        .token(&elsewhere)
        .send()
        .await;
    assert_eq!(
        list.json(),
        json!({"operations": [], "next_page_token": null})
    );
    let submission = json!({"kind": "k", "project": "p1"});
    let answer = bench
        .post("/api/v1/operations", &submission)
        .token(&elsewhere)
        .send()
        .await;
    assert_eq!(answer.problem(), (403, "forbidden".into()));
    let batch = json!({"operations": [{"kind": "k"}, submission]});
    let answer = bench
        .post("/api/v1/operations:batch", &batch)
        .token(&elsewhere)
        .send()
        .await;
    assert!(
        answer.text_at("/detail").starts_with("operations[1]: "),
        "{answer:?}"
    );
}

/// What does not exist for a key is neither handed to its worker nor heard from it, fence or no fence.
#[tokio::test]
async fn workers_keep_to_the_projects_of_their_key() {
    let bench = Bench::new().await;
    let placed = bench.submit(json!({"kind": "k", "project": "p1"})).await;
    let free = bench.submit(json!({"kind": "k"})).await;
    let elsewhere = bench.key("acme", &["p2"], None).await;
    let both = bench.key("acme", &["p2", "p1"], None).await;
    let call = json!({"kinds": ["k"], "max": 9});
    let leases = bench.post("/api/v1/leases", &call).token(&elsewhere);
    let leases = leases.send().await;
    assert_eq!(leases.at("/leases").as_array().unwrap().len(), 1);
    assert_eq!(leases.text_at("/leases/0/operation/id"), free);
    let leases = bench.post("/api/v1/leases", &call).token(&both);
    let leases = leases.send().await;
    assert_eq!(leases.text_at("/leases/0/operation/id"), placed);

    let held = json!({"id": placed, "fence": 1});
    let beat = json!({"leases": [held], "wait_ms": 60_000});
    let told = json!({"reports": [{"id": placed, "fence": 1, "finish": {"status": "failed"}}]});
    for (token, state, reason) in [
        (&elsewhere, "lost", json!("not-found")),
        (&both, "held", json!(null)),
    ] {
        let mut beat = beat.clone();
        if state == "held" {
            beat["wait_ms"] = json!(0);
        }
        let beats = bench.post("/api/v1/leases:heartbeat", &beat).token(token);
        let beats = beats.send().await;
        assert_eq!(beats.at("/leases/0/state"), state);
        assert_eq!(beats.at("/leases/0/reason"), reason);
        let reports = bench.post("/api/v1/leases:report", &told).token(token);
        let reports = reports.send().await;
        assert_eq!(reports.at("/reports/0/accepted"), reason.is_null());
        assert_eq!(reports.at("/reports/0/reason"), reason);
    }
    let path = format!("/api/v1/operations/{placed}");
    assert_eq!(bench.get(&path).send().await.at("/status"), "failed");
}

/// The same rule as for reads: what a key may get is what its worker is handed.
#[tokio::test]
async fn a_worker_is_handed_what_its_key_may_read() {
    let bench = Bench::new().await;
    let everywhere = bench.key("acme", &["p1", "p2"], None).await;
    let other = bench.key("other", &["p1"], None).await;
    let operator = bench.key("*", &[], None).await;
    let mut ids = Vec::new();
    for (token, project) in [
        (&everywhere, json!(null)),
        (&everywhere, json!("p1")),
        (&everywhere, json!("p2")),
        (&other, json!("p1")),
        (&other, json!(null)),
    ] {
        let submission = json!({"kind": "k", "project": project});
        let answer = bench.post("/api/v1/operations", &submission).token(token);
        ids.push(answer.send().await.text_at("/id"));
    }
    for (account, projects) in [
        ("acme", &[][..]),
        ("acme", &["p1"]),
        ("acme", &["p2", "p3"]),
        ("other", &["p1"]),
        ("other", &["p2"]),
        ("nobody", &["p1"]),
        ("*", &[]),
    ] {
        let token = bench.key(account, projects, None).await;
        let mut readable = Vec::new();
        for id in &ids {
            let path = format!("/api/v1/operations/{id}");
            if bench.get(path).token(&token).send().await.status == StatusCode::OK {
                readable.push(id.clone());
            }
        }
        let call = json!({"kinds": ["k"], "max": 99});
        let answer = bench.post("/api/v1/leases", &call).token(&token);
        let handed_out = answer.send().await.at("/leases");
        let handed_out = handed_out.as_array().unwrap();
        let mut leased: Vec<_> = handed_out
            .iter()
            .map(|one| one["operation"]["id"].as_str().unwrap().to_owned())
            .collect();
        let given_back: Vec<_> = handed_out
            .iter()
            .map(
                |one| json!({"id": one["operation"]["id"], "fence": one["fence"], "release": true}),
            )
            .collect();
        let back = json!({"reports": given_back});
        let answer = bench.post("/api/v1/leases:report", &back).token(&operator);
        assert_eq!(answer.send().await.status, StatusCode::OK);
        leased.sort();
        readable.sort();
        assert_eq!(leased, readable, "{account} {projects:?}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
async fn every_action_is_asked_for() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let (_, fence) = bench.lease("k").await;
    let done = bench.finished("d").await;
    let path = format!("/api/v1/operations/{id}");
    let none = bench
        .key_that_may(r#""Action":"longrun:Nothing","Resource":"*""#)
        .await;
    let submission = json!({"kind": "k"});
    for (action, call) in [
        (
            "SubmitOperation",
            bench.post("/api/v1/operations", &submission),
        ),
        (
            "SubmitOperation",
            bench.post(
                "/api/v1/operations:batch",
                &json!({"operations": [submission]}),
            ),
        ),
        ("GetOperation", bench.get(&path)),
        ("GetOperation", bench.get("/api/v1/operations/op-unknown")),
        ("GetOperation", bench.get(format!("{path}/resources"))),
        ("GetOperation", bench.get(format!("{path}/events"))),
        ("ListOperations", bench.get("/api/v1/operations")),
        (
            "LeaseOperations",
            bench.post("/api/v1/leases", &json!({"kinds": ["k"]})),
        ),
        (
            "ReportOperations",
            bench.post(
                "/api/v1/leases:heartbeat",
                &json!({"leases": [{"id": id, "fence": fence}]}),
            ),
        ),
        (
            "ReportOperations",
            bench.post(
                "/api/v1/leases:report",
                &json!({"reports": [{"id": id, "fence": fence}]}),
            ),
        ),
        (
            "CancelOperation",
            bench.call("POST", format!("{path}:cancel")),
        ),
        (
            "DeleteOperation",
            bench.call("DELETE", format!("/api/v1/operations/{done}")),
        ),
        ("ManageKeys", bench.get("/api/v1/keys")),
        ("ManageKeys", bench.post("/api/v1/keys", &json!({}))),
        ("ManageKeys", bench.call("DELETE", "/api/v1/keys/x")),
        ("ManageKeys", bench.call("POST", "/api/v1/keys/x:disable")),
    ] {
        let one = bench
            .key_that_may(&format!(r#""Action":"longrun:{action}","Resource":"*""#))
            .await;
        let again = Call {
            headers: Vec::new(),
            body: call.body.clone(),
            path: call.path.clone(),
            ..call
        };
        let refused = bench
            .call(again.method, &again.path)
            .body(again.body.clone())
            .token(&none)
            .send()
            .await;
        assert_eq!(
            refused.problem(),
            (403, "forbidden".into()),
            "{action} {}",
            again.path
        );
        assert!(refused.text_at("/detail").contains(action));
        let allowed = again.token(&one).send().await;
        assert_ne!(
            allowed.status,
            StatusCode::FORBIDDEN,
            "{action}: {allowed:?}"
        );
    }
}

#[tokio::test]
async fn policies_speak_of_resources_and_groups() {
    let bench = Bench::new().await;
    let one = bench
        .submit(json!({"kind": "k", "resource_group": "rg-1"}))
        .await;
    let two = bench
        .submit(json!({"kind": "k", "resource_group": "rg-2", "region": "eu"}))
        .await;
    let get = |id: &str, token: String| {
        let (bench, path) = (&bench, format!("/api/v1/operations/{id}"));
        async move { bench.get(path).token(&token).send().await.status == StatusCode::OK }
    };
    let group = r#""Action":"longrun:*","Resource":"*","Condition":{"StringEquals":{"acs:ResourceGroupId":"rg-1"}}"#;
    let token = bench.key_that_may(group).await;
    assert!(get(&one, token.clone()).await && !get(&two, token.clone()).await);
    for (group, expected) in [
        (json!("rg-1"), StatusCode::ACCEPTED),
        (json!("rg-2"), StatusCode::FORBIDDEN),
        (Value::Null, StatusCode::FORBIDDEN),
    ] {
        let body = json!({"kind": "k", "resource_group": group});
        assert_eq!(
            bench
                .post("/api/v1/operations", &body)
                .token(&token)
                .send()
                .await
                .status,
            expected,
            "{group}"
        );
    }
    let region = bench
        .key_that_may(r#""Action":"longrun:*","Resource":"acs:longrun:eu:acme:operation/*""#)
        .await;
    assert!(!get(&one, region.clone()).await && get(&two, region).await);
    let named = format!(
        r#""Action":"longrun:GetOperation","Resource":"acs:longrun:*:acme:operation/{one}""#
    );
    let named = bench.key_that_may(&named).await;
    assert!(get(&one, named.clone()).await && !get(&two, named.clone()).await);
    assert!(
        get(one.strip_prefix("op-").unwrap(), named).await,
        "the same operation under its other name"
    );
    // A list is open to whoever may list, and shows what they may get.
    let lister = bench
        .key("acme", &[], Some(&format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"longrun:ListOperations","Resource":"*"}},
            {{"Effect":"Allow","Action":"longrun:GetOperation","Resource":"acs:longrun:*:*:operation/{two}"}}]}}"#
        )))
        .await;
    let list = bench.get("/api/v1/operations").token(&lister).send().await;
    assert_eq!(list.at("/operations").as_array().unwrap().len(), 1);
    assert_eq!(list.text_at("/operations/0/id"), two);
    let kinds = bench
        .key_that_may(r#""Action":"longrun:*","Resource":"acs:longrun:*:*:kind/k""#)
        .await;
    for (kind, expected) in [("k", StatusCode::OK), ("l", StatusCode::FORBIDDEN)] {
        let call = json!({"kinds": [kind], "max": 1});
        assert_eq!(
            bench
                .post("/api/v1/leases", &call)
                .token(&kinds)
                .send()
                .await
                .status,
            expected,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn policies_know_where_a_call_comes_from() {
    let bench = Bench::new().await;
    let inside = r#""Action":"longrun:*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#;
    let token = bench.key_that_may(inside).await;
    for (peer, expected) in [
        (Some("10.1.2.3"), 200),
        (Some("11.1.2.3"), 403),
        (None, 403),
    ] {
        let mut request =
            Request::get("/api/v1/operations").header("authorization", format!("Bearer {token}"));
        if let Some(peer) = peer {
            request = request.extension(peer.parse::<IpAddr>().unwrap());
        }
        let response = bench
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), expected, "{peer:?}");
    }
}

/// In one call, the reports that are not allowed are refused and the others kept.
#[tokio::test]
async fn reports_are_allowed_one_by_one() {
    let bench = Bench::new().await;
    let mine = bench.submit(json!({"kind": "k"})).await;
    let (_, fence) = bench.lease("k").await;
    let theirs = bench.submit(json!({"kind": "k"})).await;
    let policy = format!(
        r#""Action":"longrun:ReportOperations","Resource":"acs:longrun:*:*:operation/{mine}""#
    );
    let token = bench.key_that_may(&policy).await;
    let body = json!({"reports": [{"id": theirs, "fence": 1}, {"id": mine, "fence": fence}]});
    let answer = bench
        .post("/api/v1/leases:report", &body)
        .token(&token)
        .send()
        .await;
    assert_eq!(answer.at("/reports/0/reason"), "forbidden");
    assert_eq!(answer.at("/reports/1/accepted"), true);
}

/// Who could not see an operation is not told either that it was there.
#[tokio::test]
async fn what_is_gone_is_gone_only_for_those_who_saw_it() {
    let bench = Bench::new().await;
    let operator = bench.key("*", &[], None).await;
    let elsewhere = bench.key("acme", &["p2"], None).await;
    let stranger = bench.key("other", &["p1"], None).await;
    let deleted = bench.submit(json!({"kind": "k", "project": "p1"})).await;
    let expired = json!({"kind": "k", "project": "p1", "retention_ms": 0});
    let expired = bench.submit(expired).await;
    for id in [&deleted, &expired] {
        let path = format!("/api/v1/operations/{id}:cancel");
        assert_eq!(bench.call("POST", path).send().await.status, 200);
    }
    let path = format!("/api/v1/operations/{deleted}");
    assert_eq!(bench.call("DELETE", path).send().await.status, 204);
    for (token, status) in [
        (&bench.token, 410),
        (&operator, 410),
        (&elsewhere, 404),
        (&stranger, 404),
    ] {
        for id in [&deleted, &expired] {
            for (method, rest) in [
                ("GET", ""),
                ("GET", "/events"),
                ("GET", "/resources"),
                ("POST", ":cancel"),
                ("DELETE", ""),
            ] {
                let path = format!("/api/v1/operations/{id}{rest}");
                let answer = bench.call(method, &*path).token(token).send().await;
                assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
            }
        }
    }
}
