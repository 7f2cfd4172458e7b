//! The program `longrun`.
//!
//! It serves operations, submits and shows them, carries them out, and keeps the keys. Everything that it knows about
//! operations it asks a server; besides the server it is the one place that reads a clock, draws random numbers and
//! holds secrets. Answers go to stdout, progress and errors to stderr, and the exit status tells a script how it went.

mod args;
mod client;
mod commands;
mod credentials;
mod demo;
mod environment;
mod exit;
mod exports;
mod logging;
mod out;
mod room;
mod settings;
mod signals;
mod table;
mod terminal;
mod usage;
mod wait;

use args::{Cli, Command};
use exit::Outcome;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = run(args::typed()).unwrap_or_else(|error| {
        if out::reader_left(&error) {
            return Outcome::Succeeded;
        }
        out::complain(&error);
        if let Some(advice) = client::advice(&error, &environment::environment) {
            out::note(&format!("longrun: {advice}"));
        }
        Outcome::of_error(&error)
    });
    exit::status(outcome).into()
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    // A digest is begun once per file: it needs no runtime.
    if let Command::Digest(args) = cli.command {
        return demo::digest(&args).map(|()| Outcome::Succeeded);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(commands::run(cli.command));
    // Whatever still runs on a thread of its own has nothing to say any more.
    runtime.shutdown_background();
    outcome
}
