//! Telling the engine what was learnt of a task, for one operation at a time.

use super::mirror::{self, Held};
use crate::app::App;
use crate::chance;
use longrun_dialects::Observation;
use longrun_engine::{Clock, EngineError};
use longrun_model::{
    Command, Finish, FinishStatus, Operation, OperationKey, Phase, Progress, Report,
};
use longrun_poller::Outcome;
use std::sync::Arc;

/// How long to wait before the store is tried again.
const STORE_PAUSE_MILLIS: i64 = 500;

/// What is to be told.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// How the task stands, and that it has ended if it has.
    Seen(Option<Arc<Observation>>, Option<Outcome>),
    /// That the cloud does not tell, and why.
    Trouble(Box<str>),
    /// That somebody has changed the operation: it is to be cancelled, or no longer ours.
    Order,
}

impl News {
    /// Whether it is to be told in place of an older one that nobody has heard yet. What was seen is told in any case,
    /// and an end more than anything.
    pub(super) const fn outdates(&self, older: &Self) -> bool {
        match (self, older) {
            (_, Self::Seen(_, Some(_))) | (Self::Trouble(_) | Self::Order, Self::Seen(_, None)) => {
                false
            }
            (_, Self::Trouble(_) | Self::Order) | (Self::Seen(..), Self::Seen(_, None)) => true,
        }
    }
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Told {
    /// The operation goes on; these ends wait to be seen again.
    Goes(Vec<Held>),
    /// The operation has ended, or is no longer ours.
    Over,
}

/// Tells `news` of the operation that we hold under `fence`. Goes on until the store has heard it.
pub(super) async fn tell(
    app: Arc<App>,
    key: OperationKey,
    fence: u64,
    news: News,
    held: Vec<Held>,
) -> Told {
    loop {
        match tell_once(&app, key, fence, &news, &held).await {
            Ok(told) => return told,
            Err(error) if is_away(&error) => {
                let again = app.engine.now().plus_millis(STORE_PAUSE_MILLIS);
                crate::SystemClock.sleep_until(again).await;
            }
            Err(_) => return Told::Over,
        }
    }
}

/// Whether the same may do better later. Any other error says that the operation is not ours.
pub(super) const fn is_away(error: &EngineError) -> bool {
    matches!(error, EngineError::Unavailable | EngineError::Overloaded)
}

async fn tell_once(
    app: &App,
    key: OperationKey,
    fence: u64,
    news: &News,
    held: &[Held],
) -> Result<Told, EngineError> {
    let operation = app.engine.get(key, None).await?;
    if operation.fence != fence || operation.lease.is_none() {
        return Ok(Told::Over);
    }
    let (report, held) = if operation.phase == Phase::Cancelling {
        (Some(given_in(fence)), Vec::new())
    } else {
        report_of(&operation, news, held)
    };
    let Some(report) = report else {
        return Ok(Told::Goes(held));
    };
    let report = Report {
        chance: chance::any(),
        ..report
    };
    let commanded = app
        .engine
        .command(key, None, Command::Report(report))
        .await?;
    Ok(if commanded.operation.phase.is_ended() {
        Told::Over
    } else {
        Told::Goes(held)
    })
}

fn report_of(operation: &Operation, news: &News, held: &[Held]) -> (Option<Report>, Vec<Held>) {
    match news {
        News::Seen(seen, end) => {
            let mirrored = mirror::mirror(operation, seen.as_deref(), *end, held);
            (mirrored.report, mirrored.held)
        }
        News::Trouble(words) => {
            let is_known = operation.progress.message.as_ref() == Some(words);
            let report = Report {
                fence: operation.fence,
                progress: Progress {
                    percent: None,
                    message: Some(words.clone()),
                },
                ..Report::default()
            };
            ((!is_known).then_some(report), held.to_vec())
        }
        News::Order => (None, held.to_vec()),
    }
}

/// Nobody follows the task any more. The task itself goes on.
fn given_in(fence: u64) -> Report {
    Report {
        fence,
        finish: Some(Finish {
            status: FinishStatus::Cancelled,
            output: None,
            error: None,
        }),
        ..Report::default()
    }
}
