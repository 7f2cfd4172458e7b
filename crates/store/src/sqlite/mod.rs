//! The store in one SQLite file, for one process.
//!
//! One connection writes, and everything that a commit changes is one transaction, on the disk when it returns. Others
//! read, each seeing the last commit as it was when they began. Resources and history are kept as blobs, beside the
//! columns that something is found by.

mod archive;
mod backup;
mod chunk;
mod claim;
mod holder;
mod lines;
mod names;
mod reader;
mod row;
mod save;
mod schema;
mod tables;
mod writer;

pub use backup::backup;
pub(crate) use holder::SqliteHolder;

use crate::archive::Archive;
use crate::doing::Doing;
use crate::sqlite::archive::SqliteArchive;
use crate::sqlite::claim::Claim;
use crate::sqlite::reader::{Reader, Readers};
use crate::sqlite::writer::Writer;
use crate::{
    AccessKey, Committed, Document, Due, Filter, HistoryEntry, Limits, Page, Store, StoreError,
    Write,
};
use futures_util::future::{BoxFuture, FutureExt};
use longrun_model::{Operation, OperationKey, Timestamp};
use parking_lot::Mutex;
use std::panic;
use std::path::Path;
use std::sync::Arc;

/// A store in a file. Its reads must be polled inside a tokio runtime, which long ones use a blocking thread of.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<Readers>,
    // The last connection to close tidies up the log, and only one that writes can: it goes after the readers.
    writer: Mutex<Writer>,
    _claim: Claim,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, and makes it if there is none. While it is open, the file serves no one else.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = claim::resolved(path)?;
        let claim = Claim::take(&path)?;
        let writer = Writer::open(&path)?;
        writer.state()?.admit()?;
        Ok(Self {
            readers: Arc::new(Readers::new(path)),
            writer: Mutex::new(writer),
            _claim: claim,
        })
    }

    /// Has a thread that may block carry out `read`.
    async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let _slot = self
            .readers
            .slow
            .acquire()
            .await
            .expect("the semaphore lives as long as the store and is never closed");
        let readers = Arc::clone(&self.readers);
        match tokio::task::spawn_blocking(move || readers.with(read)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(cause) => panic::resume_unwind(cause),
                Err(error) => Err(error).doing("read while the program ends"),
            },
        }
    }
}

/// The store in the file at `path` as it is now, whoever has it open.
pub(crate) fn archive(path: &Path) -> Result<Box<dyn Archive>, StoreError> {
    let reader = Reader::open_checked(path)?;
    Ok(Box::new(SqliteArchive::new(reader)?))
}

impl Store for SqliteStore {
    fn commit(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
        async move { self.writer.lock().commit(writes, now) }.boxed()
    }

    fn limit(&self, limits: Limits) {
        self.writer.lock().limit(limits);
    }

    fn rest(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.writer.lock().empty_log() }.boxed()
    }

    fn get(&self, key: OperationKey) -> BoxFuture<'_, Result<Option<Operation>, StoreError>> {
        async move {
            // Finding a row takes a few microseconds, which is less than handing it to another thread.
            let found = self.readers.with(|reader| reader.get_small(key))?;
            let large = |one: &Operation| !one.removed && !one.resources.is_whole();
            if found.as_ref().is_some_and(large) {
                return self.read(move |reader| reader.get(key)).await;
            }
            Ok(found)
        }
        .boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.read(move |reader| reader.list(&filter)).boxed()
    }

    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<HistoryEntry>, StoreError>> {
        self.read(move |reader| reader.history(key, after, limit))
            .boxed()
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        self.read(move |reader| reader.due(now, limit)).boxed()
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, StoreError>> {
        self.read(Reader::access_keys).boxed()
    }

    fn document(&self, name: &str) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        let name: Box<str> = name.into();
        self.read(move |reader| reader.document(&name)).boxed()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        async move { self.writer.lock().id_secret(proposal) }.boxed()
    }
}
