//! Unmodified SDKs that submit and poll through a gateway: they show it a key that the cloud behind it has never heard
//! of, and see what that cloud says.

use super::certificates::Certificates;
use super::driver::Sdk;
use super::emulated::{address, check_what_is_left, rows, scenario};
use super::tccli::Tccli;
use super::words::{self, Client};
use crate::api::Api;
use crate::emulate::Emulator;
use crate::gateway::line::Line;
use crate::gateway::{CALLER_ID, CALLER_SECRET, caller, write_settings};
use crate::program::{KEY_SECRET, Program};
use crate::python;
use crate::submits::{self, Caller};
use crate::wait::Stub;
use crate::waiting::eventually;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;

/// Two gateways to the same clouds, one over TLS because the SDK of Tencent's API 2.0 speaks nothing else, and the SDKs.
struct Stage {
    sdk: Sdk,
    /// What callers show: the SDK has it from nowhere else.
    shown: Value,
    gateways: [Program; 2],
    _folder: TempDir,
}

impl Stage {
    async fn set_up(upstreams: &[(&str, SocketAddr)]) -> Option<Self> {
        let python = python::python()?;
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let certificates = Certificates::make(folder.path());
        let [certificate, key] = [&certificates.certificate, &certificates.key]
            .map(|path| path.to_str().expect("it is UTF-8"));
        let plain = gateway(folder.path(), upstreams, &[]);
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        let secure = gateway(folder.path(), upstreams, &tls);
        let added = Api::new(&plain).add_key(&caller()).await;
        let over_tls = Api::over_tls(&secure, &certificates.authority_pem);
        over_tls.add_key(&caller()).await;
        let sdk = Sdk::start(
            &python,
            plain.address,
            secure.address,
            &certificates.authority,
        );
        Some(Self {
            sdk,
            shown: json!({ "key_id": CALLER_ID, "secret": CALLER_SECRET, "token": added["token"] }),
            gateways: [plain, secure],
            _folder: folder,
        })
    }

    fn ask(&mut self, mut call: Value) -> Value {
        let fields = call.as_object_mut().expect("it is an object");
        fields.extend(self.shown.as_object().expect("it is an object").clone());
        self.sdk.poll(&call)
    }

    /// Submits, and hands back the answer.
    fn submit(&mut self, client: &str, action: &str, parameters: &Value) -> Value {
        let call = json!({ "client": client, "action": action, "parameters": parameters });
        let answer = self.ask(call.clone());
        assert_eq!(answer["ok"], true, "{call}\n{answer}");
        answer["answer"].clone()
    }

    fn poll(&mut self, client: Client, id: &Value) -> String {
        let told = self.ask(json!({ "client": client.name(), "id": id }));
        let told = words::told(client, &told);
        match client {
            Client::TencentBm3 => words::whole(&told).to_owned(),
            Client::TencentBm
            | Client::TencentVpc
            | Client::TencentVpc3
            | Client::TencentVpc3Number
            | Client::BpStudioV3
            | Client::BpStudioV1
            | Client::HuaweiEcs
            | Client::KeystoneToken => told,
        }
    }

    /// Polls until the task has ended, and fails if it is ever said to have ended otherwise.
    async fn poll_to(&mut self, client: Client, id: &Value, ends: &[&str], expected: &str) {
        eventually(&format!("{client:?} {id}"), async || {
            let told = self.poll(client, id);
            let is_end = told == expected;
            assert!(is_end || !ends.contains(&&*told), "{client:?} {id}: {told}");
            is_end.then_some(())
        })
        .await;
    }

    fn check_logs(&self) {
        for gateway in &self.gateways {
            let log = gateway.log();
            assert!(!log.contains(KEY_SECRET) && !log.contains(CALLER_SECRET));
        }
    }
}

/// A gateway to these upstreams.
fn gateway(folder: &Path, upstreams: &[(&str, SocketAddr)], arguments: &[&str]) -> Program {
    let settings = write_settings(folder, upstreams, "");
    let settings = settings.to_str().expect("it is UTF-8");
    let arguments = [&["--config", settings], arguments].concat();
    Program::start_with("memory:", &arguments, "info")
}

/// What an SDK makes of the body of an answer.
fn presented(client: Client, body: &Value) -> Value {
    match client {
        Client::TencentBm3 | Client::TencentVpc3 | Client::TencentVpc3Number => {
            body["Response"].clone()
        }
        Client::BpStudioV3 | Client::BpStudioV1 => json!({ "body": body }),
        Client::TencentBm | Client::TencentVpc | Client::HuaweiEcs | Client::KeystoneToken => {
            body.clone()
        }
    }
}

