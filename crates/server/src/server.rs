//! A server from its start to its end.

use crate::app::App;
use crate::edge::{Door, Edge};
use crate::executors::{Crew, Duty};
use crate::gateway::{self, Gateway};
use crate::identity::Identity;
use crate::keys::{self, KeyRing, KeyWish, NewKey, UserWish};
use crate::lockout::Lockouts;
use crate::rates::Rates;
use crate::replay::Replays;
use crate::shelves::Shelves;
use crate::start_error::StartError;
use crate::{Dev, MasterKey, Settings, Surroundings, Tls, chance, listen};
use longrun_engine::Engine;
use longrun_model::Ids;
use longrun_store::Store;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::TlsAcceptor;

/// The pause between two looks at the access keys, where other servers may change them: half of what it may take until
/// a key that was switched off is refused everywhere.
const KEYS_PAUSE: Duration = Duration::from_millis(2_500);
/// How long may be taken to hand what is followed to other servers.
const HAND_BACK_TIMEOUT: Duration = Duration::from_secs(5);
/// The project of the key for development.
pub const DEV_PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// What the project is called: a region, as the clouds call theirs.
const DEV_PROJECT_NAME: &str = "eu-de";
/// Its account.
pub const DEV_ACCOUNT: &str = "dev";
/// Who logs in for it.
const DEV_USER: &str = "dev";

/// A server that runs.
pub struct Server {
    world: World,
    door: Arc<Door>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    listening: JoinHandle<()>,
}

/// Everything behind the sockets.
struct World {
    app: Arc<App>,
    edge: Arc<Edge>,
    dev_key: Option<NewKey>,
    crew: Crew,
    /// What reads the access keys that other servers change, if there may be any.
    reloading: Option<AbortHandle>,
    /// Who follows tasks of other clouds, if there are any.
    following: Option<Crew>,
}

impl Server {
    /// Starts a server over `store`. Once this returns, requests are answered.
    pub async fn start(settings: Settings, store: Arc<dyn Store>) -> Result<Self, StartError> {
        Self::start_among(settings, store, Surroundings::default()).await
    }

    /// The same, with something around it that is not as usual.
    pub async fn start_among(
        settings: Settings,
        store: Arc<dyn Store>,
        surroundings: Surroundings,
    ) -> Result<Self, StartError> {
        let acceptor = settings.tls.as_ref().map(acceptor).transpose()?;
        let address = settings.listen;
        let listener =
            listen::bind(address).map_err(|source| StartError::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address, source })?;
        let world = World::begin(settings, store, surroundings).await?;
        let door = Arc::new(Door::new(Arc::clone(&world.edge)));
        let (stop, stopped) = oneshot::channel();
        let listening = listen::run(listener, acceptor, Arc::clone(&door), stopped);
        let listening = tokio::spawn(listening);
        tracing::info!(%address, tls = world.app.secure, "listening");
        Ok(Self {
            world,
            door,
            address,
            stop,
            listening,
        })
    }

    /// Puts another store behind the same sockets, as if the server had been started over it. Requests that come from
    /// then on are answered out of it; those that run are answered out of the old one, which ends.
    pub async fn renew(
        &mut self,
        settings: Settings,
        store: Arc<dyn Store>,
        surroundings: Surroundings,
    ) -> Result<(), StartError> {
        let world = World::begin(settings, store, surroundings).await?;
        self.door.exchange(Arc::clone(&world.edge));
        let old = std::mem::replace(&mut self.world, world);
        old.drain();
        old.end(async {}).await;
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key for development, if one was made at this start.
    pub fn dev_key(&self) -> Option<&NewKey> {
        self.world.dev_key.as_ref()
    }

    /// Takes no more requests, lets those that run finish, commits what waits, and ends.
    pub async fn stop(self) {
        self.world.drain();
        // If nobody listens any more, there is nobody to tell.
        let _ = self.stop.send(());
        self.world.end(self.listening).await;
        tracing::info!("ended");
    }
}

