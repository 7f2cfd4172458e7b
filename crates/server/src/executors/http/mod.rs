//! The executor `http`: operations are sent to a URL, signed, and the receiver answers what came of them at once, or
//! takes them over and reports later.

mod delivery;
mod receiver;
mod signature;

pub use receiver::UnusableReceiver;
pub use signature::SigningSecret;

use super::{Executor, Host};
use delivery::Delivery;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use receiver::Receiver;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long one call to the engine waits for something to do.
const LEASE_WAIT_MILLIS: i64 = 20_000;

/// Where operations of a kind are sent.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address.
    pub url: String,
    /// What deliveries are signed with.
    pub secret: SigningSecret,
    /// How many are under way at once.
    pub concurrency: usize,
    /// How long the receiver may be silent about what it has taken over.
    pub lease: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How often a delivery is tried before the attempt has failed.
    pub tries_max: u32,
    /// The pause before the second try; it doubles from then on.
    pub pause_first: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// Certificates, as PEM, that the receiver's may be signed with, besides the usual ones.
    pub ca: Option<PathBuf>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret: SigningSecret::new(""),
            concurrency: 16,
            lease: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
            tries_max: 8,
            pause_first: Duration::from_millis(500),
            pause_max: Duration::from_secs(60),
            ca: None,
        }
    }
}

/// Sends operations to a receiver.
#[derive(Debug)]
pub struct HttpExecutor {
    receiver: Receiver,
    settings: HttpSettings,
}

impl HttpExecutor {
    /// An executor with these settings.
    pub fn new(settings: &HttpSettings) -> Result<Self, UnusableReceiver> {
        Ok(Self {
            receiver: Receiver::new(settings)?,
            settings: settings.clone(),
        })
    }

    async fn work(self: Arc<Self>, host: Host) {
        let slots = Arc::new(Semaphore::new(self.settings.concurrency));
        let lease_millis = i64::try_from(self.settings.lease.as_millis()).unwrap_or(i64::MAX);
        let mut deliveries = JoinSet::new();
        while !host.is_stopping() {
            let slot = tokio::select! {
                slot = Arc::clone(&slots).acquire_owned() => slot,
                () = host.stopping() => break,
            };
            let mut slot = Some(slot.expect("the slots are never closed"));
            let max = (1 + slots.available_permits()).min(longrun_model::limits::LEASES_MAX);
            let leased = host.lease(max, lease_millis, LEASE_WAIT_MILLIS).await;
            for operation in leased {
                // Nobody else takes slots, so there are as many as were asked for.
                let slot = slot
                    .take()
                    .or_else(|| Arc::clone(&slots).try_acquire_owned().ok());
                let delivery = Delivery::new(Arc::clone(&self), host.clone(), operation);
                deliveries.spawn(async move {
                    delivery.run(lease_millis).await;
                    drop(slot);
                });
            }
            while deliveries.try_join_next().is_some() {}
        }
        while deliveries.join_next().await.is_some() {}
    }
}

impl Executor for HttpExecutor {
    fn name(&self) -> &'static str {
        "http"
    }

    fn run(self: Arc<Self>, host: Host) -> BoxFuture<'static, ()> {
        self.work(host).boxed()
    }
}
