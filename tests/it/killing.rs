//! Worker processes that are killed all the time, and a server that is killed with them. Every operation ends right,
//! every resource has exactly one result, and nothing is stuck.
//!
//! `LONGRUN_TEST_WHOLE`, which `cargo xtask stress` sets, makes it as large as it should be at least once.

use crate::api::Api;
use crate::program::{Program, TOKEN};
use crate::waiting::eventually;
use futures_util::future::join_all;
use longrun_worker::{Client, Failure, Unit, Worker};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KIND: &str = "killed";
const RESOURCES: [&str; 4] = ["a", "b", "c", "d"];
/// Operations that one call submits.
const BATCH: usize = 500;
/// Calls of the check at a time.
const CHECKS: usize = 16;
/// How often the server is killed, evenly over the work.
const SERVER_KILLS: usize = 3;
/// What a handler takes, so that most kills find workers with something in hand.
const WORK: Duration = Duration::from_millis(50);
/// How soon a lost lease is noticed here.
const LEASE: Duration = Duration::from_secs(3);
/// How long anything may take after the killing.
const STUCK: Duration = Duration::from_secs(30);
/// The variable that makes a worker of this program.
const SERVER: &str = "LONGRUN_TEST_WORKER_SERVER";

/// How much is done, and how often one worker in ten is killed.
struct Size {
    workers: usize,
    operations: usize,
    pause: Duration,
}

impl Size {
    fn wanted() -> Self {
        if std::env::var_os("LONGRUN_TEST_WHOLE").is_some() {
            Self {
                workers: 200,
                operations: 20_000,
                pause: Duration::from_secs(1),
            }
        } else {
            Self {
                workers: 20,
                operations: 1_000,
                pause: Duration::from_millis(250),
            }
        }
    }
}

/// The worker process of the test below, and nothing at all when it is run as a test.
#[tokio::test]
async fn as_a_worker() {
    let Ok(server) = std::env::var(SERVER) else {
        return;
    };
    let client = Client::new(&server, Some(TOKEN.to_owned())).expect("it is an address");
    let worker = Worker::new(client).concurrency(4).lease(LEASE);
    let worker = worker.each_resource(KIND, async |unit: Unit| {
        tokio::time::sleep(WORK).await;
        Ok::<_, Failure>(json!({ "of": unit.id(), "by": std::process::id() }))
    });
    let end = worker.run_until(std::future::pending()).await;
    panic!("a worker does not end by itself: {end:?}");
}

/// Worker processes, all of which are gone when this is.
struct Crew {
    server: String,
    workers: Vec<Child>,
    killed: usize,
}

impl Crew {
    fn new(server: &str, count: usize) -> Self {
        let mut crew = Self {
            server: server.to_owned(),
            workers: Vec::new(),
            killed: 0,
        };
        crew.fill(count);
        crew
    }

    fn fill(&mut self, count: usize) {
        while self.workers.len() < count {
            let test = std::env::current_exe().expect("a test knows where it is");
            let worker = Command::new(test)
                .args(["--exact", "killing::as_a_worker"])
                .env(SERVER, &self.server)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            self.workers
                .push(worker.expect("there is room for a worker"));
        }
    }

    /// Kills one in ten, those that live longest, and sets new ones to work.
    fn decimate(&mut self) {
        let count = self.workers.len();
        for mut worker in self.workers.drain(..count.div_ceil(10)) {
            let ended = worker.try_wait().expect("a child can be asked");
            assert_eq!(ended, None, "a worker has ended by itself");
            end(&mut worker);
            self.killed += 1;
        }
        self.fill(count);
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.workers.iter_mut().for_each(end);
    }
}

