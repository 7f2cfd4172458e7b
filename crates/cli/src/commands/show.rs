//! Operations as people read them.

use crate::client::Answer;
use crate::client::wire::{Failure, Operation, Progress, Resource};
use crate::out;
use crate::table::{Table, shortened};
use serde_json::value::RawValue;

/// How much of an output or of an error a cell shows.
const CELL_CHARS_MAX: usize = 100;

/// Writes an operation to stdout.
pub(super) fn operation(answer: &Answer, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        out::line(&answer.text)?;
        return Ok(());
    }
    let operation: Operation = answer.read()?;
    out::line(&head(&operation).text())?;
    if !operation.resources.is_empty() {
        out::line("")?;
        out::line(&resources(&operation.resources).text())?;
    }
    Ok(())
}

fn head(operation: &Operation) -> Table {
    let mut table = Table::bare();
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.row([name.to_owned(), value]);
        }
    };
    say("operation", Some(operation.id.clone()));
    say("task id", Some(operation.task_id.to_string()));
    say("job id", Some(operation.job_id.clone()));
    say("kind", Some(operation.kind.clone()));
    say("status", Some(operation.status.clone()));
    say("resources", tally(operation));
    say("progress", operation.progress.as_ref().and_then(progress));
    say("project", operation.project.clone());
    say("labels", labels(operation));
    let of = |max| format!("{} of {max}", operation.attempt);
    let attempt = operation.attempts_max.map(of);
    say("attempt", attempt.or(Some(operation.attempt.to_string())));
    say("created", Some(operation.created_at.clone()));
    say("started", operation.started_at.clone());
    say("not before", operation.not_before.clone());
    say("deadline", operation.deadline_at.clone());
    say("ended", operation.ended_at.clone());
    say("kept until", operation.expires_at.clone());
    say("output", operation.output.as_deref().map(json));
    say("error", operation.error.as_ref().map(failure));
    table
}

fn resources(resources: &[Resource]) -> Table {
    let mut table = Table::new(["RESOURCE", "STATUS", "RESULT"]);
    for resource in resources {
        table.row([
            resource.id.clone(),
            resource.status.clone(),
            result(resource),
        ]);
    }
    table
}

/// What came of a resource: its output, or what went wrong.
fn result(resource: &Resource) -> String {
    let error = resource.error.as_ref().map(failure);
    error
        .or_else(|| resource.output.as_deref().map(json))
        .unwrap_or_default()
}

/// How many resources stand how, unless there are none.
pub(super) fn tally(operation: &Operation) -> Option<String> {
    let tally = operation.tally;
    let parts = [
        (tally.succeeded, "succeeded"),
        (tally.failed, "failed"),
        (tally.unfinished, "unfinished"),
    ];
    let counted: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    (!counted.is_empty()).then(|| counted.join(", "))
}

/// How far it is, in words.
pub(super) fn progress(progress: &Progress) -> Option<String> {
    let percent = progress.percent.map(|percent| format!("{percent} %"));
    let words: Vec<String> = percent
        .into_iter()
        .chain(progress.message.clone())
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What went wrong, in short.
pub(super) fn failure(failure: &Failure) -> String {
    // The end of what a command wrote says more than its beginning.
    let message = failure
        .message
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default();
    shortened(&format!("{}: {message}", failure.code), CELL_CHARS_MAX)
}

fn labels(operation: &Operation) -> Option<String> {
    let labels: Vec<String> = operation
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!labels.is_empty()).then(|| labels.join(", "))
}

fn json(value: &RawValue) -> String {
    shortened(value.get(), CELL_CHARS_MAX)
}
