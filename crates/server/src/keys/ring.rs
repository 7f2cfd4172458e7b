//! The keys that requests are checked against, in memory.

use super::derived::DerivedKeys;
use super::{OPERATOR, digest};
use crate::master_key::MasterKey;
use crate::policy::{Ask, Decision, Policy};
use longrun_dialects::{Dialect, Fault, Proof, identity};
use longrun_model::{Account, Operation, ProjectId, Timestamp};
use longrun_store::{AccessKey, Sight, User};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use zeroize::Zeroizing;

/// A key that requests are checked against.
#[derive(Clone)]
pub(crate) struct Key {
    /// Its id.
    pub(crate) id: Box<str>,
    /// Whose it is.
    pub(crate) account: Account,
    /// The projects it may work in.
    pub(crate) projects: Arc<[ProjectId]>,
    /// Its secret.
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// Whether it has been switched off.
    pub(crate) disabled: bool,
    /// Names of projects.
    pub(crate) project_names: Vec<(ProjectId, Box<str>)>,
    /// Who logs in for it.
    pub(crate) user: Option<User>,
    /// What changes when its user, its password or the key itself become others.
    pub(crate) fingerprint: u64,
    policy: Option<Arc<Policy>>,
    reach: Reach,
    derived: Arc<DerivedKeys>,
}

/// In which of its projects a key works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In all.
    All,
    /// In this one, for which a token was made.
    One(ProjectId),
    /// In none: the token was made for something else.
    None,
}

impl Key {
    /// The account that it is confined to; none for operators.
    pub(crate) fn confined_to(&self) -> Option<&Account> {
        (self.account.as_str() != OPERATOR).then_some(&self.account)
    }

    /// Whether the operation is of an account that the key acts for.
    pub(crate) fn has_account_of(&self, operation: &Operation) -> bool {
        self.confined_to()
            .is_none_or(|account| *account == operation.account)
    }

    /// What it sees of the operations, whatever a token was made for.
    pub(crate) fn sight(&self) -> Sight {
        match self.confined_to() {
            None => Sight::All,
            Some(account) => Sight::Projects(account.clone(), Arc::clone(&self.projects)),
        }
    }

    /// Whether it may work in `project`.
    pub(crate) fn works_in(&self, project: &str) -> bool {
        match &self.reach {
            Reach::All => self.owns(project),
            Reach::One(only) => only.as_str() == project && self.owns(project),
            Reach::None => false,
        }
    }

    /// Whether the project is one of its own, whatever a token was made for.
    pub(crate) fn owns(&self, project: &str) -> bool {
        self.confined_to().is_none() || self.projects.iter().any(|own| own.as_str() == project)
    }

    /// The same key as a token shows it.
    pub(crate) fn within(&self, reach: Reach) -> Self {
        Self {
            reach,
            ..self.clone()
        }
    }

    /// The project that a token was made for.
    pub(crate) fn scope(&self) -> Option<&ProjectId> {
        match &self.reach {
            Reach::One(only) => Some(only),
            Reach::All | Reach::None => None,
        }
    }

    /// What a project is called: its id, if it has no name.
    pub(crate) fn name_of<'a>(&'a self, project: &'a str) -> &'a str {
        let mut names = self.project_names.iter();
        let found = names.find(|(id, _)| id.as_str() == project);
        found.map_or(project, |(_, name)| name)
    }

    /// What the key is called where people log in.
    pub(crate) fn user_name(&self) -> &str {
        self.user.as_ref().map_or(&*self.id, |user| &user.name)
    }

    /// Whether it proves a request of `dialect`.
    pub(crate) fn verify(
        &self,
        dialect: &dyn Dialect,
        proof: &Proof,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.derived.verify(dialect, proof, &self.secret, now)
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
    ids: HashMap<Box<str>, Arc<Key>>,
    tokens: HashMap<[u8; 32], Arc<Key>>,
    /// By the id that the identity service gives to the user.
    users: HashMap<String, Arc<Key>>,
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
        keys.ids.remove(id);
        keys.tokens.retain(|_, key| *key.id != *id);
        keys.users.retain(|_, key| *key.id != *id);
    }

    /// The key with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.read().ids.get(id).cloned()
    }

    /// The key that this bearer token belongs to. Found by the token's hash, which tells a guesser nothing.
    pub(crate) fn by_token(&self, token: &str) -> Option<Arc<Key>> {
        self.keys.read().tokens.get(&digest(token)).cloned()
    }

    /// The key that the user with this id logs in for.
    pub(crate) fn by_user(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.read().users.get(id).cloned()
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
            .map(|policy| Arc::new(Policy::read(policy.as_str()).unwrap_or_default()));
        let key = Arc::new(Key {
            id: access_key.id.clone(),
            account: access_key.account.clone(),
            projects: access_key.projects.as_slice().into(),
            secret,
            disabled: access_key.disabled,
            project_names: access_key.project_names.clone(),
            user: access_key.user.clone(),
            fingerprint: fingerprint(access_key),
            policy,
            reach: Reach::All,
            derived: Arc::default(),
        });
        self.tokens.retain(|_, other| other.id != key.id);
        self.users.retain(|_, other| other.id != key.id);
        if let Some(id) = user_id_of(access_key) {
            self.users.insert(id, Arc::clone(&key));
        }
        self.tokens
            .insert(access_key.token_digest, Arc::clone(&key));
        self.ids.insert(key.id.clone(), key);
    }
}

/// The id that the identity service gives to the user of a key.
fn user_id_of(access_key: &AccessKey) -> Option<String> {
    let domain = identity::domain_id(access_key.account.as_str());
    let user = access_key.user.as_ref()?;
    Some(identity::user_id(&domain, &user.name))
}

fn fingerprint(access_key: &AccessKey) -> u64 {
    let mut hash = Sha256::new_with_prefix(access_key.token_digest);
    if let Some(user) = &access_key.user {
        hash.update(&*user.name);
        hash.update([0]);
        hash.update(&*user.password_hash);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest
        .split_first_chunk()
        .expect("32 bytes are more than 8");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyWish, NewKey, make};

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
}
