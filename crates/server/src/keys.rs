//! Access keys, and the users that log in for them: made, listed, switched off, forgotten.

mod derived;
mod ring;

pub(crate) use ring::{Key, KeyRing, Reach};

use crate::chance;
use crate::identity::passwords;
use crate::master_key::MasterKey;
use crate::policy::{Policy, PolicyError};
use longrun_engine::EngineError;
use longrun_model::{Account, Json, ProjectId, Timestamp};
use longrun_store::{AccessKey, Store, StoreError, User, Write};
use sha2::{Digest, Sha256};

/// The account whose keys act for all accounts.
const OPERATOR: &str = "*";
/// Letters and digits of a key's id, its secret and its token, when they are drawn here.
const ID_LENGTH: usize = 20;
const SECRET_LENGTH: usize = 40;
/// How long an id, a secret or a token that is brought along may be.
const BROUGHT_BYTES_MAX: usize = 512;
/// How long the name of a user or a project and a password may be.
const NAME_BYTES_MAX: usize = 128;

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
    /// Names of some of them.
    pub project_names: Vec<(String, String)>,
    /// Who logs in for it, if anybody does.
    pub user: Option<UserWish>,
    /// What it may do, as a policy document; everything in its account without one.
    pub policy: Option<String>,
}

/// Who shall log in for a key.
#[derive(Clone, Default)]
pub struct UserWish {
    /// The name, unique in the account; the key's id if nobody says.
    pub name: Option<String>,
    /// The password; one is drawn if it is not brought along.
    pub password: Option<String>,
}

/// A user whose password was just set. The only time that it is shown.
#[derive(Clone)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
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
    /// Names of some of them.
    pub project_names: Vec<(String, String)>,
    /// Who logs in for it.
    pub user: Option<NewUser>,
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
    /// Names of some of them.
    pub project_names: Vec<(String, String)>,
    /// The name of who logs in for it.
    pub user: Option<String>,
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
    /// There is such a user already.
    #[error("there is a user `{0}` in the account already")]
    UserExists(String),
    /// A project that is not the key's was named.
    #[error("`{0}` has a name, but is no project of the key")]
    NamedProject(String),
    /// The name of a user or a project, or a password, cannot be used.
    #[error("`{0}` must have 1 to {max} bytes without control characters", max = NAME_BYTES_MAX)]
    Unnameable(&'static str),
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
    check_new(&access_key, &store.access_keys().await?)?;
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

/// Sets who logs in for a key, or that nobody does, in a store that no server has open.
pub async fn set_user(
    store: &dyn Store,
    id: &str,
    wish: Option<UserWish>,
    now: Timestamp,
) -> Result<Option<NewUser>, KeyError> {
    let (new, access_key) = with_user(find(store, id).await?, wish)?;
    check_user(&access_key, &store.access_keys().await?)?;
    store
        .commit(vec![Write::PutAccessKey(access_key)], now)
        .await?;
    Ok(new)
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

/// Whether a key can be put beside the others.
pub(crate) fn check_new(new: &AccessKey, others: &[AccessKey]) -> Result<(), KeyError> {
    if others.iter().any(|other| other.id == new.id) {
        return Err(KeyError::Exists(new.id.to_string()));
    }
    check_user(new, others)
}

/// Whether the user of a key is no other key's.
pub(crate) fn check_user(key: &AccessKey, others: &[AccessKey]) -> Result<(), KeyError> {
    let Some(user) = &key.user else {
        return Ok(());
    };
    let taken = others.iter().any(|other| {
        let same = other.user.as_ref().is_some_and(|it| it.name == user.name);
        same && other.account == key.account && other.id != key.id
    });
    if taken {
        Err(KeyError::UserExists(user.name.to_string()))
    } else {
        Ok(())
    }
}

/// The key with another user, or with none, and what is told about the new one. Takes a while if a password is brought
/// along.
pub(crate) fn with_user(
    access_key: AccessKey,
    wish: Option<UserWish>,
) -> Result<(Option<NewUser>, AccessKey), KeyError> {
    let (new, user) = make_user(wish, &access_key.id)?.unzip();
    Ok((new, AccessKey { user, ..access_key }))
}

fn make_user(wish: Option<UserWish>, id: &str) -> Result<Option<(NewUser, User)>, KeyError> {
    let Some(wish) = wish else {
        return Ok(None);
    };
    let name = wish.name.unwrap_or_else(|| id.to_owned());
    check_name("user", &name)?;
    let (password, password_hash) = match wish.password {
        Some(password) => {
            check_name("password", &password)?;
            let hash = passwords::hash(&password);
            (password, hash)
        }
        None => passwords::draw(),
    };
    let user = User {
        name: name.as_str().into(),
        password_hash: password_hash.into(),
    };
    Ok(Some((NewUser { name, password }, user)))
}

fn check_name(what: &'static str, text: &str) -> Result<(), KeyError> {
    let usable = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    if usable {
        Ok(())
    } else {
        Err(KeyError::Unnameable(what))
    }
}

fn check_project_names(new: &NewKey) -> Result<(), KeyError> {
    for (id, name) in &new.project_names {
        check_name("project name", name)?;
        if !new.projects.contains(id) {
            return Err(KeyError::NamedProject(id.clone()));
        }
    }
    Ok(())
}

/// Makes a key: what its owner is told, and what is kept.
pub(crate) fn make(
    wish: KeyWish,
    master_key: &MasterKey,
    now: Timestamp,
) -> Result<(NewKey, AccessKey), KeyError> {
    let mut new = NewKey {
        id: wish.id.unwrap_or_else(|| chance::secret_text(ID_LENGTH)),
        secret: wish
            .secret
            .unwrap_or_else(|| chance::secret_text(SECRET_LENGTH)),
        token: wish
            .token
            .unwrap_or_else(|| chance::secret_text(SECRET_LENGTH)),
        account: wish.account.unwrap_or_else(|| "default".to_owned()),
        projects: wish.projects,
        project_names: wish.project_names,
        user: None,
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
    check_project_names(&new)?;
    if let Some(policy) = &wish.policy {
        Policy::read(policy)?;
    }
    let (new_user, user) = make_user(wish.user, &new.id)?.unzip();
    new.user = new_user;
    let names = new.project_names.iter();
    let access_key = AccessKey {
        id: new.id.as_str().into(),
        account: Account::new(new.account.as_str()),
        projects: new
            .projects
            .iter()
            .map(|project| ProjectId::new(project.as_str()))
            .collect(),
        project_names: names
            .map(|(id, name)| (ProjectId::new(id.as_str()), name.as_str().into()))
            .collect(),
        user,
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
        project_names: access_key
            .project_names
            .iter()
            .map(|(id, name)| (id.to_string(), name.to_string()))
            .collect(),
        user: access_key.user.as_ref().map(|user| user.name.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

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
                projects: vec!["p".into()],
                project_names: vec![("q".into(), "eu-de".into())],
                ..KeyWish::default()
            },
            KeyWish {
                user: Some(UserWish {
                    name: Some("a\nb".into()),
                    password: None,
                }),
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
