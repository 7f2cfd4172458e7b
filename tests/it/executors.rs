//! Executors: operations that the server carries out by itself, as `longrun.toml` says.

use crate::api::Api;
use crate::program::{Program, store_in};
use crate::wait::Stub;
use crate::waiting::eventually;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A server with these settings.
fn serve(folder: &TempDir, settings: &str) -> Program {
    let config = folder.path().join("longrun.toml");
    std::fs::write(&config, settings).expect("the folder can be written to");
    let config = config.to_str().expect("it is a text");
    Program::start_with(&store_in(folder.path()), &["--config", config], "info")
}

/// The settings of kinds that one receiver carries out.
fn sent_to(url: &str, kinds: &[&str]) -> String {
    let of_kind = |kind: &&str| {
        let secret = if *kind == "forged" {
            "another secret altogether"
        } else {
            "the secret of the tests"
        };
        let tries = if *kind == "broken" { 2 } else { 50 };
        let lease_ms = if *kind == "forgets" { 1_000 } else { 60_000 };
        format!(
            "[kind.{kind}]\nexecutor = {{ http = '{url}/{kind}?token=5ec4e7', secret = '{secret}', tries = {tries}, \
             timeout_ms = 1000, pause_ms = 1, lease_ms = {lease_ms} }}\n"
        )
    };
    kinds.iter().map(of_kind).collect()
}

async fn ended(api: &Api, id: &Value) -> Value {
    let id = id.as_str().expect("an operation has an id");
    api.get_when(id, |operation| !operation["ended_at"].is_null())
        .await
}

/// The ends of the resources, and the code of the error.
fn in_short(operation: &Value) -> String {
    let resources = operation["resources"].as_array().expect("they are shown");
    let of_one = |one: &Value| {
        let got = &one["output"]["got"];
        format!(
            "{}={}{}",
            one["id"],
            one["status"],
            if got.is_null() {
                String::new()
            } else {
                format!(" {got}")
            }
        )
    };
    let words: Vec<_> = resources.iter().map(of_one).collect();
    let code = operation["error"]["code"].as_str().unwrap_or("-");
    format!("{} {code}: {}", operation["status"], words.join(", ")).replace('"', "")
}

#[tokio::test]
async fn a_receiver_answers_at_once_or_later_or_not_at_all() {
    let Some(stub) = Stub::run("receiver.py", None) else {
        return;
    };
    let good = "succeeded -: a=succeeded {of:a}, b=succeeded {of:b}";
    let failed = |code: &str| format!("failed {code}: a=failed, b=failed");
    let cases = [
        ("now", good.to_owned()),
        ("later", good.to_owned()),
        ("forgets", good.to_owned()),
        ("flaky", good.to_owned()),
        ("broken", failed("http-undelivered")),
        ("refuses", failed("http-refused")),
        ("redirects", failed("http-refused")),
        ("forged", failed("http-refused")),
        ("chats", failed("http-bad-report")),
        ("errs", failed("http-bad-report")),
        ("others", failed("http-bad-report")),
        ("fails", failed("full")),
    ];
    let folder = TempDir::new().expect("there is room");
    let kinds: Vec<_> = cases.iter().map(|(kind, _)| *kind).collect();
    let mut program = serve(&folder, &sent_to(&stub.url, &kinds));
    let api = Api::new(&program);
    let mut submitted = Vec::new();
    for (kind, expected) in cases {
        let submission = json!({
            "kind": kind,
            "labels": { "server": program.url() },
            "resources": [{ "id": "a", "input": { "of": "a" } }, { "id": "b", "input": { "of": "b" } }],
        });
        submitted.push((
            kind,
            expected,
            api.submit_as(&submission).await["id"].clone(),
        ));
    }
    for (kind, expected, id) in submitted {
        let ended = ended(&api, &id).await;
        assert_eq!(in_short(&ended), expected, "{kind}: {ended}");
        let attempts = if kind == "forgets" { 2 } else { 1 };
        assert_eq!(ended["attempt"], attempts, "{kind}");
    }
    program.check_unharmed("deliveries");
    let log = program.log();
    assert!(
        !log.contains("5ec4e7") && !log.contains("secret of the tests"),
        "{log}"
    );
}

