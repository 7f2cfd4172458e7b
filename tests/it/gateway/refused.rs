//! Clouds that do not tell, and never will as they are asked: what is wrong with the question is told in the operation, ends
//! nothing, and is asked again later.

use super::id_of;
use crate::api::Api;
use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program};
use crate::wait::Stub;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// An upstream: its name, the stub that plays it, its dialect, and what is special about it.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Without a region, in a region that there is not, and over a protocol that the stubs do not speak.
const UPSTREAMS: [Row; 13] = [
    ("bm", "tencent", "tencent-bm", ""),
    ("vpc", "tencent", "tencent-vpc", ""),
    ("bm3", "tencent3", "tencent-bm3", ""),
    ("vpc3", "tencent3", "tencent-vpc3", ""),
    ("bpstudio", "alibaba", "alibaba-bpstudio", ""),
    ("elb", "huawei", "huawei-elb", ""),
    ("bm-nowhere", "tencent", "tencent-bm", "region = 'nowhere'"),
    (
        "vpc-nowhere",
        "tencent",
        "tencent-vpc",
        "region = 'nowhere'",
    ),
    (
        "bm3-nowhere",
        "tencent3",
        "tencent-bm3",
        "region = 'nowhere'",
    ),
    (
        "vpc3-nowhere",
        "tencent3",
        "tencent-vpc3",
        "region = 'nowhere'",
    ),
    ("bm-secure", "tencent", "tencent-bm", "tls"),
    ("vpc-stranger", "tencent", "tencent-vpc", "stranger"),
    ("elb-stranger", "huawei", "huawei-elb", "stranger"),
];

/// A gateway before stubs that check signatures by code of their own.
struct Stage {
    api: Api,
    gateway: Program,
    _folder: TempDir,
    _stubs: Vec<Stub>,
}

impl Stage {
    /// Nothing if there is no Python.
    fn set_up() -> Option<Self> {
        let clouds = ["tencent", "tencent3", "alibaba", "huawei"];
        let stubs: Option<Vec<_>> = clouds.into_iter().map(Stub::start).collect();
        let stubs = stubs?;
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let tables = UPSTREAMS.map(|row| {
            let number = clouds.iter().position(|cloud| *cloud == row.1);
            let stub = &stubs[number.expect("it is one of them")];
            table(row, stub, folder.path())
        });
        let config = folder.path().join("longrun.toml");
        std::fs::write(&config, tables.concat()).expect("it can be written to");
        let config = config.to_str().expect("it is UTF-8");
        let gateway = Program::start_with("memory:", &["--config", config], "info");
        Some(Self {
            api: Api::new(&gateway),
            gateway,
            _folder: folder,
            _stubs: stubs,
        })
    }

    async fn track(&self, upstream: &str, id: &str) -> String {
        let row = UPSTREAMS.iter().find(|row| row.0 == upstream);
        let target = format!("{}:{id}", row.expect("there is such an upstream").2);
        let input = json!({ "target": target, "upstream": upstream });
        let submission = json!({ "kind": "track", "input": input });
        id_of(&self.api.submit_as(&submission).await)
    }
}

fn table((name, _, dialect, special): Row, stub: &Stub, folder: &Path) -> String {
    let endpoint = match special {
        "tls" => stub.url.replace("http:", "https:"),
        _ => stub.url.clone(),
    };
    let (secret, more) = match special {
        "stranger" => ("another secret", ""),
        "tls" => (KEY_SECRET, ""),
        region => (KEY_SECRET, region),
    };
    let file = folder.join(name);
    std::fs::write(&file, secret).expect("the folder can be written to");
    let file = file.display();
    format!(
        "[upstream.{name}]\ndialect = '{dialect}'\nendpoint = '{endpoint}'\n\
         access_key = '{KEY_ID}'\nsecret_file = '{file}'\nproject = '{PROJECT}'\n\
         pause_ms = 20\npause_max_ms = 100\n{more}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_question_ends_nothing_and_is_told() {
    let Some(stage) = Stage::set_up() else {
        return;
    };
    let mut tracked = Vec::new();
    for (upstream, id, words) in [
        // Regions.
        ("bm-nowhere", "1", "The value of Region is not valid"),
        ("vpc-nowhere", "1", "The value of Region is not valid"),
        ("bm3-nowhere", "1", "`X-TC-Region` is not valid"),
        ("vpc3-nowhere", "42", "`X-TC-Region` is not valid"),
        ("bm3", "9", "UnsupportedRegion"),
        ("bpstudio", "op-elsewhere", "InvalidRegionId"),
        ("elb", "nothere", "APIGW.0101"),
        // Pages and places that are no cloud's.
        ("bm", "11", "redirects are not followed"),
        ("bm", "12", "titled “Not here”"),
        ("elb", "moved", "redirects are not followed"),
        ("bm-secure", "1", "does not speak TLS"),
        // What is not allowed.
        ("vpc-stranger", "2", "it may not be asked: 4100"),
        ("elb-stranger", "bare", "it may not be asked: APIGW.0301"),
        ("elb", "denied", "APIGW.0302"),
        ("bpstudio", "op-denied", "NoPermission"),
    ] {
        tracked.push((stage.track(upstream, id).await, upstream, words));
    }
    for (id, upstream, words) in &tracked {
        let is_told = |it: &Value| {
            let message = it["progress"]["message"].as_str().unwrap_or_default();
            it["ended_at"].is_string() || message.contains(words)
        };
        let told = stage.api.get_when(id, is_told).await;
        let message = told["progress"]["message"].as_str().unwrap_or_default();
        let prefix = format!("the upstream `{upstream}` does not tell: ");
        assert!(message.starts_with(&prefix), "{upstream}: {told}");
    }
    for (id, upstream, _) in &tracked {
        let told = stage.api.get(id).await;
        assert_eq!(told["status"], "running", "{upstream}: {told}");
    }
    let log = stage.gateway.log();
    assert!(!log.contains(KEY_SECRET) && !log.contains("another secret"));
}

/// In clouds that take the region as a parameter, the same id at the same address may be another task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_in_another_region_is_another_task() {
    let Some(stage) = Stage::set_up() else {
        return;
    };
    let nowhere = stage.track("bm-nowhere", "4").await;
    let is_told = |it: &Value| it["progress"]["message"].is_string();
    stage.api.get_when(&nowhere, is_told).await;
    let here = stage.track("bm", "4").await;
    let told = stage.api.get_when(&here, |it| it["ended_at"].is_string());
    assert_eq!(told.await["status"], "failed");
    assert_eq!(stage.api.get(&nowhere).await["status"], "running");
}

/// A cloud whose clock is an hour ahead of ours is asked by its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_clock_is_learnt() {
    let Some(stage) = Stage::set_up() else {
        return;
    };
    for (upstream, id) in [
        ("bm", "8"),
        ("vpc", "6"),
        ("bm3", "7"),
        ("vpc3", "481e9b6e-81d1-4859-b8cf-000000000004"),
        ("bpstudio", "op-late"),
        ("elb", "late"),
    ] {
        let id = stage.track(upstream, id).await;
        let told = stage.api.get_when(&id, |it| it["ended_at"].is_string());
        let told = told.await;
        assert_eq!(told["status"], "succeeded", "{upstream}: {told}");
    }
}
