//! Access keys, as they are kept.

use longrun_model::{Account, Json, ProjectId, Timestamp};

/// An access key and the bearer token that goes with it. Neither secret can be read from it without the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// Its public name.
    pub id: Box<str>,
    /// Whose it is.
    pub account: Account,
    /// The projects that it may work in; the first is the one it works in by itself.
    pub projects: Vec<ProjectId>,
    /// Names that projects go by beside their ids, where they have any.
    pub project_names: Vec<(ProjectId, Box<str>)>,
    /// The name and the password that stand for the key where a cloud has people log in.
    pub user: Option<User>,
    /// What it may do, as policy statements; everything in its account if there are none.
    pub policy: Option<Json>,
    /// The secret, sealed by whoever holds the master key.
    pub sealed_secret: Vec<u8>,
    /// The SHA-256 of the bearer token.
    pub token_digest: [u8; 32],
    /// Whether it has been switched off.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Who logs in with a password instead of signing with a secret. The account is the domain that the name is unique in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Box<str>,
    /// The hash of its password, as a PHC string: the password itself is kept nowhere.
    pub password_hash: Box<str>,
}
