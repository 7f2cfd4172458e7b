//! Which store is meant.

use crate::StartError;
use longrun_store::{MemoryStore, SqliteStore, Store};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// The address of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// In memory; gone when the program ends.
    Memory,
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// Opens the store.
    pub fn open(&self) -> Result<Arc<dyn Store>, StartError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::default()),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
        })
    }
}

/// Why a text is no address of a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no store: use `sqlite:PATH` or `memory:`")]
pub struct NoStore(String);

impl FromStr for StoreUrl {
    type Err = NoStore;

    fn from_str(text: &str) -> Result<Self, NoStore> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            _ => Err(NoStore(text.to_owned())),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => formatter.write_str("memory:"),
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, expected) in [
            ("memory:", Some(StoreUrl::Memory)),
            (
                "sqlite:longrun.db",
                Some(StoreUrl::Sqlite("longrun.db".into())),
            ),
            (
                "sqlite:/var/lib/longrun.db",
                Some(StoreUrl::Sqlite("/var/lib/longrun.db".into())),
            ),
            (
                "sqlite:///var/lib/longrun.db",
                Some(StoreUrl::Sqlite("/var/lib/longrun.db".into())),
            ),
            ("sqlite:", None),
            ("memory:x", None),
            ("longrun.db", None),
            ("postgres://db/longrun", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
