//! Three servers on one database, a hundred workers, and one of the servers killed again and again. Whatever was
//! acknowledged ends right, each resource has exactly the result that was accepted for it, and whoever waits at another
//! server hears of the end.
//!
//! `LONGRUN_TEST_WHOLE`, which `cargo xtask stress` sets, makes it as long as it should be at least once: thirty kills,
//! two seconds apart.

use super::Database;
use crate::api::Api;
use crate::program::Program;
use crate::waiting::eventually;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many servers there are.
const SERVERS: usize = 3;
/// Callers that submit, and workers.
const SUBMITTERS: usize = 24;
const WORKERS: usize = 100;
/// The resources of each operation; the last one fails.
const RESOURCES: [&str; 3] = ["a", "b", "c"];
/// How long a lease lasts that nobody is heard of: an answer may be lost with its server.
const LEASE_MS: u32 = 2_000;
/// How often a call is tried at one server or another before something must be wrong.
const TRIES: usize = 2_000;

/// How much is done: kills, the pause between them, and how many operations end between two at the least.
struct Size {
    kills: usize,
    pause: Duration,
    ended: usize,
}

impl Size {
    fn wanted() -> Self {
        if std::env::var_os("LONGRUN_TEST_WHOLE").is_some() {
            Self {
                kills: 30,
                pause: Duration::from_secs(2),
                ended: 1,
            }
        } else {
            Self {
                kills: 4,
                pause: Duration::from_millis(300),
                ended: 30,
            }
        }
    }
}

/// What everybody here knows.
struct Fire {
    apis: Mutex<Vec<Api>>,
    ledger: Mutex<Ledger>,
    ended: AtomicUsize,
    stop: AtomicBool,
}

