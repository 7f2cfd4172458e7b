//! Access keys over the API.

use super::*;

#[tokio::test]
async fn a_key_is_made_and_shown() {
    let bench = Bench::new().await;
    let policy =
        json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let wish = json!({"id": "k/1:x", "secret": "s3cret", "projects": ["p1"], "policy": policy});
    let made = bench.post("/api/v1/keys", &wish).send().await;
    assert_eq!(
        (made.status, made.header("cache-control")),
        (StatusCode::CREATED, Some("no-store"))
    );
    let token = made.text_at("/token");
    assert_eq!(
        made.json(),
        json!({"id": "k/1:x", "secret": "s3cret", "token": token, "account": "acme", "projects": ["p1"], "project_names": {}})
    );
    let list = bench.get("/api/v1/keys").token(&token).send().await;
    assert!(!list.text.contains("s3cret") && !list.text.contains(&token));
    let listed = list.json()["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["id"] == "k/1:x")
        .cloned()
        .unwrap();
    assert_eq!(
        (&listed["account"], &listed["disabled"], &listed["policy"]),
        (&json!("acme"), &json!(false), &policy)
    );
    assert!(listed["created_at"].is_string());
}

/// Also one whose id has characters with a meaning in a path.
#[tokio::test]
async fn a_key_is_switched_and_removed() {
    let bench = Bench::new().await;
    let made = bench
        .post("/api/v1/keys", &json!({"id": "k/1:x"}))
        .send()
        .await;
    let token = made.text_at("/token");
    let path = "/api/v1/keys/k%2F1%3Ax";
    let disabled = bench.call("POST", format!("{path}:disable")).send().await;
    assert_eq!(
        (disabled.status, disabled.at("/disabled")),
        (StatusCode::OK, json!(true))
    );
    let refused = bench.get("/api/v1/operations").token(&token).send().await;
    assert_eq!(refused.problem(), (401, "unauthenticated".into()));
    let enabled = bench.call("POST", format!("{path}%3Aenable")).send().await;
    assert_eq!(enabled.at("/disabled"), false);
    assert_eq!(
        bench
            .get("/api/v1/operations")
            .token(&token)
            .send()
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        bench.call("DELETE", path).send().await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        bench
            .get("/api/v1/operations")
            .token(&token)
            .send()
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        bench.call("DELETE", path).send().await.problem(),
        (404, "not-found".into())
    );
    assert!(
        !bench
            .get("/api/v1/keys")
            .send()
            .await
            .text
            .contains("k/1:x")
    );
}

#[tokio::test]
async fn keys_are_managed_in_their_own_account() {
    let bench = Bench::new().await;
    let operator = bench.key("*", &[], None).await;
    let wish = json!({"id": "foreign", "account": "other", "projects": ["p9"]});
    let made = bench
        .post("/api/v1/keys", &wish)
        .token(&operator)
        .send()
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
    for call in [
        bench.call("DELETE", "/api/v1/keys/foreign"),
        bench.call("POST", "/api/v1/keys/foreign:disable"),
    ] {
        assert_eq!(call.send().await.problem(), (404, "not-found".into()));
    }
    assert!(
        !bench
            .get("/api/v1/keys")
            .send()
            .await
            .text
            .contains("foreign")
    );
    assert!(
        bench
            .get("/api/v1/keys")
            .token(&operator)
            .send()
            .await
            .text
            .contains("foreign")
    );
    for wish in [
        json!({"account": "other"}),
        json!({"account": "*"}),
        json!({"projects": ["p2"]}),
    ] {
        assert_eq!(
            bench.post("/api/v1/keys", &wish).send().await.problem(),
            (403, "forbidden".into()),
            "{wish}"
        );
    }
}

#[tokio::test]
async fn keys_that_cannot_be() {
    let bench = Bench::new().await;
    assert_eq!(
        bench
            .post("/api/v1/keys", &json!({"id": "taken"}))
            .send()
            .await
            .status,
        StatusCode::CREATED
    );
    for (wish, name, detail) in [
        (json!({"id": "taken"}), "invalid", "already"),
        (json!({"id": "with blank"}), "invalid", "`id`"),
        (json!({"secret": ""}), "invalid", "`secret`"),
        (
            json!({"policy": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "Get", "Resource": "*"}]}}),
            "invalid",
            "statement 1: `Get`",
        ),
        (
            json!({"policy": "everything"}),
            "invalid",
            "the policy is malformed",
        ),
        (json!({"token": "mine"}), "malformed", "unknown field"),
        (json!({"projects": "p1"}), "malformed", "invalid type"),
    ] {
        let answer = bench.post("/api/v1/keys", &wish).send().await;
        assert_eq!(answer.problem(), (400, name.into()), "{wish}");
        assert!(
            answer.text_at("/detail").contains(detail),
            "{}",
            answer.text
        );
    }
    for path in [
        "/api/v1/keys/nobody:disable",
        "/api/v1/keys/nobody:enable",
        "/api/v1/keys/taken:forget",
    ] {
        assert_eq!(
            bench.call("POST", path).send().await.problem(),
            (404, "not-found".into()),
            "{path}"
        );
    }
    assert_eq!(
        bench
            .call("POST", "/api/v1/keys/taken")
            .send()
            .await
            .problem(),
        (405, "method-not-allowed".into())
    );
}

/// Of many who wish for the same key at once, one gets it.
#[tokio::test]
async fn a_key_is_made_once() {
    let bench = Bench::new().await;
    let wish = json!({"id": "same"});
    let calls = (0..20).map(|_| bench.post("/api/v1/keys", &wish).send());
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.status == StatusCode::CREATED)
            .count(),
        1
    );
}
