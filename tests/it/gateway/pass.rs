//! Calls that are passed on: the cloud makes what is submitted, under the upstream's key, and the gateway follows it.

use super::line::Bend;
use super::{CALLER_ID, CALLER_SECRET, Stage};
use crate::bad_input::now;
use crate::program::PROJECT;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::{Credential, Endpoint, Request, Signer, Target, named};
use serde_json::Value;

/// What a caller sends: the dialect, the method, the path, the query, headers and the body.
type Call<'a> = (
    &'static str,
    Method,
    &'a str,
    &'a str,
    &'a [(&'static str, &'static str)],
    &'a str,
);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const TC3: (&str, &str) = ("authorization", "TC3-");

const BM3: [(&str, &str); 4] = [
    JSON,
    TC3,
    ("x-tc-action", "RebootDevices"),
    ("x-tc-version", "2018-04-23"),
];
const VPC3: [(&str, &str); 4] = [
    JSON,
    TC3,
    ("x-tc-action", "DeleteHaVip"),
    ("x-tc-version", "2017-03-12"),
];
const ACS3: [(&str, &str); 4] = [
    FORM,
    ("authorization", "ACS3-"),
    ("x-acs-action", "ExecuteOperationASync"),
    ("x-acs-version", "2021-09-31"),
];
const TENCENT: &str = "/v2/index.php";
const REBOOT: &str = "Action=RebootDevice&instanceIds.0=cpm-1";
const EXECUTE: &str =
    "ServiceType=ecs&Operation=restart&Attributes=%7B%22instanceId%22%3A%22i-1%22%7D";
const BALANCER: &str =
    r#"{"name":"a","vpc_id":"v","type":"External","bandwidth":1,"admin_state_up":true}"#;

