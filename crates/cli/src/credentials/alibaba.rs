//! Alibaba Cloud: `ALIBABA_CLOUD_*`, and the profiles of its command-line tool.

use super::{Access, AccessKey, Found, Search, Secret, files};
use crate::usage::UsageError;
use std::path::Path;

const VARIABLES: [&str; 3] = [
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
];
/// The variable that names a profile.
const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";

/// Looks in the variables, then in the profiles of the tool.
pub(super) fn find(search: &mut Search) -> Result<Option<Found>, UsageError> {
    if search.places.profile.is_none()
        && let Some(key) = search.key_in_variables(VARIABLES)?
    {
        return Ok(Some(Found {
            access: Access::Key(key),
            region: region(search),
            project: None,
            source: format!("the variables {} and {}", VARIABLES[0], VARIABLES[1]),
        }));
    }
    in_file(search)
}

fn region(search: &Search) -> Option<String> {
    search
        .variable("ALIBABA_CLOUD_REGION_ID")
        .or_else(|| search.variable("ALIBABA_CLOUD_REGION"))
}

/// The tool's `config.json`.
#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(serde::Deserialize)]
struct Profile {
    name: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    access_key_id: String,
    access_key_secret: Option<Secret>,
    sts_token: Option<Secret>,
    region_id: Option<String>,
}

fn in_file(search: &mut Search) -> Result<Option<Found>, UsageError> {
    let Some(home) = search.places.home.clone() else {
        search.looked_at("the file ~/.aliyun/config.json (HOME is not set)");
        return Ok(None);
    };
    let path = home.join(".aliyun").join("config.json");
    let Some(config) = files::json::<Config>(&path)? else {
        search.looked_at(format!("the file {}", path.display()));
        return Ok(None);
    };
    let chosen = search.places.profile.map(str::to_owned);
    let name = chosen
        .or_else(|| search.variable(PROFILE))
        .unwrap_or(config.current);
    let profile = config.profiles.into_iter().find(|it| it.name == name);
    let Some(profile) = profile else {
        search.looked_at(format!(
            "the file {}, which has no profile `{name}`",
            path.display()
        ));
        return Ok(None);
    };
    let region = region(search);
    used(profile, &path, region).map(Some)
}

fn used(profile: Profile, path: &Path, region: Option<String>) -> Result<Found, UsageError> {
    let name = profile.name;
    let place = format!("profile `{name}` of the file {}", path.display());
    let secret = profile.access_key_secret.and_then(Secret::unless_empty);
    let session_token = profile.sts_token.and_then(Secret::unless_empty);
    // The other modes fetch a key from elsewhere first.
    let session_token = match profile.mode.as_str() {
        "" | "AK" => None,
        "StsToken" if session_token.is_some() => session_token,
        "StsToken" => return Err(UsageError(format!("{place} has no sts_token"))),
        mode => {
            return Err(UsageError(format!(
                "{place} has the mode {mode}; only AK and StsToken are understood: set {} and {}",
                VARIABLES[0], VARIABLES[1]
            )));
        }
    };
    let (Some(secret), false) = (secret, profile.access_key_id.is_empty()) else {
        return Err(UsageError(format!("{place} has no whole access key")));
    };
    Ok(Found {
        access: Access::Key(AccessKey {
            id: profile.access_key_id,
            secret,
            session_token,
        }),
        region: region.or(profile.region_id.filter(|region| !region.is_empty())),
        project: None,
        source: place,
    })
}
