//! What can be set for kinds of operation.

use longrun_model::{Exclusive, MixedEnd, Retry};
use std::sync::Arc;

/// What is special about a kind of operation.
#[derive(Clone, Debug, Default)]
pub struct KindSettings {
    /// What a mixed end counts as, where a dialect knows no third word.
    pub mixed_end: MixedEnd,
    /// How long results are kept, when the submitter does not say.
    pub retention_ms: Option<i64>,
    /// How long the work may take, when the submitter does not say.
    pub deadline_ms: Option<i64>,
    /// How many of them may run at once.
    pub running_max: Option<u32>,
    /// When failed work is tried again; without it, never, and lost leases are not counted.
    pub retry: Option<Arc<Retry>>,
    /// That such operations do not share their resources.
    pub exclusive: Option<Arc<Exclusive>>,
}
