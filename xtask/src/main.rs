//! The project's own commands, started as `cargo xtask`.
//!
//! What a fresh clone needs to be judged is here: the rules that no compiler knows (`tidy`), and every check and test in
//! one go (`test`). Nothing in here is part of the program that users run.

mod bench;
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
    /// Tests that can be larger, at their whole size
    Stress {
        /// Parts of the names of tests, in place of all that can be larger
        names: Vec<String>,
    },
    /// Figures beside what the machine could do at best; charts go to target/bench
    Bench {
        /// For the benchmark itself: `--only submit`, `--seconds 5`, `--full`, `--profile "poll tencent-bm"`; or `--micro`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The rules that no compiler knows: arrows between crates, purity, sizes, documents
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test => test::run(),
        Task::Stress { names } => test::stress(&names),
        Task::Bench { arguments } => bench::run(&arguments),
        Task::Tidy => tidy::run(),
    };
    done.unwrap_or_else(|error| {
        say::error(&error);
        ExitCode::FAILURE
    })
}
