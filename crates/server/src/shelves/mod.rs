//! Things that a cloud itself keeps: the shelves of the accounts, as documents in the store.
//!
//! A deed that takes an operation is written onto the shelf before the operation is made, and its number after that, so
//! that no operation changes anything that the shelf does not know of. One that was interrupted between the two is
//! forgotten after a while: nobody was told its number.

mod deeds;

pub(crate) use deeds::{ShelfError, idempotency};

use std::hash::{BuildHasher, RandomState};

/// How many shelves can be worked on at once. Two whose names fall together wait for each other.
const LOCKS: usize = 64;

/// Keeps the deeds of this server on one shelf apart. Those of other servers are told by the version of the document.
pub(crate) struct Shelves {
    locks: [tokio::sync::Mutex<()>; LOCKS],
    hasher: RandomState,
}

impl Default for Shelves {
    fn default() -> Self {
        Self {
            locks: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

impl Shelves {
    async fn lock(&self, name: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(name);
        let place = usize::try_from(hash % LOCKS as u64).unwrap_or_default();
        self.locks[place].lock().await
    }
}