/// A certificate for these names and its key, in a folder.
fn certificate(names: &[&str]) -> TempDir {
    let folder = TempDir::new().expect("there is room");
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("it can be made");
    for (name, pem) in [
        ("certificate.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ] {
        std::fs::write(folder.path().join(name), pem).expect("it can be written");
    }
    folder
}

/// Nothing is handed to a receiver that does not prove who it is, and what is wrong with it is told.
#[tokio::test]
async fn a_receiver_proves_itself_by_its_certificate() {
    let (good, other) = (certificate(&["127.0.0.1"]), certificate(&["127.0.0.1"]));
    let elsewhere = certificate(&["receiver.example"]);
    let text = |folder: &TempDir| folder.path().display().to_string();
    for (shown, trusted, expected) in [
        (&good, Some(&good), "succeeded -: a=succeeded {of:a}"),
        (&good, Some(&other), "failed http-undelivered: a=failed"),
        (&good, None, "failed http-undelivered: a=failed"),
        (
            &elsewhere,
            Some(&elsewhere),
            "failed http-undelivered: a=failed",
        ),
    ] {
        let Some(stub) = Stub::run("receiver.py", Some(&text(shown))) else {
            return;
        };
        let ca = trusted.map_or(String::new(), |folder| {
            format!(", ca = '{}/certificate.pem'", text(folder))
        });
        let address = stub.address();
        let settings = format!(
            "[kind.now]\nexecutor = {{ http = 'https://{address}/now', secret = 'the secret of the tests', \
             tries = 2, pause_ms = 1{ca} }}\n"
        );
        let folder = TempDir::new().expect("there is room");
        let program = serve(&folder, &settings);
        let api = Api::new(&program);
        let resources = json!([{ "id": "a", "input": { "of": "a" } }]);
        let submission = json!({ "kind": "now", "resources": resources });
        let id = api.submit_as(&submission).await["id"].clone();
        let ended = ended(&api, &id).await;
        assert_eq!(in_short(&ended), expected, "{ended}");
        let is_refused = expected.starts_with("failed");
        let path = format!("/api/v1/operations/{}/events", id.as_str().expect("an id"));
        let history = api.call(Method::GET, &path, None).await.to_string();
        assert_eq!(history.contains("certificate"), is_refused, "{history}");
        let tries = program.log().matches("not delivered").count();
        assert_eq!(tries, usize::from(is_refused), "the first of two");
    }
}

/// While nobody has taken an operation over, it can be cancelled, and handed back when the server ends.
#[tokio::test]
async fn a_delivery_that_is_repeated_heeds_orders() {
    let folder = TempDir::new().expect("there is room");
    // Nobody listens at this port: it is that of discarding.
    let settings = "[kind.lost]\nexecutor = { http = 'http://127.0.0.1:9/', secret = 'the secret of the tests', \
                    tries = 1000000, pause_ms = 3600000, pause_max_ms = 3600000 }";
    let program = serve(&folder, settings);
    let api = Api::new(&program);
    let id = api.submit("lost", &["a"]).await["id"].clone();
    let path = format!("/api/v1/operations/{}", id.as_str().expect("it has an id"));
    eventually("a try", async || {
        program.log().contains("not delivered").then_some(())
    })
    .await;
    api.call(Method::POST, &format!("{path}:cancel"), None)
        .await;
    assert_eq!(
        in_short(&ended(&api, &id).await),
        "cancelled Cancelled: a=cancelled"
    );
    let id = api.submit("lost", &["a"]).await["id"].clone();
    let tries = || program.log().matches("not delivered").count();
    eventually("another try", async || (tries() == 2).then_some(())).await;
    assert!(program.terminate().success());
    let program = Program::start(&store_in(folder.path()));
    let api = Api::new(&program);
    let seen = api.get(id.as_str().expect("it has an id")).await;
    assert_eq!(seen["status"], "queued", "{seen}");
}

fn command(script: &Path, concurrency: usize) -> String {
    format!(
        "[kind.run]\nexecutor = {{ command = ['sh', '{}', '{{}}'], concurrency = {concurrency}, lease_ms = 2000 }}\n",
        script.display()
    )
}

/// The server's own child processes are told what those of `longrun worker` are told, and heard alike.
#[tokio::test]
async fn commands_are_run_by_the_server_itself() {
    let folder = TempDir::new().expect("there is room");
    let script = folder.path().join("run.sh");
    let text = "if [ \"$1\" = bad ]; then echo broken >&2; exit 3; fi\n\
                if [ \"$1\" = slow ]; then : > \"$0.begun\"; while :; do sleep 1; done; fi\n\
                echo \"{\\\"got\\\": $(cat), \\\"kind\\\": \\\"$LONGRUN_KIND\\\"}\"\n";
    std::fs::write(&script, text).expect("the folder can be written to");
    let mut program = serve(&folder, &command(&script, 4));
    let api = Api::new(&program);
    let resources: Vec<_> = ["a", "b", "c", "d", "e", "bad"]
        .map(|id| json!({ "id": id, "input": 7 }))
        .into();
    let submission = json!({ "kind": "run", "resources": resources });
    let done = ended(&api, &api.submit_as(&submission).await["id"]).await;
    let good: Vec<_> = ["a", "b", "c", "d", "e"]
        .map(|id| format!("{id}=succeeded 7"))
        .into();
    let expected = format!("partial exit-3: {}, bad=failed", good.join(", "));
    assert_eq!(in_short(&done), expected, "{done}");

    let id = api.submit("run", &["slow"]).await["id"].clone();
    let begun = folder.path().join("run.sh.begun");
    eventually("its begin", async || begun.exists().then_some(())).await;
    let path = format!(
        "/api/v1/operations/{}:cancel",
        id.as_str().expect("it has an id")
    );
    api.call(Method::POST, &path, None).await;
    assert_eq!(
        in_short(&ended(&api, &id).await),
        "cancelled Cancelled: slow=cancelled"
    );
    program.check_unharmed("commands");
}

/// What was running when the server died is run again by the next one.
#[tokio::test]
async fn commands_survive_a_server_that_is_killed() {
    let folder = TempDir::new().expect("there is room");
    let script = folder.path().join("run.sh");
    let text = "if mkdir \"$0.begun\" 2>/dev/null; then exec sleep 1000; fi\necho 1\n";
    std::fs::write(&script, text).expect("the folder can be written to");
    let program = serve(&folder, &command(&script, 1));
    let id = Api::new(&program).submit("run", &["a"]).await["id"].clone();
    let begun = folder.path().join("run.sh.begun");
    eventually("its begin", async || begun.exists().then_some(())).await;
    program.kill();
    let program = serve(&folder, &command(&script, 1));
    let done = ended(&Api::new(&program), &id).await;
    assert_eq!(in_short(&done), "succeeded -: a=succeeded");
    assert_eq!(done["attempt"], 2);
}

/// What cannot work is said at the start, with the kind, and nothing is served.
#[test]
fn executors_that_cannot_work_are_told_at_the_start() {
    let folder = TempDir::new().expect("there is room");
    let config = folder.path().join("longrun.toml");
    for (name, scenario) in [
        ("by_poll.toml", "[[rule]]\nscript = { ends_at_poll = 3 }"),
        ("wrong.toml", "[[rule]]\nscript = { runs = 'soon' }"),
    ] {
        std::fs::write(folder.path().join(name), scenario).expect("it can be written");
    }
    let of_file = |name| format!("{{ script = '{}' }}", folder.path().join(name).display());
    for (executor, expected) in [
        (
            "{ command = ['/no/such/program'] }",
            "there is no program `/no/such/program`",
        ),
        (
            "{ http = 'ftp://h/', secret = '0123456789abcdef' }",
            "`ftp://h/` is no address",
        ),
        (
            "{ http = 'http://h/', secret = 'short' }",
            "the secret needs at least 16 bytes",
        ),
        (
            "{ http = 'http://h/', secret = '0123456789abcdef', ca = '/no/such.pem' }",
            "`/no/such.pem` cannot be read",
        ),
        ("'shell'", "there is no executor `shell`"),
        (
            "{ script = '/no/such.toml' }",
            "`/no/such.toml` cannot be read",
        ),
        (
            &of_file("by_poll.toml"),
            "`ends_at_poll` in a scenario is for `longrun emulate`",
        ),
        (&of_file("wrong.toml"), "wrong.toml:2: "),
    ] {
        std::fs::write(&config, format!("[kind.k]\nexecutor = {executor}"))
            .expect("it can be written");
        let output = crate::program::serve("memory:")
            .arg("--config")
            .arg(&config)
            .output();
        let output = output.expect("the program can be run");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && words.contains(expected),
            "{executor}: {words}"
        );
    }
}

