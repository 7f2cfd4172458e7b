//! `clouds.yaml`, where OpenStack's tools keep clouds, and `secure.yaml` beside it, where they keep passwords.

use super::{Access, Found, Search, Secret, files, huawei};
use crate::usage::UsageError;
use longrun_server::clouds::{Login, Named, Scope, User};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The variable that names the file.
const FILE: &str = "OS_CLIENT_CONFIG_FILE";
/// The variable that names the cloud.
const CLOUD: &str = "OS_CLOUD";

/// Looks in the first `clouds.yaml` that is there.
pub(super) fn find(search: &mut Search) -> Result<Option<Found>, UsageError> {
    for path in places(search) {
        let Some(file) = files::yaml::<CloudsFile>(&path)? else {
            search.looked_at(format!("the file {}", path.display()));
            continue;
        };
        let secrets: Option<CloudsFile> = files::yaml(&path.with_file_name("secure.yaml"))?;
        return in_file(search, file, secrets.unwrap_or_default(), &path);
    }
    Ok(None)
}

fn places(search: &Search) -> Vec<PathBuf> {
    if let Some(named) = search.variable(FILE) {
        return vec![named.into()];
    }
    let home = search.places.home.as_ref();
    let configured = search.variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let configured = configured.or_else(|| Some(home?.join(".config")));
    [
        Some(search.places.folder.clone()),
        configured.map(|folder| folder.join("openstack")),
        Some(search.places.system.join("openstack")),
    ]
    .into_iter()
    .flatten()
    .map(|folder| folder.join("clouds.yaml"))
    .collect()
}

#[derive(Default, serde::Deserialize)]
struct CloudsFile {
    #[serde(default)]
    clouds: BTreeMap<String, Cloud>,
}

#[derive(Default, serde::Deserialize)]
struct Cloud {
    #[serde(default)]
    auth_type: Option<String>,
    #[serde(default)]
    auth: Auth,
    region_name: Option<String>,
}

#[derive(Default, serde::Deserialize)]
struct Auth {
    #[serde(rename = "auth_url")]
    url: Option<String>,
    token: Option<Secret>,
    password: Option<Secret>,
    user_id: Option<String>,
    username: Option<String>,
    user_domain_id: Option<String>,
    user_domain_name: Option<String>,
    domain_id: Option<String>,
    domain_name: Option<String>,
    project_id: Option<String>,
    project_name: Option<String>,
    project_domain_id: Option<String>,
    project_domain_name: Option<String>,
}

fn in_file(
    search: &mut Search,
    file: CloudsFile,
    mut secrets: CloudsFile,
    path: &Path,
) -> Result<Option<Found>, UsageError> {
    let mut clouds = file.clouds;
    let chosen = search.places.profile.map(str::to_owned);
    // Of one cloud alone there is nothing to choose.
    let only = (clouds.len() == 1).then(|| clouds.keys().next().cloned());
    let name = chosen
        .or_else(|| search.variable(CLOUD))
        .or_else(|| only.flatten());
    let Some(name) = name else {
        search.looked_at(format!(
            "the file {}, which has {} clouds: name one with --profile or {CLOUD}",
            path.display(),
            clouds.len()
        ));
        return Ok(None);
    };
    let Some(cloud) = clouds.remove(&name) else {
        search.looked_at(format!(
            "the file {}, which has no cloud `{name}`",
            path.display()
        ));
        return Ok(None);
    };
    let place = format!("cloud `{name}` of the file {}", path.display());
    let secret = secrets.clouds.remove(&name).unwrap_or_default();
    used(cloud, secret.auth, huawei::region(search), place).map(Some)
}

fn used(
    cloud: Cloud,
    secret: Auth,
    region: Option<String>,
    place: String,
) -> Result<Found, UsageError> {
    let auth = cloud.auth;
    let region = region.or(cloud.region_name);
    let project = auth.project_id.clone();
    let wants_token = match cloud.auth_type.as_deref() {
        None | Some("password" | "v3password") => false,
        Some("token" | "v3token") => true,
        Some(other) => {
            return Err(UsageError(format!(
                "{place} has the auth_type {other}; only password and token are understood"
            )));
        }
    };
    let token = auth.token.clone().or(secret.token);
    let password = auth.password.clone().or(secret.password);
    let access = match (token, password, auth.url.clone()) {
        (Some(token), password, auth_url) if wants_token || password.is_none() => {
            Access::Token { token, auth_url }
        }
        (_, Some(password), Some(auth_url)) if !wants_token => {
            Access::Password(Box::new(login(auth, auth_url, password, region.clone())))
        }
        (_, _, None) if !wants_token => {
            return Err(UsageError(format!("{place} has no auth_url")));
        }
        (_, _, _) => {
            let what = if wants_token { "token" } else { "password" };
            return Err(UsageError(format!("{place} has no {what}")));
        }
    };
    Ok(Found {
        access,
        region,
        project,
        source: place,
    })
}

fn login(auth: Auth, auth_url: String, password: Secret, region: Option<String>) -> Login {
    Login {
        auth_url,
        password,
        user: User {
            user: Named {
                id: auth.user_id,
                name: auth.username,
            },
            domain: Named {
                id: auth.user_domain_id.or(auth.domain_id),
                name: auth.user_domain_name.or(auth.domain_name),
            },
        },
        scope: Scope {
            project: Named {
                id: auth.project_id,
                // Every region has a project of its own name.
                name: auth.project_name.or(region),
            },
            domain: Named {
                id: auth.project_domain_id,
                name: auth.project_domain_name,
            },
        },
    }
}
