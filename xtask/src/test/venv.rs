//! A Python of the project's own, with the vendors' SDKs in it at pinned versions.

use super::debian;
use crate::cargo::root;
use crate::{say, shell};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a Python and the packages of a list, all of them pinned.
#[derive(Clone, Copy)]
pub(crate) struct Venv {
    folder: &'static str,
    requirements: &'static str,
}

/// The vendors' SDKs.
pub(crate) const SDKS: Venv = Venv {
    folder: "venv",
    requirements: "tests/sdk/requirements.txt",
};
/// Pytest, for the fixture of the Python package.
pub(crate) const PYTEST: Venv = Venv {
    folder: "venv-pytest",
    requirements: "tests/python/requirements.txt",
};
/// Tencent's command line: 665 MB, and apart because it brings other versions of the same SDKs.
pub(crate) const TCCLI: Venv = Venv {
    folder: "venv-tccli",
    requirements: "tests/sdk/tccli.txt",
};
/// Names that a Python may go by: the system's own first.
const NAMES: [&str; 5] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
];
/// Fails in a Python that is too old for the pinned packages, or cannot make a folder with a pip of its own.
const CHECK: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// A program of such a folder. The folder is made again only when the list of packages has changed.
pub(crate) fn program(target: &Path, venv: Venv, name: &str) -> Result<PathBuf> {
    let requirements = venv.requirements;
    let wanted = fs::read_to_string(root().join(requirements))
        .with_context(|| format!("could not read {requirements}"))?;
    let folder = target.join(venv.folder);
    let python = folder.join("bin/python");
    if is_current(&folder, &wanted) && shell::succeeds(Command::new(&python).arg("--version")) {
        say::line(format_args!("{} is up to date", folder.display()));
    } else {
        say::line(format_args!("{} is made anew", folder.display()));
        make(&folder, &python, venv, &wanted)?;
    }
    Ok(folder.join("bin").join(name))
}

/// Whether the folder was made, to the end, from this list.
fn is_current(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(mark(folder)).is_ok_and(|made_from| made_from == wanted)
}

/// A copy of the list that the folder was made from. It is written last.
fn mark(folder: &Path) -> PathBuf {
    folder.join("requirements.txt")
}

fn make(folder: &Path, python: &Path, venv: Venv, wanted: &str) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("could not remove the old folder")?;
    }
    let system = system_python()?;
    shell::run(Command::new(system).args(["-m", "venv"]).arg(folder))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--requirement",
    ];
    shell::run(
        Command::new(python)
            .args(pip)
            .arg(root().join(venv.requirements)),
    )?;
    fs::write(mark(folder), wanted).context("could not write into the new folder")
}

/// A Python of the machine that will do, installed if there is none.
fn system_python() -> Result<&'static str> {
    if let Some(name) = find() {
        return Ok(name);
    }
    let why = "the tests need Python 3.11 or newer with venv and pip";
    debian::install(why, &["python3", "python3-venv", "python3-pip"])?;
    find().with_context(|| format!("{why}, and the system's packages bring an older one"))
}

fn find() -> Option<&'static str> {
    NAMES
        .into_iter()
        .find(|name| shell::succeeds(Command::new(name).args(["-c", CHECK])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that was left half made, or was made from another list, is not taken for a good one.
    #[test]
    fn only_a_finished_folder_is_current() {
        let folder = std::env::temp_dir().join(format!("longrun-xtask-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(!is_current(&folder, "six==1.17.0\n"));
        fs::write(mark(&folder), "six==1.16.0\n").unwrap();
        assert!(!is_current(&folder, "six==1.17.0\n"));
        fs::write(mark(&folder), "six==1.17.0\n").unwrap();
        assert!(is_current(&folder, "six==1.17.0\n"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
