//! Several gateways on one database. Each has a line of its own to the same cloud, so that it can be told who asks.

use super::line::Line;
use super::{caller, id_of, target, write_settings};
use crate::api::Api;
use crate::postgres::Database;
use crate::program::Program;
use crate::wait::Place;
use crate::waiting::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;

const KIND: &str = "cloud-work";
/// How long another server waits for a word of one that is gone.
const TAKEOVER: &str = "[gateway]\ntakeover_ms = 3000\n";
const TASKS: usize = 24;
/// Each task is asked for a few times a second.
const QUOTA: &str = "quota = { calls = 100, per_ms = 1000 }";

/// A gateway, and its line to the cloud.
struct Side {
    api: Api,
    line: Line,
    program: Program,
    _folder: TempDir,
}

impl Side {
    fn start(database: &Database, cloud: &Program) -> Self {
        let line = Line::to(cloud.address);
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let upstreams = ["tencent-vpc", "tencent-bm"].map(|dialect| (dialect, line.address));
        let settings = write_settings(folder.path(), &upstreams, QUOTA);
        let text = std::fs::read_to_string(&settings).expect("it was written");
        std::fs::write(&settings, format!("{text}{TAKEOVER}")).expect("it can be written to");
        let [settings, key] =
            [settings, database.master_key()].map(|path| path.display().to_string());
        let arguments = ["--config", &settings, "--master-key-file", &key];
        let program = Program::start_with(&database.url, &arguments, "info");
        Self {
            api: Api::new(&program),
            line,
            program,
            _folder: folder,
        }
    }

    /// Whether it has asked the cloud for a task.
    fn has_asked_for(&self, task: &Value) -> bool {
        let asked = format!("taskId={}&", task["task_id"]);
        self.line.last(&asked).is_some()
    }
}

/// A task in the cloud, its lease there, and the operation that follows it.
struct Followed {
    task: Value,
    lease: Value,
    id: String,
}

struct Stage {
    cloud: Api,
    sides: Vec<Side>,
    followed: Vec<Followed>,
    database: Database,
    source: Program,
}

impl Stage {
    /// Two gateways, and tasks that are handed to the one and to the other, and then to both.
    async fn set_up() -> Option<Self> {
        let database = Database::new().await?;
        let source = Program::start("memory:");
        let cloud = Api::new(&source);
        let sides = vec![
            Side::start(&database, &source),
            Side::start(&database, &source),
        ];
        let mut followed = Vec::new();
        for number in 0..TASKS {
            let task = cloud.submit(KIND, &[]).await;
            let lease = cloud.lease(KIND).await;
            let target = target("tencent-vpc", &task);
            let submission = json!({ "kind": "track", "input": { "target": target } });
            let (one, other) = (&sides[number % 2].api, &sides[(number + 1) % 2].api);
            let id = id_of(&one.submit_as(&submission).await);
            assert_eq!(id_of(&other.submit_as(&submission).await), id);
            followed.push(Followed { task, lease, id });
        }
        let stage = Self {
            cloud,
            sides,
            followed,
            database,
            source,
        };
        for one in &stage.followed {
            let is_seen = |it: &Value| it["progress"]["message"].is_string();
            stage.sides[0].api.get_when(&one.id, is_seen).await;
        }
        Some(stage)
    }

    /// Waits until every side that runs has been asked for everything it follows a few times more.
    async fn some_polls(&self) {
        let passed = |side: &Side| side.line.passed();
        let before: usize = self.sides.iter().map(passed).sum();
        eventually("some polls", async || {
            let now: usize = self.sides.iter().map(passed).sum();
            (now >= before + 5 * TASKS).then_some(())
        })
        .await;
    }

    /// Ends the tasks in the cloud, and waits until every server that runs says so.
    async fn check_ends(&self) {
        for (number, one) in self.followed.iter().enumerate() {
            let status = if number % 2 == 0 {
                "succeeded"
            } else {
                "failed"
            };
            let finish = json!({ "status": status, "error": { "code": "1", "message": "no" } });
            let finish = if number % 2 == 0 {
                json!({ "status": status })
            } else {
                finish
            };
            self.cloud.report(&one.lease, &[], Some(finish)).await;
            for side in &self.sides {
                let told = side
                    .api
                    .get_when(&one.id, |it| it["ended_at"].is_string())
                    .await;
                assert_eq!(told["status"], status, "{told}");
            }
        }
    }
}

/// However many servers there are, one of them asks for a task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_asks_for_a_task() {
    let Some(stage) = Stage::set_up().await else {
        return;
    };
    stage.some_polls().await;
    for one in &stage.followed {
        let asking = stage
            .sides
            .iter()
            .filter(|side| side.has_asked_for(&one.task));
        assert_eq!(asking.count(), 1, "{}", one.task);
    }
    // Waiters at either server cost nothing: what the one follows, the other one knows.
    let [one, other] = &stage.sides[..] else {
        panic!("there are two");
    };
    let mut place = Place::with_keys();
    let added = one.api.add_key(&caller()).await;
    place.set("TENCENTCLOUD_SECRET_ID", super::CALLER_ID);
    place.set("TENCENTCLOUD_SECRET_KEY", super::CALLER_SECRET);
    eventually("a new key is known everywhere", async || {
        let theirs = other
            .api
            .with_token(added["token"].as_str().expect("it is a text"));
        let answer = theirs
            .send(reqwest::Method::GET, "/api/v1/operations", None)
            .await;
        answer
            .expect("it answers")
            .status()
            .is_success()
            .then_some(())
    })
    .await;
    for side in &stage.sides {
        let target = target("tencent-vpc", &stage.followed[0].task);
        let url = side.program.url();
        let ask = ["get", &*target, "--endpoint", &url, "--json"];
        let told = place.run(&ask).await.with_status(0).lines().remove(0);
        assert_eq!(told["status"], "running", "{told}");
    }
    stage.check_ends().await;
    for one in &stage.followed {
        let asking = stage
            .sides
            .iter()
            .filter(|side| side.has_asked_for(&one.task));
        assert_eq!(asking.count(), 1, "{}", one.task);
    }
}

/// A server that is killed is missed, one that is stopped hands over: in both cases the other one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_goes_on() {
    for is_killed in [true, false] {
        let Some(mut stage) = Stage::set_up().await else {
            return;
        };
        // Whoever asks for some of them goes.
        let first = &stage.followed[0].task;
        let gone = stage
            .sides
            .iter()
            .position(|side| side.has_asked_for(first));
        let gone = stage.sides.remove(gone.expect("somebody asks"));
        if is_killed {
            gone.program.kill();
        } else {
            assert!(gone.program.terminate().success());
        }
        // One more comes, and may take its part.
        stage
            .sides
            .push(Side::start(&stage.database, &stage.source));
        eventually("all tasks are asked for again", async || {
            let is_asked =
                |one: &Followed| stage.sides.iter().any(|it| it.has_asked_for(&one.task));
            stage.followed.iter().all(is_asked).then_some(())
        })
        .await;
        stage.check_ends().await;
    }
}
