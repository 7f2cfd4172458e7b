//! A store file in the hands of whoever moves it.

use crate::StoreError;
use crate::archive::{Archive, Contents, Documents, Holder, Parcel, State};
use crate::sqlite::archive::SqliteArchive;
use crate::sqlite::claim::{self, Claim};
use crate::sqlite::reader::Reader;
use crate::sqlite::writer::Writer;
use futures_util::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};

/// A file that no server has open, nor can open.
pub(crate) struct SqliteHolder {
    writer: Mutex<Writer>,
    path: PathBuf,
    _claim: Claim,
}

impl SqliteHolder {
    /// Takes hold of the file at `path`, which is made if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let path = claim::resolved(path)?;
        let claim = Claim::take(&path)?;
        Ok(Self {
            writer: Mutex::new(Writer::open(&path)?),
            path,
            _claim: claim,
        })
    }

    fn read(&self) -> Result<Box<dyn Archive>, StoreError> {
        Ok(Box::new(SqliteArchive::new(Reader::open(&self.path)?)?))
    }
}

impl Holder for SqliteHolder {
    fn archive(&self) -> BoxFuture<'_, Result<Box<dyn Archive>, StoreError>> {
        ready(self.read()).boxed()
    }

    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        ready(self.writer.lock().state()).boxed()
    }

    fn mark(&self, state: State) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(self.writer.lock().mark(&state)).boxed()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        ready(self.writer.lock().id_secret(proposal)).boxed()
    }

    fn fill(&self, parcels: Vec<Parcel>) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(self.writer.lock().fill(parcels)).boxed()
    }

    fn put_documents(&self, documents: Documents) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(self.writer.lock().put_documents(documents)).boxed()
    }

    fn furnish(&self, contents: Contents) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(self.writer.lock().furnish(contents)).boxed()
    }
}
