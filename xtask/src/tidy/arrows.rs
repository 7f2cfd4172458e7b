//! Arrows between crates point one way: down this table.

use super::Finding;
use super::sources::{File, Sources};
use crate::cargo::{Dependency, Package};

/// Each crate of ours, and those of ours that it may use. A crate stands in the table because something must not be
/// reachable from it; a new one is added together with what it may use.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("longrun-model", &[]),
    ("longrun-dialects", &["longrun-model"]),
    ("longrun-poller", &["longrun-dialects", "longrun-model"]),
    ("longrun-scenario", &["longrun-dialects", "longrun-model"]),
    ("longrun-store", &["longrun-model"]),
    ("longrun-engine", &["longrun-model", "longrun-store"]),
    (
        "longrun-sim",
        &["longrun-model", "longrun-store", "longrun-engine"],
    ),
    // A client like any other: it knows the server by its API alone.
    ("longrun-worker", &[]),
    ("longrun-server", BELOW_SERVER),
    (
        "longrun-emulator",
        &[
            "longrun-model",
            "longrun-dialects",
            "longrun-scenario",
            "longrun-store",
            "longrun-engine",
            "longrun-server",
        ],
    ),
    ("longrun", BELOW_PROGRAM),
    // These two drive the program from outside and may speak every language that it speaks.
    ("longrun-tests", BELOW_PROGRAM),
    ("longrun-bench", BELOW_PROGRAM),
    ("xtask", &[]),
];

const BELOW_SERVER: &[&str] = &[
    "longrun-model",
    "longrun-dialects",
    "longrun-poller",
    "longrun-store",
    "longrun-engine",
    // Executors are workers in the server's own process.
    "longrun-worker",
];

const BELOW_PROGRAM: &[&str] = &[
    "longrun-model",
    "longrun-dialects",
    "longrun-poller",
    "longrun-store",
    "longrun-engine",
    "longrun-scenario",
    "longrun-server",
    "longrun-emulator",
    "longrun-worker",
];

/// What the tests of a crate may use besides: there, a client meets a real server.
const ALLOWED_IN_TESTS: [(&str, &[&str]); 1] =
    [("longrun-worker", &["longrun-store", "longrun-server"])];

/// Finds arrows that are not in the tables. Those of tests count: a crate that only a test reaches can be reached.
pub(super) fn check(packages: &[Package], sources: &Sources) -> Vec<Finding> {
    packages
        .iter()
        .flat_map(|package| check_one(package, sources))
        .collect()
}

fn check_one(package: &Package, sources: &Sources) -> Vec<Finding> {
    let manifest = package.manifest();
    let row = ALLOWED.iter().find(|(name, _)| *name == package.name);
    let Some((name, allowed)) = row else {
        let what = format!("`{}` has no row in xtask/src/tidy/arrows.rs", package.name);
        return vec![Finding::about(&manifest, what)];
    };
    let ours = package.dependencies.iter().filter(|it| it.path.is_some());
    let turned = ours.filter(|it| !allowed.contains(&&*it.name) && !is_allowed_in_tests(name, it));
    turned
        .map(|it| {
            let line = line_of(sources, &manifest, &it.name);
            let what = format!("`{name}` must not depend on `{}`", it.name);
            Finding::at(&manifest, line, what)
        })
        .collect()
}

fn is_allowed_in_tests(name: &str, dependency: &Dependency) -> bool {
    let rows = ALLOWED_IN_TESTS.iter().filter(|(row, _)| *row == name);
    let mut allowed = rows.flat_map(|(_, allowed)| *allowed);
    dependency.kind.as_deref() == Some("dev") && allowed.any(|it| *it == dependency.name)
}

/// The line of a manifest that names this dependency.
fn line_of(sources: &Sources, manifest: &str, dependency: &str) -> usize {
    let mut lines = sources.get(manifest).into_iter().flat_map(File::lines);
    let is_it = |line: &str| {
        line.strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    lines
        .find(|(_, line)| is_it(line))
        .map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::root;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |(name, ours): &(&str, bool)| Dependency {
            name: (*name).to_owned(),
            path: ours.then(|| root().join("crates")),
            kind: None,
        };
        Package {
            name: name.to_owned(),
            manifest_path: root().join("crates/it/Cargo.toml"),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    fn check_text(package: Package) -> Vec<String> {
        let manifest = "[package]\n\n[dependencies]\nlongrun-store-x = \"1\"\nlongrun-store.workspace = true\n";
        let sources = Sources::from([("crates/it/Cargo.toml", manifest)]);
        let findings = check(&[package], &sources);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_must_not_turn_back() {
        for (name, dependencies, findings) in [
            ("longrun-model", &[("aes", false)][..], &[][..]),
            (
                "longrun-engine",
                &[("longrun-model", true), ("longrun-store", true)],
                &[],
            ),
            (
                "longrun-dialects",
                &[("longrun-model", true), ("longrun-store", true)],
                &["crates/it/Cargo.toml:5: `longrun-dialects` must not depend on `longrun-store`"],
            ),
            (
                "longrun-engine",
                &[("longrun-server", true)],
                &["crates/it/Cargo.toml:1: `longrun-engine` must not depend on `longrun-server`"],
            ),
            (
                "longrun-new",
                &[],
                &["crates/it/Cargo.toml:1: `longrun-new` has no row in xtask/src/tidy/arrows.rs"],
            ),
        ] {
            assert_eq!(check_text(package(name, dependencies)), findings, "{name}");
        }
    }

    /// What the tests of a worker may use, the worker may not.
    #[test]
    fn tests_may_use_more() {
        for (name, dependency, kind, good) in [
            ("longrun-worker", "longrun-server", Some("dev"), true),
            ("longrun-worker", "longrun-server", None, false),
            ("longrun-worker", "longrun-engine", Some("dev"), false),
            ("longrun-engine", "longrun-server", Some("dev"), false),
        ] {
            let mut package = package(name, &[(dependency, true)]);
            package.dependencies[0].kind = kind.map(str::to_owned);
            assert_eq!(check_text(package).is_empty(), good, "{name} {kind:?}");
        }
    }

    /// The table itself has no circle: each row names only crates of rows above it.
    #[test]
    fn the_table_points_upwards() {
        for (row, (name, allowed)) in ALLOWED.iter().enumerate() {
            for other in *allowed {
                let above = ALLOWED[..row].iter().any(|(above, _)| above == other);
                assert!(above, "{name} -> {other}");
            }
        }
    }
}
