//! Measures `longrun` against a bare server: a process of its own that does nothing but HTTP, on the same machine, in
//! the same run, under the same load. A figure alone says little on a machine that others share; the ratio says much.

mod bare;
mod extras;
mod flow;
mod load;
mod process;
mod scenarios;
mod setup;
mod wire;

use clap::{Parser, Subcommand};
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
    /// Runs the scenarios and prints a table.
    Run {
        /// The program to measure.
        #[arg(long)]
        program: PathBuf,
        /// Seconds of load in each round.
        #[arg(long, default_value_t = 2.0)]
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
    },
    /// The bare server: answers every GET with a fixed JSON and every POST with what it was sent.
    Bare {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
        /// How long the fixed JSON is.
        #[arg(long)]
        bytes: usize,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        What::Run {
            program,
            seconds,
            rounds,
            connections,
            only,
        } => scenarios::run(&scenarios::Plan {
            program,
            seconds,
            rounds,
            connections,
            only,
        }),
        What::Bare { listen, bytes } => bare::serve(listen, bytes),
    }
}
