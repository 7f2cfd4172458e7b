//! Documents that must be there: licences, a changelog with room for what comes next, decisions in one row, and a map of
//! the code that names only what there is.

use super::Finding;
use super::sources::{File, Sources};

/// Files without which the project is not complete, and words that must be in them.
const REQUIRED: [(&str, &str); 5] = [
    (
        "LICENSE-MIT",
        "Permission is hereby granted, free of charge",
    ),
    ("LICENSE-APACHE", "Version 2.0, January 2004"),
    ("CHANGELOG.md", "\n## Unreleased\n"),
    ("CONTRIBUTING.md", "cargo xtask test"),
    (MAP, "**Invariant:**"),
];

/// The map of the code.
const MAP: &str = "ARCHITECTURE.md";

/// Where decisions are kept.
const DECISIONS: &str = "docs/decisions/";

/// Checks them all.
pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    [required(sources), decisions(sources), lost_names(sources)].concat()
}

fn required(sources: &Sources) -> Vec<Finding> {
    let lacking = |(path, words): (&str, &str)| match sources.get(path) {
        None => Some(Finding::about(path, "is missing")),
        Some(file) if file.text.contains(words) => None,
        Some(_) => {
            let what = format!("`{}` is missing in it", words.trim());
            Some(Finding::about(path, what))
        }
    };
    REQUIRED.into_iter().filter_map(lacking).collect()
}

/// Decisions are numbered from 1 on, without a gap and without a number twice, in their names and in their titles.
fn decisions(sources: &Sources) -> Vec<Finding> {
    let is_one = |file: &&File| file.path.starts_with(DECISIONS) && file.ends_in(&[".md"]);
    let mut files: Vec<_> = sources.iter().filter(is_one).collect();
    files.sort_by(|one, next| one.path.cmp(&next.path));
    let mut findings = Vec::new();
    for (number, file) in (1..).zip(files) {
        let number = format!("{number:04}");
        let name = &file.path[DECISIONS.len()..];
        if !name.starts_with(&format!("{number}-")) {
            let what = format!("the decision in this place is to be numbered {number}");
            findings.push(Finding::about(&file.path, what));
        } else if !file.text.starts_with(&format!("# {number}: ")) {
            let what = format!("a decision opens with its title, `# {number}: …`");
            findings.push(Finding::about(&file.path, what));
        }
    }
    findings
}

/// Files and folders that the map names and that are not there, or no longer.
fn lost_names(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in sources.get(MAP).into_iter().flat_map(File::lines) {
        let quoted = line.split('`').skip(1).step_by(2);
        let lost = quoted.filter(|name| is_place(name) && !exists(sources, name));
        findings.extend(lost.map(|name| {
            let what = format!("`{name}` is named here and is not there");
            Finding::at(MAP, number, what)
        }));
    }
    findings
}

/// Whether a quoted word is the name of a file or a folder, from the root on or from some folder on.
fn is_place(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./".contains(letter);
    let is_named = name.contains('/')
        || [".rs", ".py", ".toml"]
            .iter()
            .any(|ending| name.ends_with(ending));
    is_named && !name.starts_with('/') && name.chars().all(is_plain)
}

fn exists(sources: &Sources, name: &str) -> bool {
    let inside = format!("/{}/", name.trim_end_matches('/'));
    let last = format!("/{name}");
    sources
        .iter()
        .map(|file| format!("/{}", file.path))
        .any(|path| path.contains(&inside) || path.ends_with(&last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn required_documents() {
        let mit = "MIT\n\nPermission is hereby granted, free of charge, to any person";
        let sources = Sources::from([
            ("LICENSE-MIT", mit),
            (
                "LICENSE-APACHE",
                "Apache License\nVersion 2.0, January 2004",
            ),
            ("CHANGELOG.md", "# Changelog\n\n## 0.1.0\n"),
            ("ARCHITECTURE.md", "**Invariant:** none"),
        ]);
        let expected = [
            "CHANGELOG.md:1: `## Unreleased` is missing in it",
            "CONTRIBUTING.md:1: is missing",
        ];
        assert_eq!(found(&required(&sources)), expected);
    }

    #[test]
    fn the_map_names_what_there_is() {
        let map = "# Map\n\n`crates/it`, `one.rs`, `deep/`, `Type`, `/api/v1`, `data/<name>`, `a b/c`\n`two.rs`, `it/src/on`, `eep/`\n";
        let sources = Sources::from([
            (MAP, map),
            ("crates/it/src/one.rs", ""),
            ("crates/it/src/deep/three.rs", ""),
        ]);
        let expected = ["two.rs", "it/src/on", "eep/"]
            .map(|name| format!("ARCHITECTURE.md:4: `{name}` is named here and is not there"));
        assert_eq!(found(&lost_names(&sources)), expected);
    }

    #[test]
    fn decisions_have_no_gap() {
        let good = [
            ("docs/decisions/0002-two.md", "# 0002: Two\n"),
            ("docs/decisions/0001-one.md", "# 0001: One\n"),
            ("docs/operating.md", "# Operating\n"),
        ];
        assert_eq!(found(&decisions(&Sources::from(good))), [""; 0]);
        let bad = [
            ("docs/decisions/0001-one.md", "# 0007: One\n"),
            ("docs/decisions/0001-once-more.md", "# 0001: Once more\n"),
            ("docs/decisions/0004-four.md", "# 0004: Four\n"),
        ];
        let expected = [
            "docs/decisions/0001-one.md:1: the decision in this place is to be numbered 0002",
            "docs/decisions/0004-four.md:1: the decision in this place is to be numbered 0003",
        ];
        assert_eq!(found(&decisions(&Sources::from(bad))), expected);
        let untitled = [("docs/decisions/0001-one.md", "One\n")];
        let expected =
            ["docs/decisions/0001-one.md:1: a decision opens with its title, `# 0001: …`"];
        assert_eq!(found(&decisions(&Sources::from(untitled))), expected);
    }
}
