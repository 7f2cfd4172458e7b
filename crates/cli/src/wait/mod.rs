//! `longrun wait` and `longrun get`: operations of a server and tasks of clouds, in any mix.
//!
//! A target is asked for until it has ended, whatever single polls come to; only the end of the wait ends that sooner.
//! When to ask is `longrun-poller`'s to say, how to ask the dialects'; here are the sockets, the clock and the screen.

mod aim;
mod bars;
mod ending;
mod follow;
mod once;
pub(crate) mod plan;
mod report;
mod rows;
mod screen;
pub(crate) mod target;
mod view;

pub(crate) use once::{Args as GetArgs, get};

use crate::client::{Client, ServerArgs};
use crate::environment::environment;
use crate::exit::Outcome;
use crate::exports::quoted;
use crate::out;
use crate::signals::{self, Halt};
use aim::Aim;
use ending::Ending;
use follow::Follower;
use longrun_emulator::Recorder;
use longrun_engine::Clock;
use longrun_server::SystemClock;
use plan::{CloudArgs, Planner};
use screen::Screen;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use target::Target;
use tokio::task::JoinSet;

/// The arguments of `longrun wait`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 succeeded, 1 failed, 2 usage, 3 partly succeeded, 4 cancelled, 5 timed out waiting, \
6 unknown or expired, 7 not allowed, 8 could not be reached; of several targets the worst. \
130 if it was interrupted.")]
pub(crate) struct Args {
    /// An operation id of the server, or a cloud's task: tencent-bm:ID, tencent-vpc:ID, tencent-bm3:ID,
    /// tencent-vpc3:ID, alibaba-bpstudio:ID, huawei-elb:ID, huawei-ecs:ID, huawei-evs:ID
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<Target>,
    /// How long to wait
    #[arg(long, value_name = "SPAN", default_value = "30m", value_parser = longrun_scenario::parse_ms)]
    timeout: i64,
    /// Wait until one target has ended, however it ended
    #[arg(long, conflicts_with = "all")]
    any: bool,
    /// Wait until all targets have ended; this is the default
    #[arg(long)]
    all: bool,
    /// Write JSON, one line for each change and each end, for programs
    #[arg(long)]
    json: bool,
    /// Write down what clouds answer to polls, as lines of JSON that `longrun emulate --replay` plays back
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    cloud: CloudArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Waits for the targets.
pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    let mut targets = args.targets.clone();
    let mut known = std::collections::HashSet::new();
    targets.retain(|target| known.insert(target.to_string()));
    let aims = aims(&args, &targets)?;
    let names = targets.iter().map(Target::to_string).collect();
    let wait = Wait {
        screen: Arc::new(Screen::new(names, args.json)),
        endings: targets.iter().map(|_| None).collect(),
        ends_at_first: args.any,
    };
    let came = wait.until_over(aims, args.timeout).await?;
    if came.is_interrupted {
        say_how_to_go_on(&args, &targets, &came.endings);
        return Ok(Outcome::Interrupted);
    }
    if !args.json {
        report::write(&targets, &came.endings)?;
    }
    Ok(came.outcome(args.any))
}

/// One target, ready to be asked for.
enum Aimed {
    Operation(Client, String),
    Task(Box<Aim>),
}

fn aims(args: &Args, targets: &[Target]) -> anyhow::Result<Vec<Aimed>> {
    let mut planner = Planner::new(&args.cloud)?;
    let recorder = args.record.as_deref().map(Recorder::create);
    let recorder = recorder.transpose()?.map(Arc::new);
    let aim = |target: &Target| match target {
        Target::Operation(id) => {
            let client = args.server.client(&environment)?;
            if args.cloud.verbose {
                out::note(&format!("{id}: asking at {}", client.server()));
            }
            Ok(Aimed::Operation(client, id.clone()))
        }
        Target::Task(task) => {
            let aim = planner.aim(task.clone())?;
            Ok(Aimed::Task(Box::new(Aim {
                recorder: recorder.clone(),
                ..aim
            })))
        }
    };
    targets.iter().map(aim).collect()
}

/// A wait for several targets.
struct Wait {
    screen: Arc<Screen>,
    endings: Vec<Option<Ending>>,
    ends_at_first: bool,
}

/// How far the wait came.
struct Came {
    /// For each target, how the wait for it ended.
    endings: Vec<Option<Ending>>,
    is_interrupted: bool,
}

impl Wait {
    /// Waits until nothing is left to wait for, or somebody wants to leave.
    async fn until_over(mut self, aims: Vec<Aimed>, millis: i64) -> anyhow::Result<Came> {
        let mut halt = signals::watch()?;
        let deadline = SystemClock.now().plus_millis(millis);
        let mut followers = JoinSet::new();
        for (index, aim) in aims.into_iter().enumerate() {
            let screen = Arc::clone(&self.screen);
            followers.spawn(async move {
                let follower = Follower {
                    index,
                    deadline,
                    screen: &screen,
                };
                let ending = match aim {
                    Aimed::Operation(client, id) => follower.operation(&client, &id).await?,
                    Aimed::Task(aim) => follower.task(&aim).await?,
                };
                Ok::<_, io::Error>((index, ending))
            });
        }
        let mut is_interrupted = false;
        while !followers.is_empty() && !is_interrupted {
            tokio::select! {
                () = signals::at_least(&mut halt, Halt::Soon) => is_interrupted = true,
                Some(joined) = followers.join_next() => {
                    let (index, ending) = joined??;
                    self.screen.ended(index, &ending)?;
                    let is_enough = self.ends_at_first && ending.is_final;
                    self.endings[index] = Some(ending);
                    if is_enough {
                        break;
                    }
                }
            }
        }
        self.screen.leave();
        Ok(Came {
            endings: self.endings,
            is_interrupted,
        })
    }
}

impl Came {
    /// What the exit status tells of all of them.
    fn outcome(&self, ends_at_first: bool) -> Outcome {
        let mut endings = self.endings.iter().flatten();
        let first_end = endings.clone().find(|ending| ending.is_final);
        match first_end {
            // What became of the others was not waited for.
            Some(end) if ends_at_first => end.outcome,
            Some(_) | None => Outcome::worst(endings.by_ref().map(|ending| ending.outcome)),
        }
    }
}

/// Tells what is left to wait for, and how.
fn say_how_to_go_on(args: &Args, targets: &[Target], endings: &[Option<Ending>]) {
    let pairs = targets.iter().zip(endings);
    let left: Vec<String> = pairs
        .filter(|(_, ending)| ending.is_none())
        .map(|(target, _)| quoted(&target.to_string()))
        .collect();
    let flags = [
        ("--endpoint", &args.cloud.endpoint),
        ("--region", &args.cloud.region),
        ("--profile", &args.cloud.profile),
        ("--project", &args.cloud.project),
        ("--resource-group", &args.cloud.resource_group),
        ("--server", &args.server.server),
    ];
    let flags = flags.into_iter().filter_map(|(name, value)| {
        let value = quoted(value.as_deref()?);
        Some(format!(" {name} {value}"))
    });
    let switches = [("--any", args.any), ("--json", args.json)];
    let switches = switches.iter().filter(|(_, is_set)| *is_set);
    let flags: String = flags
        .chain(switches.map(|(name, _)| format!(" {name}")))
        .collect();
    out::note(&format!(
        "left; what was waited for goes on. To wait for it again:\n  longrun wait{flags} {}",
        left.join(" ")
    ));
}
