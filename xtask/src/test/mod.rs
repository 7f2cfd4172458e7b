//! `cargo xtask test`: every check and test, cheapest first, ending at the first step that fails.
//!
//! What a step needs and a machine may lack is set up by a module of its own beside this one ([`venv`], [`chromium`],
//! [`postgres`]); it is called here, and hands the tests a variable.

mod build;
mod chromium;
mod counts;
mod debian;
pub(crate) mod postgres;
mod runners;
mod venv;

use crate::cargo::{cargo, metadata};
use crate::{say, shell, tidy};
use anyhow::Result;
use std::process::ExitCode;

/// Runs every check and test. The last line says how many tests passed and failed.
pub(crate) fn run() -> Result<ExitCode> {
    say::heading("tidy: the rules that no compiler knows");
    tidy::check()?;
    say::heading("fmt: every file is formatted");
    shell::run(&mut cargo(["fmt", "--all", "--check"]))?;
    say::heading("deny: licences, sources and versions of dependencies");
    deny()?;
    say::heading("clippy: no warnings");
    shell::run(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "--deny=warnings",
    ]))?;
    say::heading("build: the program `longrun`");
    let program = build::longrun()?;
    say::line(program.display());
    say::heading("python: the vendors' SDKs");
    let target = metadata()?.target_directory;
    let python = venv::program(&target, venv::SDKS, "python")?;
    say::heading("python: pytest");
    let pytest = venv::program(&target, venv::PYTEST, "python")?;
    say::heading("tccli: Tencent's command line");
    let tccli = venv::program(&target, venv::TCCLI, "tccli")?;
    say::heading("chromium: a browser");
    let driver = chromium::driver()?;
    say::line(driver.display());
    say::heading("postgres: a cluster for the tests");
    let cluster = postgres::start(&metadata()?.target_directory)?;
    say::heading("test: all of them");
    let counts = runners::run(&[
        ("LONGRUN_BIN", program.as_os_str()),
        ("LONGRUN_TEST_PYTHON", python.as_os_str()),
        ("LONGRUN_TEST_TCCLI", tccli.as_os_str()),
        ("LONGRUN_TEST_PYTEST", pytest.as_os_str()),
        ("LONGRUN_TEST_CHROMEDRIVER", driver.as_os_str()),
        ("LONGRUN_TEST_POSTGRES", cluster.url()),
        ("LONGRUN_TEST_POSTGRES_PROGRAMS", cluster.programs()),
    ])?;
    drop(cluster);
    say::line(format_args!("\n{counts}"));
    Ok(counts.exit_code())
}

/// The tests that can be larger, as large as they should be run at least once. They say on their own what they measure.
const LARGER: &[&str] = &["postgres::fire", "killing"];

/// Runs those tests that can be larger at their whole size, or others that are named.
pub(crate) fn stress(names: &[String]) -> Result<ExitCode> {
    say::heading("build: the program `longrun`");
    let program = build::longrun()?;
    say::heading("postgres: a cluster for the tests");
    let cluster = postgres::start(&metadata()?.target_directory.join("stress"))?;
    say::heading("stress: at their whole size");
    let mut tests = cargo(["test", "--package=longrun-tests", "--test=it", "--"]);
    tests.arg("--nocapture").args(names);
    if names.is_empty() {
        tests.args(LARGER);
    }
    tests
        .env("LONGRUN_TEST_WHOLE", "1")
        .env("LONGRUN_BIN", program)
        .env("LONGRUN_TEST_POSTGRES", cluster.url())
        .env("LONGRUN_TEST_POSTGRES_PROGRAMS", cluster.programs());
    shell::run(&mut tests)?;
    Ok(ExitCode::SUCCESS)
}

/// Only where cargo-deny is installed: it takes longer to build than all the rest, and what it watches changes only
/// with Cargo.lock.
fn deny() -> Result<()> {
    if shell::succeeds(&mut cargo(["deny", "--version"])) {
        return shell::run(&mut cargo(["deny", "check", "bans", "licenses", "sources"]));
    }
    say::line("left out: cargo-deny is not installed (`cargo install --locked cargo-deny`)");
    Ok(())
}
