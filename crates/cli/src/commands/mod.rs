//! The commands, each with its arguments.

pub(crate) mod backup;
pub(crate) mod bulk;
pub(crate) mod check;
pub(crate) mod emulate;
pub(crate) mod events;
mod follow;
pub(crate) mod keys;
mod keys_local;
pub(crate) mod list;
pub(crate) mod migrate;
pub(crate) mod one;
mod place;
mod progress;
pub(crate) mod serve;
pub(crate) mod shell;
mod show;
pub(crate) mod submit;
pub(crate) mod track;
pub(crate) mod work;

use crate::args::{Cli, Command};
use crate::demo;
use crate::exit::Outcome;
use crate::wait;
use clap::CommandFactory;

/// Runs a command.
pub(crate) async fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Demo(args) => demo::run(args).await?,
        Command::Serve(args) => return serve::run(args).await,
        Command::Emulate(args) => return emulate::run(args).await,
        Command::Submit(args) => return submit::run(args).await,
        Command::Track(args) => return track::run(args).await,
        Command::Get(args) => return wait::get(args).await,
        Command::Wait(args) => return wait::run(args).await,
        Command::List(args) => list::run(&args).await?,
        Command::Bulk(args) => bulk::run(&args).await?,
        Command::Cancel(args) => one::cancel(&args).await?,
        Command::Events(args) => events::run(&args).await?,
        Command::Delete(args) => one::delete(&args).await?,
        Command::Backup(args) => backup::run(args)?,
        Command::Check(args) => return check::run(args).await,
        Command::Migrate(args) => migrate::run(args).await?,
        Command::Keys(args) => keys::run(args).await?,
        Command::Worker(args) => work::run(args).await?,
        Command::Completions(args) => shell::completions(&args, Cli::command())?,
        Command::Man => shell::man(Cli::command())?,
        Command::Digest(args) => demo::digest(&args)?,
    }
    Ok(Outcome::Succeeded)
}
