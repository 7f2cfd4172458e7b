//! What would change something, sent twice, signed in part, or with parameters that make no sense.

use super::signed::{Parameters, Tc3, tencent, tencent_common};
use super::wire::{Answer, Message};
use super::{Case, Server, case, now, poll};
use crate::api::Api;
use crate::program::Program;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v2/index.php";
const HOST: &str = "bm.api.qcloud.com";

/// The code of an answer, in either version of the API, and the product's own number if there is one.
fn told(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if let Some(code) = body["Response"]["Error"]["Code"].as_str() {
        return code.to_owned();
    }
    let message = body["message"].as_str().unwrap_or_default();
    let number = message
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    match number {
        Some((number, _)) => format!("{} {number}", body["code"]),
        None if body["code"].is_null() => "done".to_owned(),
        None => body["code"].to_string(),
    }
}

fn with(action: &str, more: &[(&'static str, &str)]) -> Parameters {
    let mut parameters = tencent_common(action);
    parameters.extend(
        more.iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    parameters
}

fn get(parameters: &Parameters) -> Message {
    let query = tencent("GET", HOST, PATH, parameters);
    Message::new("GET", &format!("{PATH}?{query}"), HOST)
}

/// A POST of which only these parameters are signed, and `unsigned` is sent as well.
fn post(parameters: &Parameters, unsigned: &str) -> Message {
    let form = tencent("POST", HOST, PATH, parameters);
    Message::new("POST", PATH, HOST).form(&format!("{form}{unsigned}"))
}

/// A submission by TC3.
fn tc3(action: &str, body: &str) -> Message {
    let signature = Tc3 {
        method: "POST",
        query: String::new(),
        content_type: "application/json".to_owned(),
        host: "127.0.0.1".to_owned(),
        body: body.into(),
        service: "bm",
        seconds: now().as_seconds(),
    };
    Message::new("POST", "/", "127.0.0.1")
        .header("Content-Type", "application/json")
        .header("Authorization", &signature.authorization())
        .header("X-TC-Action", action)
        .header("X-TC-Version", "2018-04-23")
        .header("X-TC-Timestamp", &signature.seconds.to_string())
        .body(body.as_bytes())
}

fn cases() -> Vec<Case> {
    let reboot = |more: &[(&'static str, &str)]| get(&with("RebootDevice", more));
    let one = reboot(&[("instanceIds.0", "cpm-1")]);
    let deep = format!("instanceIds{}", ".0".repeat(1_000));
    let deep: &'static str = deep.leak();
    let file = with("RebootDevice", &[("instanceIds.0", "cpm-1")]);
    let newer = tc3("RebootDevices", r#"{"InstanceIds":["cpm-1"]}"#);
    let bad = "4000 10001";
    vec![
        case("a submission", one.clone(), "0"),
        case("the same again", one, "4500"),
        case("by TC3", newer.clone(), "done"),
        case("the same by TC3", newer, "AuthFailure.SignatureExpire"),
        // Polls take such a parameter, because three clients leave it out of what they sign.
        case(
            "a parameter that is not signed",
            post(&file, "&instanceIds.1=@cpm-2"),
            "4100",
        ),
        case("no machine", reboot(&[]), bad),
        case("an empty machine", reboot(&[("instanceIds.0", "")]), bad),
        case("no list", reboot(&[("instanceIds", "cpm-1")]), bad),
        case(
            "a list of lists",
            reboot(&[("instanceIds.0.0", "cpm-1")]),
            bad,
        ),
        case("a deep list", reboot(&[(deep, "cpm-1")]), bad),
        case(
            "a place twice",
            reboot(&[("instanceIds.0", "a"), ("instanceIds_0", "b")]),
            bad,
        ),
        case(
            "a machine twice",
            reboot(&[("instanceIds.0", "a"), ("instanceIds.1", "a")]),
            bad,
        ),
        case(
            "a word for a number",
            reboot(&[("instanceIds.0", "a"), ("opUin", "me")]),
            bad,
        ),
        case("no object", tc3("RebootDevices", "[]"), "InvalidParameter"),
        case(
            "null",
            tc3("RebootDevices", r#"{"InstanceIds":null}"#),
            "MissingParameter",
        ),
        case(
            "a number",
            tc3("RebootDevices", r#"{"InstanceIds":7}"#),
            "InvalidParameter",
        ),
        case(
            "numbers",
            tc3("RebootDevices", r#"{"InstanceIds":[7]}"#),
            "InvalidParameter",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_submissions_are_refused_and_leave_nothing() {
    let mut server = Server::start().await;
    let task_id = server.operation["task_id"].to_string();
    let good = || {
        case(
            "a good poll",
            poll("tencent-bm", HOST, &task_id, now()),
            "0",
        )
    };
    server.check(cases(), told, good).await;
    let listed = server.api.call(
        Method::GET,
        "/api/v1/operations?kind=tencent-bm.RebootDevice",
        None,
    );
    let listed = listed.await;
    let made = listed["operations"].as_array().map(Vec::len);
    assert_eq!(made, Some(2), "one for each that was taken: {listed}");
}

/// What an account keeps outlives the server, and what it may not be is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shelf_outlives_the_server_and_must_make_sense() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = format!("sqlite:{}", folder.path().join("shelf.db").display());
    let template = |members: &[&str]| json!({ "name": "web", "members": members });
    let good = json!({ "templates": { "ppm-1": template(&["tcp:80"]) } });
    let path = "/api/v1/shelves/tencent-vpc";
    let program = Program::start(&store);
    let api = Api::new(&program);
    for (things, status) in [
        (&good, 200),
        (&json!({ "templates": { "sg-1": template(&[]) } }), 400),
        (
            &json!({ "templates": { "ppm-1": template(&["tcp:0"]) } }),
            400,
        ),
        (
            &json!({ "templates": { "ppmg-1": template(&["ppm-1"]) } }),
            400,
        ),
        (&json!({ "colours": {} }), 400),
    ] {
        let answer = api.send(Method::PUT, path, Some(things)).await;
        let answer = answer.expect("the server answers");
        assert_eq!(answer.status(), status, "{things}");
    }
    let answer = api.send(Method::GET, "/api/v1/shelves/alibaba", None).await;
    assert_eq!(answer.expect("the server answers").status(), 404);
    program.kill();
    let program = Program::start(&store);
    let kept = Api::new(&program).call(Method::GET, path, None).await;
    assert_eq!(kept, good);
}

/// The user's own actions, and one that is built in and shall be answered otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_of_the_settings_are_served() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let settings = folder.path().join("longrun.toml");
    let text = r#"
        [[action]]
        dialect = "tencent-bm"
        name = "ShutdownDevice"
        parameters.instanceIds = { type = "texts", required = true }
        resources = [{ from = "instanceIds.N", type = "machine" }]

        [[action]]
        dialect = "tencent-bm"
        name = "PolishDevice"
        kind = "polish"
        parameters.instanceId = { type = "text", required = true }
        parameters.shine = { type = "integer", min = 1, max = 9 }
        resources = [{ from = "instanceId", type = "machine" }]
    "#;
    std::fs::write(&settings, text).expect("the folder can be written to");
    let settings = settings.to_str().expect("paths of the tests are UTF-8");
    let program = Program::start_with("memory:", &["--config", settings], "info");
    let host = "127.0.0.1";
    for (action, more, expected) in [
        (
            "ShutdownDevice",
            [("instanceIds.0", "a"), ("x", "")],
            r#"{"taskId":1}"#,
        ),
        (
            "PolishDevice",
            [("instanceId", "a"), ("shine", "9")],
            r#"{"taskId":2}"#,
        ),
        (
            "PolishDevice",
            [("instanceId", "a"), ("shine", "10")],
            "(10001)",
        ),
        (
            "PolishDevice",
            [("instanceId", ""), ("shine", "1")],
            "(10001)",
        ),
    ] {
        let query = tencent("GET", host, PATH, &with(action, &more));
        let message = Message::new("GET", &format!("{PATH}?{query}"), host);
        let answer = super::wire::exchange(program.address, &message).await;
        let answer = answer.expect("the server answers");
        assert!(
            answer.body.contains(expected),
            "{action} {more:?}: {answer:?}"
        );
    }
    let lease = Api::new(&program).lease("polish").await;
    let input = &lease["operation"]["input"];
    assert_eq!(*input, json!({ "instanceId": "a", "shine": 9 }));
}
