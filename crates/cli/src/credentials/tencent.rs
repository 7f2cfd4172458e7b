//! Tencent Cloud: `TENCENTCLOUD_*`, the files of its command-line tool, and the file of its SDKs.

use super::{Access, AccessKey, Found, Search, Secret, files, key_in_section};
use crate::usage::UsageError;
use std::path::PathBuf;

const VARIABLES: [&str; 3] = [
    "TENCENTCLOUD_SECRET_ID",
    "TENCENTCLOUD_SECRET_KEY",
    "TENCENTCLOUD_TOKEN",
];

/// The variable that names the file of the SDKs.
const FILE: &str = "TENCENTCLOUD_CREDENTIALS_FILE";
/// What the SDKs read in their file. A token they do not; it is what it is in the variables.
const NAMES: [&str; 3] = ["secret_id", "secret_key", "token"];

/// Looks in the variables, then in the file of the SDKs if a variable names it, in the profile of the tool, and in the
/// file of the SDKs where they look for it themselves.
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
    if let Some(named) = search.variable(FILE) {
        return in_sdk_file(search, vec![named.into()]);
    }
    if let Some(found) = in_files(search)? {
        return Ok(Some(found));
    }
    let own = search.at_home(".tencentcloud/credentials");
    let shared = search.places.system.join("tencentcloud/credentials");
    in_sdk_file(search, own.into_iter().chain([shared]).collect())
}

/// Looks in the first of these files that is there, as the SDKs do. They know no profile but `default`.
fn in_sdk_file(search: &mut Search, files: Vec<PathBuf>) -> Result<Option<Found>, UsageError> {
    let name = search.places.profile.unwrap_or("default");
    let Some((section, path)) = search.section(files, name)? else {
        return Ok(None);
    };
    let place = format!("section `{name}` of the file {}", path.display());
    let Some(key) = key_in_section(&section, NAMES) else {
        search.looked_at(format!("{place}, which has no secret_id and secret_key"));
        return Ok(None);
    };
    Ok(Some(Found {
        access: Access::Key(key),
        region: search.variable("TENCENTCLOUD_REGION"),
        project: None,
        source: place,
    }))
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
    let Some(path) = search.at_home(&format!(".tccli/{profile}.credential")) else {
        return Ok(None);
    };
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
    let configure: Configure =
        files::json(&path.with_file_name(format!("{profile}.configure")))?.unwrap_or_default();
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
