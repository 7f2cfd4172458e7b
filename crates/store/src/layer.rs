//! Stores that are laid over another one.

/// Passes these calls of a [`Store`](crate::Store) on to the one in a field: for a store that does only the others
/// itself.
///
/// ```
/// use longrun_model::Timestamp;
/// use longrun_store::{Committed, MemoryStore, Store, StoreFuture, Write, pass_on};
///
/// /// A store that forgets all that it is told.
/// struct Forgetful {
///     below: MemoryStore,
/// }
///
/// impl Store for Forgetful {
///     fn commit(&self, _: Vec<Write>, now: Timestamp) -> StoreFuture<'_, Committed> {
///         self.below.commit(Vec::new(), now)
///     }
///
///     pass_on!(below: limit, get, list, history, due, access_keys, document, id_secret);
/// }
/// ```
#[macro_export]
macro_rules! pass_on {
    ($below:ident: $($call:ident),+ $(,)?) => { $($crate::pass_on!(@$call $below);)+ };
    (@limit $below:ident) => {
        fn limit(&self, limits: $crate::Limits) {
            self.$below.limit(limits);
        }
    };
    (@get $below:ident) => {
        fn get(
            &self,
            key: ::longrun_model::OperationKey,
        ) -> $crate::StoreFuture<'_, Option<::longrun_model::Operation>> {
            self.$below.get(key)
        }
    };
    (@list $below:ident) => {
        fn list(&self, filter: $crate::Filter) -> $crate::StoreFuture<'_, $crate::Page> {
            self.$below.list(filter)
        }
    };
    (@history $below:ident) => {
        fn history(
            &self,
            key: ::longrun_model::OperationKey,
            after: u64,
            limit: usize,
        ) -> $crate::StoreFuture<'_, Vec<$crate::HistoryEntry>> {
            self.$below.history(key, after, limit)
        }
    };
    (@due $below:ident) => {
        fn due(
            &self,
            now: ::longrun_model::Timestamp,
            limit: usize,
        ) -> $crate::StoreFuture<'_, $crate::Due> {
            self.$below.due(now, limit)
        }
    };
    (@access_keys $below:ident) => {
        fn access_keys(&self) -> $crate::StoreFuture<'_, Vec<$crate::AccessKey>> {
            self.$below.access_keys()
        }
    };
    (@document $below:ident) => {
        fn document(&self, name: &str) -> $crate::StoreFuture<'_, Option<$crate::Document>> {
            self.$below.document(name)
        }
    };
    (@rest $below:ident) => {
        fn rest(&self) -> $crate::StoreFuture<'_, ()> {
            self.$below.rest()
        }
    };
    (@id_secret $below:ident) => {
        fn id_secret(&self, proposal: [u8; 16]) -> $crate::StoreFuture<'_, [u8; 16]> {
            self.$below.id_secret(proposal)
        }
    };
    (@is_shared $below:ident) => {
        fn is_shared(&self) -> bool {
            self.$below.is_shared()
        }
    };
    (@changes $below:ident) => {
        fn changes(&self, since: $crate::Cursor) -> $crate::StoreFuture<'_, $crate::Changes> {
            self.$below.changes(since)
        }
    };
}
