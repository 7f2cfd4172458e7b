//! Huawei Cloud and the OpenStack clouds that speak as it does: `HUAWEICLOUD_SDK_*`, `OS_*`, the file of Huawei's SDKs, and
//! `clouds.yaml`.

use super::{Access, Found, Search, clouds, key_in_section};
use crate::usage::UsageError;
use longrun_server::clouds::{Identity, Login, Named, Scope, User};

const VARIABLES: [&str; 3] = [
    "HUAWEICLOUD_SDK_AK",
    "HUAWEICLOUD_SDK_SK",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN",
];

/// The variable that names the file of the SDKs.
const FILE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
/// What OpenStack's tools call the way in by an application credential.
pub(super) const APPLICATION: &str = "v3applicationcredential";
const NAMES: [&str; 3] = ["ak", "sk", "security_token"];
/// The section in which the SDKs look for what is good for a project.
const BASIC: &str = "basic";

/// Looks in the variables of the vendor, in those of OpenStack, in the file of the vendor's SDKs, then in `clouds.yaml`.
/// There a profile that was named is looked for first, as the SDKs know none.
pub(super) fn find(search: &mut Search) -> Result<Option<Found>, UsageError> {
    if let Some(profile) = search.places.profile {
        let found = clouds::find(search)?;
        return found.map_or_else(|| in_sdk_file(search, profile), |found| Ok(Some(found)));
    }
    if let Some(key) = search.key_in_variables(VARIABLES)? {
        return Ok(Some(Found {
            access: Access::Key(key),
            region: region(search),
            project: project(search),
            source: format!("the variables {} and {}", VARIABLES[0], VARIABLES[1]),
        }));
    }
    // A cloud that is named in the environment is meant, even if half of another stands beside it.
    if search.variable("OS_CLOUD").is_some() {
        return clouds::find(search);
    }
    if let Some(found) = openstack(search)? {
        return Ok(Some(found));
    }
    match in_sdk_file(search, BASIC)? {
        Some(found) => Ok(Some(found)),
        None => clouds::find(search),
    }
}

/// Looks in the file of the SDKs.
fn in_sdk_file(search: &mut Search, name: &str) -> Result<Option<Found>, UsageError> {
    let file = match search.variable(FILE) {
        Some(named) => Some(named.into()),
        None => search.at_home(".huaweicloud/credentials"),
    };
    let Some((section, path)) = search.section(file.into_iter().collect(), name)? else {
        return Ok(None);
    };
    let place = format!("section `{name}` of the file {}", path.display());
    let Some(key) = key_in_section(&section, NAMES) else {
        let words = match section.value("idp_id") {
            Some(_) => "has an idp_id; only ak and sk are understood",
            None => "has no ak and sk",
        };
        return Err(UsageError(format!("{place} {words}")));
    };
    // What stands beside the key belongs to it; what belongs to another cloud's tools comes last.
    let named = search.variable("HUAWEICLOUD_SDK_PROJECT_ID");
    let own = named.or_else(|| section.value("project_id"));
    Ok(Some(Found {
        access: Access::Key(key),
        region: region(search),
        project: own.or_else(|| project(search)),
        source: place,
    }))
}

/// The region in the variables.
pub(super) fn region(search: &Search) -> Option<String> {
    search
        .variable("HUAWEICLOUD_SDK_REGION")
        .or_else(|| search.variable("OS_REGION_NAME"))
}

fn project(search: &Search) -> Option<String> {
    [
        "HUAWEICLOUD_SDK_PROJECT_ID",
        "OS_PROJECT_ID",
        "OS_TENANT_ID",
    ]
    .iter()
    .find_map(|name| search.variable(name))
}

/// What the variables of OpenStack's tools come to: a token, an application credential, or a password.
fn openstack(search: &mut Search) -> Result<Option<Found>, UsageError> {
    let auth_url = search.variable("OS_AUTH_URL");
    let token = search
        .secret("OS_TOKEN")
        .or_else(|| search.secret("OS_AUTH_TOKEN"));
    let wanted = search.variable("OS_AUTH_TYPE");
    let wants_application = wanted.as_deref() == Some(APPLICATION);
    let application = application(search).filter(|_| wants_application || wanted.is_none());
    let (access, source) = match (token, auth_url, application, search.secret("OS_PASSWORD")) {
        (_, Some(auth_url), Some(identity), _) => {
            let login = Login {
                auth_url,
                identity,
                scope: None,
            };
            let source = "OS_APPLICATION_CREDENTIAL_SECRET";
            (Access::Login(Box::new(login)), source)
        }
        (_, _, _, _) if wants_application => {
            return Err(UsageError(format!(
                "OS_AUTH_TYPE is {APPLICATION}, which takes OS_AUTH_URL, OS_APPLICATION_CREDENTIAL_ID and \
                 OS_APPLICATION_CREDENTIAL_SECRET"
            )));
        }
        (Some(token), auth_url, _, _) => (Access::Token { token, auth_url }, "OS_TOKEN"),
        (None, Some(auth_url), None, Some(password)) => {
            let login = Login {
                auth_url,
                identity: Identity::Password {
                    user: user(search),
                    password,
                },
                scope: Some(scope(search)),
            };
            (Access::Login(Box::new(login)), "OS_PASSWORD")
        }
        (None, _, _, _) => {
            search.looked_at("the variable OS_TOKEN");
            search.looked_at(
                "the variables OS_AUTH_URL, OS_APPLICATION_CREDENTIAL_ID and \
                 OS_APPLICATION_CREDENTIAL_SECRET",
            );
            search.looked_at("the variables OS_AUTH_URL, OS_USERNAME and OS_PASSWORD");
            return Ok(None);
        }
    };
    Ok(Some(Found {
        access,
        region: region(search),
        project: project(search),
        source: format!("the variable {source} and those beside it"),
    }))
}

/// The application credential in the variables, if there is a whole one.
fn application(search: &Search) -> Option<Identity> {
    let credential = Named {
        id: search.variable("OS_APPLICATION_CREDENTIAL_ID"),
        name: search.variable("OS_APPLICATION_CREDENTIAL_NAME"),
    };
    let is_named = credential.id.is_some() || credential.name.is_some();
    let secret = search.secret("OS_APPLICATION_CREDENTIAL_SECRET");
    let secret = secret.filter(|_| is_named)?;
    Some(Identity::Application {
        credential,
        user: user(search),
        secret,
    })
}

fn user(search: &Search) -> User {
    User {
        user: Named {
            id: search.variable("OS_USER_ID"),
            name: search.variable("OS_USERNAME"),
        },
        domain: Named {
            id: search
                .variable("OS_USER_DOMAIN_ID")
                .or_else(|| search.variable("OS_DOMAIN_ID")),
            name: search
                .variable("OS_USER_DOMAIN_NAME")
                .or_else(|| search.variable("OS_DOMAIN_NAME")),
        },
    }
}

fn scope(search: &Search) -> Scope {
    Scope {
        project: Named {
            id: project(search),
            name: search
                .variable("OS_PROJECT_NAME")
                .or_else(|| search.variable("OS_TENANT_NAME"))
                // Every region has a project of its own name.
                .or_else(|| region(search)),
        },
        domain: Named {
            id: search.variable("OS_PROJECT_DOMAIN_ID"),
            name: search.variable("OS_PROJECT_DOMAIN_NAME"),
        },
    }
}
