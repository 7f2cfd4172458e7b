//! The clouds' own clients, unmodified.

use super::{NAME, PASSWORD, REGION, job};
use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program, TOKEN};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keystoneauth_openstacksdk_and_huaweis_sdk_log_in() {
    let Some(python) = std::env::var_os("LONGRUN_TEST_PYTHON") else {
        eprintln!("skipped: LONGRUN_TEST_PYTHON names no Python with the SDKs");
        return;
    };
    let program = Program::start("memory:");
    super::Caller::new(&program).await;
    let home = tempfile::tempdir().expect("there is room for a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/identity.py");
    let output = Command::new(python)
        .arg("-B")
        .arg(script)
        .env("HOME", home.path())
        .env("LONGRUN_SERVER", program.url())
        .env("LONGRUN_TOKEN", TOKEN)
        .env("LONGRUN_JOB", job(&program).await)
        .env("HUAWEICLOUD_SDK_AK", KEY_ID)
        .env("HUAWEICLOUD_SDK_SK", KEY_SECRET)
        .env("OS_AUTH_URL", format!("{}/v3", program.url()))
        .env("OS_IDENTITY_API_VERSION", "3")
        .env("OS_USERNAME", NAME)
        .env("OS_PASSWORD", PASSWORD)
        .env("OS_USER_DOMAIN_NAME", NAME)
        .env("OS_PROJECT_ID", PROJECT)
        .env("OS_REGION_NAME", REGION)
        .stderr(Stdio::inherit())
        .output()
        .expect("Python can be run");
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).expect("the answers are text");
    let saw = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("each line is JSON");
        let client = line["client"].as_str().expect("it is a text").to_owned();
        (client, line["saw"].clone())
    });
    let saw: Vec<_> = saw.collect();
    let expected: Vec<_> = expected()
        .into_iter()
        .map(|(client, saw)| (client.to_owned(), saw))
        .collect();
    assert_eq!(saw, expected);
}

fn expected() -> Vec<(&'static str, Value)> {
    let scoped = json!([PROJECT, REGION, null, "INIT"]);
    vec![
        ("v3.Password, project by id", scoped.clone()),
        ("v3.Password, project by name", scoped.clone()),
        ("generic.Password", scoped.clone()),
        ("generic.Password, base", scoped),
        ("v3.Password, unscoped", json!([null, [REGION], "INIT"])),
        (
            "v3.Password, domain",
            json!([NAME, null, ["identity", "network"]]),
        ),
        ("v3.Password, no catalog", json!([])),
        (
            "v3.Password, validation",
            json!([NAME, REGION, ["password"]]),
        ),
        ("v3.Token", json!("INIT")),
        (
            "openstacksdk",
            json!([PROJECT, [REGION], [REGION], PROJECT, "INIT"]),
        ),
        ("forgotten token", json!("INIT")),
        ("huaweicloudsdkcore", json!("INIT")),
        ("huaweicloudsdkcore, unknown region", json!("SdkException")),
        ("unknown project", json!("Unauthorized 401")),
        ("wrong password", json!("Unauthorized 401")),
    ]
}
