//! Every crate takes over the workspace's lints.

use super::Finding;
use super::sources::{File, Sources};
use crate::cargo::Package;

/// Finds manifests that do not.
pub(super) fn check(packages: &[Package], sources: &Sources) -> Vec<Finding> {
    let manifests = packages.iter().map(Package::manifest);
    manifests
        .filter(|path| !sources.get(path).is_some_and(inherits_lints))
        .map(|path| Finding::about(&path, "`lints.workspace = true` is missing"))
        .collect()
}

fn inherits_lints(manifest: &File) -> bool {
    let mut table = "";
    manifest.text.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            table = line;
        }
        match table {
            "[lints]" => line == "workspace = true",
            _ => line == "lints.workspace = true",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::root;

    #[test]
    fn lints_are_inherited() {
        for (manifest, good) in [
            (
                "[package]\nname = \"it\"\n\n[lints]\nworkspace = true\n",
                true,
            ),
            ("lints.workspace = true\n[package]\nname = \"it\"\n", true),
            (
                "[package]\nname = \"it\"\n[package.version]\nworkspace = true\n",
                false,
            ),
            (
                "[package]\nname = \"it\"\n[lints]\nworkspace = false\n",
                false,
            ),
            ("[lints.rust]\nunsafe_code = \"warn\"\n", false),
        ] {
            let package = Package {
                name: "it".to_owned(),
                manifest_path: root().join("it/Cargo.toml"),
                dependencies: Vec::new(),
            };
            let sources = Sources::from([("it/Cargo.toml", manifest)]);
            assert_eq!(check(&[package], &sources).is_empty(), good, "{manifest}");
        }
    }
}
