//! No secret, no token and no signature ever stands in the log, however much is logged and whatever goes wrong.

use super::{call, client, run, text};
use crate::api::Api;
use crate::bad_input::{now, poll, wire};
use crate::program::{KEY_SECRET, PROJECT, Program, TOKEN, store_in};
use reqwest::Method;
use serde_json::{Value, json};

const DIALECTS: [&str; 4] = [
    "tencent-bm",
    "tencent-vpc",
    "alibaba-bpstudio",
    "huawei-elb",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_logged() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let program = Program::start_with(&store_in(folder.path()), &[], "debug");
    let api = Api::new(&program);
    let mut secrets = vec![KEY_SECRET.to_owned(), TOKEN.to_owned()];
    let key = api.add_key(&json!({ "projects": [PROJECT] })).await;
    secrets.extend([text(&key["secret"]), text(&key["token"])]);
    let imported = ["keys", "add", "--id", "IMPORTED", "--secret-stdin"];
    let secret = "SecretThatIsImported00000000000001";
    run(client(&program, &imported), secret)
        .await
        .with_status(0);
    secrets.push(secret.to_owned());
    let operation = api.submit("secrets", &["a"]).await;
    for dialect in DIALECTS {
        secrets.extend(ask(&program, dialect, &operation).await);
    }
    let stranger = api.with_token("TokenThatIsNobodys0000000000000001");
    secrets.push("TokenThatIsNobodys0000000000000001".to_owned());
    let refused = stranger.send(Method::GET, "/api/v1/operations", None).await;
    assert_eq!(refused.expect("the server answers").status(), 401);
    call(&program, &["keys", "disable", &text(&key["id"])])
        .await
        .with_status(0);
    let disabled = api.with_token(&text(&key["token"]));
    let refused = disabled.send(Method::GET, "/api/v1/operations", None).await;
    assert_eq!(refused.expect("the server answers").status(), 401);

    let log = program.log();
    assert!(
        log.contains("refused"),
        "nothing was logged that matters: {log}"
    );
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} stands in the log:\n{log}");
    }
}

/// Asks well and badly, and hands back the signatures that were sent.
async fn ask(program: &Program, dialect: &str, operation: &Value) -> Vec<String> {
    let host = program.address.to_string();
    let id = match dialect {
        "tencent-bm" | "tencent-vpc" => operation["task_id"].to_string(),
        "alibaba-bpstudio" => text(&operation["id"]),
        _ => text(&operation["job_id"]),
    };
    let hour_ago = now().plus_millis(-3_600_000);
    let mut messages = vec![
        poll(dialect, &host, &id, now()),
        poll(dialect, &host, &id, hour_ago),
    ];
    let mut altered = poll(dialect, &host, &id, now());
    // The last byte of the address belongs to the first header, which every dialect signs or repeats in its text.
    altered = altered.altered(&host, &format!("{}0", &host[..host.len() - 1]));
    messages.push(altered);
    let mut signatures = Vec::new();
    for message in messages {
        let head = String::from_utf8(message.head.clone()).expect("this head is text");
        let (_, signature) = head.split_once("Signature=").expect("it is signed");
        let end = signature
            .find([' ', '&', '\r', ','])
            .unwrap_or(signature.len());
        signatures.push(signature[..end].to_owned());
        let answer = wire::exchange(program.address, &message).await;
        assert!(answer.is_some(), "{dialect}");
    }
    signatures
}