impl World {
    async fn begin(
        settings: Settings,
        store: Arc<dyn Store>,
        surroundings: Surroundings,
    ) -> Result<Self, StartError> {
        let duties = Duty::all(&settings.executors)?;
        let engine = Arc::new(Engine::start(store, surroundings.clock));
        engine.limit(settings.limits());
        let id_secret = surroundings.id_secret.unwrap_or_else(chance::secret_bytes);
        let chosen = surroundings.ids.iter().map(|(key, text)| (*key, &**text));
        let ids = Ids::new(engine.id_secret(id_secret).await?).with_chosen(chosen);
        let keys = KeyRing::default();
        let access_keys = engine.access_keys().await?;
        for access_key in &access_keys {
            keys.put(access_key, &settings.master_key);
        }
        let master_key = &settings.master_key;
        let dev_key = match &settings.dev {
            // Keys that another master key has sealed are keys all the same.
            Some(dev) if access_keys.is_empty() => {
                Some(make_key(dev_wish(dev), &engine, &keys, master_key).await?)
            }
            _ => None,
        };
        for wish in surroundings.keys {
            let id = wish.id.as_deref();
            if id.is_none_or(|id| keys.by_id(id).is_none()) {
                make_key(wish, &engine, &keys, master_key).await?;
            }
        }
        let (gateway, looks) = Gateway::new(settings.upstreams, settings.takeover_ms, engine.now());
        let app = Arc::new(App {
            engine,
            ids,
            keys,
            replays: Replays::default(),
            key_lockouts: Lockouts::default(),
            shelves: Shelves::default(),
            rates: Rates::new(settings.rates),
            identity: Identity::new(settings.token_ms),
            master_key: settings.master_key,
            dialects: settings.dialects,
            kinds: settings.kinds,
            stuck: settings.stuck,
            gateway,
            interference: surroundings.interference,
            draining: AtomicBool::new(false),
            secure: settings.tls.is_some(),
        });
        app.fill_shelves(surroundings.shelves).await?;
        if let Some(interference) = &app.interference {
            interference.begin(Arc::clone(&app.engine)).await?;
        }
        let reloading = app
            .engine
            .is_shared()
            .then(|| tokio::spawn(reload_keys(Arc::clone(&app))).abort_handle());
        let follows = !app.gateway.upstreams().is_empty();
        let following = follows.then(|| Crew::start(&app, vec![gateway::duty(looks)]));
        let crew = Crew::start(&app, duties);
        let edge = Arc::new(Edge::new(Arc::clone(&app), surroundings.annex));
        Ok(Self {
            app,
            edge,
            dev_key,
            crew,
            reloading,
            following,
        })
    }

    /// Answers those who wait, and begins nothing.
    fn drain(&self) {
        self.app.draining.store(true, SeqCst);
        self.crew.halt();
        self.reloading.iter().for_each(AbortHandle::abort);
        self.app.engine.end_waits();
    }

    /// Waits for those who are still being served and for what has been begun here, commits what waits, and ends.
    async fn end<T>(self, served: impl Future<Output = T>) {
        let _ = tokio::join!(served, self.crew.end());
        // Requests that are being served may look at tasks: whoever follows them ends last.
        if let Some(following) = self.following {
            let _ = tokio::time::timeout(HAND_BACK_TIMEOUT, following.end()).await;
        }
        let engine = Arc::clone(&self.app.engine);
        // Waits for the thread that commits, which is no thing to do on a thread of the runtime.
        let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
    }
}

/// Reads the access keys again and again: another server may have switched one off.
async fn reload_keys(app: Arc<App>) {
    loop {
        tokio::time::sleep(KEYS_PAUSE).await;
        let edition = app.keys.edition();
        // What went wrong is in the log; the keys that are known stay good meanwhile.
        if let Ok(access_keys) = app.engine.access_keys().await {
            app.keys.replace(edition, &access_keys, &app.master_key);
        }
    }
}

/// The key for development, as a wish.
fn dev_wish(dev: &Dev) -> KeyWish {
    let (id, secret) = dev.key.clone().unzip();
    KeyWish {
        id,
        secret,
        token: dev.token.clone(),
        account: Some(DEV_ACCOUNT.to_owned()),
        projects: vec![DEV_PROJECT.to_owned()],
        project_names: vec![(DEV_PROJECT.to_owned(), DEV_PROJECT_NAME.to_owned())],
        user: Some(UserWish {
            name: Some(DEV_USER.to_owned()),
            password: dev.password.clone(),
        }),
        policy: None,
    }
}

async fn make_key(
    wish: KeyWish,
    engine: &Engine,
    keys: &KeyRing,
    master_key: &MasterKey,
) -> Result<NewKey, StartError> {
    let (new, access_key) = keys::make(wish, master_key, engine.now())?;
    engine.put_access_key(access_key.clone()).await?;
    keys.put(&access_key, master_key);
    Ok(new)
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, StartError> {
    let unreadable = |path: &std::path::Path, source| StartError::Pem {
        path: path.display().to_string(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(&tls.certificate, error))?;
    let key =
        PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unreadable(&tls.key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
