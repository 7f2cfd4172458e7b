//! Nothing in the project depends on the machine that it was written on: no absolute path of a person's folders, and no
//! place to fetch crates or packages from but the official one.

use super::Finding;
use super::sources::{File, Sources};

/// Folders that exist on one machine and not on the next. Put together here because this file is looked at as well.
const FOLDERS: [&str; 4] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Use", "rs/"),
];

/// The one place that crates come from.
const OFFICIAL: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Settings that send cargo or pip elsewhere.
const REDIRECTIONS: [&str; 6] = [
    concat!("replace", "-with"),
    concat!("[regist", "ries"),
    concat!("[sour", "ce."),
    concat!("index", "-url"),
    concat!("trusted", "-host"),
    concat!("sparse", "+http"),
];

/// Checks every file.
pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    sources.iter().flat_map(check_file).collect()
}

fn check_file(file: &File) -> impl Iterator<Item = Finding> {
    let is_settings = file.ends_in(&[".toml", ".lock", ".txt", ".cfg", ".conf", ".ini", ".ci/run"]);
    file.lines().flat_map(move |(number, line)| {
        let folder = FOLDERS.into_iter().find(|folder| names(line, folder));
        let elsewhere = is_settings.then(|| elsewhere(line)).flatten();
        let folder = folder.map(|it| format!("`{it}…` is a path of one machine"));
        let elsewhere =
            elsewhere.map(|it| format!("`{it}`: packages come from the official places"));
        let found = folder.into_iter().chain(elsewhere);
        found.map(move |what| Finding::at(&file.path, number, what))
    })
}

/// Whether a path in this line begins with the folder. The same name further inside a path is no concern.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "_-./~}".contains(letter))
    })
}

/// What in this line would have packages fetched from somewhere else.
fn elsewhere(line: &str) -> Option<&'static str> {
    let source = concat!("registry", "+");
    if line.contains(source) && !line.contains(OFFICIAL) {
        return Some(source);
    }
    REDIRECTIONS.into_iter().find(|it| line.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_one_machine_are_found() {
        for (path, line, good) in [
            ("it.rs", concat!("let path = \"/ho", "me/ada/it\";"), false),
            ("it.md", concat!("cd /wo", "rk/longrun"), false),
            ("it.sh", concat!("file:///ro", "ot/it"), true),
            ("it.sh", concat!("HOME=/ro", "ot/it"), false),
            ("it.rs", concat!("GET /v1/wo", "rk/1"), true),
            ("it.md", concat!("crates/ro", "ot/mod.rs"), true),
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
                true,
            ),
            (
                "Cargo.lock",
                "source = \"registry+https://crates.example/index\"",
                false,
            ),
            (
                "Cargo.lock",
                concat!("source = \"sparse", "+https://crates.example/\""),
                false,
            ),
            (
                ".cargo/config.toml",
                concat!("replace", "-with = \"mirror\""),
                false,
            ),
            (
                "requirements.txt",
                concat!("--index", "-url https://pypi.example"),
                false,
            ),
            ("it.md", concat!("`--index", "-url` is not set"), true),
        ] {
            let findings = check(&Sources::from([(path, line)]));
            assert_eq!(findings.is_empty(), good, "{path}: {line}: {findings:?}");
        }
    }
}
