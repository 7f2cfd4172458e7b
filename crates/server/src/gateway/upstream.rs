//! What is set of an upstream: a cloud that tasks are followed in for callers of this server.

use crate::clouds::{Access, Cloud, Reach};
use crate::keys::Key;
use longrun_poller::{Quota, Rhythm};

/// A cloud that tasks are followed in, and for whom.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name in the settings.
    pub name: String,
    /// How it is reached.
    pub reach: Reach,
    /// How often its account may be asked.
    pub quota: Quota,
    /// How eagerly its tasks are asked for.
    pub rhythm: Rhythm,
    /// Whose calls in its dialect are about it.
    pub callers: Callers,
}

/// Whose calls are about an upstream: those of whom all lists say so. A list that is empty says so of everybody.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    /// Accounts.
    pub accounts: Vec<String>,
    /// Access keys, by their ids.
    pub access_keys: Vec<String>,
    /// Projects, of which the key has to have one.
    pub projects: Vec<String>,
}

impl Upstream {
    /// Whether tasks are followed in it for whoever holds this key.
    pub(crate) fn serves(&self, key: &Key) -> bool {
        let Callers {
            accounts,
            access_keys,
            projects,
        } = &self.callers;
        let has = |list: &[String], one: &str| list.is_empty() || list.iter().any(|it| it == one);
        has(accounts, key.account.as_str())
            && has(access_keys, &key.id)
            && (projects.is_empty() || projects.iter().any(|project| key.works_in(project)))
    }

    /// Whether a call in this dialect, to this path and about this project, is about it.
    pub(crate) fn covers(&self, dialect: &str, path: &str, project: Option<&str>) -> bool {
        let own = self.reach.project.as_deref();
        self.reach.cloud.dialect().name() == dialect
            && self.reach.cloud.has_path(path)
            && project.is_none_or(|project| own.is_none_or(|own| own == project))
    }

    /// What tells its account in the cloud from others: two upstreams may share one, and its quota.
    pub(crate) fn account(&self) -> &str {
        match &self.reach.keys.access {
            Access::Key(key) => &key.id,
            Access::Token { .. } | Access::Login(_) => &self.name,
        }
    }

    /// Which cloud it is.
    pub(crate) const fn cloud(&self) -> Cloud {
        self.reach.cloud
    }
}
