//! Alibaba Cloud: `ALIBABA_CLOUD_*`, the profiles of its command-line tool, and the file of its SDKs.

use super::{Access, AccessKey, Found, Search, Secret, files, key_in_section};
use crate::usage::UsageError;
use std::path::{Path, PathBuf};

const VARIABLES: [&str; 3] = [
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
];
/// The variable that names a profile.
const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";

/// The variable that turns the profiles of the tool off.
const NO_TOOL: &str = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED";
/// The variable that names the file of the SDKs.
const FILE: &str = "ALIBABA_CLOUD_CREDENTIALS_FILE";
const NAMES: [&str; 3] = ["access_key_id", "access_key_secret", "security_token"];

/// Looks in the variables, then in the profiles of the tool, then in the file of the SDKs, in the order in which the SDKs
/// do, even if a variable names that file.
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
    let is_off = search
        .variable(NO_TOOL)
        .is_some_and(|it| it.eq_ignore_ascii_case("true"));
    if is_off {
        search.looked_at(format!("no file of the aliyun CLI, as {NO_TOOL} says"));
    } else if let Some(found) = in_file(search)? {
        return Ok(Some(found));
    }
    if let Some(named) = search.variable(FILE) {
        return in_sdk_file(search, vec![named.into()]);
    }
    // The SDKs for Python and Java give it an ending, that for Go none.
    let files = [".alibabacloud/credentials.ini", ".alibabacloud/credentials"];
    let files = files.into_iter().filter_map(|file| search.at_home(file));
    let files = files.collect();
    in_sdk_file(search, files)
}

/// Looks in the first of these files that is there.
fn in_sdk_file(search: &mut Search, files: Vec<PathBuf>) -> Result<Option<Found>, UsageError> {
    let chosen = search.places.profile.map(str::to_owned);
    let name = chosen
        .or_else(|| search.variable(PROFILE))
        .unwrap_or_else(|| "default".to_owned());
    let Some((section, path)) = search.section(files, &name)? else {
        return Ok(None);
    };
    let place = format!("section `{name}` of the file {}", path.display());
    let kind = section.value("type").unwrap_or_default();
    check_kind(&place, "type", &kind, ["access_key", "sts"])?;
    let key = key_in_section(&section, NAMES);
    let key = key.ok_or_else(|| UsageError(format!("{place} has no whole access key")))?;
    if kind == "sts" && key.session_token.is_none() {
        return Err(UsageError(format!("{place} has no security_token")));
    }
    Ok(Some(Found {
        access: Access::Key(key),
        region: region(search).or_else(|| section.value("region_id")),
        project: None,
        source: place,
    }))
}

/// Refuses credentials of a kind for which a key has to be fetched from elsewhere first. One that is not said is the
/// first of those that are understood.
fn check_kind(
    place: &str,
    word: &str,
    kind: &str,
    understood: [&str; 2],
) -> Result<(), UsageError> {
    if kind.is_empty() || understood.contains(&kind) {
        return Ok(());
    }
    let [key, token] = understood;
    Err(UsageError(format!(
        "{place} has the {word} {kind}; only {key} and {token} are understood: set {} and {}",
        VARIABLES[0], VARIABLES[1]
    )))
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
    let Some(path) = search.at_home(".aliyun/config.json") else {
        return Ok(None);
    };
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
    check_kind(&place, "mode", &profile.mode, ["AK", "StsToken"])?;
    let wants_token = profile.mode == "StsToken";
    let session_token = session_token.filter(|_| wants_token);
    if wants_token && session_token.is_none() {
        return Err(UsageError(format!("{place} has no sts_token")));
    }
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
