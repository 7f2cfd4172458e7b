//! `cargo xtask tidy`: the rules of this project that no compiler knows.
//!
//! Each rule is a function from what is there to what is wrong with it, so that its test needs no files.

mod arrows;
mod documents;
mod manifests;
mod places;
mod purity;
mod sources;
mod text;

use crate::cargo::metadata;
use crate::say;
use anyhow::{Result, ensure};
use sources::Sources;
use std::fmt;
use std::process::ExitCode;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    /// About one line; the first has number 1.
    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }

    /// About a whole file, or one that is missing.
    fn about(path: &str, what: impl Into<String>) -> Self {
        Self::at(path, 1, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Prints every finding.
pub(crate) fn run() -> Result<ExitCode> {
    check()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints every finding, and fails if there are any.
pub(crate) fn check() -> Result<()> {
    let mut findings = findings()?;
    findings.sort();
    for finding in &findings {
        say::line(finding);
    }
    ensure!(findings.is_empty(), "tidy: {} to mend", findings.len());
    say::line("tidy: nothing to mend");
    Ok(())
}

fn findings() -> Result<Vec<Finding>> {
    let sources = Sources::read()?;
    let packages = metadata()?.packages;
    Ok([
        arrows::check(&packages, &sources),
        purity::check(&packages, purity::tree)?,
        manifests::check(&packages, &sources),
        text::check(&sources),
        places::check(&sources),
        documents::check(&sources),
    ]
    .concat())
}
