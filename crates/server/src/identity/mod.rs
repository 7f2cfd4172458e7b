//! The identity service: a token for a password, and who somebody is.
//!
//! What it looks like on the wire stands in `longrun_dialects::identity`; here is what needs keys, a clock and time to
//! think. Nothing is stored: a token holds what it says, and users stand beside the secrets of their keys.

mod calls;
pub(crate) mod passwords;
mod tokens;

use crate::lockout::Lockouts;

/// What the identity service remembers while the server runs.
pub(crate) struct Identity {
    checks: passwords::Checks,
    lockouts: Lockouts,
    /// For how long a token is good.
    token_millis: i64,
}

impl Identity {
    pub(crate) fn new(token_millis: i64) -> Self {
        Self {
            checks: passwords::Checks::default(),
            lockouts: Lockouts::default(),
            token_millis,
        }
    }
}
