//! Operations that were read or written lately.
//!
//! Every commit of this server passes through here before its callers are answered, so what is found here is never
//! older than what a caller has been told. A read that is under way while a commit passes is not kept: the commit takes
//! away its place, and the place is all that a read may fill.

use longrun_model::{Json, Operation, OperationKey, Resource};
use quick_cache::sync::{Cache as Places, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, Weighter};
use std::sync::Arc;

/// Bytes that cached operations may take, roughly.
const CACHE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of one operation above which it is not cached.
const OPERATION_BYTES_MAX: u64 = CACHE_BYTES_MAX / 64;
/// Operations that the cache is laid out for at first; it grows as needed.
const OPERATIONS_EXPECTED: usize = 1_000;

pub(crate) struct Cache {
    places: Places<OperationKey, Arc<Operation>, Weight>,
    /// Whether other servers commit too. Then only what has ended is kept: it never changes, and when it is removed by
    /// another server, the feed says so.
    is_shared: bool,
}

type Guard<'c> = PlaceholderGuard<
    'c,
    OperationKey,
    Arc<Operation>,
    Weight,
    DefaultHashBuilder,
    quick_cache::sync::DefaultLifecycle<OperationKey, Arc<Operation>>,
>;

/// What a look into the cache gave.
pub(crate) enum Looked<'c> {
    /// The operation.
    Found(Arc<Operation>),
    /// A place to fill after reading the store.
    Empty(Place<'c>),
}

/// A place in the cache that waits for an operation.
pub(crate) struct Place<'c> {
    guard: Guard<'c>,
    is_shared: bool,
}

impl Cache {
    pub(crate) fn new(is_shared: bool) -> Self {
        Self {
            places: Places::with_weighter(OPERATIONS_EXPECTED, CACHE_BYTES_MAX, Weight),
            is_shared,
        }
    }

    /// The operation, or a place for it. Waits while another caller reads the same one.
    pub(crate) async fn look(&self, key: OperationKey) -> Looked<'_> {
        match self.places.get_value_or_guard_async(&key).await {
            Ok(operation) => Looked::Found(operation),
            Err(guard) => Looked::Empty(Place {
                guard,
                is_shared: self.is_shared,
            }),
        }
    }

    /// Takes in what a commit has made of an operation.
    pub(crate) fn publish(&self, operation: &Arc<Operation>) {
        if is_cacheable(operation, self.is_shared) {
            self.places.insert(operation.key, Arc::clone(operation));
        } else {
            self.forget(operation.key);
        }
    }

    /// Drops what is kept of an operation, and whatever a read that is under way would put there.
    pub(crate) fn forget(&self, key: OperationKey) {
        self.places.remove(&key);
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        self.places.clear();
    }
}

impl Place<'_> {
    /// Fills the place, unless a commit has taken it away meanwhile.
    pub(crate) fn fill(self, operation: &Arc<Operation>) {
        if is_cacheable(operation, self.is_shared) {
            // Refused means that a commit was faster, and it knows better.
            let _ = self.guard.insert(Arc::clone(operation));
        }
    }
}

fn is_cacheable(operation: &Operation, is_shared: bool) -> bool {
    (!is_shared || operation.phase.is_ended() || operation.removed)
        && (operation.resources.is_whole() || operation.removed)
        && bytes(operation) <= OPERATION_BYTES_MAX
}

#[derive(Clone)]
pub(crate) struct Weight;

impl Weighter<OperationKey, Arc<Operation>> for Weight {
    fn weight(&self, _key: &OperationKey, operation: &Arc<Operation>) -> u64 {
        bytes(operation)
    }
}

/// About how many bytes of memory an operation takes.
fn bytes(operation: &Operation) -> u64 {
    let text = |json: &Option<Json>| json.as_ref().map_or(0, |json| json.as_str().len());
    let resource = |resource: &Resource| {
        size_of::<Resource>()
            + resource.id.as_str().len()
            + text(&resource.input)
            + text(&resource.output)
    };
    let resources: usize = operation.resources.iter().map(resource).sum();
    let labels: usize = operation
        .labels
        .iter()
        .map(|(key, value)| 32 + key.len() + value.len())
        .sum();
    (size_of::<Operation>()
        + 128
        + resources
        + labels
        + text(&operation.input)
        + text(&operation.output)) as u64
}
