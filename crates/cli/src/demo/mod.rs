//! `longrun demo`: the whole of it, end to end, with nothing installed.
//!
//! A server on a store in a temporary folder, an operation whose resources are real files and one that does not exist,
//! a worker that runs a real command for each of them, and four clouds' dialects that are asked before, while and after.
//! The worker goes on only when everybody has looked, so that each step can be seen.

mod digest;
mod gate;
mod material;
mod polls;
mod screen;
mod stage;

pub(crate) use digest::{Args as DigestArgs, digest};

use crate::client::wire::{NewResource, Operation, Submission};
use crate::exports;
use crate::signals::{self, Halt};
use anyhow::{Context, bail};
use gate::Gate;
use longrun_model::Phase;
use longrun_worker::Worker;
use longrun_worker::command::CommandRunner;
use material::Material;
use polls::Polls;
use screen::Screen;
use stage::Stage;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The kind of the operation.
const KIND: &str = "sha256";
/// How long a call waits for a change.
const WAIT: Duration = Duration::from_secs(30);
/// How long the command takes at least, so that people can see it run.
const PACE_MS: u64 = 250;

/// The arguments.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Args {
    /// The files to work on; those of the current folder if none are named
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// End after the operation has ended, instead of serving until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// Where to listen [env: LONGRUN_LISTEN] [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, value_name = "ADDR", value_parser = crate::settings::place_to_listen)]
    listen: Option<SocketAddr>,
}

/// Shows everything, and serves until a signal comes.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut halt = signals::watch()?;
    let folder = tempfile::tempdir().context("there is no place for temporary files")?;
    let material = Material::choose(&args.paths, folder.path())?;
    let stage = Stage::start(args.listen, folder.path()).await?;
    let shown = tokio::select! {
        shown = show(&stage, &material, args.exit) => shown,
        () = signals::at_least(&mut halt, Halt::Soon) => Ok(()),
    };
    if shown.is_ok() && !args.exit {
        signals::at_least(&mut halt, Halt::Soon).await;
    }
    tokio::select! {
        () = stage.server.stop() => {}
        () = signals::at_least(&mut halt, Halt::Now) => {}
    }
    shown
}

async fn show(stage: &Stage, material: &Material, ends: bool) -> anyhow::Result<()> {
    let operation = submit(stage, material).await?;
    let screen = Screen::new(&operation);
    let polls = Polls::new(stage, &operation)?;
    introduce(&screen, stage, material, &operation)?;
    polls.show(&screen, "Nobody has begun").await?;
    let gate = Gate::default();
    let (teller, halt) = watch::channel(Halt::No);
    let work = worker(stage, &gate, command(material)?).run(halt);
    tokio::pin!(work);
    let ended = tokio::select! {
        ended = watch_over(stage, &operation, &screen, &polls, &gate) => ended?,
        end = &mut work => bail!("the worker ended before the operation did: {end:?}"),
    };
    teller.send_replace(Halt::Soon);
    work.await?;
    polls
        .show(&screen, &format!("It has ended: {}", ended.status))
        .await?;
    conclude(&screen, stage, &ended, ends)
}

async fn submit(stage: &Stage, material: &Material) -> anyhow::Result<Operation> {
    let resources = material.ids.iter().map(|id| NewResource {
        id: id.clone(),
        ..NewResource::default()
    });
    let submission = Submission {
        kind: KIND.to_owned(),
        resources: resources.collect(),
        project: stage.key.projects.first().cloned(),
        ..Submission::default()
    };
    Ok(stage.client.submit(&submission, None).await?.read()?)
}

/// A worker that stands before the gate with each unit.
fn worker(stage: &Stage, gate: &Gate, runner: CommandRunner) -> Worker {
    let (gate, runner) = (gate.clone(), Arc::new(runner));
    Worker::new(stage.client.of_worker())
        .name("demo")
        .each_resource(KIND, move |unit| {
            gate.clone().pass(Arc::clone(&runner), unit)
        })
}

/// The real command: this program, which can print the digest of a file.
fn command(material: &Material) -> anyhow::Result<CommandRunner> {
    let program = std::env::current_exe().context("this program cannot be found")?;
    let program = program
        .to_str()
        .context("this program lies under a name that is no text")?;
    let pace_ms = PACE_MS.to_string();
    let words = [program, "digest", "--pace-ms", &pace_ms, "--", "{}"].map(str::to_owned);
    Ok(CommandRunner::new(words)?.in_folder(material.folder.clone()))
}

/// Shows each change until the operation has ended. What it looks like then.
async fn watch_over(
    stage: &Stage,
    submitted: &Operation,
    screen: &Screen,
    polls: &Polls<'_>,
    gate: &Gate,
) -> anyhow::Result<Operation> {
    gate.open();
    let mut before = (0, 0);
    let mut since = submitted.version;
    loop {
        let operation: Operation = stage
            .client
            .operation_within(&submitted.id, WAIT, since)
            .await?
            .read()?;
        since = operation.version;
        screen.draw(&operation)?;
        if Phase::from_word(&operation.status).is_some_and(Phase::is_ended) {
            return Ok(operation);
        }
        let now = (operation.tally.succeeded, operation.tally.failed);
        if before.0 == 0 && now.0 > 0 {
            polls.show(screen, "One has succeeded").await?;
        }
        if before.1 == 0 && now.1 > 0 {
            polls.show(screen, "One has failed").await?;
        }
        if now != before {
            gate.open();
        }
        before = now;
    }
}

fn introduce(
    screen: &Screen,
    stage: &Stage,
    material: &Material,
    operation: &Operation,
) -> anyhow::Result<()> {
    let count = material.ids.len() - 1;
    screen.say(&format!(
        "Longrun serves at {}, from a store in a temporary folder.",
        stage.url
    ))?;
    screen.say(&format!(
        "Submitted {}: the SHA-256 of {count} {}, and of `{}`, which does not exist.",
        operation.id, material.what, material.missing
    ))
}

fn conclude(screen: &Screen, stage: &Stage, ended: &Operation, ends: bool) -> anyhow::Result<()> {
    screen.say("\nThese lines let your own SDK and your own shell ask as well:\n")?;
    for line in exports::lines(&stage.url, &stage.key) {
        screen.say(&line)?;
    }
    let (url, id) = (&stage.url, &ended.id);
    screen.say(&format!("\nThe API is at {url}/api/v1/operations/{id}"))?;
    screen.say(&format!(
        "A browser shows it at {url}/#/operations/{id} to whoever has the token."
    ))?;
    if !ends {
        screen.say("It stays up until Ctrl-C; then the store is removed.")?;
    }
    Ok(())
}
