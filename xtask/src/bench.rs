//! `cargo xtask bench`: builds the program and the benchmark as users run them, and measures one with the other.

use crate::cargo::{cargo, metadata};
use crate::{say, shell};
use anyhow::Result;
use std::process::{Command, ExitCode};

/// Measures. What follows on the command line goes to the benchmark as it is, for example `--only submit`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    say::heading("build: the program and the benchmark");
    let packages = ["--package=longrun", "--package=longrun-bench"];
    shell::run(cargo(["build", "--release"]).args(packages))?;
    let built = metadata()?.target_directory.join("release");
    say::heading("bench: beside a server that does nothing but HTTP, in the same run");
    let mut bench = Command::new(built.join("longrun-bench"));
    bench
        .args(["run", "--program"])
        .arg(built.join("longrun"))
        .args(arguments);
    shell::run(&mut bench)?;
    Ok(ExitCode::SUCCESS)
}
