//! `longrun get TARGET`: asks once.

use super::aim::Aim;
use super::ending::clock_words;
use super::follow::POLL_PATIENCE;
use super::plan::{CloudArgs, Planner};
use super::report;
use super::target::Target;
use super::view::View;
use crate::client::ServerArgs;
use crate::commands::one;
use crate::exit::Outcome;
use crate::out;
use longrun_dialects::{QueryError, Retry};
use longrun_engine::Clock;
use longrun_model::Timestamp;
use longrun_poller::Answer;
use longrun_server::SystemClock;
use longrun_server::clouds::Task;
use serde::Serialize;

/// The arguments of `longrun get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The operation's id, or a cloud's task as `longrun wait` takes it
    #[arg(value_name = "TARGET")]
    target: Target,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cloud: CloudArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Shows how a target stands.
pub(crate) async fn get(args: Args) -> anyhow::Result<Outcome> {
    match args.target.clone() {
        Target::Operation(id) => {
            one::get(&id, args.json, &args.server).await?;
            Ok(Outcome::Succeeded)
        }
        Target::Task(task) => {
            let aim = Planner::new(&args.cloud)?.aim(task.clone())?;
            show(&aim, task, args.json).await
        }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    target: String,
    #[serde(flatten)]
    view: &'a View,
}

async fn show(aim: &Aim, task: Task, as_json: bool) -> anyhow::Result<Outcome> {
    let target = Target::Task(task);
    let error = match ask(aim).await {
        Answer::Observed(seen) => {
            let view = View::from(&seen);
            if as_json {
                let target = target.to_string();
                let shown = Shown {
                    target,
                    view: &view,
                };
                out::line(&serde_json::to_string(&shown)?)?;
            } else {
                report::write_one(&target, &view)?;
            }
            return Ok(Outcome::Succeeded);
        }
        Answer::Lost(why) => {
            out::note(&format!("longrun: {target}: {why}"));
            return Ok(Outcome::Unreachable);
        }
        Answer::Refused { error, cloud_time } => refused_words(&error, cloud_time),
    };
    let (outcome, words) = error;
    out::note(&format!("longrun: {target}: {words}"));
    Ok(outcome)
}

/// Asks once; a cloud that refuses our clock and tells its own is asked again, by its own.
async fn ask(aim: &Aim) -> Answer {
    let answer = aim.ask(0, POLL_PATIENCE).await;
    match &answer {
        Answer::Refused {
            error,
            cloud_time: Some(there),
        } if error.retry == Retry::Clock => {
            let offset = there.millis_since(SystemClock.now());
            out::note(&clock_words(offset));
            aim.ask(offset, POLL_PATIENCE).await
        }
        Answer::Refused { .. } | Answer::Observed(_) | Answer::Lost(_) => answer,
    }
}

fn refused_words(error: &QueryError, cloud_time: Option<Timestamp>) -> (Outcome, String) {
    let outcome = match error.retry {
        Retry::Unknown => Outcome::Unknown,
        Retry::Forbidden | Retry::Clock => Outcome::Forbidden,
        Retry::Again { .. } | Retry::Never => Outcome::Unreachable,
    };
    let words = match cloud_time.filter(|_| error.retry == Retry::Clock) {
        Some(there) => format!(
            "{}; {error}",
            clock_words(there.millis_since(SystemClock.now()))
        ),
        None => error.to_string(),
    };
    (outcome, words)
}
