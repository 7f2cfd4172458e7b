//! What code looks like: how long a file is, how a crate opens, and words that have no place in it.

use super::Finding;
use super::sources::{File, Sources};

/// Lines of a Rust file, from which on it surely holds two subjects.
const LINES_MAX: usize = 600;
/// Lines of a Rust file with nothing but tests: tables are long and have one subject.
const TEST_LINES_MAX: usize = 900;

/// Words that have no place in code, and what to do instead. They are put together here because this file is code.
const WORDS: [(&str, &str); 4] = [
    (concat!("TO", "DO"), "finish it, or write an issue"),
    (concat!("FIX", "ME"), "mend it, or write an issue"),
    (concat!("todo", "!"), "finish it"),
    (
        concat!("#[ig", "nore"),
        "no test is left out: mend it or remove it",
    ),
];

/// Checks every file of code.
pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.iter() {
        if file.ends_in(&[".rs", ".py", ".sh", ".toml", ".sql", ".ci/run"]) {
            findings.extend(words(file));
        }
        if file.ends_in(&[".rs"]) {
            findings.extend(length(file));
            findings.extend(opening(file));
            findings.extend(attributes(file));
        }
    }
    findings
}

fn length(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    let max = if is_test(&file.path) {
        TEST_LINES_MAX
    } else {
        LINES_MAX
    };
    let what = format!("{lines} lines; at {max} look for the second subject");
    (lines > max).then(|| Finding::at(&file.path, max, what))
}

/// Whether a file holds nothing but tests.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// A crate opens with what it is for.
fn opening(file: &File) -> Option<Finding> {
    let is_root = file.ends_in(&["src/lib.rs", "src/main.rs"]);
    let what = "a crate opens with a paragraph that says what it is for (`//!`)";
    (is_root && !file.text.starts_with("//!")).then(|| Finding::about(&file.path, what))
}

fn words(file: &File) -> impl Iterator<Item = Finding> {
    file.lines().flat_map(move |(number, line)| {
        let found = WORDS.iter().filter(move |(word, _)| line.contains(word));
        found.map(move |(word, instead)| {
            Finding::at(&file.path, number, format!("`{word}`: {instead}"))
        })
    })
}

/// An `expect` says why, and goes away when it is no longer needed; an `allow` does neither.
fn attributes(file: &File) -> impl Iterator<Item = Finding> {
    let allows = |line: &str| {
        let line = line.trim_start();
        (line.starts_with("#[") || line.starts_with("#![")) && line.contains("allow(")
    };
    let lines = file.lines().filter(move |(_, line)| allows(line));
    lines.map(|(number, _)| {
        let what = "`allow`: say `#[expect(lint, reason = \"…\")]`";
        Finding::at(&file.path, number, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_file(path: &str, text: &str) -> Vec<String> {
        let findings = check(&Sources::from([(path, text)]));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_files_are_found() {
        for (path, lines, good) in [
            ("crates/it/src/long.rs", 600, true),
            ("crates/it/src/long.rs", 601, false),
            ("crates/it/tests/long.rs", 900, true),
            ("tests/it/long.rs", 901, false),
            ("crates/it/src/rules/tests.rs", 900, true),
            ("testdata/it/vectors.json", 5_000, true),
        ] {
            let findings = check_file(path, &"\n".repeat(lines));
            assert_eq!(findings.is_empty(), good, "{path} {lines}: {findings:?}");
        }
    }

    #[test]
    fn a_crate_opens_with_a_paragraph() {
        for (path, text, good) in [
            ("crates/it/src/lib.rs", "//! What it is for.\n", true),
            ("crates/it/src/lib.rs", "mod one;\n", false),
            ("crates/it/src/main.rs", "", false),
            ("crates/it/src/one.rs", "mod two;\n", true),
        ] {
            assert_eq!(check_file(path, text).is_empty(), good, "{path}: {text}");
        }
    }

    #[test]
    fn words_that_have_no_place() {
        for (path, line, good) in [
            ("it.rs", concat!("// TO", "DO later"), false),
            ("it.py", concat!("# FIX", "ME"), false),
            ("it.rs", concat!("    todo", "!()"), false),
            ("it.rs", concat!("#[ig", "nore = \"slow\"]"), false),
            ("it.rs", "// later\n", true),
            ("it.md", concat!("no TO", "DO stays"), true),
            ("it.rs", concat!("#[al", "low(dead_code)]"), false),
            ("it.rs", concat!("#![al", "low(dead_code)]"), false),
            (
                "it.rs",
                concat!("#[cfg_attr(test, al", "low(dead_code))]"),
                false,
            ),
            ("it.rs", "if policy.allow(action) {", true),
        ] {
            let findings = check_file(path, &format!("\n{line}\n"));
            assert_eq!(findings.is_empty(), good, "{path}: {line}: {findings:?}");
            assert!(
                findings
                    .iter()
                    .all(|it| it.starts_with(&format!("{path}:2: ")))
            );
        }
    }
}
