//! The project's own commands, started as `cargo xtask`.
//!
//! What a fresh clone needs to be judged is here: the rules that no compiler knows (`tidy`), and every check and test in
//! one go (`test`). Nothing in here is part of the program that users run.

mod cargo;
mod say;
mod shell;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Checks and tests of this project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Every check and test; installs what they need
    Test,
    /// The rules that no compiler knows: arrows between crates, purity, sizes, documents
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test => test::run(),
        Task::Tidy => tidy::run(),
    };
    done.unwrap_or_else(|error| {
        say::error(&error);
        ExitCode::FAILURE
    })
}
