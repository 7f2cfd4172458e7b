//! A server in this process, and what stands around it.

use longrun_server::{Dev, MasterKey, Server, Settings};
use longrun_store::{MemoryStore, Store};
use longrun_worker::wire::{NewResource, Operation, Submission};
use longrun_worker::{Client, ClientError, Halt, Worker};
use serde_json::json;
use serde_json::value::to_raw_value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const TOKEN: &str = "TokenOfTheTests000000000000000000001";

pub(crate) struct Stage {
    store: Arc<dyn Store>,
    address: SocketAddr,
    server: Option<Server>,
    pub(crate) client: Client,
}

impl Stage {
    pub(crate) async fn set_up() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let server = start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &store).await;
        let address = server.address();
        Self {
            store,
            address,
            server: Some(server),
            client: client(address, TOKEN),
        }
    }

    pub(crate) async fn stop_server(&mut self) {
        let server = self.server.take();
        server.expect("it runs").stop().await;
    }

    /// Starts it again, where it was, on the same store.
    pub(crate) async fn start_server(&mut self) {
        self.server = Some(start(self.address, &self.store).await);
    }

    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(TOKEN)
    }

    pub(crate) fn worker_with(&self, token: &str) -> Worker {
        Worker::new(client(self.address, token)).name("test")
    }

    pub(crate) async fn submit(&self, kind: &str, resources: &[&str]) -> Operation {
        let submission = submission(kind, resources);
        let submitted = self.client.submit(&submission, None).await;
        submitted.expect("it is taken")
    }

    /// The operation, once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Operation {
        let seen = self.client.wait(id, PATIENCE).await;
        let seen = seen.expect("the server answers");
        assert!(seen.has_ended(), "{seen:?}");
        seen
    }

    /// The operation, once it looks as it shall.
    pub(crate) async fn when(&self, id: &str, is_so: impl Fn(&Operation) -> bool) -> Operation {
        let look = async {
            loop {
                let seen = self.client.get(id).await.expect("the server answers");
                if is_so(&seen) {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, look).await;
        seen.expect("it becomes so in time")
    }
}

/// A submission whose resources each have an input of their own.
pub(crate) fn submission(kind: &str, resources: &[&str]) -> Submission {
    let resource = |id: &&str| NewResource {
        id: (*id).to_owned(),
        input: Some(to_raw_value(&json!({ "of": id })).expect("it is JSON")),
        ..NewResource::default()
    };
    Submission {
        kind: kind.to_owned(),
        resources: resources.iter().map(resource).collect(),
        labels: [("of".to_owned(), kind.to_owned())].into(),
        ..Submission::default()
    }
}

/// Sets a worker to work.
pub(crate) fn run(worker: Worker) -> Running {
    let (teller, halt) = watch::channel(Halt::No);
    let work = tokio::spawn(worker.run(halt));
    Running { teller, work }
}

fn client(address: SocketAddr, token: &str) -> Client {
    Client::new(&format!("http://{address}"), Some(token.to_owned())).expect("it is an address")
}

async fn start(listen: SocketAddr, store: &Arc<dyn Store>) -> Server {
    let dev = Dev {
        token: Some(TOKEN.to_owned()),
        ..Dev::default()
    };
    let settings = Settings {
        listen,
        dev: Some(dev),
        master_key: MasterKey::from_hex(&"07".repeat(32)).expect("it is a key"),
        ..Settings::default()
    };
    let started = Server::start(settings, Arc::clone(store)).await;
    started.expect("it can be started")
}

/// A worker at work.
pub(crate) struct Running {
    teller: watch::Sender<Halt>,
    work: JoinHandle<Result<(), ClientError>>,
}

impl Running {
    /// Has it end in peace.
    pub(crate) async fn stop(self) {
        self.halt(Halt::Soon).await;
    }

    pub(crate) async fn halt(self, halt: Halt) {
        self.teller.send_replace(halt);
        let work = tokio::time::timeout(PATIENCE, self.work).await;
        let end = work.expect("it ends in time").expect("it does not panic");
        end.expect("it ends in peace");
    }
}

/// How its resources stand, in a line.
pub(crate) fn statuses(operation: &Operation) -> String {
    let resources = operation.resources.iter();
    let words: Vec<_> = resources
        .map(|it| format!("{}={}", it.id, it.status))
        .collect();
    words.join(" ")
}
