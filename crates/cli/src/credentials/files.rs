//! Reading other programs' files.
//!
//! YAML is read with `serde-saphyr`: it is kept up, has no unsafe code, and bounds depth, aliases and merge keys, so that
//! a file in somebody's current folder cannot fill the memory. INI is read with `configparser`, which reads it as the
//! module of that name does with which the clouds' SDKs in Python read theirs.

use super::Secret;
use crate::usage::UsageError;
use configparser::ini::Ini;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// No file with credentials is longer.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The text of a file; nothing if there is none.
pub(super) fn text(path: &Path) -> Result<Option<String>, UsageError> {
    let read = || {
        let mut text = String::new();
        File::open(path)?
            .take(FILE_BYTES_MAX)
            .read_to_string(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(UsageError(format!(
            "`{}` cannot be read: {error}",
            path.display()
        ))),
    }
}

/// What a JSON file says; nothing if there is none.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, UsageError> {
    let Some(text) = text(path)? else {
        return Ok(None);
    };
    // The parser tells a place, and what it expected there; a value it does not repeat, unless it has the wrong type.
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map(Some)
        .map_err(|error| {
            UsageError(format!(
                "`{}` is not what it should be, in line {}, column {}",
                path.display(),
                error.line(),
                error.column()
            ))
        })
}

/// What a YAML file says; nothing if there is none. An empty file says nothing.
pub(super) fn yaml<T: DeserializeOwned + Default>(path: &Path) -> Result<Option<T>, UsageError> {
    let Some(text) = text(path)? else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Ok(Some(T::default()));
    }
    // The parser's own words quote the lines around the place, and there may be a password in them.
    serde_saphyr::from_str(&text).map(Some).map_err(|error| {
        let place = error.location().map_or_else(String::new, |location| {
            format!(
                ", in line {}, column {}",
                location.line(),
                location.column()
            )
        });
        UsageError(format!(
            "`{}` is not what it should be{place}",
            path.display()
        ))
    })
}

/// The sections of an INI file, by their names in small letters.
pub(super) struct Sections(HashMap<String, HashMap<String, Option<String>>>);

/// A section of an INI file.
pub(super) struct Section(HashMap<String, Option<String>>);

/// What an INI file says; nothing if there is none.
pub(super) fn ini(path: &Path) -> Result<Option<Sections>, UsageError> {
    let Some(text) = text(path)? else {
        return Ok(None);
    };
    let mut ini = Ini::new();
    ini.set_inline_comment_symbols(Some(&['#', ';']));
    let text = text.trim_start_matches('\u{feff}').to_owned();
    // The parser's own words name the place, and repeat no value.
    let read = ini.read(text).map_err(|error| {
        UsageError(format!(
            "`{}` is not what it should be: {error}",
            path.display()
        ))
    });
    Ok(Some(Sections(read?)))
}

impl Sections {
    /// The section of this name.
    pub(super) fn section(mut self, name: &str) -> Option<Section> {
        self.0.remove(&name.to_lowercase()).map(Section)
    }
}

impl Section {
    /// What stands under a name, without the quotation marks that some readers of these files want around it. Nothing
    /// counts as not there.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.as_deref()?;
        let bare = ['"', '\''].iter().find_map(|mark| {
            let begun = value.strip_prefix(*mark)?;
            begun.strip_suffix(*mark)
        });
        let value = bare.unwrap_or(value);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The same for a secret.
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.value(name).map(Secret::new)
    }
}
