//! The clouds' own clients, unmodified.

use super::{NAME, PASSWORD, REGION, job};
use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program, TOKEN};
use crate::python;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keystoneauth_openstacksdk_and_huaweis_sdk_log_in() {
    let Some(python) = python::python() else {
        return;
    };
    let program = Program::start("memory:");
    super::Caller::new(&program).await;
    let home = tempfile::tempdir().expect("there is room for a folder");
    let mut clients = python::sdk(&python, "identity.py");
    clients
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
        .env("OS_REGION_NAME", REGION);
    let saw = python::saw(&mut clients);
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
