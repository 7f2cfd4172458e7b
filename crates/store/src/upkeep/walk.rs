//! A walk through a store, one operation after the other.

use crate::StoreError;
use crate::archive::{Archive, Entry};
use std::vec::IntoIter;

/// A walk. It ends after the last operation.
pub(crate) struct Walk<'a> {
    archive: &'a dyn Archive,
    page: IntoIter<Entry>,
    last: u64,
}

impl<'a> Walk<'a> {
    /// A walk that begins after the key `after`.
    pub(crate) fn after(archive: &'a dyn Archive, after: u64) -> Self {
        Self {
            archive,
            page: Vec::new().into_iter(),
            last: after,
        }
    }

    /// The next operation.
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        if let Some(entry) = self.page.next() {
            return Ok(Some(entry));
        }
        let page = self.archive.page(self.last).await?;
        if let Some(entry) = page.last() {
            self.last = entry.key.get();
        }
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}
