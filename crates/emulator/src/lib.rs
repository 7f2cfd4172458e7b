//! Clouds' asynchronous APIs on this machine: a server whose operations are carried out by scripts instead of workers.
//!
//! What happens stands in a [`Scenario`]; without one, an operation waits a moment, runs, and has succeeded two seconds
//! after it was submitted. Unmodified SDKs submit and poll, and their signatures are really verified. Time can stand
//! still until a test moves it, so that a task of two hours is tested in a millisecond. The crate decides nothing about
//! what is scripted, which is the part of `longrun-scenario`, and nothing in the server knows that it is emulated.
//!
//! ```
//! use longrun_emulator::{Emulator, Scenario};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let scenario = Scenario::read("test", "
//!     clock = { frozen = true }
//!     [[operation]]
//!     kind = 'reboot'
//!     task_id = 1000800001
//!     [operation.script]
//!     runs = '2h'
//! ")?;
//! let emulator = Emulator::start(scenario).await?;
//! let key = emulator.key().expect("a new emulator makes one");
//! let url = format!("{}/api/v1/operations?status=succeeded", emulator.url());
//! let succeeded = async || -> Result<usize, reqwest::Error> {
//!     let call = reqwest::Client::new().get(&url).bearer_auth(&key.token);
//!     let page: serde_json::Value = serde_json::from_str(&call.send().await?.text().await?).unwrap();
//!     Ok(page["operations"].as_array().map_or(0, Vec::len))
//! };
//! assert_eq!(succeeded().await?, 0);
//! emulator.advance(std::time::Duration::from_secs(3 * 3600)).await?;
//! assert_eq!(succeeded().await?, 1);
//! emulator.stop().await;
//! # Ok(())
//! # })
//! # }
//! ```

mod calls;
mod clock;
mod executor;
mod recorder;
mod settings;
mod stage;

pub use executor::{ScriptExecutor, ScriptSettings, Unplayable};
pub use longrun_scenario::{ReadError, Scenario};
pub use recorder::Recorder;
pub use settings::EmulatorSettings;

use longrun_engine::{Clock, EngineError};
use longrun_model::Timestamp;
use longrun_server::{Dev, NewKey, Server, StartError, Surroundings};
use parking_lot::RwLock;
use settings::Start;
use stage::Stage;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// An emulator that runs.
pub struct Emulator {
    inner: Arc<Inner>,
    address: SocketAddr,
    key: Option<NewKey>,
    secure: bool,
}

/// Why an emulator did not start, or did not do something.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The server did not start.
    #[error("the emulator could not be started")]
    Start(#[from] StartError),
    /// Two operations of the scenario have this number.
    #[error("the task id {0} is taken twice")]
    Twice(u64),
    /// This is no instant.
    #[error("`{0}` is no instant")]
    Clock(String),
    /// Ids can be chosen only where nothing is there yet.
    #[error("a scenario can choose ids only for a store in memory")]
    Numbered,
    /// What is in a store that stays is not thrown away.
    #[error("only an emulator with its store in memory can be reset")]
    Kept,
    /// The file for the trace cannot be written.
    #[error("could not write `{path}`")]
    Record {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine did not do it.
    #[error("the store did not do it")]
    Engine(#[from] EngineError),
    /// It has been stopped.
    #[error("the emulator has been stopped")]
    Stopped,
}

/// What the emulator's own calls work on.
pub(crate) struct Inner {
    settings: EmulatorSettings,
    recorder: Option<Arc<Recorder>>,
    stage: RwLock<Arc<Stage>>,
    server: tokio::sync::Mutex<Option<Server>>,
    /// The key for development that was made at the first start, so that clients can go on after a reset.
    dev: OnceLock<Dev>,
}

impl Inner {
    pub(crate) fn stage(&self) -> Arc<Stage> {
        Arc::clone(&self.stage.read())
    }

    /// Makes everything as it was at the start, but for connections.
    pub(crate) async fn reset(self: &Arc<Self>) -> Result<(), EmulatorError> {
        if self.settings.store.is_some() {
            return Err(EmulatorError::Kept);
        }
        let mut server = self.server.lock().await;
        let server = server.as_mut().ok_or(EmulatorError::Stopped)?;
        let start = self.settings.start(SEED, self.recorder.clone())?;
        let stage = Arc::clone(&start.stage);
        let (mut settings, store, surroundings) = self.stand(start);
        settings.dev = self.dev.get().cloned();
        server.renew(settings, store, surroundings).await?;
        let old = std::mem::replace(&mut *self.stage.write(), stage);
        old.close();
        Ok(())
    }

    fn stand(
        self: &Arc<Self>,
        start: Start,
    ) -> (
        longrun_server::Settings,
        Arc<dyn longrun_store::Store>,
        Surroundings,
    ) {
        let surroundings = Surroundings {
            clock: Arc::new(start.stage.clock().clone()),
            id_secret: Some(start.id_secret),
            ids: start.ids,
            keys: start.keys,
            shelves: start.shelves,
            interference: Some(start.stage),
            annex: calls::router(Arc::clone(self)),
        };
        (start.settings, start.store, surroundings)
    }
}

/// What chance is drawn from when the scenario does not say.
const SEED: u64 = 0;

impl Emulator {
    /// Starts an emulator. Once this returns, requests are answered. Must be called within a tokio runtime.
    pub async fn start(settings: impl Into<EmulatorSettings>) -> Result<Self, EmulatorError> {
        let settings = settings.into();
        let recorder = settings.record.as_deref().map(Recorder::create);
        let recorder = recorder.transpose()?.map(Arc::new);
        let start = settings.start(SEED, recorder.clone())?;
        let secure = settings.tls.is_some();
        let inner = Arc::new(Inner {
            settings,
            recorder,
            stage: RwLock::new(Arc::clone(&start.stage)),
            server: tokio::sync::Mutex::new(None),
            dev: OnceLock::new(),
        });
        let (settings, store, surroundings) = inner.stand(start);
        let server = Server::start_among(settings, store, surroundings).await?;
        let (address, key) = (server.address(), server.dev_key().cloned());
        *inner.server.lock().await = Some(server);
        if let Some(key) = &key {
            let pair = (key.id.clone(), key.secret.clone());
            inner.dev.get_or_init(|| Dev {
                key: Some(pair),
                token: Some(key.token.clone()),
                password: key.user.as_ref().map(|user| user.password.clone()),
            });
        }
        Ok(Self {
            inner,
            address,
            key,
            secure,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The beginning of its URLs.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The key for development, if one was made.
    pub fn key(&self) -> Option<&NewKey> {
        self.key.as_ref()
    }

    /// What time it is there.
    pub fn now(&self) -> Timestamp {
        self.inner.stage().clock().now()
    }

    /// Moves the clock forward. When this returns, all that falls due by then has been carried out and can be seen.
    pub async fn advance(&self, span: Duration) -> Result<(), EmulatorError> {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.inner.stage().advance(millis).await?;
        Ok(())
    }

    /// Makes everything as it was at the start, but for connections.
    pub async fn reset(&self) -> Result<(), EmulatorError> {
        self.inner.reset().await
    }

    /// Ends it.
    pub async fn stop(self) {
        self.inner.stage().close();
        if let Some(server) = self.inner.server.lock().await.take() {
            server.stop().await;
        }
    }
}
