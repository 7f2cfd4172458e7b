//! Submitting again under the same idempotency key.

use super::*;

const FIRST: &str = r#"{"kind":"k","input":{"a":[1,2],"b":"ä"},"labels":{"x":"1","y":"2"},"deadline_ms":60000,
    "resources":[{"id":"r","type":"t"},{"id":"s"}]}"#;

async fn submit(bench: &Bench, token: &str, key: &str, body: &str) -> Answer {
    let call = bench
        .call("POST", "/api/v1/operations")
        .token(token)
        .header("idempotency-key", key);
    call.body(body).send().await
}

#[tokio::test]
async fn the_same_payload_is_the_same_operation() {
    let bench = Bench::new().await;
    let first = submit(&bench, &bench.token, "k1", FIRST).await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (StatusCode::ACCEPTED, None)
    );
    let id = first.text_at("/id");
    for (body, same) in [
        (FIRST, true),
        // Another order, other white space, other escapes, and what is the default anyway.
        (
            r#"{"deadline_ms":60000,"labels":{"y":"2","x":"1"},"resources":[{"type":"t","id":"r"},{"id":"s","input":null}],
            "input":{"b":"\u00e4","a":[1,  2]},"priority":0,"kind":"\u006b","project":null}"#,
            true,
        ),
        (r#"{"kind":"k"}"#, false),
        (&FIRST.replace("[1,2]", "[2,1]"), false),
        (&FIRST.replace("60000", "60001"), false),
        (&FIRST.replace(r#""type":"t""#, r#""type":"u""#), false),
        (
            &FIRST.replace(
                r#"{"id":"r","type":"t"},{"id":"s"}"#,
                r#"{"id":"s"},{"id":"r","type":"t"}"#,
            ),
            false,
        ),
        (&FIRST.replace(r#""x":"1""#, r#""x":"3""#), false),
        (&FIRST.replace(r#""kind""#, r#""priority":1,"kind""#), false),
        (
            &FIRST.replace(r#""kind""#, r#""project":"p1","kind""#),
            false,
        ),
        (
            &FIRST.replace(r#""kind""#, r#""retention_ms":5,"kind""#),
            false,
        ),
    ] {
        let again = submit(&bench, &bench.token, "k1", body).await;
        if same {
            assert_eq!(
                (again.status, again.header("idempotent-replayed")),
                (StatusCode::OK, Some("true"))
            );
            assert_eq!(again.text_at("/id"), id, "{body}");
            assert_eq!(again.header("location"), first.header("location"));
        } else {
            assert_eq!(
                again.problem(),
                (422, "idempotency-mismatch".into()),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn keys_are_apart() {
    let bench = Bench::new().await;
    let other = bench.key("other", &[], None).await;
    let first = submit(&bench, &bench.token, "k1", FIRST)
        .await
        .text_at("/id");
    assert_ne!(
        submit(&bench, &bench.token, "k2", FIRST)
            .await
            .text_at("/id"),
        first
    );
    let foreign = submit(&bench, &other, "k1", r#"{"kind":"x"}"#).await;
    assert_eq!(
        foreign.status,
        StatusCode::ACCEPTED,
        "another account has keys of its own"
    );
    for (key, name) in [
        ("", "invalid"),
        (&"x".repeat(257), "invalid"),
        ("ä", "malformed"),
    ] {
        assert_eq!(
            submit(&bench, &bench.token, key, FIRST).await.problem(),
            (400, name.into()),
            "{key}"
        );
    }
    assert_eq!(
        submit(&bench, &bench.token, &"x".repeat(256), FIRST)
            .await
            .status,
        StatusCode::ACCEPTED
    );
}

#[tokio::test]
async fn a_replay_shows_the_operation_as_it_is_now() {
    let bench = Bench::new().await;
    let id = submit(&bench, &bench.token, "k1", r#"{"kind":"k"}"#)
        .await
        .text_at("/id");
    let (_, fence) = bench.lease("k").await;
    bench
        .report(json!({"id": id, "fence": fence, "finish": {"status": "succeeded", "output": 7}}))
        .await;
    let again = submit(&bench, &bench.token, "k1", r#"{"kind":"k"}"#).await;
    assert_eq!(
        (again.status, again.at("/status"), again.at("/output")),
        (StatusCode::OK, json!("succeeded"), json!(7))
    );
}

#[tokio::test]
async fn a_batch_has_one_key() {
    let bench = Bench::new().await;
    let batch = |body: Value| {
        bench
            .post("/api/v1/operations:batch", &body)
            .header("idempotency-key", "k1")
            .send()
    };
    let first = batch(json!({"operations": [{"kind": "a"}, {"kind": "b"}]})).await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (StatusCode::ACCEPTED, None)
    );
    let again = batch(json!({"operations": [{"kind": "a"}, {"kind": "b"}]})).await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed")),
        (StatusCode::OK, Some("true"))
    );
    for place in ["/operations/0/id", "/operations/1/id"] {
        assert_eq!(again.at(place), first.at(place));
    }
    for other in [
        json!([{"kind": "a"}]),
        json!([{"kind": "b"}, {"kind": "a"}]),
        json!([{"kind": "a"}, {"kind": "b"}, {"kind": "c"}]),
    ] {
        let answer = batch(json!({"operations": other})).await;
        assert_eq!(
            answer.problem(),
            (422, "idempotency-mismatch".into()),
            "{other}"
        );
    }
    let list = bench.get("/api/v1/operations").send().await;
    assert_eq!(list.at("/operations").as_array().unwrap().len(), 2);
}
