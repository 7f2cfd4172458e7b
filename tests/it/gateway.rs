//! The gateway: a server in front of another one, which stands for a cloud and knows nothing of the callers' keys.
//!
//! Between the two is a line that a test can bend: it counts, cuts, throttles and slows down what passes.

mod follow;
pub(crate) mod line;
mod pass;
mod refused;
mod restarts;
mod shared;
mod trouble;

use crate::api::Api;
use crate::program::{KEY_ID, KEY_SECRET, PROJECT, Program};
use crate::wait::Place;
use line::Line;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The key of callers. The cloud does not know it.
pub(crate) const CALLER_ID: &str = "AKIDCALLEROFTHEGATEWAY";
pub(crate) const CALLER_SECRET: &str = "SecretOfTheCallers0000000000000000001";
/// The kind of the operations in the cloud.
const KIND: &str = "cloud-work";

/// A cloud, a gateway before it, and callers.
struct Stage {
    cloud: Api,
    line: Line,
    gateway: Option<Program>,
    api: Api,
    place: Place,
    folder: TempDir,
    source: Option<Program>,
}

impl Stage {
    /// With an upstream for each of these dialects; `more` stands in each of their tables.
    async fn set_up(dialects: &[&str], more: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let cloud = Program::start(&cloud_store(folder.path()));
        let line = Line::to(cloud.address);
        let upstreams: Vec<_> = dialects.iter().map(|it| (*it, line.address)).collect();
        write_settings(folder.path(), &upstreams, more);
        let gateway = Self::start(folder.path());
        let api = Api::new(&gateway);
        api.add_key(&caller()).await;
        let mut place = Place::with_keys();
        for (id, secret) in [
            ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"),
            (
                "ALIBABA_CLOUD_ACCESS_KEY_ID",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            ),
            ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        ] {
            place.set(id, CALLER_ID);
            place.set(secret, CALLER_SECRET);
        }
        place.set("LONGRUN_SERVER", &gateway.url());
        Self {
            cloud: Api::new(&cloud),
            line,
            gateway: Some(gateway),
            api,
            place,
            folder,
            source: Some(cloud),
        }
    }

    fn start(folder: &Path) -> Program {
        let config = folder.join("longrun.toml");
        let config = config.to_str().expect("it is UTF-8");
        let store = crate::program::store_in(folder);
        Program::start_with(&store, &["--config", config], "info")
    }

    fn gateway(&self) -> &Program {
        self.gateway.as_ref().expect("it runs")
    }

    /// Pulls the plug of the gateway.
    fn kill(&mut self) {
        self.gateway.take().expect("it runs").kill();
    }

    /// Starts it again, on another port.
    fn restart(&mut self) {
        let gateway = Self::start(self.folder.path());
        self.api = Api::new(&gateway);
        self.place.set("LONGRUN_SERVER", &gateway.url());
        self.gateway = Some(gateway);
    }

    /// Pulls the plug of the cloud and puts it in again. Nobody is there while `meanwhile` goes on.
    fn restart_cloud(&mut self, meanwhile: impl FnOnce(&Line)) {
        let source = self.source.take().expect("it runs");
        let address = source.address;
        source.kill();
        meanwhile(&self.line);
        let source = Program::start_at(&cloud_store(self.folder.path()), address);
        self.cloud = Api::new(&source);
        self.source = Some(source);
    }

    /// The operation with this id once it has ended.
    async fn ended(&self, id: &str) -> Value {
        self.api.get_when(id, |it| it["ended_at"].is_string()).await
    }

    /// A task that runs in the cloud, and its lease.
    async fn task(&self, resources: &[&str]) -> (Value, Value) {
        let submitted = self.cloud.submit(KIND, resources).await;
        let lease = self.cloud.lease(KIND).await;
        (submitted, lease)
    }

    async fn metrics(&self) -> String {
        let answer = self.api.send(reqwest::Method::GET, "/metrics", None).await;
        let answer = answer.expect("the server answers").text().await;
        answer.expect("it has a body")
    }

    /// Lets the gateway follow a task.
    async fn track(&self, target: &str) -> String {
        let submission = json!({ "kind": "track", "input": { "target": target } });
        let tracked = self.api.submit_as(&submission).await;
        id_of(&tracked)
    }
}

/// Writes the settings of a gateway: an upstream for each of these dialects, asked for where it listens with the key that
/// it knows.
pub(crate) fn write_settings(
    folder: &Path,
    upstreams: &[(&str, SocketAddr)],
    more: &str,
) -> PathBuf {
    let secret = folder.join("secret");
    std::fs::write(&secret, KEY_SECRET).expect("the folder can be written to");
    let secret = secret.display();
    let tables = upstreams.iter().map(|(dialect, address)| {
        format!(
            "[upstream.{dialect}]\ndialect = '{dialect}'\nendpoint = 'http://{address}'\n\
             access_key = '{KEY_ID}'\nsecret_file = '{secret}'\nproject = '{PROJECT}'\n\
             pause_ms = 20\npause_max_ms = 100\n{more}\n"
        )
    });
    let config = folder.join("longrun.toml");
    std::fs::write(&config, tables.collect::<String>()).expect("it can be written to");
    config
}

/// Where the cloud keeps what it knows.
fn cloud_store(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("cloud.db").display())
}

/// The key of callers, as it is added to a gateway.
pub(crate) fn caller() -> Value {
    json!({ "id": CALLER_ID, "secret": CALLER_SECRET, "account": "dev", "projects": [PROJECT] })
}

/// The id of an operation.
fn id_of(operation: &Value) -> String {
    operation["id"].as_str().expect("it is a text").to_owned()
}

/// What the cloud calls the task in a dialect.
fn target(dialect: &str, task: &Value) -> String {
    let text = |name: &str| task[name].as_str().expect("it is a text").to_owned();
    let id = match dialect {
        "alibaba-bpstudio" => text("id"),
        "huawei-elb" | "huawei-ecs" => text("job_id"),
        _ => task["task_id"].to_string(),
    };
    format!("{dialect}:{id}")
}
