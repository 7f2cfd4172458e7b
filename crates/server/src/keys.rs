//! Access keys: made, listed, switched off, forgotten; and the ring that requests are checked against.

use crate::chance;
use crate::master_key::MasterKey;
use crate::policy::{Ask, Decision, Policy, PolicyError};
use longrun_engine::EngineError;
use longrun_model::{Account, Json, ProjectId, Timestamp};
use longrun_store::{AccessKey, Store, StoreError, Write};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use zeroize::Zeroizing;

/// The account whose keys act for all accounts.
const OPERATOR: &str = "*";
/// Letters and digits of a key's id, its secret and its token, when they are drawn here.
const ID_LENGTH: usize = 20;
const SECRET_LENGTH: usize = 40;
/// How long an id, a secret or a token that is brought along may be.
const BROUGHT_BYTES_MAX: usize = 512;

/// What a new access key shall be.
#[derive(Clone, Default)]
pub struct KeyWish {
    /// Its id, if it is brought along.
    pub id: Option<String>,
    /// Its secret, if it is brought along.
    pub secret: Option<String>,
    /// Its bearer token, if it is brought along.
    pub token: Option<String>,
    /// Whose it is; `default` if nobody says, `*` for operators who act for all accounts.
    pub account: Option<String>,
    /// The projects it may work in.
    pub projects: Vec<String>,
    /// What it may do, as a policy document; everything in its account without one.
    pub policy: Option<String>,
}

/// A key that was just made. The only time that its secret and its token are shown.
#[derive(Clone)]
pub struct NewKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The bearer token that goes with it.
    pub token: String,
    /// Whose it is.
    pub account: String,
    /// The projects it may work in.
    pub projects: Vec<String>,
}

/// What may be shown of a key.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub account: String,
    /// The projects it may work in.
    pub projects: Vec<String>,
    /// Whether it has been switched off.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it may do, as a policy document.
    pub policy: Option<String>,
}

