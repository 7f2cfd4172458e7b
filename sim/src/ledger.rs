//! What the store has acknowledged: the facts that it must keep.

use crate::invariants::Violation;
use longrun_model::{Operation, OperationKey, Report, ResourceStatus};
use std::collections::{BTreeMap, HashSet};

/// All that was acknowledged.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) operations: BTreeMap<OperationKey, Known>,
    fences: HashSet<(OperationKey, u64)>,
}

/// What is known of one operation.
#[derive(Default)]
pub(crate) struct Known {
    /// Results of resources that were acknowledged.
    pub(crate) results: BTreeMap<String, ResourceStatus>,
    /// The highest fence that was handed out.
    pub(crate) fence: u64,
    /// As it was read last.
    pub(crate) last: Option<Operation>,
    /// Whether its removal was asked for, or its retention can have ended.
    pub(crate) may_be_removed: bool,
}

impl Known {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.removed || last.phase.is_ended())
    }
}

impl Ledger {
    /// An operation was acknowledged.
    pub(crate) fn submitted(&mut self, key: OperationKey) {
        self.operations.entry(key).or_default();
    }

    /// An operation was handed out, whether or not the worker hears of it.
    pub(crate) fn leased(&mut self, operation: &Operation) -> Result<(), Violation> {
        if !self.fences.insert((operation.key, operation.fence)) {
            return Err(Violation::FenceTwice(operation.key, operation.fence));
        }
        let known = self.operations.entry(operation.key).or_default();
        known.fence = known.fence.max(operation.fence);
        Ok(())
    }

    /// A report was accepted; `refused` are the resources that were not.
    pub(crate) fn reported(
        &mut self,
        key: OperationKey,
        report: &Report,
        refused: &HashSet<String>,
        news: bool,
    ) -> Result<(), Violation> {
        let known = self.operations.entry(key).or_default();
        if news && report.fence < known.fence {
            return Err(Violation::StaleTaken(key, report.fence, known.fence));
        }
        for result in &report.results {
            let id = result.id.as_str();
            if result.outcome.status.is_ended() && !refused.contains(id) {
                known
                    .results
                    .entry(id.to_owned())
                    .or_insert(result.outcome.status);
            }
        }
        Ok(())
    }
}
