//! Saying what was being done when the database or the disk failed.

use crate::StoreError;
use std::error::Error;

/// Adds to an error what was being done.
pub(crate) trait Doing<T> {
    /// The same result, its error saying that one could not do `doing`.
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database {
            doing,
            source: Box::new(source),
        })
    }
}
