//! Waiting for the end of an operation, with its progress on stderr.

use super::show;
use crate::client::wire::{Operation, Tally};
use crate::client::{Answer, Client, ClientError};
use crate::table::printable;
use indicatif::{ProgressBar, ProgressStyle};
use longrun_model::Phase;
use longrun_worker::Backoff;
use std::time::Duration;
use tokio::time::Instant;

/// How long one call waits.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// How long the server may be away before waiting is given up.
const ABSENCE_MAX: Duration = Duration::from_secs(60);
/// The pauses between tries to reach it.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Waits for the end of an operation. What it looked like at the end, and how it ended.
pub(super) async fn to_the_end(
    client: &Client,
    operation: &Operation,
) -> Result<(Answer, Phase), ClientError> {
    let bar = bar(operation.tally);
    let mut since = None;
    loop {
        let answer = patiently(async || match since {
            None => client.operation(&operation.id).await,
            Some(since) => client.operation_within(&operation.id, WAIT, since).await,
        });
        let answer = answer.await?;
        let seen: Operation = answer.read()?;
        since = Some(seen.version);
        draw(&bar, &seen);
        if let Some(phase) = Phase::from_word(&seen.status).filter(|phase| phase.is_ended()) {
            bar.finish_and_clear();
            return Ok((answer, phase));
        }
    }
}

/// Asks until there is an answer: one poll that fails is no reason to give up.
pub(super) async fn patiently(
    mut ask: impl AsyncFnMut() -> Result<Answer, ClientError>,
) -> Result<Answer, ClientError> {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    let give_up_at = Instant::now() + ABSENCE_MAX;
    loop {
        match ask().await {
            Err(error) if error.is_transient() && Instant::now() < give_up_at => {
                tokio::time::sleep(backoff.pause()).await;
            }
            answer => return answer,
        }
    }
}

/// A bar that shows itself only on a terminal.
fn bar(tally: Tally) -> ProgressBar {
    let total = tally.succeeded + tally.failed + tally.unfinished;
    let bar = ProgressBar::new(u64::from(total));
    let template = if total > 0 {
        "{spinner} {bar:30} {pos}/{len} {msg}"
    } else {
        "{spinner} {msg}"
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn draw(bar: &ProgressBar, operation: &Operation) {
    let progress = operation.progress.as_ref().and_then(show::progress);
    let words = [
        Some(operation.status.clone()),
        show::tally(operation),
        progress,
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    bar.set_position(u64::from(
        operation.tally.succeeded + operation.tally.failed,
    ));
    bar.set_message(printable(&words.join(", ")));
}