/// Fails if a part of what the cloud has answered did not come back. Some SDKs add what was not said.
fn check_part(cloud: &Value, seen: &Value) {
    match cloud.as_object() {
        Some(fields) => fields
            .iter()
            .for_each(|(name, value)| check_part(value, &seen[name])),
        None => assert_eq!(cloud, seen),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submissions_come_back_and_end_as_their_scripts_say() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, scenario()).expect("the folder can be written to");
    // The older and the newer API of a product submit the same kinds, and scripts count those.
    let emulators = [(); 2].map(|()| Emulator::start(&path, &[]));
    let lines = emulators.each_ref().map(|it| Line::to(address(it)));
    let upstreams = [
        ("tencent-bm", lines[0].address),
        ("tencent-vpc", lines[0].address),
        ("tencent-bm3", lines[1].address),
        ("tencent-vpc3", lines[1].address),
        ("alibaba-bpstudio", lines[1].address),
        ("huawei-elb", lines[1].address),
    ];
    let Some(mut stage) = Stage::set_up(&upstreams).await else {
        return;
    };
    let mut made = Vec::new();
    for (client, action, parameters, pointer, ends) in rows() {
        let is_older = matches!(client, Client::TencentBm | Client::TencentVpc);
        let line = &lines[usize::from(!is_older)];
        for (index, expected) in ends.iter().enumerate() {
            // TC3 has no nonce: the same words within a second would be the same request, sent again.
            let parameters = parameters
                .to_string()
                .replace('#', &(index + 1).to_string());
            let parameters = serde_json::from_str(&parameters).expect("it was JSON");
            let submitted = stage.submit(client.name(), action, &parameters);
            let deed = action.rsplit_once('/').map_or(action, |(_, last)| last);
            let carried = line.last(deed).expect("the cloud has heard of it");
            assert!(!carried.request.contains(CALLER_ID), "{carried:?}");
            let (_, body) = carried.reply.split_once("\r\n\r\n").expect("a body");
            let body = serde_json::from_str(body).expect("it is JSON");
            check_part(&presented(client, &body), &submitted);
            let id = submitted.pointer(pointer);
            let id = id.unwrap_or_else(|| panic!("{action}: {submitted}"));
            let wrong: Vec<_> = ends.into_iter().filter(|end| end != expected).collect();
            stage.poll_to(client, id, &wrong, expected).await;
            // The end stands in the gateway: the cloud is not asked for it again.
            let passed = line.passed();
            assert_eq!(stage.poll(client, id), *expected);
            assert_eq!(line.passed(), passed, "{action}");
            let call = json!({ "client": client.name(), "id": id });
            let last = stage.ask(call);
            if let Some(id) = last.pointer("/answer/entities/elb/id") {
                made.push(id.clone());
            }
        }
    }
    check_what_is_left(&made, |client, action, parameters| {
        stage.submit(client, action, parameters)
    });
    stage.check_logs();
}

