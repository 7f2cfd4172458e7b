//! Tencent Cloud: `TENCENTCLOUD_*`, and the files of its command-line tool.

use super::{Access, AccessKey, Found, Search, Secret, files};
use crate::usage::UsageError;
use std::path::PathBuf;

const VARIABLES: [&str; 3] = [
    "TENCENTCLOUD_SECRET_ID",
    "TENCENTCLOUD_SECRET_KEY",
    "TENCENTCLOUD_TOKEN",
];

/// Looks in the variables, then in the profile of the tool.
pub(super) fn find(search: &mut Search) -> Result<Option<Found>, UsageError> {
    if search.places.profile.is_none()
        && let Some(key) = search.key_in_variables(VARIABLES)?
    {
        return Ok(Some(Found {
            access: Access::Key(key),
            region: search.variable("TENCENTCLOUD_REGION"),
            project: None,
            source: format!("the variables {} and {}", VARIABLES[0], VARIABLES[1]),
        }));
    }
    in_files(search)
}

/// What the tool writes into `PROFILE.credential`.
#[derive(serde::Deserialize)]
struct Credential {
    #[serde(rename = "secretId", default)]
    id: String,
    #[serde(rename = "secretKey")]
    secret: Option<Secret>,
    token: Option<Secret>,
}

/// What the tool writes into `PROFILE.configure`. The region stands in a part of its own, in older files at the top.
#[derive(Default, serde::Deserialize)]
struct Configure {
    #[serde(rename = "_sys_param")]
    system: Option<SystemParameters>,
    region: Option<String>,
}

#[derive(serde::Deserialize)]
struct SystemParameters {
    region: Option<String>,
}

fn in_files(search: &mut Search) -> Result<Option<Found>, UsageError> {
    let chosen = search.places.profile.map(str::to_owned);
    let profile = chosen
        .or_else(|| search.variable("TCCLI_PROFILE"))
        .unwrap_or_else(|| "default".to_owned());
    let Some(folder) = search.places.home.as_ref().map(|home| home.join(".tccli")) else {
        search.looked_at("the file ~/.tccli/default.credential (HOME is not set)");
        return Ok(None);
    };
    let file = |ending: &str| -> PathBuf { folder.join(format!("{profile}.{ending}")) };
    let path = file("credential");
    let Some(credential) = files::json::<Credential>(&path)? else {
        search.looked_at(format!("the file {}", path.display()));
        return Ok(None);
    };
    let secret = credential.secret.and_then(Secret::unless_empty);
    let (Some(secret), false) = (secret, credential.id.is_empty()) else {
        search.looked_at(format!(
            "the file {}, which has no secretId and secretKey",
            path.display()
        ));
        return Ok(None);
    };
    let configure: Configure = files::json(&file("configure"))?.unwrap_or_default();
    let region = configure.system.and_then(|system| system.region);
    Ok(Some(Found {
        access: Access::Key(AccessKey {
            id: credential.id,
            secret,
            session_token: credential.token.and_then(Secret::unless_empty),
        }),
        region: search
            .variable("TENCENTCLOUD_REGION")
            .or(region)
            .or(configure.region)
            .filter(|region| !region.is_empty()),
        project: None,
        source: format!("the file {}", path.display()),
    }))
}
