//! The files of the project: those in git, and those that would be added to it.

use crate::cargo::root;
use crate::shell;
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;

/// Every file that is text.
#[derive(Default)]
pub(super) struct Sources(Vec<File>);

/// A file.
pub(super) struct File {
    /// Its path from the root of the workspace on.
    pub(super) path: String,
    /// What it holds.
    pub(super) text: String,
}

impl Sources {
    /// Reads them all.
    pub(super) fn read() -> Result<Self> {
        let listed = shell::output(
            Command::new("git")
                .current_dir(root())
                // In a container the checkout often belongs to another user.
                .args(["-c", "safe.directory=*", "ls-files", "-z"])
                .args(["--cached", "--others", "--exclude-standard"]),
        )
        .context("tidy learns from git which files there are")?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            // One that is listed and was deleted is not there; one that is no text has no lines.
            if let Ok(text) = fs::read_to_string(root().join(path)) {
                let path = path.to_owned();
                files.push(File { path, text });
            }
        }
        Ok(Self(files))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &File> {
        self.0.iter()
    }

    /// The file with this path.
    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }
}

impl File {
    /// Its lines and their numbers, from 1 on.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Whether its name ends in one of these.
    pub(super) fn ends_in(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.path.ends_with(ending))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Sources {
    fn from(files: [(&str, &str); N]) -> Self {
        let file = |(path, text): (&str, &str)| File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Self(files.into_iter().map(file).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_one_of_them() {
        let sources = Sources::read().unwrap();
        let own = sources.get("xtask/src/tidy/sources.rs").unwrap();
        let first = own.lines().next();
        assert!(first.is_some_and(|(number, line)| number == 1 && line.starts_with("//!")));
    }
}
