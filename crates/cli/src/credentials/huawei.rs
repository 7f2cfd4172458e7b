//! Huawei Cloud and the OpenStack clouds that speak as it does: `HUAWEICLOUD_SDK_*`, `OS_*`, and `clouds.yaml`.

use super::{Access, Found, Search, clouds};
use crate::usage::UsageError;
use longrun_server::clouds::{Login, Named, Scope, User};

const VARIABLES: [&str; 3] = [
    "HUAWEICLOUD_SDK_AK",
    "HUAWEICLOUD_SDK_SK",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN",
];

/// Looks in the variables of the vendor, in those of OpenStack, then in `clouds.yaml`.
pub(super) fn find(search: &mut Search) -> Result<Option<Found>, UsageError> {
    if search.places.profile.is_some() {
        return clouds::find(search);
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
    if search.variable("OS_CLOUD").is_none()
        && let Some(found) = openstack(search)
    {
        return Ok(Some(found));
    }
    clouds::find(search)
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

fn openstack(search: &mut Search) -> Option<Found> {
    let auth_url = search.variable("OS_AUTH_URL");
    let token = search
        .secret("OS_TOKEN")
        .or_else(|| search.secret("OS_AUTH_TOKEN"));
    let (access, source) = match (token, auth_url, search.secret("OS_PASSWORD")) {
        (Some(token), auth_url, _) => (Access::Token { token, auth_url }, "OS_TOKEN"),
        (None, Some(auth_url), Some(password)) => {
            let login = Login {
                auth_url,
                user: user(search),
                password,
                scope: scope(search),
            };
            (Access::Password(Box::new(login)), "OS_PASSWORD")
        }
        (None, _, _) => {
            search.looked_at("the variable OS_TOKEN");
            search.looked_at("the variables OS_AUTH_URL, OS_USERNAME and OS_PASSWORD");
            return None;
        }
    };
    Some(Found {
        access,
        region: region(search),
        project: project(search),
        source: format!("the variable {source} and those beside it"),
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