fn end(worker: &mut Child) {
    // It may have ended by itself.
    let _ = worker.kill();
    let _ = worker.wait();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_operation_ends_right_though_workers_are_killed() {
    let size = Size::wanted();
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = crate::program::store_in(folder.path());
    let mut program = Program::start(&store);
    let address = program.address;
    let api = Api::new(&program);
    let ids = submit(&api, size.operations).await;
    let began = now();
    let mut crew = Crew::new(&program.url(), size.workers);
    for part in 1..=SERVER_KILLS + 1 {
        // They are carried out in their order: when this one has ended, so much is done.
        let mark = &ids[ids.len() * part / (SERVER_KILLS + 2)];
        while api.get(mark).await["ended_at"].is_null() {
            // The moments of the kills are the test's random input; nothing waits for a time to have passed.
            tokio::time::sleep(size.pause).await;
            crew.decimate();
        }
        if part <= SERVER_KILLS {
            program.kill();
            program = Program::start_at(&store, address);
        }
    }
    let killed_until = now();
    eventually("the end of all", async || {
        let mut open = 0;
        for status in ["queued", "running"] {
            let path = format!("/api/v1/operations?kind={KIND}&status={status}&page_size=1");
            let page = api.call(Method::GET, &path, None).await;
            open += page["operations"].as_array().expect("it is a list").len();
        }
        (open == 0).then_some(())
    })
    .await;
    let (took, after) = (began.elapsed(), killed_until.elapsed());
    assert!(after < STUCK, "something was stuck for {after:?}");
    let attempts = check(&api, &ids).await;
    eprintln!(
        "{} operations of {} resources by {} workers in {:.1} s; {} workers and {SERVER_KILLS} servers killed; \
         {attempts} leases; the last end {:.1} s after the killing",
        ids.len(),
        RESOURCES.len(),
        size.workers,
        took.as_secs_f64(),
        crew.killed,
        after.as_secs_f64(),
    );
    assert!(crew.killed > 0);
}

async fn submit(api: &Api, count: usize) -> Vec<String> {
    let resources = RESOURCES.map(|id| json!({ "id": id }));
    let one = json!({ "kind": KIND, "resources": resources });
    let body = json!({ "operations": vec![one; BATCH] });
    let mut ids = Vec::new();
    while ids.len() < count {
        let path = "/api/v1/operations:batch";
        let answer = api.call(Method::POST, path, Some(&body)).await;
        let operations = answer["operations"].as_array().expect("they are listed");
        ids.extend(operations.iter().map(|one| text(&one["id"])));
    }
    ids
}

/// Looks at every operation and its history; the number of leases that it took.
async fn check(api: &Api, ids: &[String]) -> u64 {
    let mut attempts = 0;
    for some in ids.chunks(CHECKS) {
        let looks = some.iter().map(|id| check_one(api, id));
        attempts += join_all(looks).await.into_iter().sum::<u64>();
    }
    attempts
}

async fn check_one(api: &Api, id: &str) -> u64 {
    let operation = api.get(id).await;
    assert_eq!(operation["status"], json!("succeeded"), "{operation}");
    let tally = json!({ "succeeded": 4, "failed": 0, "unfinished": 0 });
    assert_eq!(operation["tally"], tally, "{operation}");
    for (number, name) in RESOURCES.into_iter().enumerate() {
        assert_eq!(
            operation["resources"][number]["output"]["of"],
            json!(name),
            "{operation}"
        );
    }
    let path = format!("/api/v1/operations/{id}/events?page_size=1000");
    let history = api.call(Method::GET, &path, None).await;
    let events = history["events"].as_array().expect("events are a list");
    let ends = events
        .iter()
        .filter(|event| event["type"] == json!("ended"));
    assert_eq!(ends.count(), 1, "{history}");
    let reported = events
        .iter()
        .filter_map(|event| event["resources"].as_array());
    let results = reported
        .flatten()
        .filter(|one| one["status"] == json!("succeeded"));
    let mut named: Vec<_> = results.map(|one| text(&one["id"])).collect();
    named.sort_unstable();
    assert_eq!(named, RESOURCES, "{history}");
    operation["attempt"].as_u64().expect("it is a number")
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long nothing is stuck is what this is about"
)]
fn now() -> Instant {
    Instant::now()
}
