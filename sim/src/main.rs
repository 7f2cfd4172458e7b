//! Runs one seed, or as many as are asked for: `longrun-sim FIRST [COUNT]`.

use longrun_sim::{Setting, run};
use std::process::ExitCode;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program for people"
)]
fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|it| it.parse().ok())
        .collect();
    let (first, count) = match numbers.as_slice() {
        [first] => (*first, 1),
        [first, count] => (*first, *count),
        _ => {
            eprintln!("usage: longrun-sim FIRST_SEED [COUNT]");
            return ExitCode::from(2);
        }
    };
    for seed in first..first.saturating_add(count) {
        match run(seed, &Setting::default()) {
            Ok(story) => println!("{seed}: {story:?}"),
            Err(violation) => {
                println!("{seed}: {violation}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
