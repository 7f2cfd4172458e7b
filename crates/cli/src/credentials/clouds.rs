//! `clouds.yaml`, where OpenStack's tools keep clouds, and `secure.yaml` beside it, where they keep passwords.

use super::{Access, Found, Search, Secret, files, huawei};
use crate::usage::UsageError;
use longrun_server::clouds::{Identity, Login, Named, Scope, User};
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
    application_credential_id: Option<String>,
    application_credential_name: Option<String>,
    application_credential_secret: Option<Secret>,
}

/// The ways in that are understood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Token,
    Password,
    Application,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::Application => "application_credential_secret",
        }
    }

    /// The way that a cloud says, or else the one that it has credentials for.
    fn of(auth_type: Option<&str>, auth: &Auth) -> Option<Self> {
        Some(match auth_type {
            Some("token" | "v3token") => Self::Token,
            Some("password" | "v3password") => Self::Password,
            Some(huawei::APPLICATION) => Self::Application,
            Some(_) => return None,
            None if auth.application_credential_secret.is_some() => Self::Application,
            None if auth.token.is_some() && auth.password.is_none() => Self::Token,
            None => Self::Password,
        })
    }
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
    let mut auth = cloud.auth;
    auth.token = auth.token.or(secret.token);
    auth.password = auth.password.or(secret.password);
    let application_secret = auth.application_credential_secret;
    auth.application_credential_secret =
        application_secret.or(secret.application_credential_secret);
    let region = region.or(cloud.region_name);
    let project = auth.project_id.clone();
    let auth_type = cloud.auth_type.as_deref();
    let Some(way) = Way::of(auth_type, &auth) else {
        return Err(UsageError(format!(
            "{place} has the auth_type {}; only password, token and {} are understood",
            auth_type.unwrap_or_default(),
            huawei::APPLICATION
        )));
    };
    let missing = |what: &str| UsageError(format!("{place} has no {what}"));
    let access = match (way, auth.url.clone()) {
        (Way::Token, auth_url) => {
            let token = auth.token.ok_or_else(|| missing(way.name()))?;
            Access::Token { token, auth_url }
        }
        (Way::Password | Way::Application, None) => return Err(missing("auth_url")),
        (Way::Password | Way::Application, Some(auth_url)) => {
            let login = login(auth, auth_url, way, region.as_deref());
            Access::Login(Box::new(login.ok_or_else(|| missing(way.name()))?))
        }
    };
    Ok(Found {
        access,
        region,
        project,
        source: place,
    })
}

/// What is shown to the identity service; nothing if there is no secret.
fn login(auth: Auth, auth_url: String, way: Way, region: Option<&str>) -> Option<Login> {
    let user = User {
        user: Named {
            id: auth.user_id,
            name: auth.username,
        },
        domain: Named {
            id: auth.user_domain_id.or(auth.domain_id),
            name: auth.user_domain_name.or(auth.domain_name),
        },
    };
    if way == Way::Application {
        let credential = Named {
            id: auth.application_credential_id,
            name: auth.application_credential_name,
        };
        let secret = auth.application_credential_secret?;
        let identity = Identity::Application {
            credential,
            user,
            secret,
        };
        return Some(Login {
            auth_url,
            identity,
            scope: None,
        });
    }
    let password = auth.password?;
    Some(Login {
        auth_url,
        identity: Identity::Password { user, password },
        scope: Some(Scope {
            project: Named {
                id: auth.project_id,
                // Every region has a project of its own name.
                name: auth.project_name.or(region.map(str::to_owned)),
            },
            domain: Named {
                id: auth.project_domain_id,
                name: auth.project_domain_name,
            },
        }),
    })
}
