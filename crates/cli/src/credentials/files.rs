//! Reading other programs' files.
//!
//! YAML is read with `serde-saphyr`: it is kept up, has no unsafe code, and bounds depth, aliases and merge keys, so that
//! a file in somebody's current folder cannot fill the memory.

use crate::usage::UsageError;
use serde::de::DeserializeOwned;
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