/// What a client submits to such a cloud, where it finds the id, and how that ends.
type Submission = (Client, &'static str, Value, &'static str, &'static str);

fn submissions() -> [Submission; 8] {
    let attributes = json!({ "instanceId": "i-1", "regionId": "cn-hangzhou" });
    let execute = json!({ "ServiceType": "ecs", "Operation": "rename", "Attributes": attributes });
    let balancer = json!({ "name": "lb", "vpc_id": "v", "type": "External", "bandwidth": 5, "admin_state_up": 1 });
    [
        (
            Client::TencentBm,
            "RebootDevice",
            json!({ "instanceIds.0": "cpm-1", "instanceIds.1": "cpm-2" }),
            "/data/taskId",
            "3: 1 2 1",
        ),
        (
            Client::TencentVpc,
            "ModifyService",
            json!({ "serviceId": "ppm-web", "service.0": "tcp:80" }),
            "/data/taskId",
            "1/29258",
        ),
        (
            Client::TencentBm3,
            "RebootDevices",
            json!({ "InstanceIds": ["cpm-1", "cpm-2"] }),
            "/TaskId",
            "3",
        ),
        (
            Client::TencentVpc3,
            "DeleteHaVip",
            json!({ "HaVipId": "havip-1" }),
            "/RequestId",
            "FAILED: SUCCESS FAILED",
        ),
        (
            Client::TencentVpc3Number,
            "ReleaseAddresses",
            json!({ "AddressIds": ["eip-1"] }),
            "/TaskId",
            "SUCCESS",
        ),
        (
            Client::BpStudioV3,
            "ExecuteOperationASync",
            execute.clone(),
            "/body/Data",
            "FAILURE: Success Failed",
        ),
        (
            Client::BpStudioV1,
            "ExecuteOperationASync",
            execute,
            "/body/Data",
            "SUCCESS",
        ),
        (
            Client::KeystoneToken,
            "POST /loadbalancers",
            balancer,
            "/job_id",
            "FAIL",
        ),
    ]
}

/// Clouds that check signatures by code of their own take what the gateway has signed anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_clouds_take_what_is_passed_on() {
    let clouds = ["tencent", "tencent3", "alibaba", "huawei"];
    let Some(stubs) = clouds
        .map(Stub::start)
        .into_iter()
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let at = |number: usize| stubs[number].address();
    let upstreams = [
        ("tencent-bm", at(0)),
        ("tencent-vpc", at(0)),
        ("tencent-bm3", at(1)),
        ("tencent-vpc3", at(1)),
        ("alibaba-bpstudio", at(2)),
        ("huawei-elb", at(3)),
        ("huawei-ecs", at(3)),
    ];
    let Some(mut stage) = Stage::set_up(&upstreams).await else {
        return;
    };
    for (client, action, parameters, pointer, expected) in submissions() {
        let submitted = stage.submit(client.name(), action, &parameters);
        let id = submitted.pointer(pointer);
        let id = id.unwrap_or_else(|| panic!("{action}: {submitted}"));
        let wrong = [
            "1",
            "2",
            "SUCCESS",
            "FAIL",
            "FAILURE",
            "SUCCESS: SUCCESS SUCCESS",
            "0/0",
        ];
        let wrong: Vec<_> = wrong.into_iter().filter(|it| *it != expected).collect();
        stage.poll_to(client, id, &wrong, expected).await;
    }
    // A batch of servers, which the SDK only polls: one of three failed.
    let id = json!("b".repeat(32));
    let expected = "FAIL: SUCCESS FAIL SUCCESS";
    stage
        .poll_to(Client::HuaweiEcs, &id, &["SUCCESS"], expected)
        .await;
    stage.check_logs();
}

/// All that clients do when they submit and wait is the same through a gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_submit_and_wait_see_no_gateway() {
    let Some(python) = python::python() else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let cloud = submits::serve(folder.path());
    let dialects = ["alibaba-bpstudio", "huawei-ecs", "huawei-elb"];
    let upstreams = dialects.map(|dialect| (dialect, cloud.address));
    let gateway = gateway(folder.path(), &upstreams, &[]);
    let added = Api::new(&gateway).add_key(&caller()).await;
    let caller = Caller {
        server: gateway.url(),
        key: [CALLER_ID, CALLER_SECRET],
        token: added["token"].as_str().expect("it is a text"),
    };
    caller.check(&python, folder.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_of_the_cloud_sees_no_gateway() {
    let Some(program) = std::env::var_os("LONGRUN_TEST_TCCLI") else {
        eprintln!("skipped: LONGRUN_TEST_TCCLI names no tccli of tests/sdk/tccli.txt");
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, scenario()).expect("the folder can be written to");
    let emulator = Emulator::start(&path, &[]);
    let upstreams = ["tencent-bm3", "tencent-vpc3"].map(|it| (it, address(&emulator)));
    let gateway = gateway(folder.path(), &upstreams, &[]);
    Api::new(&gateway).add_key(&caller()).await;
    let tccli = Tccli {
        program,
        home: folder.path(),
        endpoint: gateway.url(),
        key: [CALLER_ID, CALLER_SECRET],
    };
    let made = tccli.call(&["bm", "RebootDevices", "--InstanceIds", r#"["cpm-1"]"#]);
    let task_id = made.expect("it is taken")["TaskId"].to_string();
    eventually("the end of a task", async || {
        let told = tccli.call(&["bm", "DescribeOperationResult", "--TaskId", &task_id]);
        let told = told.expect("it is there");
        assert_ne!(told["TaskStatus"], 2, "{told}");
        (told["TaskStatus"] == 1).then_some(())
    })
    .await;
    // What the cloud refuses is refused in the cloud's own words.
    let none = [
        "vpc",
        "DeleteServiceTemplate",
        "--ServiceTemplateId",
        "ppm-none0000",
    ];
    assert_eq!(tccli.call(&none), Err("ResourceNotFound".to_owned()));
}
