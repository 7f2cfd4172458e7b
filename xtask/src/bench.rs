//! `cargo xtask bench`: builds the program and the benchmark as users run them, and measures one with the other.

use crate::cargo::{cargo, metadata};
use crate::test::postgres;
use crate::{say, shell};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How often a step is done while its instructions are counted; the second count less the first leaves out the start.
const TIMES: [u64; 2] = [100, 600];

/// Measures. What follows on the command line goes to the benchmark as it is, for example `--only submit`; `--micro`
/// counts the instructions of small steps instead, and `--profile SCENARIO` needs names of functions in the program.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--micro") {
        return micro();
    }
    let profiling = arguments.iter().any(|argument| argument == "--profile");
    let built = build(if profiling { "profiling" } else { "release" })?;
    let out = metadata()?.target_directory.join("bench");
    say::heading("postgres: a cluster for the benchmark, as durable as PostgreSQL is by itself");
    let cluster = postgres::start(&out)?;
    say::heading("bench: beside what the machine could do at best, in the same run");
    let mut bench = Command::new(built.join("longrun-bench"));
    bench
        .args(["run", "--program"])
        .arg(built.join("longrun"))
        .arg("--out")
        .arg(&out)
        .arg("--postgres")
        .arg(cluster.url())
        .args(["--postgres-process", &cluster.process()?.to_string()])
        .args(arguments);
    shell::run(&mut bench)?;
    say::line(format_args!("figures and charts: {}", out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Builds both programs and tells where they are.
fn build(profile: &str) -> Result<PathBuf> {
    say::heading("build: the program and the benchmark");
    let packages = ["--package=longrun", "--package=longrun-bench"];
    shell::run(cargo(["build", "--profile", profile]).args(packages))?;
    Ok(metadata()?.target_directory.join(profile))
}

/// Counts the instructions of each small step: the same on every run, however busy the machine is.
fn micro() -> Result<ExitCode> {
    let bench = build("release")?.join("longrun-bench");
    ensure!(
        shell::succeeds(Command::new("valgrind").arg("--version")),
        "`valgrind` is not installed; on Debian it is in the package valgrind"
    );
    say::heading("micro: instructions of each step, counted by callgrind");
    let names = Command::new(&bench).arg("micro").output()?.stdout;
    for name in String::from_utf8(names)?.lines() {
        let [few, many] = TIMES;
        let counted = instructions(&bench, name, many)? - instructions(&bench, name, few)?;
        say::line(format_args!("{name:<28}{:>10}", counted / (many - few)));
    }
    Ok(ExitCode::SUCCESS)
}

/// The instructions of a process that does the step this often.
fn instructions(bench: &Path, name: &str, times: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(bench)
        .args(["micro", name, &times.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "callgrind failed: {text}");
    let line = text.lines().find(|line| line.contains("Collected :"));
    let count = line.and_then(|line| line.split_whitespace().last());
    Ok(count
        .context("callgrind tells what it collected")?
        .parse()?)
}
