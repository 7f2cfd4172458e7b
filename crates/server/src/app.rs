//! What every request needs.

use crate::gateway::Gateway;
use crate::identity::Identity;
use crate::keys::{Key, KeyRing};
use crate::lockout::Lockouts;
use crate::rates::Rates;
use crate::replay::Replays;
use crate::shelves::Shelves;
use crate::{Interference, KindSettings, MasterKey};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use longrun_dialects::Options;
use longrun_engine::Engine;
use longrun_model::{Ids, StuckRule};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The running server, as a request sees it.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) ids: Ids,
    pub(crate) keys: KeyRing,
    pub(crate) replays: Replays,
    /// Which access keys came with bad signatures lately.
    pub(crate) key_lockouts: Lockouts,
    pub(crate) shelves: Shelves,
    /// How often keys may call.
    pub(crate) rates: Rates,
    pub(crate) identity: Identity,
    pub(crate) master_key: MasterKey,
    pub(crate) dialects: Options,
    pub(crate) kinds: HashMap<String, KindSettings>,
    pub(crate) stuck: StuckRule,
    /// The clouds that tasks are followed in.
    pub(crate) gateway: Gateway,
    /// Who meddles with polls, if anybody does.
    pub(crate) interference: Option<Arc<dyn Interference>>,
    /// Whether the server is about to end and wants no new work.
    pub(crate) draining: AtomicBool,
    /// Whether requests came over TLS.
    pub(crate) secure: bool,
}

impl App {
    /// The key whose token the request bears, if it is one of ours and has not been switched off.
    pub(crate) fn bearer(&self, headers: &HeaderMap) -> Option<Arc<Key>> {
        let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = authorization.split_once(' ')?;
        let key = scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| self.keys.by_token(token.trim()))??;
        (!key.disabled).then_some(key)
    }
}
