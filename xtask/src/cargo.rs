//! Cargo, and what it knows of the workspace.

use crate::shell;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace, as far as it is needed here.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    /// Its crates.
    pub(crate) packages: Vec<Package>,
    /// Where everything is built.
    pub(crate) target_directory: PathBuf,
}

/// One crate of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Where its manifest lies.
    pub(crate) manifest_path: PathBuf,
    /// What it depends on, in whatever way.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// The crate.
    pub(crate) name: String,
    /// Its folder, if it is one of ours.
    pub(crate) path: Option<PathBuf>,
    /// What it is for, if not for the crate itself: `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Package {
    /// The manifest's path from the root of the workspace on.
    pub(crate) fn manifest(&self) -> String {
        let manifest = &self.manifest_path;
        let inside = manifest.strip_prefix(root()).unwrap_or(manifest);
        inside.to_string_lossy().into_owned()
    }
}

/// The folder of the workspace. Cargo says at every run where this crate lies: what it said when it built this program
/// may be true of another clone that is built in the same place.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let own = own.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = own.parent();
        root.expect("this crate lies in a folder of the workspace")
            .to_owned()
    })
}

/// A call of cargo.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(arguments);
    for (name, _) in std::env::vars_os() {
        if is_about_this_crate(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether cargo set this variable to describe the crate that it runs. Build scripts that look at such variables would
/// run again each time that cargo is called from here and from a shell in turn.
fn is_about_this_crate(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Asks cargo about the workspace.
pub(crate) fn metadata() -> Result<Metadata> {
    let json = shell::output(&mut cargo(["metadata", "--no-deps", "--format-version=1"]))?;
    serde_json::from_str(&json).context("could not read what `cargo metadata` says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_knows_this_crate() {
        let metadata = metadata().unwrap();
        let own = metadata.packages.iter().find(|one| one.name == "xtask");
        assert_eq!(own.unwrap().manifest(), "xtask/Cargo.toml");
    }
}
