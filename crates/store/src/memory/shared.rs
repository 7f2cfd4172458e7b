//! A store in memory that several servers of one process share: for tests of what servers on a database do.

use super::MemoryStore;
use crate::record;
use crate::{Changes, Committed, Cursor, Store, StoreFuture, Write, pass_on};
use futures_util::future::{FutureExt, ready};
use longrun_model::Timestamp;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Commits of a server that others are told of. Who asks later has missed some: so few, that tests miss some too.
const TOLD_MAX: usize = 8;

/// What one server sees of a store in memory that it shares with others.
#[derive(Debug)]
pub struct SharedMemory {
    store: Arc<MemoryStore>,
    feeds: Arc<Mutex<BTreeMap<i64, Feed>>>,
    server: i64,
}

/// What others are told of a server.
#[derive(Debug, Default)]
struct Feed {
    /// The number of its last commit.
    last: i64,
    /// What its last commits have done.
    told: VecDeque<Vec<u8>>,
}

impl SharedMemory {
    /// One store, as the first of its servers sees it.
    pub fn first() -> Self {
        Self {
            store: Arc::default(),
            feeds: Arc::new(Mutex::new([(1, Feed::default())].into())),
            server: 1,
        }
    }

    /// The same store, as one more server sees it.
    #[must_use]
    pub fn another(&self) -> Self {
        let mut feeds = self.feeds.lock();
        let server = feeds.keys().max().map_or(1, |last| last + 1);
        feeds.insert(server, Feed::default());
        Self {
            store: Arc::clone(&self.store),
            feeds: Arc::clone(&self.feeds),
            server,
        }
    }

    fn since(&self, since: &Cursor) -> Changes {
        let feeds = self.feeds.lock();
        let mut changes = Changes::default();
        let last = feeds.iter().map(|(server, feed)| (*server, feed.last));
        changes.cursor.known = Some(last.collect());
        let Some(known) = &since.known else {
            return changes;
        };
        for (server, feed) in feeds.iter().filter(|(server, _)| **server != self.server) {
            let behind = feed.last - known.get(server).copied().unwrap_or(0);
            let behind = usize::try_from(behind).expect("nobody knows more than there is");
            changes.missed |= behind > feed.told.len();
            let first = feed.told.len().saturating_sub(behind);
            for blob in feed.told.range(first..) {
                record::read_feed(blob, &mut changes).expect("it was written by this program");
            }
        }
        changes
    }
}

impl Store for SharedMemory {
    fn commit(&self, writes: Vec<Write>, now: Timestamp) -> StoreFuture<'_, Committed> {
        let committed = self.store.run(writes, now, |changes| {
            let mut feeds = self.feeds.lock();
            let feed = feeds.entry(self.server).or_default();
            feed.last += 1;
            feed.told.push_back(record::write_feed(changes));
            if feed.told.len() > TOLD_MAX {
                feed.told.pop_front();
            }
        });
        ready(committed).boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changes(&self, since: Cursor) -> StoreFuture<'_, Changes> {
        ready(Ok(self.since(&since))).boxed()
    }

    pass_on!(store: limit, get, list, history, due, access_keys, document, id_secret);
}