/// A submission in each dialect.
fn submissions<'a>(modify: &'a str, balancers: &'a str) -> [Call<'a>; 6] {
    let (machine, address) = (r#"{"InstanceIds":["cpm-2"]}"#, r#"{"HaVipId":"havip-1"}"#);
    [
        ("tencent-bm", Method::GET, TENCENT, REBOOT, &[], ""),
        ("tencent-vpc", Method::POST, TENCENT, "", &[FORM], modify),
        ("tencent-bm3", Method::POST, "/", "", &BM3, machine),
        ("tencent-vpc3", Method::POST, "/", "", &VPC3, address),
        ("alibaba-bpstudio", Method::POST, "/", "", &ACS3, EXECUTE),
        ("huawei-elb", Method::POST, balancers, "", &[JSON], BALANCER),
    ]
}

/// The id of the task that an answer names.
fn id_in(answer: &Value) -> String {
    let ids = [
        &answer["data"]["taskId"],
        &answer["Response"]["TaskId"],
        &answer["Data"],
        &answer["job_id"],
        &answer["Response"]["RequestId"],
    ];
    let id = ids.into_iter().find(|id| !id.is_null());
    let id = id.unwrap_or_else(|| panic!("{answer}"));
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// Sends a call, signed by the caller, and reads the answer.
async fn send(stage: &Stage, call: &Call<'_>) -> (u16, Value) {
    let (dialect, method, path, query, headers, body) = call;
    let headers = headers.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    let headers: HeaderMap = headers.collect();
    let request = Request {
        method,
        path,
        query,
        headers: &headers,
        body: body.as_bytes(),
    };
    let url = stage.gateway().url();
    let endpoint = Endpoint {
        scheme: "http",
        authority: url.trim_start_matches("http://"),
    };
    let credential = Credential::AccessKey {
        id: CALLER_ID.into(),
        secret: CALLER_SECRET.into(),
        session_token: None,
    };
    let target = Target {
        project: Some(PROJECT.into()),
        ..Target::default()
    };
    let nonce = u128::from(fastrand::u64(..));
    let dialect = named(dialect).expect("there is such a dialect");
    let signed = dialect.forward(
        &request,
        &target,
        &Signer::new(&endpoint, &credential, now(), nonce),
    );
    let signed = signed.expect("it can be signed");
    let sent: reqwest::Request = signed.try_into().expect("it can be sent");
    let answer = reqwest::Client::new().execute(sent).await;
    let answer = answer.expect("the gateway answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("it has a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_is_passed_on_and_followed() {
    let dialects = [
        "tencent-bm",
        "tencent-vpc",
        "tencent-bm3",
        "tencent-vpc3",
        "alibaba-bpstudio",
        "huawei-elb",
    ];
    let stage = Stage::set_up(&dialects, "").await;
    // What the cloud keeps is made through the gateway, too, and is no task.
    let create = "Action=CreateAddress&addressName=one&address.0=10.0.0.1";
    let create = send(
        &stage,
        &("tencent-vpc", Method::GET, "/v2/index.php", create, &[], ""),
    )
    .await;
    let template = create.1["data"]["addressId"].as_str().map(str::to_owned);
    let template = template.unwrap_or_else(|| panic!("{create:?}"));
    let modify = format!("Action=ModifyAddress&addressId={template}&address.0=10.0.0.2");
    let balancers = format!("/v1.0/{PROJECT}/elbaas/loadbalancers");
    for (index, call) in submissions(&modify, &balancers).iter().enumerate() {
        let (status, answer) = send(&stage, call).await;
        assert_eq!(status, 200, "{}: {answer}", call.0);
        let target = format!("{}:{}", call.0, id_in(&answer));
        // It is followed before anybody has asked, and the gateway has made nothing else.
        let list = stage
            .api
            .call(Method::GET, "/api/v1/operations", None)
            .await;
        let listed = list["operations"].as_array().expect("a list");
        assert_eq!(listed.len(), index + 1, "{}: {list}", call.0);
        let followed = stage
            .api
            .get(listed[0]["id"].as_str().expect("a text"))
            .await;
        assert_eq!(followed["kind"], "track", "{followed}");
        // The cloud has made it, for the upstream's key.
        let made = stage
            .cloud
            .call(Method::GET, "/api/v1/operations", None)
            .await;
        let made = made["operations"][0].clone();
        let kind = made["kind"].as_str().expect("a text").to_owned();
        let url = stage.gateway().url();
        let ask = ["get", &target, "--endpoint", &url, "--json"];
        let told = stage.place.run(&ask).await.with_status(0).lines().remove(0);
        assert!(
            told["status"] == "queued" || told["status"] == "running",
            "{told}"
        );
        let lease = stage.cloud.lease(&kind).await;
        let finish = serde_json::json!({ "status": "succeeded" });
        stage.cloud.report(&lease, &[], Some(finish)).await;
        let wait = ["wait", &target, "--endpoint", &url];
        stage.place.run(&wait).await.with_status(0);
    }
    let metrics = stage.metrics().await;
    let passed = "longrun_upstream_passed_total{upstream=\"tencent-vpc\"} 2";
    assert!(metrics.contains(passed), "{metrics}");
    let log = stage.gateway().log();
    assert!(!log.contains(crate::program::KEY_SECRET) && !log.contains(CALLER_SECRET));
}

/// An unknown action hears the cloud's own refusal; a lost answer is an outage, and the call is not made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_known_is_passed_on_and_what_is_lost_is_not_repeated() {
    let stage = Stage::set_up(&["tencent-vpc"], "").await;
    let path = "/v2/index.php";
    let unknown: Call<'_> = (
        "tencent-vpc",
        Method::GET,
        path,
        "Action=CreateVpcEx",
        &[],
        "",
    );
    let before = stage.line.passed();
    let (status, answer) = send(&stage, &unknown).await;
    assert_eq!(
        (status, &answer["code"]),
        (200, &Value::from(6100)),
        "{answer}"
    );
    assert_eq!(stage.line.passed(), before + 1, "the cloud has refused it");
    stage.line.bend(Bend::Cut);
    let create = "Action=CreateAddress&addressName=one&address.0=10.0.0.1";
    let create: Call<'_> = ("tencent-vpc", Method::POST, path, "", &[FORM], create);
    let (_, answer) = send(&stage, &create).await;
    assert_ne!(answer["code"], 0, "{answer}");
    assert_eq!(stage.line.passed(), before + 2, "it was sent once");
    let list = stage
        .api
        .call(Method::GET, "/api/v1/operations", None)
        .await;
    assert_eq!(
        list["operations"].as_array().map(Vec::len),
        Some(0),
        "{list}"
    );
}
