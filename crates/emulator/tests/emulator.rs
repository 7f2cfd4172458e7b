//! The emulator, asked over HTTP: in the native API, and in the clouds' dialects with real signatures.

#![expect(
    clippy::unwrap_used,
    reason = "this is a program of tests, and clippy takes what tests share for no test"
)]

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use longrun_dialects::{Credential, Endpoint, Signer, Target, named};
use longrun_emulator::{Emulator, EmulatorSettings, Scenario};
use longrun_engine::Clock;
use longrun_server::{DEV_PROJECT, SystemClock};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An emulator and a client.
struct Stage {
    emulator: Emulator,
    http: reqwest::Client,
}

impl Stage {
    async fn new(settings: impl Into<EmulatorSettings>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            emulator: Emulator::start(settings).await.unwrap(),
            http,
        }
    }

    async fn read(text: &str) -> Self {
        Self::new(Scenario::read("test.toml", text).unwrap()).await
    }

    async fn example(name: &str) -> Self {
        let path = root().join("examples").join(name);
        Self::read(&std::fs::read_to_string(path).unwrap()).await
    }

    /// A native call: its status and its body, or none if the connection ended.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
        let url = format!("{}/api/v1/{path}", self.emulator.url());
        let token = &self.emulator.key().unwrap().token;
        let mut call = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(token);
        if let Some(body) = body {
            call = call.body(body.to_string());
        }
        let answer = call.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        ))
    }

    async fn submit(&self, submission: Value) -> String {
        let (status, made) = self
            .call("POST", "operations", Some(submission))
            .await
            .unwrap();
        assert_eq!(status, 202, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    async fn reboot(&self) -> String {
        self.submit(json!({ "kind": "reboot", "resources": [{ "id": "a" }, { "id": "b" }] }))
            .await
    }

    /// How an operation is told to stand, and its resources.
    async fn get(&self, id: &str) -> String {
        let (_, told) = self
            .call("GET", &format!("operations/{id}"), None)
            .await
            .unwrap();
        assert!(told["status"].is_string(), "{id}: {told}");
        let resources = told["resources"].as_array().into_iter().flatten();
        let words = resources.map(|one| one["status"].as_str().unwrap());
        let words: Vec<_> = told["status"].as_str().into_iter().chain(words).collect();
        words.join(" ")
    }

    async fn advance(&self, millis: u64) {
        self.emulator
            .advance(Duration::from_millis(millis))
            .await
            .unwrap();
    }

    /// Calls an action of VPC's API 2.0 as its page prints it, signed by hand.
    async fn call_vpc(&self, action: &str, name: &str, value: &str) -> Value {
        let key = self.emulator.key().unwrap();
        let authority = self.emulator.address();
        let now = SystemClock.now().as_millis() / 1_000;
        // In the order of the names, as they are signed.
        let parameters = format!(
            "Action={action}&Nonce=1&SecretId={}&SignatureMethod=HmacSHA256&Timestamp={now}&{name}={value}",
            key.id
        );
        let signed = format!("GET{authority}/v2/index.php?{parameters}");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let signature =
            base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let url = format!("http://{authority}/v2/index.php?{parameters}");
        let call = self.http.get(url).query(&[("Signature", signature)]);
        let answer = call.send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Asks in a dialect, with a signature.
    async fn poll(&self, dialect: &str, id: &str) -> Value {
        let key = self.emulator.key().unwrap();
        let target = Target {
            id: id.into(),
            project: Some(DEV_PROJECT.into()),
            ..Target::default()
        };
        let authority = self.emulator.address().to_string();
        let endpoint = Endpoint {
            scheme: "http",
            authority: &authority,
        };
        let credential = Credential::AccessKey {
            id: (&key.id).into(),
            secret: (&key.secret).into(),
            session_token: None,
        };
        let nonce = u128::from(self.emulator.address().port());
        let dialect = named(dialect).unwrap();
        let poll = dialect
            .poll(
                &target,
                &Signer::new(&endpoint, &credential, SystemClock.now(), nonce),
            )
            .unwrap();
        let answer = self.http.execute(poll.try_into().unwrap()).await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

fn seed(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join("testdata").join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Each cloud's own example, asked for as its document asks, answers as its document says.
#[tokio::test]
async fn the_examples_of_the_clouds_answer_as_their_documents_say() {
    for (dialect, id, expected) in [
        (
            "tencent-bm",
            "1000800001",
            "tencent/seed/bm-001-example.json",
        ),
        ("tencent-vpc", "297", "tencent/seed/vpc-003-step2.json"),
        (
            "alibaba-bpstudio",
            "op_xxxxxxxx",
            "alibaba-bpstudio/seed/succeeded.json",
        ),
        (
            "huawei-elb",
            "4010b39b4fd3d5ff014fd943bac41619",
            "huawei-elb/seed/delete_elb_running.json",
        ),
    ] {
        let stage = Stage::example(&format!("{dialect}.toml")).await;
        if dialect == "tencent-vpc" {
            let action = "DescribeNetTaskResult";
            let told = stage.call_vpc(action, "serviceId", "ppm-i0836656").await;
            let printed = json!({ "code": 0, "message": "", "codeDesc": "Success", "data": { "taskId": 297 } });
            assert_eq!(told, printed);
        }
        let mut told = stage.poll(dialect, id).await;
        let mut expected = seed(expected);
        // No two requests have the same number, and an id that is masked in the document is a whole one here.
        for path in ["/RequestId", "/Data/OperationId", "/codeDesc"] {
            for value in [&mut told, &mut expected] {
                value.pointer_mut(path).map(Value::take);
            }
        }
        if let (Some(told), None) = (told.as_object_mut(), expected.get("codeDesc")) {
            told.remove("codeDesc");
        }
        assert_eq!(told, expected, "{dialect}");
        stage.emulator.stop().await;
    }
}

#[tokio::test]
async fn two_hours_pass_in_one_call() {
    let stage = Stage::example("huawei-elb.toml").await;
    let id = "4010b39b4fd3d5ff014fd943bac41619";
    assert_eq!(stage.poll("huawei-elb", id).await["status"], "RUNNING");
    stage.advance(2 * 3_600_000 - 1).await;
    assert_eq!(stage.poll("huawei-elb", id).await["status"], "RUNNING");
    stage.advance(1).await;
    let told = stage.poll("huawei-elb", id).await;
    assert_eq!(
        (&told["status"], &told["end_time"]),
        (&json!("SUCCESS"), &json!("2015-09-17T05:05:38.756Z"))
    );
    let (_, clock) = stage.call("GET", "clock", None).await.unwrap();
    assert_eq!(
        clock,
        json!({ "now": "2015-09-17T05:05:38.756Z", "frozen": true })
    );
    let (status, _) = stage
        .call("POST", "clock:advance", Some(json!({ "millis": -1 })))
        .await
        .unwrap();
    assert_eq!(status, 400);
}

/// Every timer goes by the clock that is moved, and in one jump each thing happens at its own instant.
#[tokio::test]
async fn deadlines_and_retention_pass_with_the_clock() {
    let stage = Stage::read("clock = { now = '2026-01-01T00:00:00Z', frozen = true }\n[[rule]]\nmatch = { kind = 'slow' }\nscript = { runs = 'forever' }").await;
    let slow = stage
        .submit(json!({ "kind": "slow", "deadline_ms": 60_000, "retention_ms": 600_000 }))
        .await;
    let quick = stage
        .submit(json!({ "kind": "quick", "retention_ms": 1_000 }))
        .await;
    stage.advance(100_000).await;
    let (_, told) = stage
        .call("GET", &format!("operations/{slow}"), None)
        .await
        .unwrap();
    assert_eq!(told["status"], "expired");
    assert_eq!(told["started_at"], "2026-01-01T00:00:00.100Z");
    assert_eq!(told["ended_at"], "2026-01-01T00:01:00.000Z");
    let (status, _) = stage
        .call("GET", &format!("operations/{quick}"), None)
        .await
        .unwrap();
    assert_eq!(status, 410);
}

/// The story of `examples/trouble.toml`.
#[tokio::test]
async fn trouble_comes_as_the_example_has_it() {
    let settings = EmulatorSettings {
        frozen: Some(true),
        ..Scenario::read(
            "trouble.toml",
            &std::fs::read_to_string(root().join("examples/trouble.toml")).unwrap(),
        )
        .unwrap()
        .into()
    };
    let stage = Stage::new(settings).await;
    let [partly, stuck, flapping, bad] = [
        stage.reboot().await,
        stage.reboot().await,
        stage.reboot().await,
        stage.reboot().await,
    ];
    let late = stage
        .submit(json!({ "kind": "any", "labels": { "end": "late" } }))
        .await;
    stage.advance(100).await;
    let (_, asked) = stage
        .call("POST", &format!("operations/{late}:cancel"), None)
        .await
        .unwrap();
    assert_eq!(asked["status"], "cancelling");
    stage
        .call("POST", &format!("operations/{stuck}:cancel"), None)
        .await
        .unwrap();
    stage.advance(9_999).await;
    assert_eq!(stage.get(&partly).await, "partial failed succeeded");
    assert_eq!(stage.get(&late).await, "cancelling");
    stage.advance(1).await;
    assert_eq!(stage.get(&late).await, "cancelled");
    stage.advance(100_000_000).await;
    assert_eq!(stage.get(&stuck).await, "cancelling running running");
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(stage.get(&flapping).await);
    }
    let (ended, runs) = ("succeeded succeeded succeeded", "running running running");
    assert_eq!(told, [runs, ended, runs, runs, ended]);
    bad_polls(&stage, &bad).await;
}

/// Each poll goes wrong in its own way, and the operation with none of them.
async fn bad_polls(stage: &Stage, id: &str) {
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let answer = stage.call("GET", &format!("operations/{id}"), None).await;
        statuses.push(answer.map(|(status, _)| status));
    }
    assert_eq!(
        statuses[..6],
        [Some(429), Some(503), Some(502), None, None, Some(200)]
    );
    let broken = statuses[6..]
        .iter()
        .filter(|status| **status == Some(500))
        .count();
    assert!((1..14).contains(&broken), "{statuses:?}");
    let (_, figures) = stage.call("GET", "emulator", None).await.unwrap();
    assert_eq!(figures["faults"].as_u64().unwrap(), 6 + broken as u64);
    assert_eq!(
        figures["rules"][3],
        json!({ "name": "bad polls", "operations": 1 })
    );
}

/// A fault is told in the words of the cloud that is asked.
#[tokio::test]
async fn faults_are_told_in_each_clouds_own_words() {
    let stage = Stage::read("[[operation]]\nkind = 'x'\ntask_id = 5\nid = '4010b39b4fd3d5ff014fd943bac41619'\n[[fault]]\nanswer = 'throttled'").await;
    for (dialect, id, path, expected) in [
        ("tencent-bm", "5", "/code", json!(4_400)),
        ("tencent-vpc", "5", "/code", json!(4_400)),
        (
            "tencent-bm3",
            "5",
            "/Response/Error/Code",
            json!("RequestLimitExceeded"),
        ),
        (
            "alibaba-bpstudio",
            "op-4010b39b4fd3d5ff014fd943bac41619",
            "/Code",
            json!("Throttling.User"),
        ),
        (
            "huawei-elb",
            "4010b39b4fd3d5ff014fd943bac41619",
            "/error_code",
            json!("APIGW.0308"),
        ),
    ] {
        let told = stage.poll(dialect, id).await;
        assert_eq!(told.pointer(path), Some(&expected), "{dialect}: {told}");
    }
}

/// After a reset everything is as at the start: ids, keys, counts, the clock. Clients need not connect anew.
#[tokio::test]
async fn a_reset_begins_again() {
    let stage = Stage::read("first_task_id = 297\nclock = { now = '2026-01-01T00:00:00Z', frozen = true }\n[[rule]]\nmatch = { nth = 1 }\nscript = { end = 'failed' }").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = stage.reboot().await;
        stage.advance(2_000).await;
        assert_eq!(stage.get(&id).await, "failed failed failed");
        assert_eq!(stage.poll("tencent-bm", "297").await["data"]["status"], 2);
        ids.push(id);
        let (status, clock) = stage.call("POST", "emulator:reset", None).await.unwrap();
        assert_eq!(
            (status, &clock["now"]),
            (200, &json!("2026-01-01T00:00:00.000Z"))
        );
        let (_, listed) = stage.call("GET", "operations", None).await.unwrap();
        assert_eq!(listed["operations"], json!([]));
    }
    assert_eq!(ids[0], ids[1]);
    stage.emulator.reset().await.unwrap();
    assert_eq!(stage.reboot().await, ids[0]);
}

/// Time that runs carries operations on without anybody who asks.
#[tokio::test]
async fn time_that_runs_needs_nobody() {
    let stage = Stage::read("[[rule]]\nscript = { queued = '5ms', runs = '5ms' }").await;
    let id = stage.reboot().await;
    let url = format!("{}/api/v1/operations/{id}", stage.emulator.url());
    let token = &stage.emulator.key().unwrap().token;
    let waiting = stage
        .http
        .get(url)
        .bearer_auth(token)
        .header("Prefer", "wait=30")
        .send();
    let told = waiting.await.unwrap().text().await.unwrap();
    assert!(told.contains(r#""status":"succeeded""#), "{told}");
}

#[tokio::test]
async fn what_was_recorded_is_played_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let scenario = "clock = { frozen = true }\n[[operation]]\nkind = 'x'\ntask_id = 5\nresources = ['a', 'b']\n[operation.script]\nruns = '1h'\nresource = [{ id = 'a', runs = '1m', end = 'failed' }]\nfault = [{ answer = 'throttled', polls = 2 }]";
    let instants = [0, 100, 60_000, 3_600_000];
    let play = async |stage: &Stage| {
        let mut told = Vec::new();
        for millis in instants {
            stage.advance(millis).await;
            told.push(stage.poll("tencent-bm", "5").await);
        }
        told
    };
    let settings = EmulatorSettings {
        record: Some(path.clone()),
        ..Scenario::read("first.toml", scenario).unwrap().into()
    };
    let first = play(&Stage::new(settings).await).await;
    let mut replayed =
        longrun_scenario::replay("trace", &std::fs::read_to_string(path).unwrap()).unwrap();
    replayed.clock.frozen = true;
    let second = play(&Stage::new(replayed).await).await;
    assert_eq!(first, second);
    assert_eq!(first[3]["data"]["status"], 3);
}

/// In a file, operations stay; the next emulator goes on with them, and ids cannot be chosen.
#[tokio::test]
async fn a_store_that_stays_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> std::sync::Arc<dyn longrun_store::Store> {
        std::sync::Arc::new(longrun_store::SqliteStore::open(&folder.path().join("x.db")).unwrap())
    };
    let dev = longrun_server::Dev {
        token: Some("a-token-of-the-test".to_owned()),
        ..longrun_server::Dev::default()
    };
    let master_key = longrun_server::MasterKey::random();
    let settings = |text: &str| EmulatorSettings {
        store: Some(open()),
        frozen: Some(true),
        dev: Some(dev.clone()),
        master_key: master_key.clone(),
        ..Scenario::read("test.toml", text).unwrap().into()
    };
    let first = Stage::new(settings("[[rule]]\nscript = { runs = '1h' }")).await;
    let id = first.reboot().await;
    first.advance(200).await;
    assert_eq!(first.get(&id).await, "running running running");
    let (status, _) = first.call("POST", "emulator:reset", None).await.unwrap();
    assert_eq!(status, 400);
    first.emulator.stop().await;
    let second = Emulator::start(settings("")).await.unwrap();
    second.advance(Duration::from_secs(3)).await.unwrap();
    let url = format!("{}/api/v1/operations/{id}", second.url());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let told = http
        .get(url)
        .bearer_auth("a-token-of-the-test")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(told.contains(r#""status":"succeeded""#), "{told}");
    second.stop().await;
    assert!(
        Emulator::start(settings("first_task_id = 5"))
            .await
            .is_err()
    );
}

/// A thousand operations that wait are one task's, and pass in one jump.
#[tokio::test]
async fn a_thousand_at_once() {
    let stage =
        Stage::read("clock = { frozen = true }\n[[rule]]\nscript = { runs = ['1h', '2h'] }").await;
    let one = json!({ "kind": "x", "resources": [{ "id": "a" }] });
    let all = json!({ "operations": vec![one; 1_000] });
    stage
        .call("POST", "operations:batch", Some(all))
        .await
        .unwrap();
    let count = async |status: &str| {
        let path = format!("operations?page_size=1000&status={status}");
        let (_, page) = stage.call("GET", &path, None).await.unwrap();
        page["operations"].as_array().unwrap().len()
    };
    stage.advance(200).await;
    assert_eq!(count("running").await, 1_000);
    stage.advance(5_400_000).await;
    assert!((1..1_000).contains(&count("succeeded").await));
    stage.advance(3_600_000).await;
    assert_eq!(count("succeeded").await, 1_000);
}
