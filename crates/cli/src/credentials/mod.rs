//! Where users already keep the credentials of their clouds: the environment, and the files of each cloud's own tools.
//!
//! What was typed wins over the environment, which wins over files; a profile that was named is looked for in files
//! only. Every place that was looked at is remembered, so that whoever has no credentials is told where to put them.
//! Secrets are held by types that do not show them.

mod alibaba;
mod clouds;
mod files;
mod huawei;
mod tencent;

use crate::environment::Environment;
use crate::usage::UsageError;
use files::Section;
use longrun_server::clouds::{Access, AccessKey, Secret, Vendor};
use std::path::PathBuf;

/// Where to look.
pub(crate) struct Places<'a> {
    /// The variables.
    pub(crate) environment: Environment<'a>,
    /// The user's own folder.
    pub(crate) home: Option<PathBuf>,
    /// The folder that the program was started in.
    pub(crate) folder: PathBuf,
    /// Where the machine keeps settings for all its users.
    pub(crate) system: PathBuf,
    /// The profile that was asked for.
    pub(crate) profile: Option<&'a str>,
}

impl<'a> Places<'a> {
    /// Those of this process.
    pub(crate) fn usual(environment: Environment<'a>, profile: Option<&'a str>) -> Self {
        Self {
            environment,
            home: environment("HOME").map(PathBuf::from),
            folder: PathBuf::from("."),
            system: PathBuf::from("/etc"),
            profile,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What to show the cloud.
    pub(crate) access: Access,
    /// The region that stands beside it.
    pub(crate) region: Option<String>,
    /// The project that stands beside it.
    pub(crate) project: Option<String>,
    /// Where it was found, in words.
    pub(crate) source: String,
}

/// Looks for the credentials of `vendor`. Who has none is told where they were looked for.
pub(crate) fn find(vendor: Vendor, places: &Places) -> Result<Found, UsageError> {
    let mut search = Search {
        places,
        looked: Vec::new(),
    };
    let found = match vendor {
        Vendor::Tencent => tencent::find(&mut search),
        Vendor::Alibaba => alibaba::find(&mut search),
        Vendor::Huawei => huawei::find(&mut search),
    }?;
    found.ok_or_else(|| search.nothing(vendor))
}

/// A search, and where it has looked.
struct Search<'a> {
    places: &'a Places<'a>,
    looked: Vec<String>,
}

impl Search<'_> {
    /// The value of a variable. An empty one counts as not set.
    fn variable(&self, name: &str) -> Option<String> {
        (self.places.environment)(name).filter(|value| !value.is_empty())
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.variable(name).map(Secret::new)
    }

    /// Remembers a place that had nothing.
    fn looked_at(&mut self, place: impl Into<String>) {
        self.looked.push(place.into());
    }

    /// The section of this name in the first INI file of these that is there, and the file.
    fn section(
        &mut self,
        files: Vec<PathBuf>,
        name: &str,
    ) -> Result<Option<(Section, PathBuf)>, UsageError> {
        for path in files {
            let place = format!("the file {}", path.display());
            let Some(sections) = files::ini(&path)? else {
                self.looked_at(place);
                continue;
            };
            let section = sections.section(name);
            if section.is_none() {
                self.looked_at(format!("{place}, which has no section `{name}`"));
            }
            return Ok(section.map(|section| (section, path)));
        }
        Ok(None)
    }

    /// A file of the user's own folder.
    fn at_home(&mut self, path: &str) -> Option<PathBuf> {
        let home = self.places.home.as_ref().map(|home| home.join(path));
        if home.is_none() {
            self.looked_at(format!("the file ~/{path} (HOME is not set)"));
        }
        home
    }

    /// An access key in these two variables, and the token of a temporary one in the third. One half alone is a slip
    /// that is better told than passed over.
    fn key_in_variables(&mut self, names: [&str; 3]) -> Result<Option<AccessKey>, UsageError> {
        let [id_name, secret_name, token_name] = names;
        match (self.variable(id_name), self.secret(secret_name)) {
            (Some(id), Some(secret)) => Ok(Some(AccessKey {
                id,
                secret,
                session_token: self.secret(token_name),
            })),
            (None, None) => {
                self.looked_at(format!("the variables {id_name} and {secret_name}"));
                Ok(None)
            }
            (Some(_), None) => Err(half(id_name, secret_name)),
            (None, Some(_)) => Err(half(secret_name, id_name)),
        }
    }

    fn nothing(&self, vendor: Vendor) -> UsageError {
        let places: Vec<String> = self.looked.iter().map(|it| format!("\n  {it}")).collect();
        let wanted = match self.places.profile {
            Some(profile) => format!("profile `{profile}` of {}", vendor.name()),
            None => format!("credentials of {}", vendor.name()),
        };
        UsageError(format!(
            "no {wanted} were found; looked at:{}",
            places.concat()
        ))
    }
}

/// A key that stands in a section under these names, with its token if it has one.
fn key_in_section(section: &Section, [id, secret, token]: [&str; 3]) -> Option<AccessKey> {
    Some(AccessKey {
        id: section.value(id)?,
        secret: section.secret(secret)?,
        session_token: section.secret(token),
    })
}

fn half(set: &str, missing: &str) -> UsageError {
    UsageError(format!("{set} is set and {missing} is not"))
}

#[cfg(test)]
mod tests;
