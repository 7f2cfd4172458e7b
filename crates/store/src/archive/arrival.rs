//! How an operation of another store becomes one of this.

use crate::archive::Parcel;
use crate::record;
use crate::workset::Touched;
use longrun_model::{Event, Idempotency};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many events of an operation that comes from another store stand together.
const ARRIVED_EVENTS: usize = 128;

/// An operation of another store as a new one here, and the parts of its history that get rows of their own, each with
/// the number of its last event.
pub(crate) fn arrived(parcel: Parcel) -> (Touched, Vec<(u64, Vec<u8>)>) {
    let Parcel {
        operation,
        history,
        idempotent,
        places: _,
    } = parcel;
    let history = history.into_iter().map(|one| (one.number, one.event));
    let mut events: Vec<(u64, Event)> = history.collect();
    let later = events.split_off(events.len().min(ARRIVED_EVENTS));
    let parts = later.chunks(ARRIVED_EVENTS).filter_map(|part| {
        let mut blob = Vec::new();
        record::write_events(&operation, part, &mut blob);
        part.last().map(|(last, _)| (*last, blob))
    });
    let parts = parts.collect();
    let touched = Touched {
        operation: Arc::new(operation),
        before: None,
        events,
        changed_resources: BTreeSet::new(),
        grown_from: None,
        changed: true,
        idempotency: idempotent.map(|one| Idempotency {
            key: one.key,
            digest: one.digest,
        }),
    };
    (touched, parts)
}
