//! Measures `longrun` against what the machine could do at best: a bare server that does nothing but HTTP, SQLite that
//! does nothing but write the same rows, a signature that is only checked. All on the same machine, in the same run:
//! a figure alone says little on a machine that others share; the ratio says much.

mod apart;
mod bare;
mod batches;
mod chart;
mod cpu;
mod flow;
mod footprint;
mod growth;
mod large;
mod latency;
mod limits;
mod load;
mod open;
mod plan;
mod process;
mod profile;
mod report;
mod scenarios;
mod setup;
mod shared;
mod slow_disk;
mod tracked;
mod wire;

use clap::{Args, Parser, Subcommand};
use longrun_bench::micro;
use plan::Plan;
use report::Report;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Runs the scenarios, prints a table and leaves JSON lines and charts in a folder.
    Run(Run),
    /// The bare server: answers every GET with a fixed JSON and every POST with what it was sent.
    Bare {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
        /// How long the fixed JSON is.
        #[arg(long)]
        bytes: usize,
    },
    /// Runs one small step a number of times and does nothing else, for tools that count instructions.
    Micro {
        /// Its name; without one, all names are printed.
        case: Option<String>,
        /// How often.
        #[arg(default_value_t = 0)]
        times: u32,
    },
}

#[derive(Args)]
struct Run {
    /// The program to measure.
    #[arg(long)]
    program: PathBuf,
    /// Where the figures and the charts go.
    #[arg(long)]
    out: PathBuf,
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Rounds of each pair; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections that send at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Only scenarios whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Grow the store to ten million operations.
    #[arg(long)]
    full: bool,
    /// Take a profile of the server under this scenario's load, and measure nothing else.
    #[arg(long)]
    profile: Option<String>,
    /// A PostgreSQL server to measure on too, whose user may make databases.
    #[arg(long, requires = "postgres_process")]
    postgres: Option<String>,
    /// Its first process, on this machine.
    #[arg(long)]
    postgres_process: Option<u32>,
    /// How many operations the database is grown to.
    #[arg(long, default_value_t = 200_000)]
    growth: u32,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        What::Run(run) => measure(run),
        What::Bare { listen, bytes } => bare::serve(listen, bytes),
        What::Micro { case, times } => small_steps(case.as_deref(), times),
    }
}

fn measure(run: Run) -> anyhow::Result<()> {
    let postgres = run.postgres.zip(run.postgres_process);
    let postgres = postgres.map(|(url, process)| shared::Postgres { url, process });
    let plan = Plan {
        program: run.program,
        seconds: run.seconds,
        rounds: run.rounds,
        connections: run.connections,
        only: run.profile.clone().or(run.only),
        full: run.full,
        report: Report::new(&run.out)?,
    };
    if run.profile.is_some() {
        return profile::run(&plan);
    }
    footprint::run(&plan)?;
    scenarios::run(&plan)?;
    batches::run(&plan)?;
    latency::run(&plan)?;
    slow_disk::run(&plan)?;
    large::run(&plan)?;
    growth::run(&plan)?;
    tracked::run(&plan)?;
    if let Some(postgres) = postgres {
        shared::run(&plan, &postgres)?;
        shared::growth(&plan, &postgres, run.growth)?;
    }
    chart::throughput(&plan.report)
}

fn small_steps(case: Option<&str>, times: u32) -> anyhow::Result<()> {
    let Some(name) = case else {
        for case in micro::cases() {
            report::tell(&case.name);
        }
        return Ok(());
    };
    let case = micro::cases().into_iter().find(|case| case.name == name);
    let mut case = case.ok_or_else(|| anyhow::anyhow!("no step is called `{name}`"))?;
    for _ in 0..times {
        (case.step)();
    }
    Ok(())
}
