//! Runs one seed, or as many as are asked for: `longrun-sim FIRST [COUNT] [memory|sqlite|shared]`.

use longrun_sim::{Setting, StoreKind, run};
use std::process::ExitCode;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program for people"
)]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (numbers, names): (Vec<&String>, Vec<&String>) =
        words.iter().partition(|word| word.parse::<u64>().is_ok());
    let numbers: Vec<u64> = numbers
        .iter()
        .filter_map(|word| word.parse().ok())
        .collect();
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let (Some((first, count)), Some(store)) = (range(&numbers), store(&names)) else {
        eprintln!("usage: longrun-sim FIRST_SEED [COUNT] [memory|sqlite|shared]");
        return ExitCode::from(2);
    };
    let setting = Setting {
        store,
        ..Setting::default()
    };
    for seed in first..first.saturating_add(count) {
        match run(seed, &setting) {
            Ok(told) => println!("{seed}: {told:?}"),
            Err(violation) => {
                println!("{seed}: {violation}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// The first seed, and how many.
fn range(numbers: &[u64]) -> Option<(u64, u64)> {
    match numbers {
        [first] => Some((*first, 1)),
        [first, count] => Some((*first, *count)),
        _ => None,
    }
}

fn store(names: &[&str]) -> Option<StoreKind> {
    match names {
        [] | ["memory"] => Some(StoreKind::Memory),
        ["sqlite"] => Some(StoreKind::Sqlite),
        ["shared"] => Some(StoreKind::Shared),
        _ => None,
    }
}
