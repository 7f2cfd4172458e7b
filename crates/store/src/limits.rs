//! How much may run at once, and whose share is how large.

use longrun_model::{Account, KindName};
use std::collections::HashMap;

/// What leases are held to. The usual one allows everything and gives everybody the same share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many operations of a kind may run at once; any number of the others.
    pub kinds: HashMap<KindName, u32>,
    /// What holds for these accounts.
    pub accounts: HashMap<Account, Share>,
    /// What holds for all others.
    pub usual: Share,
}

/// What an account may have of the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many operations it gets in one round of turns, where others get one.
    pub weight: u32,
    /// How many of its operations may run at once.
    pub running_max: Option<u32>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            weight: 1,
            running_max: None,
        }
    }
}

impl Limits {
    /// What `account` may have.
    pub fn share(&self, account: &Account) -> Share {
        self.accounts.get(account).copied().unwrap_or(self.usual)
    }
}
