//! Pure crates stay pure: nothing that they are built from does IO, waits, or draws random numbers.
//!
//! Clippy's list of disallowed methods keeps clocks out of our own lines; this keeps the rest out of the crates that
//! they stand on.

use super::Finding;
use crate::cargo::{Package, cargo};
use crate::shell;
use anyhow::Result;

/// The crates that must be replayable.
const PURE: [&str; 4] = [
    "longrun-model",
    "longrun-dialects",
    "longrun-poller",
    "longrun-scenario",
];

/// Crates that open sockets, files or databases, run tasks, or ask the system for chance.
const IMPURE: [&str; 24] = [
    "async-std",
    "axum",
    "curl",
    "fastrand",
    "getrandom",
    "h2",
    "hyper",
    "hyper-util",
    "mio",
    "native-tls",
    "openssl",
    "postgres",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "ureq",
];

/// Finds what pure crates must not be built from. `tree` lists the crates that one is built from.
pub(super) fn check(
    packages: &[Package],
    tree: impl Fn(&str) -> Result<String>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in packages {
        if PURE.contains(&package.name.as_str()) {
            let manifest = package.manifest();
            let tree = tree(&package.name)?;
            findings.extend(impure(&tree).map(|name| {
                let what = format!("`{}` is pure and must not reach `{name}`", package.name);
                Finding::about(&manifest, what)
            }));
        }
    }
    Ok(findings)
}

/// The crates in a tree, a line each, that are impure.
fn impure(tree: &str) -> impl Iterator<Item = &'static str> {
    IMPURE.into_iter().filter(|impure| {
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        names.into_iter().any(|name| name == *impure)
    })
}

/// Everything that a crate is built from when it is built alone, with the features that it asks for by itself. What
/// only its tests or build scripts use is left out.
pub(super) fn tree(package: &str) -> Result<String> {
    shell::output(&mut cargo([
        "tree",
        "--edges=normal",
        "--prefix=none",
        "--package",
        package,
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::root;

    #[test]
    fn a_pure_crate_reaches_nothing_impure() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            manifest_path: root().join("crates/it/Cargo.toml"),
            dependencies: Vec::new(),
        };
        let packages = [package("longrun-model"), package("longrun-engine")];
        for (tree, findings) in [
            (
                "longrun-model v0.1.0\naes v0.9.1\nrand_core v0.9.0\n",
                vec![],
            ),
            (
                "longrun-model v0.1.0\ntokio v1.48.0\nmio v1.1.0 (*)\n",
                vec![
                    "crates/it/Cargo.toml:1: `longrun-model` is pure and must not reach `mio`",
                    "crates/it/Cargo.toml:1: `longrun-model` is pure and must not reach `tokio`",
                ],
            ),
        ] {
            let found = check(&packages, |_| Ok(tree.to_owned())).unwrap();
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, findings, "{tree}");
        }
    }

    #[test]
    fn the_tree_of_a_crate_begins_with_it() {
        assert!(tree("xtask").unwrap().starts_with("xtask v"));
    }
}
