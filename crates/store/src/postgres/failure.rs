//! What a failure of the database means for whoever asked.

use crate::StoreError;
use deadpool_postgres::PoolError;
use std::error::Error;
use tokio_postgres::error::SqlState;

/// A failure, and whether trying again may help.
#[derive(Debug)]
pub(super) struct Failure {
    /// What callers are told if it does not.
    pub(super) error: StoreError,
    /// What it means.
    pub(super) sort: Sort,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Somebody else was in the way; nothing was done.
    Crossed,
    /// This server was given up for dead and has to come back under another number; nothing was done.
    Retired,
    /// The database does not answer. Whether it did what it was asked is not known.
    Lost,
    /// Trying again would not help.
    Final,
}

impl Failure {
    /// The failure of a statement.
    pub(super) fn of(doing: &'static str, error: tokio_postgres::Error) -> Self {
        Self {
            sort: sort(&error),
            error: database(doing, error),
        }
    }

    /// The failure to get a connection.
    pub(super) fn of_pool(error: PoolError) -> Self {
        let doing = "connect to the database";
        match error {
            // What the database says itself, without what the pool has to say about it.
            PoolError::Backend(error) => Self {
                sort: match sort(&error) {
                    Sort::Final => Sort::Final,
                    Sort::Crossed | Sort::Retired | Sort::Lost => Sort::Lost,
                },
                error: database(doing, error),
            },
            error @ (PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => Self {
                sort: Sort::Lost,
                error: database(doing, error),
            },
        }
    }

    /// The database took too long.
    pub(super) fn late(doing: &'static str) -> Self {
        Self {
            sort: Sort::Lost,
            error: database(doing, "the database did not answer in time"),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
            sort: Sort::Final,
        }
    }
}

fn database(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Database {
        doing,
        source: source.into(),
    }
}

fn sort(error: &tokio_postgres::Error) -> Sort {
    let Some(error) = error.as_db_error() else {
        // Not the database speaks, but the connection: all else that could go wrong is a bug, and shows as one too.
        return Sort::Lost;
    };
    let code = error.code();
    if [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        // Two servers met over the same idempotency key: the second finds the first's when it looks again.
        SqlState::UNIQUE_VIOLATION,
    ]
    .contains(code)
    {
        return Sort::Crossed;
    }
    if *code == SqlState::FOREIGN_KEY_VIOLATION {
        // The one foreign key there is leads from changes to their server.
        return Sort::Retired;
    }
    let lost = [
        // A former primary, or a host that is not one yet.
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN,
    ];
    if lost.contains(code) || code.code().starts_with("08") {
        Sort::Lost
    } else {
        Sort::Final
    }
}