/// What the servers have acknowledged.
#[derive(Default)]
struct Ledger {
    /// The key that each operation was submitted with, by id.
    operations: HashMap<String, String>,
    /// Whose result was accepted for a resource, by operation and resource.
    results: HashMap<(String, String), String>,
    /// When the last result of an operation was acknowledged, and by which server.
    ends: HashMap<String, (Instant, usize)>,
    /// How late those who waited at another one heard of it.
    late: Vec<Duration>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_ends_right_though_servers_are_killed() {
    let Some(database) = Database::new().await else {
        return;
    };
    let size = Size::wanted();
    let mut programs: Vec<Program> = (0..SERVERS).map(|_| database.serve()).collect();
    let fire = Arc::new(Fire {
        apis: Mutex::new(programs.iter().map(Api::new).collect()),
        ledger: Mutex::default(),
        ended: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    });
    let submitting = (0..SUBMITTERS).map(|number| tokio::spawn(submit(Arc::clone(&fire), number)));
    let submitting: Vec<_> = submitting.collect();
    let working = (0..WORKERS).map(|number| tokio::spawn(work(Arc::clone(&fire), number)));
    let working: Vec<_> = working.collect();
    for kill in 0..size.kills {
        let before = fire.ended.load(SeqCst);
        // The moments of the kills are the test's random input; nothing waits for a time to have passed.
        tokio::time::sleep(size.pause).await;
        eventually("the others go on", async || {
            (fire.ended.load(SeqCst) >= before + size.ended).then_some(())
        })
        .await;
        let number = kill % SERVERS;
        std::mem::replace(&mut programs[number], database.serve()).kill();
        fire.apis.lock().expect("nobody panicked")[number] = Api::new(&programs[number]);
    }
    fire.stop.store(true, SeqCst);
    for task in join_all(submitting.into_iter().chain(working)).await {
        task.expect("nobody is told anything wrong");
    }
    check(&fire).await;
}

/// Submits one operation after the other, each under a key, and waits for its end at another server.
async fn submit(fire: Arc<Fire>, number: usize) {
    for round in 0.. {
        if fire.stop.load(SeqCst) {
            return;
        }
        let key = format!("{number}-{round}");
        let resources = RESOURCES.map(|id| json!({ "id": id }));
        let body = json!({ "kind": "fire", "resources": resources, "labels": { "key": key } });
        let id = loop {
            let answered = fire.api(number + round).submit_under(&key, &body).await;
            // Whether a call that failed was done is not known: with its key it can be repeated.
            if let Some(operation) = success(answered).await {
                break text(&operation["id"]);
            }
        };
        let earlier = fire.ledger().operations.insert(id.clone(), key);
        assert_eq!(earlier, None, "{id} was handed out twice");
        wait(&fire, &id, number + round + 1).await;
        fire.ended.fetch_add(1, SeqCst);
    }
}

/// Waits for the end of an operation, at one server after the other if they are killed.
async fn wait(fire: &Fire, id: &str, mut server: usize) {
    for _ in 0..TRIES {
        let answered = fire.api(server).get_within(id, 30).await;
        let heard = now();
        if let Some(operation) = success(answered).await
            && !operation["ended_at"].is_null()
        {
            let mut ledger = fire.ledger();
            if let Some((ended, other)) = ledger.ends.get(id).copied()
                && other != server % SERVERS
            {
                ledger.late.push(heard.saturating_duration_since(ended));
            }
            return;
        }
        server += 1;
    }
    panic!("nobody says that {id} has ended");
}

/// Leases, and reports each resource at another server, until nothing more is submitted and nothing is left.
async fn work(fire: Arc<Fire>, number: usize) {
    let wish = json!({
        "kinds": ["fire"], "max": 1, "lease_ms": LEASE_MS, "wait_ms": 500, "worker": number.to_string(),
    });
    for round in 0.. {
        let path = "/api/v1/leases";
        let answered = fire
            .api(number + round)
            .send(Method::POST, path, Some(&wish))
            .await;
        let Some(answer) = success(answered).await else {
            continue;
        };
        let leases = answer["leases"].as_array().expect("leases are a list");
        for lease in leases {
            carry_out(&fire, number, lease).await;
        }
        // Submitters wait for the end of what they have submitted, so that nothing of theirs is left then.
        let ended = fire.ended.load(SeqCst) == fire.ledger().operations.len();
        if fire.stop.load(SeqCst) && leases.is_empty() && ended {
            return;
        }
    }
}

/// Reports each open resource by itself, with a mark that tells whose result it is.
async fn carry_out(fire: &Fire, number: usize, lease: &Value) {
    let (id, fence) = (text(&lease["operation"]["id"]), &lease["fence"]);
    let mark = format!("worker {number}, fence {fence}");
    let resources = lease["operation"]["resources"].as_array();
    let resources = resources.expect("resources are a list").iter();
    let open =
        resources.filter(|one| !matches!(one["status"].as_str(), Some("succeeded" | "failed")));
    for (place, resource) in open.enumerate() {
        let name = text(&resource["id"]);
        let result = if name == RESOURCES[RESOURCES.len() - 1] {
            json!({ "id": name, "status": "failed", "error": { "code": "Failed", "message": mark } })
        } else {
            json!({ "id": name, "status": "succeeded", "output": { "mark": mark } })
        };
        let reports = json!({ "reports": [{ "id": id, "fence": fence, "resources": [result] }] });
        let Some((status, server)) = report(fire, number + place, &reports).await else {
            // The lease was lost meanwhile: another worker has what is left.
            return;
        };
        let at = now();
        let mut ledger = fire.ledger();
        let place = (id.clone(), name);
        let earlier = ledger.results.insert(place, mark.clone());
        assert_eq!(earlier, None, "{id} took a second result: {reports}");
        if !matches!(status.as_str(), Some("queued" | "running")) {
            ledger.ends.insert(id.clone(), (at, server));
        }
    }
}

/// Reports until a server answers: the status of the operation, and which one it was, if the report was accepted.
async fn report(fire: &Fire, mut server: usize, reports: &Value) -> Option<(Value, usize)> {
    for _ in 0..TRIES {
        let path = "/api/v1/leases:report";
        let answered = fire
            .api(server)
            .send(Method::POST, path, Some(reports))
            .await;
        if let Some(answer) = success(answered).await {
            let report = &answer["reports"][0];
            let accepted = report["accepted"] == json!(true);
            return accepted.then(|| (report["status"].clone(), server % SERVERS));
        }
        server += 1;
    }
    panic!("nobody answers {reports}");
}

/// The answer, if it came whole and is a success. A server that cannot be reached is given a moment.
async fn success(answered: reqwest::Result<reqwest::Response>) -> Option<Value> {
    let answer = match answered {
        Ok(answer) if answer.status().is_success() => answer.json().await.ok(),
        Ok(answer) => {
            let status = answer.status();
            assert!(
                status.is_server_error(),
                "{status}: {:?}",
                answer.text().await
            );
            None
        }
        Err(_) => None,
    };
    if answer.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    answer
}

/// Holds every operation against what was acknowledged.
async fn check(fire: &Fire) {
    let Ledger {
        operations,
        results,
        mut late,
        ..
    } = std::mem::take(&mut *fire.ledger());
    for (id, key) in &operations {
        let operation = fire.api(0).get(id).await;
        assert_eq!(operation["labels"]["key"], json!(key), "{operation}");
        assert_eq!(operation["status"], json!("partial"), "{operation}");
        let tally = json!({ "succeeded": 2, "failed": 1, "unfinished": 0 });
        assert_eq!(operation["tally"], tally, "{operation}");
        for (number, name) in RESOURCES.into_iter().enumerate() {
            let resource = &operation["resources"][number];
            let mark = [&resource["output"]["mark"], &resource["error"]["message"]];
            let mark = mark.into_iter().find_map(Value::as_str);
            assert_eq!(resource["id"], json!(name), "{operation}");
            // A result may have been saved whose answer was lost, but never another one than was acknowledged.
            let acknowledged = results.get(&(id.clone(), name.to_owned()));
            let acknowledged = acknowledged.map_or(mark, |mark| Some(mark.as_str()));
            assert!(
                mark.is_some() && mark == acknowledged,
                "{acknowledged:?}: {operation}"
            );
        }
        check_history(fire, id).await;
    }
    late.sort_unstable();
    assert!(!late.is_empty(), "somebody has waited until the end");
    let at = |part: usize| late[(late.len() - 1) * part / 100].as_millis();
    eprintln!(
        "{} operations; those who waited at another server heard of the end after: \
         half of {} {} ms, 99 of 100 {} ms, the last {} ms",
        operations.len(),
        late.len(),
        at(50),
        at(99),
        at(100),
    );
}

/// The history tells of one end for each resource, and of one end of the whole.
async fn check_history(fire: &Fire, id: &str) {
    let path = format!("/api/v1/operations/{id}/events?page_size=1000");
    let history = fire.api(1).call(Method::GET, &path, None).await;
    let events = history["events"].as_array().expect("events are a list");
    let count = |kind: &str| {
        let is_it = |event: &&Value| event["type"] == json!(kind);
        events.iter().filter(is_it).count()
    };
    assert_eq!(count("submitted"), 1, "{history}");
    assert_eq!(count("ended"), 1, "{history}");
    let reported = events
        .iter()
        .filter_map(|event| event["resources"].as_array());
    let results = reported
        .flatten()
        .filter(|one| one["status"] != json!("running"));
    let mut named: Vec<_> = results.map(|one| text(&one["id"])).collect();
    named.sort_unstable();
    assert_eq!(named, RESOURCES, "{history}");
}

impl Fire {
    /// One of the servers, as it was started last.
    fn api(&self, number: usize) -> Api {
        self.apis.lock().expect("nobody panicked")[number % SERVERS].clone()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody panicked")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how late somebody hears of an end is printed, and nothing hangs on it"
)]
fn now() -> Instant {
    Instant::now()
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}
