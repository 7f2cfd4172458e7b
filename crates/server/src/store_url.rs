//! Which store is meant.

use crate::StartError;
use longrun_store::{
    Location, MemoryStore, PostgresStore, PostgresUrl, PostgresUrlError, SqliteStore, Store,
};
use std::error::Error;
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
    /// A PostgreSQL database.
    Postgres(Box<PostgresUrl>),
}

impl StoreUrl {
    /// Opens the store.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StartError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::default()),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).await?),
        })
    }

    /// Where the store is, if it outlives its program.
    pub fn location(&self) -> Option<Location> {
        match self {
            Self::Memory => None,
            Self::Sqlite(path) => Some(Location::File(path.clone())),
            Self::Postgres(url) => Some(Location::Database(url.clone())),
        }
    }
}

/// Why a text is no address of a store. The text is not repeated: there may be a password in it.
#[derive(Debug, thiserror::Error)]
pub enum NoStore {
    /// It begins with nothing that is known.
    #[error("this is no store: use `sqlite:PATH`, `postgres://…` or `memory:`")]
    Unknown,
    /// The address of a database cannot be used.
    #[error("{0}{cause}", cause = cause_of(.0))]
    Postgres(PostgresUrlError),
}

/// What lies behind an error, to be said in the same line: whoever reads settings shows no chain of causes.
fn cause_of(error: &PostgresUrlError) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(String::new(), |told, cause| format!("{told}: {cause}"))
}

impl FromStr for StoreUrl {
    type Err = NoStore;

    fn from_str(text: &str) -> Result<Self, NoStore> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => {
                let url = text.parse().map_err(NoStore::Postgres)?;
                Ok(Self::Postgres(Box::new(url)))
            }
            _ => Err(NoStore::Unknown),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => formatter.write_str("memory:"),
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(formatter),
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
            ("postgres:", None),
            ("postgres://u@db/longrun?colour=blue", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_of_databases_are_shown_without_secrets() {
        for (text, expected) in [
            (
                "postgres://u:s3cret@a:1,b:2/d?sslmode=disable",
                "postgres://a:1,b:2/d",
            ),
            (
                "postgresql://u:s3cret@db:port/d",
                "the address of the database cannot be understood: ",
            ),
            ("postgre://u:s3cret@db/d", "this is no store: "),
        ] {
            let parsed: Result<StoreUrl, _> = text.parse();
            let shown = parsed.map_or_else(|error| error.to_string(), |url| url.to_string());
            assert!(shown.starts_with(expected), "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
