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
