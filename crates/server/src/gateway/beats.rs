//! How long the leases of what is followed last, and when they are kept by a heartbeat.

use crate::app::App;
use longrun_model::Timestamp;

/// How long a lease lasts in a store that is ours alone, where a server that starts anew takes up what it held.
const LEASE_MILLIS: i64 = 3_600_000;
/// Heartbeats are due at multiples of this, so that those of many leases share a commit.
const TOGETHER_MILLIS: i64 = 1_000;

/// How long a lease lasts.
pub(super) fn lease_millis(app: &App) -> i64 {
    if app.engine.is_shared() {
        app.gateway.takeover_millis
    } else {
        LEASE_MILLIS
    }
}

/// When the next heartbeat of a lease is due: so early that two may be lost.
pub(super) fn beat_after(now: Timestamp, lease_millis: i64) -> Timestamp {
    let at = now.plus_millis(lease_millis / 3);
    let together = at.plus_millis(-at.as_millis().rem_euclid(TOGETHER_MILLIS));
    if together > now { together } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_are_due_together_and_never_late() {
        for (now, lease_millis, expected) in [
            (0, 60_000, 20_000),
            (1, 60_000, 20_000),
            (999, 60_000, 20_000),
            (1_000, 60_000, 21_000),
            (-1, 60_000, 19_000),
            // A lease that is too short for it is kept by itself.
            (100, 1_500, 600),
            (600, 1_500, 1_000),
            (0, 3, 1),
        ] {
            let due = beat_after(Timestamp::from_millis(now), lease_millis);
            assert_eq!(due.as_millis(), expected, "{now} {lease_millis}");
        }
    }
}
