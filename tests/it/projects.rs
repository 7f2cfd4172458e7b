//! Keys that are limited to projects, and workers that use them.

use crate::api::Api;
use crate::program::{PROJECT, Program, store_in};
use reqwest::Method;
use serde_json::{Value, json};

/// Another key of the account that sees these projects.
async fn key(api: &Api, projects: &[&str]) -> Api {
    let wish = json!({ "projects": projects });
    let made = api.call(Method::POST, "/api/v1/keys", Some(&wish)).await;
    api.with_token(made["token"].as_str().expect("a key has a token"))
}

async fn submit(api: &Api, project: Value) -> String {
    let submission = json!({ "kind": "reboot", "project": project });
    let made = api.call(Method::POST, "/api/v1/operations", Some(&submission));
    text(&made.await["id"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

/// Both wait, and each is woken for what it may see: whoever comes first, nobody takes what is another's or keeps it from
/// being taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_wait_are_woken_for_their_projects_only() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let program = Program::start(&store_in(folder.path()));
    let api = Api::new(&program);
    let (inside, outside) = (key(&api, &[PROJECT]).await, key(&api, &[]).await);
    for _ in 0..3 {
        let work = |api: &Api| {
            let api = api.clone();
            tokio::spawn(async move {
                let wish = json!({ "kinds": ["reboot"], "wait_ms": 60_000 });
                api.call(Method::POST, "/api/v1/leases", Some(&wish)).await
            })
        };
        let (worker, stranger) = (work(&inside), work(&outside));
        let placed = submit(&api, json!(PROJECT)).await;
        let leased = worker.await.expect("it does not panic");
        let lease = &leased["leases"][0];
        assert_eq!(text(&lease["operation"]["id"]), placed);
        let free = submit(&api, Value::Null).await;
        let leased = stranger.await.expect("it does not panic");
        assert_eq!(text(&leased["leases"][0]["operation"]["id"]), free);

        let finish =
            json!({ "id": placed, "fence": lease["fence"], "finish": { "status": "succeeded" } });
        let reports = json!({ "reports": [finish] });
        for (api, accepted) in [(&outside, false), (&inside, true)] {
            let told = api.call(Method::POST, "/api/v1/leases:report", Some(&reports));
            assert_eq!(told.await["reports"][0]["accepted"], accepted);
        }
    }
}