const SCENARIO: &str = "
    [[rule]]
    match = { resource = 'bad*' }
    script = { queued = '0s', runs = '0s', end = 'failed', error = { code = 'Disk', reason = 'no room' } }
    [[rule]]
    match = { label = { flaky = 'yes' }, attempt = 1 }
    script = { queued = '0s', runs = '0s', end = 'failed', error = { code = 'Busy', retryable = true } }
    [[rule]]
    match = { label = { stuck = 'yes' } }
    script = { queued = '0s', runs = 'forever', progress = [{ after = '0s', percent = 40 }] }
    [[rule]]
    match = { label = { late = 'yes' } }
    script = { queued = 'forever' }
    [[rule]]
    script = { queued = '1ms', runs = '2ms', output = { of = 'all' } }
";

/// The settings of a server whose operations a scenario carries out.
fn scripted(folder: &TempDir) -> String {
    let scenario = folder.path().join("scenario.toml");
    std::fs::write(&scenario, SCENARIO).expect("the folder can be written to");
    let scenario = scenario.display();
    format!(
        "[kind.usual]\nexecutor = 'script'\n\
         [kind.told]\nexecutor = {{ script = '{scenario}', concurrency = 3 }}\n\
         retry = {{ attempts = 2, pause_ms = 0 }}\n"
    )
}

