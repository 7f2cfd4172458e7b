//! `longrun worker`.

use crate::client;
use crate::environment::{environment, switch};
use crate::usage::UsageError;
use crate::{logging, signals};
use longrun_model::limits::LEASE_MILLIS_MIN;
use longrun_worker::Worker;
use longrun_worker::command::CommandRunner;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

/// The arguments.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Args {
    /// The kind of operation to carry out; can be given several times
    #[arg(long = "kind", value_name = "KIND", required = true)]
    kinds: Vec<String>,
    /// How many commands run at once
    #[arg(long, value_name = "N", default_value = "1")]
    concurrency: NonZeroU16,
    /// How long an operation is ours when the server hears nothing of us
    #[arg(long, value_name = "MS", default_value = "15000", value_parser = clap::value_parser!(u64).range(LEASE_MILLIS_MIN.unsigned_abs()..))]
    lease_ms: u64,
    /// Write the log as JSON [env: LONGRUN_LOG_JSON; LONGRUN_LOG says how much of it]
    #[arg(long)]
    log_json: bool,
    #[command(flatten)]
    server: client::ServerArgs,
    /// What to run for each resource: {} stands for its id, its input is on stdin, the last line of stdout that is
    /// JSON is its output, and the exit status says whether it succeeded
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Works until a signal comes.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let log_json = args.log_json || switch(&environment, "LONGRUN_LOG_JSON")?.unwrap_or(false);
    logging::start("info", log_json)?;
    let runner = CommandRunner::new(args.command).map_err(|error| UsageError(error.to_string()))?;
    let client = args.server.client(&environment)?;
    let name = name();
    let halt = signals::watch()?;
    tracing::info!(server = client.server(), kinds = ?args.kinds, args.concurrency, name, "working");
    let worker = Worker::new(client.of_worker())
        .name(name)
        .concurrency(usize::from(args.concurrency.get()))
        .lease(Duration::from_millis(args.lease_ms));
    let runner = Arc::new(runner);
    let worker = args.kinds.into_iter().fold(worker, |worker, kind| {
        let runner = Arc::clone(&runner);
        worker.each_resource(kind, move |unit| Arc::clone(&runner).run(unit))
    });
    Ok(worker.run(halt).await?)
}

/// What people find in the history: the machine and the process.
fn name() -> String {
    let machine = rustix::system::uname();
    format!(
        "{}-{}",
        machine.nodename().to_string_lossy(),
        std::process::id()
    )
}
