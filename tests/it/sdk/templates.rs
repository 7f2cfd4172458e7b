//! Network parameter templates, through the SDK of API 2.0: what the cloud keeps, and what its tasks make of it.

use super::stage;
use super::stage::Stage;
use crate::api::Api;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// What the examples of seed 003 speak of: a template, and the four security groups that refer to it.
fn seed_003() -> Value {
    let group = |region, id, name| json!({ "region": region, "type": "sg", "id": id, "name": name, "templates": ["ppm-i0836656"] });
    json!({
        "templates": { "ppm-i0836656": { "name": "web", "members": ["tcp:80"] } },
        "referrers": [
            group("ca", "sg-b2qce888", "北美"),
            group("gz", "sg-5y2ta666", "createPolicy"),
            group("sh", "sg-gt6an666", "上海安全组"),
            group("gz", "sg-jn3hnxyj", "广州安全组"),
        ],
    })
}

/// The two steps of the document's example, with its own ids, and with its own data as the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_vpc_works_as_it_is_written() {
    let Some(mut stage) = stage() else {
        return;
    };
    let api = stage.secure.api.clone();
    let things = seed_003();
    api.call(Method::PUT, "/api/v1/shelves/tencent-vpc", Some(&things))
        .await;
    for action in ["DescribeNetTaskResult", "DescribeServiceInstances"] {
        let call = json!({
            "client": "qcloudapi-vpc", "action": action, "parameters": { "serviceId": "ppm-i0836656" },
        });
        let answer = stage.sdk.poll(&call)["answer"].clone();
        let task_id = answer["data"]["taskId"].as_u64();
        let task_id = task_id.unwrap_or_else(|| panic!("{answer}"));
        let expected = json!({ "code": 0, "message": "", "codeDesc": "Success", "data": { "taskId": task_id } });
        assert_eq!(answer, expected);
        let poll = json!({ "client": "qcloudapi-vpc", "id": task_id });
        let lease = api.lease("tencent-vpc.DescribeServiceInstances").await;
        let half =
            json!({ "id": lease["operation"]["id"], "fence": lease["fence"], "progress": 50 });
        let report = json!({ "reports": [half] });
        api.call(Method::POST, "/api/v1/leases:report", Some(&report))
            .await;
        let data = stage.sdk.poll(&poll)["answer"]["data"].clone();
        assert_eq!(
            (&data["status"], &data["data"]["total"]),
            (&json!(2), &json!(2)),
            "{data}"
        );
        assert_eq!(data["data"]["detail"][1]["id"], "sg-5y2ta666", "{data}");
        api.report(&lease, &[], Some(json!({ "status": "succeeded" })))
            .await;
        let answer = stage.sdk.poll(&poll)["answer"].clone();
        let printed = include_str!("../../../testdata/tencent/seed/vpc-003-step2.json");
        let printed: Value = serde_json::from_str(printed).expect("it is JSON");
        assert_eq!(answer, printed, "{action}");
    }
}

/// Calls an action and hands back what the cloud would have answered.
fn call(stage: &mut Stage, action: &str, parameters: &Value) -> Value {
    let call = json!({ "client": "qcloudapi-vpc", "action": action, "parameters": parameters });
    stage.sdk.poll(&call)["answer"].clone()
}

/// The code of an answer, and the product's own number in it.
fn told(answer: &Value) -> String {
    let message = answer["message"].as_str().expect("there is a message");
    let number = message
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    format!(
        "{} {}",
        answer["code"],
        number.map_or("", |(number, _)| number)
    )
}

/// A template of two services and a group that holds it: their ids.
fn make(stage: &mut Stage) -> (String, String) {
    let web = json!({ "serviceName": "web", "service.0": "tcp:80", "service.1": "tcp:443" });
    let made = call(stage, "CreateService", &web);
    let id = made["data"]["serviceId"]
        .as_str()
        .expect("there is an id")
        .to_owned();
    let group = json!({ "serviceGroupName": "all", "serviceGroup.0": id });
    let made = call(stage, "CreateServiceGroup", &group);
    let group = made["data"]["serviceGroupId"]
        .as_str()
        .expect("there is an id");
    (id, group.to_owned())
}

