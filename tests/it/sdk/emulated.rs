//! Unmodified SDKs that submit to `longrun emulate` in their own clouds' words, and poll what the scripts make of it.

use super::certificates::Certificates;
use super::driver::Sdk;
use super::words::{self, Client};
use crate::emulate::{Emulator, root};
use crate::python;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tempfile::TempDir;

/// Two emulators of one scenario, one over TLS because the SDK of Tencent's API 2.0 speaks nothing else, and the SDKs.
struct Stage {
    sdk: Sdk,
    _emulators: [Emulator; 2],
    _folder: TempDir,
}

impl Stage {
    fn set_up(scenario: &str) -> Option<Self> {
        let python = python::python()?;
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let certificates = Certificates::make(folder.path());
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, scenario).expect("the folder can be written to");
        let tls = ["--tls-cert".as_ref(), certificates.certificate.as_os_str()];
        let key = ["--tls-key".as_ref(), certificates.key.as_os_str()];
        let emulators = [
            Emulator::start(&path, &[]),
            Emulator::start(&path, &[tls, key].concat()),
        ];
        let [plain, secure] = emulators.each_ref().map(address);
        Some(Self {
            sdk: Sdk::start(&python, plain, secure, &certificates.authority),
            _emulators: emulators,
            _folder: folder,
        })
    }

    /// Submits, and hands back the answer.
    fn submit(&mut self, client: &str, action: &str, parameters: &Value) -> Value {
        let call = json!({ "client": client, "action": action, "parameters": parameters });
        let answer = self.sdk.poll(&call);
        assert_eq!(answer["ok"], true, "{call}\n{answer}");
        answer["answer"].clone()
    }

    fn poll(&mut self, client: Client, id: &Value) -> Value {
        self.sdk.poll(&json!({ "client": client.name(), "id": id }))
    }
}

pub(super) fn address(emulator: &Emulator) -> SocketAddr {
    let (_, address) = emulator.url.split_once("://").expect("it is a URL");
    address.parse().expect("it listens on an address")
}

/// The two steps of seed 003 as they are printed: its template, its task 297, its four security groups.
#[test]
fn the_example_of_vpc_runs_as_it_is_printed() {
    let example = root().join("examples/tencent-vpc.toml");
    let example = std::fs::read_to_string(example).expect("it is there");
    let Some(mut stage) = Stage::set_up(&example) else {
        return;
    };
    let service = json!({ "serviceId": "ppm-i0836656" });
    let submitted = stage.submit("qcloudapi-vpc", "DescribeNetTaskResult", &service);
    let printed =
        json!({ "code": 0, "message": "", "codeDesc": "Success", "data": { "taskId": 297 } });
    assert_eq!(submitted, printed);
    let told = stage.poll(Client::TencentVpc, &json!(297));
    let printed = include_str!("../../../testdata/tencent/seed/vpc-003-step2.json");
    let printed: Value = serde_json::from_str(printed).expect("it is JSON");
    assert_eq!(told["answer"], printed);
    let service = json!({ "ServiceTemplateId": "ppm-i0836656" });
    let submitted = stage.submit(
        "tencentcloud-vpc",
        "DescribeServiceTemplateInstances",
        &service,
    );
    let told = stage.poll(Client::TencentVpc3, &submitted["RequestId"]);
    let output = told["answer"]["Output"].as_str().expect("there is one");
    let output: Value = serde_json::from_str(output).expect("it is JSON");
    assert_eq!(output, printed["data"]["data"], "{told}");
}

/// The first submission of each kind succeeds, the second one fails, the third one fails in part: at the second poll.
pub(super) fn scenario() -> String {
    const SHELF: &str = "
        [[shelf]]
        dialect = 'tencent-vpc'
        [shelf.things.templates]
        ppm-web = { name = 'web', members = ['tcp:80'] }
    ";
    let kinds = [
        "tencent-bm.RebootDevice",
        "tencent-vpc.ModifyService",
        "alibaba-bpstudio.ExecuteOperation",
        "createELB",
    ];
    let rules = kinds.map(|kind| {
        let rule = |nth, script: &str| {
            format!(
                "[[rule]]\nmatch = {{ kind = '{kind}', nth = {nth} }}\n[rule.script]\nends_at_poll = 2\n{script}\n"
            )
        };
        let error = "end = 'failed'\nerror = { code = '29260', reason = 'scripted' }";
        let first = format!("[[rule.script.resource]]\nnth = 1\n{error}");
        rule(1, "") + &rule(2, error) + &rule(3, &first)
    });
    format!("{SHELF}\n{}", rules.concat())
}

