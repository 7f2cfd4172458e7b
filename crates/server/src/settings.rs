//! What can be set.

use crate::{CommandSettings, Executor, HttpSettings, KindSettings, MasterKey, Upstream};
use longrun_dialects::Options;
use longrun_model::StuckRule;
use longrun_poller::Quota;
use longrun_store::{Limits, Share};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// The settings of a server.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What to speak TLS with; plain HTTP without it.
    pub tls: Option<Tls>,
    /// Whether to make a key for development when there is none at all.
    pub dev: Option<Dev>,
    /// What the secrets in the store are sealed with.
    pub master_key: MasterKey,
    /// How requests in the clouds' dialects are read.
    pub dialects: Options,
    /// What is special about some kinds of operation.
    pub kinds: HashMap<String, KindSettings>,
    /// What accounts may have of the workers, `*` those that are not named.
    pub accounts: HashMap<String, Share>,
    /// How often keys may call, by their ids, `*` those that are not named.
    pub rates: HashMap<String, Quota>,
    /// From when on an operation counts as stuck.
    pub stuck: StuckRule,
    /// Who carries out operations, by their kinds. Kinds that are not named are left to workers, which ask for them over
    /// the native API.
    pub executors: HashMap<String, ExecutorSettings>,
    /// For how long a token of the identity service is good, in milliseconds.
    pub token_ms: i64,
    /// The clouds that tasks are followed in.
    pub upstreams: Vec<Upstream>,
    /// How long one of several servers may be silent, in milliseconds, before another one follows its tasks.
    pub takeover_ms: i64,
}

/// For how long a token of the identity service is good when nobody says: a day, as in the cloud.
pub const TOKEN_MS_USUAL: i64 = 24 * 60 * 60 * 1_000;

/// How long one of several servers may be silent when nobody says: long enough that beats cost little.
pub const TAKEOVER_MS_USUAL: i64 = 60_000;

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate and those above it, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// The key for development.
#[derive(Clone, Default)]
pub struct Dev {
    /// The access key's id and secret, if they are to be these.
    pub key: Option<(String, String)>,
    /// The bearer token, if it is to be this.
    pub token: Option<String>,
    /// The password of its user, if it is to be this.
    pub password: Option<String>,
}

impl std::fmt::Debug for Dev {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Dev").finish_non_exhaustive()
    }
}

/// Who carries out the operations of a kind.
#[derive(Clone, Debug)]
pub enum ExecutorSettings {
    /// The server, by running a command for each resource.
    Command(CommandSettings),
    /// A receiver, to which the server sends them.
    Http(HttpSettings),
    /// An executor that whoever starts the server brings along.
    Brought(Arc<dyn Executor>),
}

/// The account that stands for all that are not named.
const OTHERS: &str = "*";

impl Settings {
    /// What leases are held to.
    pub(crate) fn limits(&self) -> Limits {
        let kinds = self.kinds.iter().filter_map(|(name, kind)| {
            let max = kind.running_max?;
            Some((name.as_str().into(), max))
        });
        let named = self.accounts.iter().filter(|(name, _)| *name != OTHERS);
        Limits {
            kinds: kinds.collect(),
            accounts: named
                .map(|(name, share)| (name.as_str().into(), *share))
                .collect(),
            usual: self.accounts.get(OTHERS).copied().unwrap_or_default(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            dev: None,
            master_key: MasterKey::random(),
            dialects: Options::default(),
            kinds: HashMap::new(),
            accounts: HashMap::new(),
            rates: HashMap::new(),
            stuck: StuckRule::default(),
            executors: HashMap::new(),
            token_ms: TOKEN_MS_USUAL,
            upstreams: Vec::new(),
            takeover_ms: TAKEOVER_MS_USUAL,
        }
    }
}
