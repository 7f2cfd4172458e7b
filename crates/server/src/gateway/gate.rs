//! What calls are passed on through: how many may pass, and whether any should.

use super::Upstream;
use crate::chance;
use longrun_dialects::Fault;
use longrun_model::Timestamp;
use longrun_poller::{Breaker, Bucket, Chance, Fuse, Permit};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// What calls are passed on through. A cloud counts calls by API, so that these do not come out of the polls' quota.
pub(super) struct Gate {
    bucket: Bucket,
    breaker: Breaker,
}

/// A gate for each upstream; those that share an account of a cloud share one.
pub(super) fn gates(upstreams: &[Upstream], now: Timestamp) -> Vec<Arc<Mutex<Gate>>> {
    let mut shared = HashMap::new();
    let gate = |upstream: &Upstream| {
        let account = (upstream.account().to_owned(), upstream.cloud());
        let gate = shared.entry(account).or_insert_with(|| {
            Arc::new(Mutex::new(Gate {
                bucket: Bucket::new(upstream.quota),
                breaker: Breaker::new(Fuse::default(), now),
            }))
        });
        Arc::clone(gate)
    };
    upstreams.iter().map(gate).collect()
}

impl Gate {
    /// Lets one call through, if it may pass now.
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<(), Fault> {
        self.bucket.take(now).map_err(|free_at| {
            let millis = free_at.millis_since(now).max(1);
            Fault::Throttled {
                retry_after_millis: millis.unsigned_abs(),
            }
        })?;
        match self.breaker.ask(now) {
            Permit::Granted | Permit::Probe => Ok(()),
            Permit::Denied { .. } => Err(Fault::Unavailable),
        }
    }

    pub(super) fn answered(&mut self, is_well: bool, now: Timestamp) {
        if is_well {
            self.breaker.succeeded(now);
        } else {
            self.breaker.failed(now, Chance(chance::wide()));
        }
    }
}
