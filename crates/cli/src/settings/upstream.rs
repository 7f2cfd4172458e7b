//! `[upstream.NAME]`: a cloud that the server follows tasks in, and the credentials for it.
//!
//! Credentials are named and not written down: the secret stands in a file or a variable of its own, or it is found
//! where `longrun wait` finds it.

use crate::credentials::{self, Places};
use crate::environment::Environment;
use crate::usage::UsageError;
use crate::wait::plan;
use longrun_poller::{Backoff, Quota, Rhythm};
use longrun_server::clouds::{Access, AccessKey, Cloud, Keys, Reach, Secret};
use longrun_server::{Callers, Upstream};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

/// What can be said of an upstream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    dialect: String,
    endpoint: Option<String>,
    region: Option<String>,
    project: Option<String>,
    resource_group: Option<String>,
    access_key: Option<String>,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    profile: Option<String>,
    quota: Option<QuotaTable>,
    pause_ms: Option<NonZeroU32>,
    pause_max_ms: Option<NonZeroU32>,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    access_keys: Vec<String>,
    #[serde(default)]
    projects: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaTable {
    calls: NonZeroU32,
    per_ms: NonZeroU32,
}

/// The upstreams of a file, in the order of their names.
pub(super) fn all(
    tables: BTreeMap<String, Table>,
    environment: Environment,
) -> Result<Vec<Upstream>, UsageError> {
    let one = |(name, table): (String, Table)| {
        let made = table.upstream(name.clone(), environment);
        made.map_err(|error| UsageError(format!("[upstream.{name}]: {error}")))
    };
    tables.into_iter().map(one).collect()
}

/// What was found of credentials, and what stands beside them.
struct Found {
    access: Access,
    region: Option<String>,
    project: Option<String>,
}

impl Table {
    fn upstream(self, name: String, environment: Environment) -> Result<Upstream, UsageError> {
        let cloud = Cloud::named(&self.dialect).ok_or_else(|| {
            let (dialect, names) = (&self.dialect, Cloud::names());
            UsageError(format!(
                "`{dialect}` is no cloud that can be asked; there are {names}"
            ))
        })?;
        let found = self.credentials(cloud, environment)?;
        let region = self.region.clone().or(found.region);
        let project = self.project.clone().or(found.project);
        plan::check_project(cloud, &found.access, project.as_deref())?;
        let address = match plan::typed(self.endpoint.as_deref())? {
            Some(address) => Some(address),
            None => plan::usual_address(cloud, &found.access, region.as_deref())?,
        };
        let rhythm = self.rhythm()?;
        Ok(Upstream {
            name,
            quota: self.quota.map_or(cloud.quota(), |quota| Quota {
                calls: quota.calls,
                per_millis: quota.per_ms,
            }),
            rhythm,
            callers: Callers {
                accounts: self.accounts,
                access_keys: self.access_keys,
                projects: self.projects,
            },
            reach: Reach {
                cloud,
                region,
                project,
                resource_group: self.resource_group,
                address,
                keys: Arc::new(Keys::new(found.access)),
                transport: plan::transport(environment)?,
            },
        })
    }

    /// What was named here, or what `longrun wait` would find.
    fn credentials(&self, cloud: Cloud, environment: Environment) -> Result<Found, UsageError> {
        let secret = secret(
            "secret",
            self.secret_file.as_ref(),
            self.secret_env.as_deref(),
            environment,
        )?;
        let token = secret_of_token(self, environment)?;
        let access = match (&self.access_key, secret, token) {
            (Some(id), Some(secret), session_token) => Access::Key(AccessKey {
                id: id.clone(),
                secret,
                session_token,
            }),
            (None, None, Some(token)) => Access::Token {
                token,
                auth_url: None,
            },
            (None, None, None) => {
                let places = Places::usual(environment, self.profile.as_deref());
                let found = credentials::find(cloud.vendor(), &places)?;
                return Ok(Found {
                    access: found.access,
                    region: found.region,
                    project: found.project,
                });
            }
            (Some(_), None, _) => {
                let words = "`access_key` needs `secret_file` or `secret_env`";
                return Err(UsageError(words.to_owned()));
            }
            (None, Some(_), _) => {
                return Err(UsageError("a secret needs its `access_key`".to_owned()));
            }
        };
        if self.profile.is_some() {
            let words = "`profile` says where credentials are; nothing else may";
            return Err(UsageError(words.to_owned()));
        }
        Ok(Found {
            access,
            region: None,
            project: None,
        })
    }

