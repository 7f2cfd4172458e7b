//! What a token is good for, and when it ends.

use super::{Caller, PASSWORD, REGION, job, login, project};
use crate::api::Api;
use crate::bad_input::{signed, wire};
use crate::program::{KEY_ID, PROJECT, Program, store_in};
use reqwest::Method;
use serde_json::{Value, json};

/// A project that is not the tests' own.
const ELSEWHERE: &str = "fedcba9876543210fedcba9876543210";

/// The token holds all that it says, and what it is sealed with lies beside the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_outlives_the_server() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let first = Program::start(&store);
    let token = Caller::new(&first).await.token().await;
    let job = job(&first).await;
    first.kill();
    let second = Program::start(&store);
    let caller = Caller::of(&second);
    assert_eq!(caller.poll(&token, &job).await, "200 INIT");
    // The password is kept too, and nowhere as it is.
    caller.token().await;
    for entry in std::fs::read_dir(folder.path()).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let bytes = std::fs::read(&path).expect("it can be read");
        for secret in [PASSWORD, &token] {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    assert!(!second.log().contains(PASSWORD) && !second.log().contains(&token));
}

/// What somebody changes about a key holds for the tokens that are out there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_with_the_password_and_with_the_key() {
    let program = Program::start("memory:");
    let caller = Caller::new(&program).await;
    let api = Api::new(&program);
    let job = job(&program).await;
    let wish = json!({ "id": "AK2", "projects": [PROJECT], "project_names": { PROJECT: "x_y" },
        "user": "jane doe", "password": "first" });
    let made = api.call(Method::POST, "/api/v1/keys", Some(&wish)).await;
    assert_eq!([&made["user"], &made["password"]], ["jane doe", "first"]);
    let log_in = async |password: &str| {
        let user = json!({ "name": "jane doe", "domain": { "name": "dev" }, "password": password });
        let identity = json!({ "methods": ["password"], "password": { "user": user } });
        let scope = json!({ "project": { "name": "x_y" } });
        let wish = json!({ "auth": { "identity": identity, "scope": scope } });
        let told = caller.post(&wish).await;
        let endpoint = told.body["token"]["catalog"][1]["endpoints"][0].clone();
        (told.token.unwrap_or_default(), told.status, endpoint)
    };
    let (token, _, endpoint) = log_in("first").await;
    assert_eq!(endpoint["region"], "x");
    assert_eq!(endpoint["url"], format!("{}/v1.0/{PROJECT}", program.url()));
    assert_eq!(caller.poll(&token, &job).await, "200 INIT");

    let key = async |verb: &str, body: &Value| {
        api.call(
            Method::POST,
            &format!("/api/v1/keys/AK2:{verb}"),
            Some(body),
        )
        .await
    };
    key("password", &json!({ "password": "second" })).await;
    assert_eq!(caller.poll(&token, &job).await, "401 APIGW.0307");
    assert_eq!(log_in("first").await.1, 401);
    let (token, ..) = log_in("second").await;
    assert_eq!(caller.poll(&token, &job).await, "200 INIT");
    key("disable", &json!({})).await;
    assert_eq!(caller.poll(&token, &job).await, "401 APIGW.0307");
    assert_eq!(log_in("second").await.1, 401);
    key("enable", &json!({})).await;
    assert_eq!(caller.poll(&token, &job).await, "200 INIT");
    key("no-password", &json!({})).await;
    assert_eq!(caller.poll(&token, &job).await, "401 APIGW.0307");
    assert_eq!(log_in("second").await.1, 401);
    // The name is free again, and only once.
    let wish = json!({ "id": "AK3", "user": "jane doe" });
    let made = api.call(Method::POST, "/api/v1/keys", Some(&wish)).await;
    assert_eq!(made["password"].as_str().map(str::len), Some(40));
    let same = json!({ "user": "jane doe" });
    let refused = api
        .send(Method::POST, "/api/v1/keys/AK2:password", Some(&same))
        .await;
    assert_eq!(refused.expect("there is an answer").status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_has_expired_must_be_renewed() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let settings = folder.path().join("longrun.toml");
    std::fs::write(&settings, "[identity]\ntoken_ms = 0\n").expect("it can be written");
    let settings = settings.to_str().expect("it is text");
    let program = Program::start_with("memory:", &["--config", settings], "info");
    let caller = Caller::new(&program).await;
    let (token, job) = (caller.token().await, job(&program).await);
    assert_eq!(caller.poll(&token, &job).await, "401 APIGW.0307");
    let told = caller
        .get("/v3/auth/projects", &[("X-Auth-Token", &token)])
        .await;
    assert_eq!(told.status, 401);
    // It cannot be traded in either.
    let identity = json!({ "methods": ["token"], "token": { "id": token } });
    let told = caller
        .post(&json!({ "auth": { "identity": identity, "scope": project() } }))
        .await;
    assert_eq!(told.status, 401, "{}", told.body);
}

