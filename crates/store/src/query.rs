//! What can be asked of a store, and what it says.

use longrun_model::{
    Account, Event, KindName, Operation, OperationKey, Phase, ProjectId, StuckRule, Timestamp,
};
use std::ops::ControlFlow;

/// Which operations to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of which account; `None` for callers who act for all accounts.
    pub account: Option<Account>,
    /// In which phase.
    pub phase: Option<Phase>,
    /// Of which kind.
    pub kind: Option<KindName>,
    /// In which project.
    pub project: Option<ProjectId>,
    /// With all of these labels.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// Stuck by this rule, at this instant.
    pub stuck: Option<(StuckRule, Timestamp)>,
    /// Submitted later than this.
    pub created_after: Option<Timestamp>,
    /// Older than this one: where the page before ended.
    pub before: Option<OperationKey>,
    /// How many at the most.
    pub limit: usize,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The operations, newest first, without their resources.
    pub operations: Vec<Operation>,
    /// Where the next page begins, if there may be one. A page can be short, even empty, and not be the last: a store
    /// looks at a bounded number of operations a call.
    pub next: Option<OperationKey>,
}

/// One event of an operation's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number: the operation's version after it.
    pub number: u64,
    /// What happened. Outputs and errors of resources are left out: they stand in the resources.
    pub event: Event,
}

/// What the timers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The operations that need a tick, longest overdue first.
    pub keys: Vec<OperationKey>,
    /// When the next timer after these runs out.
    pub next_at: Option<Timestamp>,
}

/// How many operations one call of a list looks at before it returns what it has.
pub(crate) const EXAMINED_MAX: usize = 10_000;

/// A page that is being put together. Every store does it this way, so that pages end at the same places.
pub(crate) struct Paging {
    /// What was found so far.
    pub(crate) page: Page,
    limit: usize,
    examined: usize,
}

impl Paging {
    /// An empty page for `limit` operations.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            page: Page::default(),
            limit,
            examined: 0,
        }
    }

    /// Takes the next older operation, if it was `found` to match, and says whether to go on.
    pub(crate) fn look(&mut self, key: OperationKey, found: Option<Operation>) -> ControlFlow<()> {
        let Page { operations, next } = &mut self.page;
        if let Some(operation) = found {
            if operations.len() == self.limit {
                *next = operations.last().map(|last| last.key);
                return ControlFlow::Break(());
            }
            operations.push(operation);
        }
        self.examined += 1;
        if self.examined == EXAMINED_MAX {
            *next = Some(key);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Filter {
    /// Whether only operations that have not ended can match: then a list walks these, however many others there are.
    pub(crate) fn walks_live(&self) -> bool {
        self.stuck.is_some() || self.phase.is_some_and(|phase| !phase.is_ended())
    }

    /// Whether a list looks at `operation` at all: at all that live, or those of the account that were not removed.
    pub(crate) fn examines(&self, operation: &Operation) -> bool {
        if self.walks_live() {
            return !operation.phase.is_ended();
        }
        self.account
            .as_ref()
            .is_none_or(|account| operation.account == *account && !operation.removed)
    }

    /// Whether `operation` is one of those wanted, leaving aside where the page begins.
    pub fn matches(&self, operation: &Operation) -> bool {
        !operation.removed
            && self
                .account
                .as_ref()
                .is_none_or(|account| operation.account == *account)
            && self.phase.is_none_or(|phase| operation.phase == phase)
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| operation.kind == *kind)
            && self
                .project
                .as_ref()
                .is_none_or(|project| operation.project.as_ref() == Some(project))
            && self
                .stuck
                .is_none_or(|(rule, now)| rule.reason(operation, now).is_some())
            && self
                .created_after
                .is_none_or(|instant| operation.created_at > instant)
            && self
                .labels
                .iter()
                .all(|label| operation.labels.contains(label))
    }
}