    fn rhythm(&self) -> Result<Rhythm, UsageError> {
        let usual = Rhythm::TRACK;
        let first = self
            .pause_ms
            .map_or(usual.calm.first_millis, NonZeroU32::get);
        let max = self
            .pause_max_ms
            .map_or(usual.calm.max_millis.max(first), NonZeroU32::get);
        if first > max {
            return Err(UsageError(
                "`pause_ms` is longer than `pause_max_ms`".to_owned(),
            ));
        }
        Ok(Rhythm {
            calm: Backoff {
                first_millis: first,
                max_millis: max,
            },
            // A cloud that is down or throttles is spared as a whole. That one task met trouble more often than others
            // is no reason to see its end later.
            trouble: Backoff {
                first_millis: first,
                max_millis: max,
            },
            floor_millis: usual.floor_millis.min(first),
            ..usual
        })
    }
}

fn secret_of_token(table: &Table, environment: Environment) -> Result<Option<Secret>, UsageError> {
    let (file, variable) = (table.token_file.as_ref(), table.token_env.as_deref());
    secret("token", file, variable, environment)
}

/// The secret in a file or in a variable, if either was named.
fn secret(
    what: &str,
    file: Option<&PathBuf>,
    variable: Option<&str>,
    environment: Environment,
) -> Result<Option<Secret>, UsageError> {
    let text = match (file, variable) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let words =
                format!("`{what}_file` and `{what}_env` say the same: one of them is enough");
            return Err(UsageError(words));
        }
        (Some(path), None) => std::fs::read_to_string(path)
            .map_err(|error| UsageError(format!("`{}` cannot be read: {error}", path.display())))?,
        (None, Some(name)) => environment(name)
            .ok_or_else(|| UsageError(format!("the variable {name} is not set")))?,
    };
    match text.trim() {
        "" => Err(UsageError(format!("the {what} is empty"))),
        text => Ok(Some(Secret::new(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Upstream, String> {
        let environment = |name: &str| match name {
            "SECRET" | "TENCENTCLOUD_SECRET_KEY" => Some("hidden".to_owned()),
            "TENCENTCLOUD_SECRET_ID" => Some("AKID2".to_owned()),
            "TENCENTCLOUD_REGION" => Some("ap-beijing".to_owned()),
            _ => None,
        };
        let table = toml::from_str(text).map_err(|error| error.to_string())?;
        let tables = BTreeMap::from([("prod".to_owned(), table)]);
        let made = all(tables, &environment).map_err(|error| error.to_string())?;
        Ok(made.into_iter().next().unwrap())
    }

    #[test]
    fn credentials_are_named_or_found() {
        for (text, id, endpoint) in [
            (
                "dialect = 'tencent-bm'\naccess_key = 'AKID1'\nsecret_env = 'SECRET'",
                "AKID1",
                "https://bm.api.qcloud.com",
            ),
            (
                "dialect = 'tencent-vpc'\nendpoint = 'http://127.0.0.1:1'",
                "AKID2",
                "http://127.0.0.1:1",
            ),
        ] {
            let upstream = read(text).unwrap();
            let address = upstream.reach.address.as_ref().map(ToString::to_string);
            assert_eq!(address.as_deref(), Some(endpoint));
            let shown = format!("{upstream:?}");
            assert!(shown.contains(id) && !shown.contains("hidden"), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, words) in [
            ("dialect = 'aws'", "huawei-evs"),
            ("dialect = 'tencent-bm'\nspeed = 1", "unknown field"),
            (
                "dialect = 'tencent-bm'\naccess_key = 'A'",
                "`access_key` needs",
            ),
            (
                "dialect = 'tencent-bm'\nsecret_env = 'SECRET'",
                "needs its `access_key`",
            ),
            (
                "dialect = 'tencent-bm'\naccess_key = 'A'\nsecret_env = 'NOTHING'",
                "NOTHING is not set",
            ),
            (
                "dialect = 'tencent-bm'\naccess_key = 'A'\nsecret_file = '/nowhere'",
                "cannot be read",
            ),
            ("dialect = 'alibaba-bpstudio'", "looked at"),
            (
                "dialect = 'huawei-elb'\ntoken_env = 'SECRET'\nproject = 'p'",
                "OS_AUTH_URL",
            ),
            (
                "dialect = 'huawei-elb'\naccess_key = 'A'\nsecret_env = 'SECRET'\nregion = 'r'",
                "needs a project",
            ),
            ("dialect = 'tencent-bm'\nendpoint = 'h'", "no endpoint"),
            (
                "dialect = 'tencent-bm'\nquota = { calls = 0, per_ms = 1 }",
                "invalid value",
            ),
            (
                "dialect = 'tencent-bm'\npause_ms = 10\npause_max_ms = 5",
                "longer than",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
