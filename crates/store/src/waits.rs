//! Operations that wait for a worker, in memory.

use crate::StoreError;
use crate::indexed::urgency;
use crate::turns::{Lane, Lanes, Part};
use longrun_model::{Account, KindName, Operation, OperationKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

/// Those that wait, by kind and urgency, and then by account.
#[derive(Debug, Default)]
pub(crate) struct Waits(BTreeMap<(KindName, u8), BTreeMap<Account, Parts>>);

/// Those of one account: each stands in the whole, and in the part that it belongs to.
type Parts = HashMap<Part, BTreeSet<OperationKey>>;

impl Waits {
    /// Adds an operation.
    pub(crate) fn insert(&mut self, operation: &Operation) {
        let lanes = self.0.entry(place(operation)).or_default();
        let parts = lanes.entry(operation.account.clone()).or_default();
        for part in parts_of(operation) {
            parts.entry(part).or_default().insert(operation.key);
        }
    }

    /// Takes an operation out, if it is there.
    pub(crate) fn remove(&mut self, operation: &Operation) {
        let place = place(operation);
        let Some(lanes) = self.0.get_mut(&place) else {
            return;
        };
        if let Some(parts) = lanes.get_mut(&operation.account) {
            for part in parts_of(operation) {
                if let Some(keys) = parts.get_mut(&part) {
                    keys.remove(&operation.key);
                }
            }
            parts.retain(|_, keys| !keys.is_empty());
            if parts.is_empty() {
                lanes.remove(&operation.account);
            }
        }
        if lanes.is_empty() {
            self.0.remove(&place);
        }
    }
}

fn place(operation: &Operation) -> (KindName, u8) {
    (operation.kind.clone(), urgency(operation.priority))
}

fn parts_of(operation: &Operation) -> [Part; 2] {
    let own = operation.project.clone();
    [Part::Whole, own.map_or(Part::Outside, Part::Project)]
}

impl Lanes for &Waits {
    fn next_urgency(&mut self, kind: &KindName, from: u8) -> Result<Option<u8>, StoreError> {
        let range = (kind.clone(), from)..=(kind.clone(), u8::MAX);
        Ok(self.0.range(range).next().map(|((_, urgency), _)| *urgency))
    }

    fn next_account(
        &mut self,
        kind: &KindName,
        urgency: u8,
        after: Option<&Account>,
    ) -> Result<Option<Account>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lanes = self.0.get(&(kind.clone(), urgency));
        let next =
            lanes.and_then(|lanes| lanes.range::<Account, _>((start, Bound::Unbounded)).next());
        Ok(next.map(|(account, _)| account.clone()))
    }

    fn next_operation(
        &mut self,
        (kind, urgency, account, part): &Lane,
        after: Option<OperationKey>,
    ) -> Result<Option<OperationKey>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lanes = self.0.get(&(kind.clone(), *urgency));
        let lane = lanes.and_then(|lanes| lanes.get(account)?.get(part));
        Ok(lane.and_then(|lane| lane.range((start, Bound::Unbounded)).next().copied()))
    }
}