#[tokio::test]
async fn a_script_carries_out_what_a_scenario_says() {
    let folder = TempDir::new().expect("there is room");
    let mut program = serve(&folder, &scripted(&folder));
    let api = Api::new(&program);
    let submit = async |kind: &str, resource: &str, label: Option<&str>| {
        let labels = label.map_or(json!({}), |label| json!({ label: "yes" }));
        let resources = json!([{ "id": resource }]);
        let submission = json!({ "kind": kind, "labels": labels, "resources": resources });
        api.submit_as(&submission).await["id"].clone()
    };
    // More than are carried out at once.
    let cases = [
        ("told", "a", None, "succeeded -: a=succeeded", 1),
        ("told", "bad-1", None, "failed Disk: bad-1=failed", 1),
        ("told", "b", Some("flaky"), "succeeded -: b=succeeded", 2),
        ("told", "c", None, "succeeded -: c=succeeded", 1),
        ("told", "d", Some("flaky"), "succeeded -: d=succeeded", 2),
        ("usual", "e", None, "succeeded -: e=succeeded", 1),
        ("usual", "bad-2", None, "succeeded -: bad-2=succeeded", 1),
    ];
    let mut submitted = Vec::new();
    for (kind, resource, label, expected, attempts) in cases {
        let id = submit(kind, resource, label).await;
        submitted.push((id, expected, attempts));
    }
    for (id, expected, attempts) in submitted {
        let ended = ended(&api, &id).await;
        assert_eq!(in_short(&ended), expected);
        assert_eq!(ended["attempt"], attempts, "{expected}");
    }
    for label in ["stuck", "late"] {
        let id = submit("told", "a", Some(label)).await;
        let id = id.as_str().expect("it has an id");
        api.get_when(id, |one| one["status"] == "running").await;
        if label == "stuck" {
            api.get_when(id, |one| one["progress"]["percent"] == 40)
                .await;
        }
        let cancel = format!("/api/v1/operations/{id}:cancel");
        api.call(Method::POST, &cancel, None).await;
        let ended = ended(&api, &json!(id)).await;
        assert_eq!(ended["status"], "cancelled", "{label}");
    }
    program.check_unharmed("scripts");
}

/// What a server has begun is given back when it ends, and carried out by the next one.
#[tokio::test]
async fn a_script_gives_back_what_it_has_not_ended() {
    let folder = TempDir::new().expect("there is room");
    let program = serve(&folder, &scripted(&folder));
    let api = Api::new(&program);
    let stuck = json!({ "kind": "told", "labels": { "stuck": "yes" } });
    let id = api.submit_as(&stuck).await["id"].clone();
    let id = id.as_str().expect("it has an id");
    api.get_when(id, |one| one["progress"]["percent"] == 40)
        .await;
    assert!(program.terminate().success());
    let next = serve(&folder, &scripted(&folder));
    let api = Api::new(&next);
    let path = format!("/api/v1/operations/{id}/events");
    let types = async || {
        let history = api.call(Method::GET, &path, None).await;
        let events = history["events"].as_array();
        let events = events.expect("there is a history").iter();
        events
            .map(|event| event["type"].clone())
            .collect::<Vec<_>>()
    };
    let expected = json!(["submitted", "leased", "reported", "released", "leased"]);
    let found = eventually("the next lease", async || {
        let found = types().await;
        (found.len() >= 5).then_some(found)
    });
    assert_eq!(json!(found.await[..5]), expected);
}