/// A token is good for its project alone, whatever else its user may do, and trading it in does not keep it alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_for_what_it_was_made_for() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let mut add = crate::program::command();
    add.args([
        "keys",
        "add",
        "--store",
        &store,
        "--json",
        "--id",
        KEY_ID,
        "--secret-stdin",
    ]);
    add.args(["--account", "dev", "--user", "dev", "--password-stdin"]);
    add.args([
        "--project",
        &format!("{PROJECT}={REGION}"),
        "--project",
        ELSEWHERE,
    ]);
    let input = format!("{}\n{PASSWORD}\n", crate::program::KEY_SECRET);
    let made = crate::cli::run(add, &input).await.with_status(0).json();
    assert_eq!(made["project_names"], json!({ PROJECT: REGION }));
    let program = Program::start(&store);
    let caller = Caller::of(&program);
    let api = Api::new(&program).with_token(made["token"].as_str().expect("it is a text"));
    let operation = api.submit("createLoadBalancer", &["a"]).await;
    let job = operation["job_id"].as_str().expect("it is a text");

    let by_name = login(PASSWORD, &json!({ "project": { "name": REGION } }));
    let elsewhere = login(PASSWORD, &json!({ "project": { "name": ELSEWHERE } }));
    let nothing = login(PASSWORD, &Value::Null);
    let domain = login(PASSWORD, &json!({ "domain": { "name": "dev" } }));
    let mut until = Vec::new();
    for (login, expected) in [
        (by_name, "200 INIT"),
        (elsewhere, "403 APIGW.0302"),
        (nothing, "403 APIGW.0302"),
        (domain, "403 APIGW.0302"),
    ] {
        let told = caller.post(&login).await;
        assert_eq!(told.status, 201, "{}", told.body);
        let token = told.token.expect("a new token stands in a header");
        assert_eq!(caller.poll(&token, job).await, expected, "{login}");
        // Whatever it is good for, it can be traded in for one that is good here.
        let identity = json!({ "methods": ["token"], "token": { "id": token } });
        let trade = json!({ "auth": { "identity": identity, "scope": project() } });
        let traded = caller.post(&trade).await;
        let token = traded.token.expect("a new token stands in a header");
        assert_eq!(caller.poll(&token, job).await, "200 INIT");
        assert_eq!(
            traded.body["token"]["expires_at"],
            told.body["token"]["expires_at"]
        );
        until.push(told.body["token"]["issued_at"] != told.body["token"]["expires_at"]);
    }
    assert_eq!(until, [true; 4]);
    let list = caller
        .get(
            "/v3/auth/projects",
            &[("X-Auth-Token", &caller.token().await)],
        )
        .await;
    let names = list.body["projects"]
        .as_array()
        .expect("it is a list")
        .iter();
    let names: Vec<_> = names
        .map(|one| one["name"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(names, [REGION, ELSEWHERE]);
}

/// Clients with an access key have no token, and ask for their projects and for the services all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_are_there_for_signed_questions_too() {
    let program = Program::start("memory:");
    Caller::new(&program).await;
    let host = program.address.to_string();
    for (path, name, count) in [
        ("/v3/projects?name=eu-de", "projects", 1),
        ("/v3/projects?name=other", "projects", 0),
        ("/v3/projects", "projects", 1),
        ("/v3/auth/domains", "domains", 1),
        ("/v3/auth/catalog", "catalog", 8),
        ("/v3/endpoints", "endpoints", 8),
        ("/v3/services", "services", 8),
        ("/v3/services?type=elbv1", "services", 1),
        ("/v3/endpoints?interface=admin", "endpoints", 0),
    ] {
        let message = signed::huawei("GET", path, &host, b"");
        let answer = wire::exchange(program.address, &message)
            .await
            .expect("there is an answer");
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let found = body[name].as_array().map(Vec::len);
        assert_eq!(
            (answer.status, found),
            (200, Some(count)),
            "{path}: {answer:?}"
        );
    }
    // What is signed is what is asked for.
    let message =
        signed::huawei("GET", "/v3/projects", &host, b"").altered("/v3/projects", "/v3/services");
    let answer = wire::exchange(program.address, &message)
        .await
        .expect("there is an answer");
    assert_eq!(answer.status, 401, "{answer:?}");
}