/// Why something about a key did not happen.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no access key `{0}`")]
    Unknown(String),
    /// There is such a key already.
    #[error("there is an access key `{0}` already")]
    Exists(String),
    /// The id, the secret, the token, the account or a project cannot be used.
    #[error("`{0}` must have 1 to {max} printable characters without blanks", max = BROUGHT_BYTES_MAX)]
    Unusable(&'static str),
    /// The policy cannot be used.
    #[error("the policy cannot be used")]
    Policy(#[from] PolicyError),
    /// The store did not do it.
    #[error("the store did not do it")]
    Store(#[from] StoreError),
    /// The engine did not do it.
    #[error("the store did not do it")]
    Engine(#[from] EngineError),
}

/// Makes a key in a store that no server has open.
pub async fn add_key(
    store: &dyn Store,
    master_key: &MasterKey,
    wish: KeyWish,
    now: Timestamp,
) -> Result<NewKey, KeyError> {
    let (new, access_key) = make(wish, master_key, now)?;
    if find(store, &new.id).await.is_ok() {
        return Err(KeyError::Exists(new.id));
    }
    store
        .commit(vec![Write::PutAccessKey(access_key)], now)
        .await?;
    Ok(new)
}

/// The keys of a store that no server has open.
pub async fn list_keys(store: &dyn Store) -> Result<Vec<KeyInfo>, KeyError> {
    Ok(store.access_keys().await?.iter().map(info).collect())
}

/// Switches a key off or on again, in a store that no server has open.
pub async fn switch_key(
    store: &dyn Store,
    id: &str,
    disabled: bool,
    now: Timestamp,
) -> Result<(), KeyError> {
    let access_key = AccessKey {
        disabled,
        ..find(store, id).await?
    };
    store
        .commit(vec![Write::PutAccessKey(access_key)], now)
        .await?;
    Ok(())
}

/// Forgets a key, in a store that no server has open.
pub async fn remove_key(store: &dyn Store, id: &str, now: Timestamp) -> Result<(), KeyError> {
    find(store, id).await?;
    store
        .commit(vec![Write::RemoveAccessKey(id.into())], now)
        .await?;
    Ok(())
}

async fn find(store: &dyn Store, id: &str) -> Result<AccessKey, KeyError> {
    let mut access_keys = store.access_keys().await?.into_iter();
    access_keys
        .find(|one| *one.id == *id)
        .ok_or_else(|| KeyError::Unknown(id.to_owned()))
}

/// Makes a key: what its owner is told, and what is kept.
pub(crate) fn make(
    wish: KeyWish,
    master_key: &MasterKey,
    now: Timestamp,
) -> Result<(NewKey, AccessKey), KeyError> {
    let new = NewKey {
        id: wish.id.unwrap_or_else(|| chance::secret_text(ID_LENGTH)),
        secret: wish
            .secret
            .unwrap_or_else(|| chance::secret_text(SECRET_LENGTH)),
        token: wish
            .token
            .unwrap_or_else(|| chance::secret_text(SECRET_LENGTH)),
        account: wish.account.unwrap_or_else(|| "default".to_owned()),
        projects: wish.projects,
    };
    for (name, text) in [
        ("id", &new.id),
        ("secret", &new.secret),
        ("token", &new.token),
        ("account", &new.account),
    ] {
        check_usable(name, text)?;
    }
    new.projects
        .iter()
        .try_for_each(|project| check_usable("project", project))?;
    if let Some(policy) = &wish.policy {
        Policy::read(policy)?;
    }
    let access_key = AccessKey {
        id: new.id.as_str().into(),
        account: Account::new(new.account.as_str()),
        projects: new
            .projects
            .iter()
            .map(|project| ProjectId::new(project.as_str()))
            .collect(),
        policy: wish.policy.map(Json::from_checked),
        sealed_secret: master_key.seal(&new.id, new.secret.as_bytes()),
        token_digest: digest(&new.token),
        disabled: false,
        created_at: now,
    };
    Ok((new, access_key))
}

fn check_usable(name: &'static str, text: &str) -> Result<(), KeyError> {
    let usable = (1..=BROUGHT_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if usable {
        Ok(())
    } else {
        Err(KeyError::Unusable(name))
    }
}

/// What may be shown of a key.
pub(crate) fn info(access_key: &AccessKey) -> KeyInfo {
    KeyInfo {
        id: access_key.id.to_string(),
        account: access_key.account.to_string(),
        projects: access_key
            .projects
            .iter()
            .map(ProjectId::to_string)
            .collect(),
        disabled: access_key.disabled,
        created_at: access_key.created_at,
        policy: access_key
            .policy
            .as_ref()
            .map(|policy| policy.as_str().to_owned()),
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A key that requests are checked against.
pub(crate) struct Key {
    /// Its id.
    pub(crate) id: Box<str>,
    /// Whose it is.
    pub(crate) account: Account,
    /// The projects it may work in.
    pub(crate) projects: Vec<ProjectId>,
    /// Its secret.
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// Whether it has been switched off.
    pub(crate) disabled: bool,
    policy: Option<Policy>,
}

impl Key {
    /// The account that it is confined to; none for operators.
    pub(crate) fn confined_to(&self) -> Option<&Account> {
        (self.account.as_str() != OPERATOR).then_some(&self.account)
    }

    /// Whether it may work in `project`.
    pub(crate) fn works_in(&self, project: &str) -> bool {
        self.confined_to().is_none() || self.projects.iter().any(|own| own.as_str() == project)
    }

    /// Whether its policy allows this. Without a policy, everything in its account is allowed.
    pub(crate) fn decide(&self, ask: &Ask) -> Decision {
        self.policy
            .as_ref()
            .map_or(Decision::Allowed, |policy| policy.decide(ask))
    }
}

/// All keys, in memory: a request reads none from disk.
#[derive(Default)]
pub(crate) struct KeyRing {
    keys: RwLock<Keys>,
    /// Counts what was put onto the ring and taken off it.
    edition: AtomicU64,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<Box<str>, Arc<Key>>,
    by_token: HashMap<[u8; 32], Arc<Key>>,
}

impl KeyRing {
    /// Takes a key onto the ring, in place of one with the same id.
    pub(crate) fn put(&self, access_key: &AccessKey, master_key: &MasterKey) {
        let mut keys = self.keys.write();
        self.edition.fetch_add(1, SeqCst);
        keys.put(access_key, master_key);
    }

    /// What [`KeyRing::replace`] wants to know: ask before reading the store.
    pub(crate) fn edition(&self) -> u64 {
        self.edition.load(SeqCst)
    }

    /// Puts these keys in place of all others, unless some have come or gone since the ring had this edition.
    pub(crate) fn replace(&self, edition: u64, access_keys: &[AccessKey], master_key: &MasterKey) {
        let mut replaced = Keys::default();
        for access_key in access_keys {
            replaced.put(access_key, master_key);
        }
        let mut keys = self.keys.write();
        if self.edition() == edition {
            *keys = replaced;
        }
    }

    /// Takes a key off the ring.
    pub(crate) fn remove(&self, id: &str) {
        let mut keys = self.keys.write();
        self.edition.fetch_add(1, SeqCst);
        keys.by_id.remove(id);
        keys.by_token.retain(|_, key| *key.id != *id);
    }

    /// The key with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.read().by_id.get(id).cloned()
    }

    /// The key that this bearer token belongs to. Found by the token's hash, which tells a guesser nothing.
    pub(crate) fn by_token(&self, token: &str) -> Option<Arc<Key>> {
        self.keys.read().by_token.get(&digest(token)).cloned()
    }
}

impl Keys {
    fn put(&mut self, access_key: &AccessKey, master_key: &MasterKey) {
        let Some(secret) = master_key.open(&access_key.id, &access_key.sealed_secret) else {
            tracing::error!(key.id = %access_key.id, "the secret of an access key was sealed with another master key");
            return;
        };
        // A policy that cannot be read allows nothing.
        let policy = access_key
            .policy
            .as_ref()
            .map(|policy| Policy::read(policy.as_str()).unwrap_or_default());
        let key = Arc::new(Key {
            id: access_key.id.clone(),
            account: access_key.account.clone(),
            projects: access_key.projects.clone(),
            secret,
            disabled: access_key.disabled,
            policy,
        });
        self.by_token.retain(|_, other| other.id != key.id);
        self.by_token
            .insert(access_key.token_digest, Arc::clone(&key));
        self.by_id.insert(key.id.clone(), key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring_with(wish: KeyWish) -> (KeyRing, NewKey, AccessKey, MasterKey) {
        let master_key = MasterKey::random();
        let (new, access_key) = make(wish, &master_key, Timestamp::default()).unwrap();
        let ring = KeyRing::default();
        ring.put(&access_key, &master_key);
        (ring, new, access_key, master_key)
    }

    #[test]
    fn keys_are_found_by_id_and_by_token() {
        let (ring, new, mut access_key, master_key) = ring_with(KeyWish::default());
        assert_eq!(*ring.by_id(&new.id).unwrap().secret, new.secret.as_bytes());
        assert_eq!(*ring.by_token(&new.token).unwrap().id, *new.id);
        assert!(ring.by_id("other").is_none() && ring.by_token("other").is_none());
        access_key.disabled = true;
        ring.put(&access_key, &master_key);
        assert!(ring.by_token(&new.token).unwrap().disabled);
        ring.remove(&new.id);
        assert!(ring.by_id(&new.id).is_none() && ring.by_token(&new.token).is_none());
    }

    #[test]
    fn a_key_is_confined() {
        let wish = KeyWish {
            account: Some("acme".into()),
            projects: vec!["p1".into()],
            ..KeyWish::default()
        };
        let (ring, new, ..) = ring_with(wish);
        let key = ring.by_id(&new.id).unwrap();
        assert_eq!(key.confined_to().map(Account::as_str), Some("acme"));
        assert!(key.works_in("p1") && !key.works_in("p2"));
        let (ring, new, ..) = ring_with(KeyWish {
            account: Some("*".into()),
            ..KeyWish::default()
        });
        let key = ring.by_id(&new.id).unwrap();
        assert!(key.confined_to().is_none() && key.works_in("p2"));
    }

    #[test]
    fn unusable_wishes_are_refused() {
        for wish in [
            KeyWish {
                id: Some(String::new()),
                ..KeyWish::default()
            },
            KeyWish {
                id: Some("with blank".into()),
                ..KeyWish::default()
            },
            KeyWish {
                secret: Some("x".repeat(513)),
                ..KeyWish::default()
            },
            KeyWish {
                account: Some("ä".into()),
                ..KeyWish::default()
            },
            KeyWish {
                projects: vec![String::new()],
                ..KeyWish::default()
            },
            KeyWish {
                policy: Some("{}".into()),
                ..KeyWish::default()
            },
        ] {
            assert!(make(wish, &MasterKey::random(), Timestamp::default()).is_err());
        }
    }
}
