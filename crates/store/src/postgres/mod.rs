//! The store in a PostgreSQL database, for any number of servers.
//!
//! One commit of a server is one transaction of one to three round trips, however many writes it carries: what they
//! need is found and locked with arrays, the workset decides in memory, and what has changed is saved with arrays. Row
//! locks keep servers apart; no statement waits for a row while it holds one with a higher key, so that they do not wait
//! for each other in a circle. Names are kept as bytes, because a text of PostgreSQL cannot hold every text.

mod archive;
mod changes;
mod commit;
mod connections;
mod failure;
mod found;
mod holder;
mod lines;
mod needs;
#[cfg(test)]
mod plans;
mod reads;
mod row;
mod save;
mod schema;
mod session;
mod tls;
mod together;
mod url;
mod waiting;

pub(crate) use holder::PostgresHolder;
pub use url::{PostgresUrl, PostgresUrlError};

use crate::archive::Archive;
use crate::feed::{Changes, Cursor};
use crate::postgres::archive::PostgresArchive;
use crate::postgres::commit::Writer;
use crate::postgres::connections::Connections;
use crate::{
    AccessKey, Committed, Document, Due, Filter, HistoryEntry, Limits, Page, Store, StoreError,
    Write,
};
use futures_util::future::{BoxFuture, FutureExt};
use longrun_model::{Operation, OperationKey, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use tokio::sync::Mutex;

/// A store in a database. Its calls must be polled inside a tokio runtime with its drivers enabled.
#[derive(Debug)]
pub struct PostgresStore {
    connections: Connections,
    writer: Mutex<Writer>,
    /// The number of this server among those on the database; it changes when the server was given up for dead.
    server: AtomicI64,
    timer_spread_millis: i64,
    /// What leases are held to from the next commit on.
    limits: parking_lot::Mutex<Arc<Limits>>,
}

/// Over how many servers timers are spread.
const SPREAD: i64 = 8;

impl PostgresStore {
    /// Opens the store in the database at `url`, and makes its tables if there are none.
    pub async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let connections = Connections::new(url)?;
        schema::prepare(&connections, url).await?;
        let server = commit::register(&connections).await?;
        let turns = waiting::turns(&connections).await?;
        Ok(Self {
            connections,
            writer: Mutex::new(Writer::new(server, turns, url.is_serializable())),
            server: AtomicI64::new(server),
            timer_spread_millis: url.timer_spread_millis(),
            limits: parking_lot::Mutex::default(),
        })
    }

    /// How much later than others this server looks at a timer, so that not all of them do the same work at once.
    fn lateness_millis(&self) -> i64 {
        (self.server.load(Relaxed) % SPREAD) * self.timer_spread_millis
    }
}

/// The store in the database at `url` as it is now, whoever uses it.
pub(crate) async fn archive(url: &PostgresUrl) -> Result<Box<dyn Archive>, StoreError> {
    let connections = Connections::new(url)?;
    schema::check_is_current(&connections, url).await?;
    Ok(Box::new(PostgresArchive::new(&connections).await?))
}

impl Store for PostgresStore {
    fn commit(
        &self,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
        async move {
            let mut guard = self.writer.lock().await;
            guard.limit(Arc::clone(&self.limits.lock()));
            let committed = guard.commit(&self.connections, &writes, now).await;
            if let Some(server) = guard.server() {
                self.server.store(server, Relaxed);
            }
            committed
        }
        .boxed()
    }

    fn limit(&self, limits: Limits) {
        *self.limits.lock() = Arc::new(limits);
    }

    fn get(&self, key: OperationKey) -> BoxFuture<'_, Result<Option<Operation>, StoreError>> {
        reads::get(&self.connections, key).boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        async move { reads::list(&self.connections, &filter).await }.boxed()
    }

    fn history(
        &self,
        key: OperationKey,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<HistoryEntry>, StoreError>> {
        reads::history(&self.connections, key, after, limit).boxed()
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Due, StoreError>> {
        reads::due(&self.connections, now, limit, self.lateness_millis()).boxed()
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, StoreError>> {
        reads::access_keys(&self.connections).boxed()
    }

    fn document(&self, name: &str) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        reads::document(&self.connections, name.as_bytes().to_vec()).boxed()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        reads::id_secret(&self.connections, proposal).boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changes(&self, since: Cursor) -> BoxFuture<'_, Result<Changes, StoreError>> {
        let own = self.server.load(Relaxed);
        changes::since(&self.connections, since, own).boxed()
    }
}
