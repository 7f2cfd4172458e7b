//! `longrun keys`, over the API and straight on a store.

use super::{call, run, text};
use crate::api::Api;
use crate::bad_input::{poll, wire};
use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program, command, store_in};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_running_server_are_managed() {
    let program = Program::start("memory:");
    let add = ["keys", "add", "--json", "--project", PROJECT];
    let key = call(&program, &add).await.with_status(0).json();
    let (id, token) = (text(&key["id"]), text(&key["token"]));
    let api = Api::new(&program).with_token(&token);
    let status = async || {
        let answer = api.send(Method::GET, "/api/v1/operations", None).await;
        answer.expect("the server answers").status().as_u16()
    };
    assert_eq!(status().await, 200);
    let list = call(&program, &["keys", "list", "--json"])
        .await
        .with_status(0);
    for secret in [&key["secret"], &key["token"]] {
        assert!(!list.stdout.contains(&text(secret)), "{}", list.stdout);
    }
    assert!(listed(&list.json(), &id).is_some_and(|one| one["disabled"] == false));
    // Each takes effect at once.
    for (what, expected) in [("disable", 401), ("enable", 200), ("remove", 401)] {
        call(&program, &["keys", what, &id]).await.with_status(0);
        assert_eq!(status().await, expected, "{what}");
    }
    call(&program, &["keys", "disable", &id])
        .await
        .with_status(6);
    let list = call(&program, &["keys", "list", "--json"])
        .await
        .with_status(0);
    assert_eq!(listed(&list.json(), &id), None);
}

fn listed(list: &Value, id: &str) -> Option<Value> {
    let keys = list["keys"].as_array().expect("it is a list");
    keys.iter().find(|key| key["id"] == json!(id)).cloned()
}

/// A pair that exists elsewhere is imported before the server runs, and signs as soon as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_is_imported_into_the_store_of_a_stopped_server() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = store_in(folder.path());
    let mut add = command();
    add.args(["keys", "add", "--json", "--store", &store])
        .args([
            "--id",
            KEY_ID,
            "--secret-stdin",
            "--account",
            "importer",
            "--project",
            PROJECT,
        ]);
    let key = run(add, &format!("{KEY_SECRET}\n"))
        .await
        .with_status(0)
        .json();
    assert_eq!(key["id"], json!(KEY_ID));
    check_sealed(folder.path());

    let program = Program::start(&store);
    let api = Api::new(&program).with_token(&text(&key["token"]));
    let operation = api.submit("imported", &["a"]).await;
    let host = program.address.to_string();
    for (dialect, id) in [
        ("tencent-bm", operation["task_id"].to_string()),
        ("tencent-vpc", operation["task_id"].to_string()),
        ("alibaba-bpstudio", text(&operation["id"])),
        ("huawei-elb", text(&operation["job_id"])),
    ] {
        let message = poll(dialect, &host, &id, crate::bad_input::now());
        let answer = wire::exchange(program.address, &message)
            .await
            .expect("there is an answer");
        let answered = answer.status == 200 && !answer.body.contains("\"code\":4");
        assert!(answered, "{dialect}: {answer:?}");
    }
    in_use(&store).await;
    assert!(program.terminate().success());

    let mut list = command();
    list.args(["keys", "list", "--store", &store]);
    let list = run(list, "").await.with_status(0);
    assert!(list.stdout.contains(KEY_ID), "{list:?}");
}

/// While a server has the store, its keys are reached through the server.
async fn in_use(store: &str) {
    let mut list = command();
    list.args(["keys", "list", "--store", store]);
    let ran = run(list, "").await.with_status(1);
    for words in ["--server", "in use by another process"] {
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
}

/// The secret stands nowhere in the folder as it is, and only its owner may read what it is sealed with.
fn check_sealed(folder: &std::path::Path) {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let bytes = std::fs::read(&path).expect("it can be read");
        let found = bytes
            .windows(KEY_SECRET.len())
            .any(|part| part == KEY_SECRET.as_bytes());
        assert!(!found, "{}", path.display());
        if path.extension().is_some_and(|extension| extension == "key") {
            let mode = path.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        names.push(path);
    }
    assert!(
        names.iter().any(|path| path.ends_with("longrun.db.key")),
        "{names:?}"
    );
}
