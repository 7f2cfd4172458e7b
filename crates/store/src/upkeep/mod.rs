//! What is done with a store as a whole: to check that all in it fits together, and to hand it over to another one.
//!
//! The same walk over a store serves both ends of a move, and the check.

mod check;
mod migrate;
mod walk;

pub use check::{Checked, check};
pub use migrate::{MigrateError, Migrated, abandon, migrate};

use crate::archive::{Archive, Holder};
use crate::postgres::PostgresHolder;
use crate::sqlite::SqliteHolder;
use crate::{PostgresUrl, StoreError};
use std::fmt;
use std::path::PathBuf;

/// Where a store is that outlives its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a SQLite file.
    File(PathBuf),
    /// In a PostgreSQL database.
    Database(Box<PostgresUrl>),
}

/// How far a walk through a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is being done.
    pub doing: Doing,
    /// With how many operations it was done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// What is being done with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Its operations are copied into another one.
    Copying,
    /// Two stores are compared.
    Comparing,
    /// It is checked.
    Checking,
}

/// How those who wait hear how far it is.
pub type Tell<'t> = &'t (dyn Fn(Step) + Sync);

impl Location {
    /// Takes hold of the store there, which no server may have open if it is a file. A missing file is made.
    async fn hold(&self) -> Result<Box<dyn Holder>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteHolder::open(path)?),
            Self::Database(url) => Box::new(PostgresHolder::open(url).await?),
        })
    }

    /// The store there as it is now, whoever has it open.
    async fn archive(&self) -> Result<Box<dyn Archive>, StoreError> {
        match self {
            Self::File(path) => crate::sqlite::archive(path),
            Self::Database(url) => crate::postgres::archive(url).await,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Database(url) => url.fmt(formatter),
        }
    }
}
