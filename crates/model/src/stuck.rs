//! Operations that do not get on, and why.

use crate::{Operation, Phase, Timestamp};

/// From when on an operation counts as stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuckRule {
    /// How long it may wait for a worker, once its time has come.
    pub queued_millis: i64,
    /// How long its worker may be alive and tell nothing new.
    pub silent_millis: i64,
    /// How many attempts it may need.
    pub attempts: u32,
}

/// Why an operation counts as stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stuck {
    /// No worker takes it.
    Queued,
    /// Its worker tells nothing new.
    Silent,
    /// It is tried again and again.
    Retrying,
}

impl Stuck {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Silent, Self::Retrying];

    /// The word for it in the native API and in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Silent => "silent",
            Self::Retrying => "retrying",
        }
    }
}

impl Default for StuckRule {
    fn default() -> Self {
        Self {
            queued_millis: 15 * 60_000,
            silent_millis: 15 * 60_000,
            attempts: 5,
        }
    }
}

impl StuckRule {
    /// Why `operation` counts as stuck at `now`, if it does.
    pub fn reason(&self, operation: &Operation, now: Timestamp) -> Option<Stuck> {
        // Heartbeats do not count as a change.
        let still_millis = now.millis_since(operation.updated_at);
        let reason = match operation.phase {
            Phase::Queued if operation.not_before.is_some() => None,
            Phase::Queued => (still_millis >= self.queued_millis).then_some(Stuck::Queued),
            Phase::Running | Phase::Cancelling => {
                (still_millis >= self.silent_millis).then_some(Stuck::Silent)
            }
            Phase::Succeeded
            | Phase::Failed
            | Phase::Partial
            | Phase::Cancelled
            | Phase::Expired => return None,
        };
        reason.or((operation.attempt >= self.attempts).then_some(Stuck::Retrying))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OperationKey, Submission};

    #[test]
    fn who_is_stuck() {
        let rule = StuckRule {
            queued_millis: 100,
            silent_millis: 50,
            attempts: 3,
        };
        let at = Timestamp::from_millis;
        for (phase, delayed, attempt, now, expected) in [
            (Phase::Queued, false, 0, 99, None),
            (Phase::Queued, false, 0, 100, Some(Stuck::Queued)),
            (Phase::Queued, true, 0, 999, None),
            (Phase::Queued, true, 3, 999, Some(Stuck::Retrying)),
            (Phase::Running, false, 1, 49, None),
            (Phase::Running, false, 1, 50, Some(Stuck::Silent)),
            (Phase::Cancelling, false, 3, 50, Some(Stuck::Silent)),
            (Phase::Running, false, 3, 0, Some(Stuck::Retrying)),
            (Phase::Failed, false, 9, 999, None),
        ] {
            let key = OperationKey::new(1).unwrap();
            let submission = Submission::new("acme", "reboot");
            let mut operation = Operation::submitted(key, submission, at(0));
            operation.phase = phase;
            operation.attempt = attempt;
            operation.not_before = delayed.then_some(at(5_000));
            let found = rule.reason(&operation, at(now));
            assert_eq!(found, expected, "{phase:?} {delayed} {attempt} at {now}");
        }
    }
}
