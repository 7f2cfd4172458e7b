//! What is known of a task: after a crash, and when the cloud does not tell.

use longrun_dialects::{Observation, Observed, Watched};
use longrun_model::{Operation, Timestamp};
use longrun_poller::Reason;

/// What was known of the task of an operation when it was left, if anything was.
pub(super) fn resumed(operation: &Operation) -> Option<(Observation, Timestamp)> {
    let was_seen = operation.progress.message.is_some();
    let resources = operation.resources.iter().map(|one| Observed {
        kind: one.kind.as_deref().map(str::to_owned),
        id: one.id.as_str().to_owned(),
        status: one.status,
        output: one.output.clone(),
        error: one.error.as_deref().cloned(),
    });
    let seen = Observation {
        kind: None,
        state: Watched::Running(operation.mix()),
        resources: resources.collect(),
        output: None,
        message: operation.progress.message.as_deref().map(str::to_owned),
        error: None,
    };
    was_seen.then_some((seen, operation.updated_at))
}

/// Why a watch was given up, in words.
pub(super) fn words(reason: &Reason) -> String {
    match reason {
        Reason::NotAllowed(error) => format!("it may not be asked: {error}"),
        Reason::Refused(error) => error.to_string(),
        Reason::Clock {
            offset_millis: Some(millis),
            error,
        } => format!("its clock is {millis} ms ahead of ours: {error}"),
        Reason::Clock {
            offset_millis: None,
            error,
        } => format!("its clock is another: {error}"),
        Reason::TimedOut { trouble } => trouble
            .as_ref()
            .map_or_else(|| "it is late".to_owned(), ToString::to_string),
        Reason::Unreachable(trouble) => trouble.to_string(),
    }
}