/// Whatever is wrong is told with the number that the page has for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_refused_for_their_real_reasons() {
    let Some(mut stage) = stage() else {
        return;
    };
    let (id, _) = make(&mut stage);
    let mut many: Map<String, Value> = (0..21)
        .map(|n| (format!("service.{n}"), json!(format!("tcp:{}", n + 1))))
        .collect();
    many.insert("serviceId".to_owned(), json!(id));
    for (action, parameters, expected) in [
        (
            "CreateService",
            json!({ "serviceName": "x", "service.0": "tcp:0" }),
            "4000 9003",
        ),
        ("CreateService", json!({ "serviceName": "x" }), "4000 9003"),
        (
            "ModifyService",
            json!({ "serviceId": "ipm-1", "service.0": "tcp:1" }),
            "4000 9003",
        ),
        (
            "ModifyService",
            json!({ "serviceId": "ppm-none", "service.0": "tcp:1" }),
            "5000 29258",
        ),
        (
            "CreateServiceGroup",
            json!({ "serviceGroupName": "x", "serviceGroup.0": "ppm-none" }),
            "5000 29258",
        ),
        (
            "DescribeServiceInstances",
            json!({ "serviceId": "ppm-none" }),
            "5000 29258",
        ),
        ("ModifyService", Value::Object(many), "5100 29260"),
        ("DeleteService", json!({ "serviceId": id }), "5100 9003"),
    ] {
        let answer = call(&mut stage, action, &parameters);
        assert_eq!(told(&answer), expected, "{action} {parameters}: {answer}");
    }
}

/// A change is made when its operation has ended well, and until then nothing near it may change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_change_when_their_task_has_succeeded() {
    let Some(mut stage) = stage() else {
        return;
    };
    let api = stage.secure.api.clone();
    let (id, group) = make(&mut stage);
    let change = json!({ "serviceId": id, "service.0": "udp:53" });
    let other = json!({ "serviceGroupId": group, "serviceGroup.0": id });
    let list = json!({ "serviceId": id });
    let before = json!(["tcp:80", "tcp:443"]);
    for (status, expected) in [("failed", &before), ("succeeded", &json!(["udp:53"]))] {
        let answer = call(&mut stage, "ModifyService", &change);
        assert_eq!(answer["code"], 0, "{answer}");
        assert_eq!(
            told(&call(&mut stage, "ModifyService", &change)),
            "5100 9005"
        );
        assert_eq!(
            told(&call(&mut stage, "ModifyServiceGroup", &other)),
            "5100 9005"
        );
        let listed = call(&mut stage, "DescribeService", &list);
        assert_eq!(listed["data"]["data"][0]["service"], before);
        finish(&api, "tencent-vpc.ModifyService", &id, status).await;
        let listed = call(&mut stage, "DescribeService", &list);
        assert_eq!(listed["data"]["data"][0]["service"], *expected, "{status}");
    }
    let renamed = json!({ "serviceId": id, "serviceName": "dns" });
    let answer = call(&mut stage, "ModifyServiceAttribute", &renamed);
    assert_eq!(
        answer,
        json!({ "code": 0, "message": "", "codeDesc": "Success" })
    );
    let listed = call(&mut stage, "DescribeService", &list);
    let expected = json!({ "serviceId": id, "serviceName": "dns", "service": ["udp:53"] });
    assert_eq!(
        listed["data"],
        json!({ "totalCount": 1, "data": [expected] })
    );
    let all = [
        ("DeleteServiceGroup", "serviceGroupId", &group),
        ("DeleteService", "serviceId", &id),
    ];
    for (action, parameter, gone) in all {
        let answer = call(&mut stage, action, &json!({ parameter: gone }));
        assert_eq!(answer["code"], 0, "{answer}");
        finish(&api, &format!("tencent-vpc.{action}"), gone, "succeeded").await;
    }
    let listed = call(&mut stage, "DescribeService", &json!({}));
    assert_eq!(listed["data"], json!({ "totalCount": 0, "data": [] }));
}

async fn finish(api: &Api, kind: &str, id: &str, status: &str) {
    let lease = api.lease(kind).await;
    api.report(&lease, &[(id, status)], None).await;
}