/// What a client submits, with `#` for the number of the submission, where it finds the id, and what it is told when that has succeeded, failed, failed in part.
pub(super) type Row = (Client, &'static str, Value, &'static str, [&'static str; 3]);

pub(super) fn rows() -> [Row; 6] {
    let attributes = json!({ "instanceId": "i-1", "regionId": "cn-hangzhou" });
    [
        (
            Client::TencentBm,
            "RebootDevice",
            json!({ "instanceIds.0": "cpm-1#", "instanceIds.1": "cpm-2#" }),
            "/data/taskId",
            ["1: 1 1", "2: 2 2", "3: 2 1"],
        ),
        (
            Client::TencentBm3,
            "RebootDevices",
            json!({ "InstanceIds": ["cpm-1#", "cpm-2#"] }),
            "/TaskId",
            ["1", "2", "3"],
        ),
        (
            Client::TencentVpc,
            "ModifyService",
            json!({ "serviceId": "ppm-web", "service.0": "tcp:8#" }),
            "/data/taskId",
            ["0/0", "1/29260", "1/29260"],
        ),
        (
            Client::TencentVpc3,
            "ModifyServiceTemplateAttribute",
            json!({ "ServiceTemplateId": "ppm-web", "Services": ["tcp:8#"] }),
            "/RequestId",
            ["SUCCESS: SUCCESS", "FAILED: FAILED", "FAILED: FAILED"],
        ),
        (
            Client::BpStudioV3,
            "ExecuteOperationASync",
            json!({ "ServiceType": "ecs", "Operation": "rename", "Attributes": attributes }),
            "/body/Data",
            ["SUCCESS", "FAILURE: Failed", "FAILURE: Failed"],
        ),
        (
            Client::KeystoneToken,
            "POST /loadbalancers",
            json!({ "name": "lb", "vpc_id": "v", "type": "External", "bandwidth": 5, "admin_state_up": 1 }),
            "/job_id",
            // It names no resource: there is no part that could fail.
            ["SUCCESS", "FAIL", "SUCCESS"],
        ),
    ]
}

#[test]
fn submissions_end_as_their_scripts_say() {
    let Some(mut stage) = Stage::set_up(&scenario()) else {
        return;
    };
    let mut made = Vec::new();
    for (client, action, parameters, id, expected) in rows() {
        let mut seen = Vec::new();
        for number in 1..=expected.len() {
            // TC3 has no nonce: the same words within a second would be the same request, sent again.
            let parameters = parameters.to_string().replace('#', &number.to_string());
            let parameters = serde_json::from_str(&parameters).expect("it was JSON");
            let submitted = stage.submit(client.name(), action, &parameters);
            let id = submitted.pointer(id);
            let id = id.unwrap_or_else(|| panic!("{action}: {submitted}"));
            let first = words::told(client, &stage.poll(client, id));
            assert!(!expected.contains(&&*first), "{action} has ended: {first}");
            let last = stage.poll(client, id);
            if let Some(id) = last.pointer("/answer/entities/elb/id") {
                made.push(id.clone());
            }
            let last = words::told(client, &last);
            let is_short = client == Client::TencentBm3;
            seen.push(if is_short {
                words::whole(&last).to_owned()
            } else {
                last
            });
        }
        assert_eq!(seen, expected, "{action}");
    }
    check_what_is_left(&made, |client, action, parameters| {
        stage.submit(client, action, parameters)
    });
}

/// What the clouds keep has changed as those that succeeded wanted, and as no other did: `made` are the load balancers.
pub(super) fn check_what_is_left(
    made: &[Value],
    mut call: impl FnMut(&str, &str, &Value) -> Value,
) {
    let listed = call(
        "qcloudapi-vpc",
        "DescribeService",
        &json!({ "serviceId": "ppm-web" }),
    );
    assert_eq!(
        listed["data"]["data"][0]["service"],
        json!(["tcp:81"]),
        "{listed}"
    );
    let listed = call("keystone-token", "GET /loadbalancers", &json!({}));
    let left = listed["loadbalancers"].as_array().into_iter().flatten();
    let mut left: Vec<_> = left.map(|one| one["id"].to_string()).collect();
    let mut made: Vec<_> = made.iter().map(Value::to_string).collect();
    left.sort();
    made.sort();
    assert_eq!(left, made, "{listed}");
    assert_eq!(made.len(), 2, "{listed}");
}
