//! What is wrong with a call, and what it is told.

use super::*;
use bytes::Bytes;
use longrun_model::limits;

const OPERATIONS: &str = "/api/v1/operations";

/// What a submission is told.
async fn check(bench: &Bench, body: impl Into<Vec<u8>>) -> (u16, String, String) {
    let answer = bench.call("POST", OPERATIONS).body(body).send().await;
    let (status, name) = answer.problem();
    (status, name, answer.text_at("/detail"))
}

#[tokio::test]
async fn malformed_bodies() {
    let bench = Bench::new().await;
    let deep = "[".repeat(10_000);
    let deep_closed = format!("{deep}{}", "]".repeat(10_000));
    for (body, detail) in [
        ("", "line 1 column 0"),
        ("{", "line 1 column 1"),
        (r#"{"kind":"k""#, "column 11"),
        (r#"{"kind":"k"} x"#, "trailing characters"),
        (r#"{"kind":"k","kind":"k"}"#, "duplicate field"),
        (r#"{"kind":"k","more":1}"#, "unknown field `more`"),
        ("{}", "missing field `kind`"),
        ("[]", "no array"),
        ("null", "expected an operation"),
        (r#"{"kind":7}"#, "invalid type"),
        (r#"{"kind":"k","priority":"high"}"#, "invalid type"),
        (r#"{"kind":"k","deadline_ms":1.5}"#, "invalid type"),
        (r#"{"kind":"k","labels":{"a":1}}"#, "invalid type"),
        (
            r#"{"kind":"k","resources":[{"type":"x"}]}"#,
            "missing field `id`",
        ),
        (r#"{"kind":"k","resources":["r"]}"#, "invalid type"),
        (r#"{"kind":"k","input":"\ud800"}"#, "hex escape"),
        (&deep, "no array"),
        (&format!(r#"{{"kind":{deep}"#), "line 1"),
        (
            &format!(r#"{{"kind":"k","input":{deep_closed}}}"#),
            "`input`: recursion limit",
        ),
        (
            &format!(r#"{{"kind":"k","resources":[{{"id":"r","input":{deep_closed}}}]}}"#),
            "recursion limit",
        ),
        (
            &format!(r#"{{"kind":"k","more":{deep_closed}}}"#),
            "unknown field",
        ),
    ] {
        let (status, name, found) = check(&bench, body).await;
        assert_eq!((status, name.as_str()), (400, "malformed"), "{body:.60}");
        assert!(found.contains(detail), "{body:.60}: {found}");
    }
    let (status, name, detail) = check(&bench, *b"{\"kind\":\"\xff\"}").await;
    assert_eq!((status, name.as_str()), (400, "malformed"));
    assert!(detail.contains("UTF-8"), "{detail}");
    assert_eq!(
        bench.get(OPERATIONS).send().await.at("/operations"),
        json!([]),
        "nothing was stored"
    );
}

#[tokio::test]
async fn values_over_their_limits() {
    let bench = Bench::new().await;
    let long = "x".repeat(limits::NAME_BYTES_MAX + 1);
    let payload = "x".repeat(limits::PAYLOAD_BYTES_MAX);
    let labels: HashMap<String, &str> = (0..=limits::LABELS_MAX)
        .map(|n| (n.to_string(), ""))
        .collect();
    for (body, detail) in [
        (json!({"kind": ""}), "`kind`"),
        (json!({"kind": long}), "`kind`"),
        (json!({"kind": "k", "project": ""}), "`project`"),
        (
            json!({"kind": "k", "priority": 10}),
            "`priority` must lie between 0 and 9",
        ),
        (json!({"kind": "k", "priority": -1}), "`priority`"),
        (json!({"kind": "k", "priority": 1_000}), "`priority`"),
        (
            json!({"kind": "k", "deadline_ms": 0}),
            "`deadline_ms` must lie between 1 and",
        ),
        (
            json!({"kind": "k", "deadline_ms": i64::MAX}),
            "`deadline_ms`",
        ),
        (json!({"kind": "k", "retention_ms": -1}), "`retention_ms`"),
        (
            json!({"kind": "k", "input": payload}),
            "`input` may have at most 65536 bytes",
        ),
        (
            json!({"kind": "k", "labels": labels}),
            "`labels` may hold at most 64",
        ),
        (json!({"kind": "k", "labels": {"": "x"}}), "`labels`"),
        (
            json!({"kind": "k", "resources": [{"id": "r"}, {"id": "r"}]}),
            "`resources` names `r` twice",
        ),
        (
            json!({"kind": "k", "resources": [{"id": ""}]}),
            "`resources.id`",
        ),
        (
            json!({"kind": "k", "resources": [{"id": "r", "input": payload}]}),
            "`resources.input`",
        ),
    ] {
        let (status, name, found) = if body["project"] == "" {
            let operator = bench.key("*", &[], None).await;
            let answer = bench.post(OPERATIONS, &body).token(&operator).send().await;
            let (status, name) = answer.problem();
            (status, name, answer.text_at("/detail"))
        } else {
            check(&bench, body.to_string()).await
        };
        assert_eq!((status, name.as_str()), (400, "invalid"), "{found}");
        assert!(found.contains(detail), "{found}");
    }
    let (status, name, found) = check(&bench, r#"{"kind":"k","labels":{"a":"1","a":"2"}}"#).await;
    assert_eq!(
        (status, name.as_str(), found.as_str()),
        (400, "invalid", "`labels` names `a` twice")
    );
    for (operations, detail) in [(0, "between 1 and 1000"), (1_001, "between 1 and 1000")] {
        let batch = json!({"operations": vec![json!({"kind": "k"}); operations]});
        let answer = bench.post("/api/v1/operations:batch", &batch).send().await;
        assert_eq!(answer.problem(), (400, "invalid".into()));
        assert!(answer.text_at("/detail").contains(detail));
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_size_or_type() {
    let bench = Bench::new().await;
    let call = || bench.post(OPERATIONS, &json!({"kind": "k"}));
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(
            call().header("content-type", kind).send().await.status,
            StatusCode::ACCEPTED,
            "{kind}"
        );
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/jsonp",
    ] {
        let answer = call().header("content-type", kind).send().await;
        assert_eq!(
            answer.problem(),
            (415, "unsupported-media-type".into()),
            "{kind}"
        );
    }
    let blanks = vec![b' '; 16 * 1024 * 1024 + 1];
    let large = (413, "too-large".to_owned());
    assert_eq!(
        bench
            .call("POST", OPERATIONS)
            .body(blanks.clone())
            .send()
            .await
            .problem(),
        large
    );
    let announced = call().header("content-length", "16777217").send().await;
    assert_eq!(announced.problem(), large);
    let (status, name, _) = check(&bench, &blanks[1..]).await;
    assert_eq!(
        (status, name.as_str()),
        (400, "malformed"),
        "as large as it may be"
    );
}

/// A client that goes away in the middle of its body has said nothing.
#[tokio::test]
async fn a_body_that_ends_too_early() {
    let bench = Bench::new().await;
    let broken = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let chunks = [Ok(Bytes::from_static(b"{\"kind\":\"k\"}")), Err(broken)];
    let request = Request::post(OPERATIONS)
        .header("authorization", format!("Bearer {}", bench.token))
        .body(Body::from_stream(futures_util::stream::iter(chunks)))
        .unwrap();
    let response = bench.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        bench.get(OPERATIONS).send().await.at("/operations"),
        json!([])
    );
}

#[tokio::test]
async fn tokens_that_are_none() {
    let bench = Bench::new().await;
    let paths = [
        OPERATIONS,
        "/api/v1/operations/x",
        "/api/v1/keys",
        "/api/v1/operations/x/events",
    ];
    for path in paths {
        for call in [bench.get(path).anonymous(), bench.get(path).token("wrong")] {
            let answer = call.send().await;
            assert_eq!(answer.problem(), (401, "unauthenticated".into()), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let basic = bench
        .get(OPERATIONS)
        .anonymous()
        .header("authorization", format!("Basic {}", bench.token));
    assert_eq!(basic.send().await.status, StatusCode::UNAUTHORIZED);
    // Who calls is asked before what they say is read.
    let answer = bench
        .call("POST", OPERATIONS)
        .anonymous()
        .body("{")
        .send()
        .await;
    assert_eq!(answer.problem(), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn paths_and_methods_that_are_none() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    for (method, path, expected) in [
        ("GET", "/api/v1/nothing".to_owned(), (404, "not-found")),
        ("GET", "/api/v2/operations".to_owned(), (404, "not-found")),
        (
            "GET",
            format!("/api/v1/operations/{id}/nothing"),
            (404, "not-found"),
        ),
        (
            "POST",
            format!("/api/v1/operations/{id}:restart"),
            (404, "not-found"),
        ),
        (
            "GET",
            format!("/api/v1/operations/{id}:cancel"),
            (404, "not-found"),
        ),
        (
            "GET",
            "/api/v1/operations/op-00000000000000000000000000000000".to_owned(),
            (404, "not-found"),
        ),
        ("GET", "/api/v1/operations/1".to_owned(), (404, "not-found")),
        (
            "GET",
            "/api/v1/operations/%ff".to_owned(),
            (404, "not-found"),
        ),
        ("GET", "/api/v1/operations/".to_owned(), (404, "not-found")),
        (
            "PUT",
            format!("/api/v1/operations/{id}"),
            (405, "method-not-allowed"),
        ),
        (
            "POST",
            format!("/api/v1/operations/{id}"),
            (405, "method-not-allowed"),
        ),
        (
            "DELETE",
            "/api/v1/operations".to_owned(),
            (405, "method-not-allowed"),
        ),
        (
            "GET",
            "/api/v1/leases".to_owned(),
            (405, "method-not-allowed"),
        ),
        (
            "PATCH",
            "/api/v1/keys".to_owned(),
            (405, "method-not-allowed"),
        ),
        ("POST", "/healthz".to_owned(), (405, "method-not-allowed")),
    ] {
        let (status, name) = bench.call(method, &path).send().await.problem();
        assert_eq!((status, name.as_str()), expected, "{method} {path}");
    }
    let (head, _) = super::super::problem_not_found().into_parts();
    assert_eq!(head.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_comes_with_another_method_is_told_which_there_are() {
    let bench = Bench::new().await;
    for (method, path, expected) in [
        ("DELETE", "/api/v1/operations", &["GET", "HEAD", "POST"][..]),
        ("POST", "/api/v1/operations/x", &["DELETE", "GET", "HEAD"]),
        ("POST", "/api/v1/keys/x", &["DELETE"]),
    ] {
        let answer = bench.call(method, path).send().await;
        let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed, expected, "{path}");
    }
}

#[tokio::test]
async fn queries_that_cannot_be_read() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    for (path, name) in [
        ("/api/v1/operations?status=done".to_owned(), "malformed"),
        ("/api/v1/operations?page_size=0".to_owned(), "invalid"),
        ("/api/v1/operations?page_size=1001".to_owned(), "invalid"),
        ("/api/v1/operations?page_size=many".to_owned(), "malformed"),
        ("/api/v1/operations?page_token=7".to_owned(), "malformed"),
        ("/api/v1/operations?label=x".to_owned(), "malformed"),
        (
            "/api/v1/operations?created_after=yesterday".to_owned(),
            "malformed",
        ),
        ("/api/v1/operations?kind=a&kind=b".to_owned(), "malformed"),
        ("/api/v1/operations?colour=red".to_owned(), "malformed"),
        ("/api/v1/operations?kind=%ff".to_owned(), "malformed"),
        ("/api/v1/operations?kind=%1".to_owned(), "malformed"),
        (format!("/api/v1/operations/{id}?since=x"), "malformed"),
        (format!("/api/v1/operations/{id}?since=-1"), "malformed"),
        (
            format!("/api/v1/operations/{id}/events?after=x"),
            "malformed",
        ),
        (
            format!("/api/v1/operations/{id}/resources?status=queued"),
            "malformed",
        ),
        (
            format!("/api/v1/operations/{id}/resources?page_token=-1"),
            "malformed",
        ),
    ] {
        assert_eq!(
            bench.get(&path).send().await.problem(),
            (400, name.to_owned()),
            "{path}"
        );
    }
}

/// Every problem has its own type, and its status is the one that is documented.
#[test]
fn types_are_documented() {
    use super::super::problem::Problem;
    use axum::response::IntoResponse;
    let text = || String::from("because");
    for (problem, name, status) in [
        (Problem::Malformed(text()), "malformed", 400),
        (Problem::Invalid(text()), "invalid", 400),
        (Problem::Unauthenticated, "unauthenticated", 401),
        (Problem::Forbidden(text()), "forbidden", 403),
        (Problem::NotFound, "not-found", 404),
        (Problem::MethodNotAllowed, "method-not-allowed", 405),
        (Problem::Ended, "ended", 409),
        (Problem::NotEnded, "not-ended", 409),
        (Problem::StaleFence, "stale-fence", 409),
        (Problem::LeaseLost, "lease-lost", 409),
        (Problem::Gone, "gone", 410),
        (Problem::TooManyResources, "too-many-resources", 400),
        (Problem::TooLarge { limit_bytes: 1 }, "too-large", 413),
        (Problem::UnsupportedMediaType, "unsupported-media-type", 415),
        (Problem::IdempotencyMismatch, "idempotency-mismatch", 422),
        (
            Problem::ResourceHeld {
                resource: "r".into(),
                by: None,
            },
            "resource-held",
            409,
        ),
        (
            Problem::CallsSpent {
                retry_after_millis: 1,
            },
            "throttled",
            429,
        ),
        (Problem::Throttled("later"), "throttled", 429),
        (Problem::Internal, "internal", 500),
        (Problem::Unavailable, "unavailable", 503),
    ] {
        assert_eq!(problem.name(), name);
        assert_eq!(problem.into_response().status().as_u16(), status, "{name}");
    }
}

/// A store that is gone makes a call fail whole, and says so.
#[tokio::test]
async fn without_its_store_the_server_is_unavailable() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let (_, fence) = bench.lease("k").await;
    bench.app.engine.stop();
    let held = json!({"leases": [{"id": id, "fence": fence}]});
    let told = json!({"reports": [{"id": id, "fence": fence}]});
    for call in [
        bench.post(OPERATIONS, &json!({"kind": "k"})),
        bench.post("/api/v1/leases:heartbeat", &held),
        bench.post("/api/v1/leases:report", &told),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.problem(), (503, "unavailable".into()));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
