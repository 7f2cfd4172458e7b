//! What the demonstration works on: real files, and one that is not there.

use crate::usage::UsageError;
use longrun_model::limits::NAME_BYTES_MAX;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many files of a folder are taken.
const FILES_MAX: usize = 12;
/// How large one of them may be, so that nobody waits long.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How many there must be, so that there is something to see.
const FILES_MIN: usize = 2;
/// What is written when there are fewer.
const SAMPLES: [(&str, &str); 3] = [
    ("hello.txt", "Hello, world.\n"),
    ("numbers.txt", "1 2 3 5 8 13 21\n"),
    ("empty.txt", ""),
];

/// The resources of the operation.
#[derive(Debug)]
pub(super) struct Material {
    /// Their ids, which are paths. The second of them does not exist.
    pub(super) ids: Vec<String>,
    /// The one that does not exist.
    pub(super) missing: String,
    /// The folder that the paths start from, if not the current one.
    pub(super) folder: Option<PathBuf>,
    /// What they are, in words.
    pub(super) what: &'static str,
}

impl Material {
    /// Takes the files that were named, or those of the current folder; or writes some into `spare`.
    pub(super) fn choose(paths: &[PathBuf], spare: &Path) -> anyhow::Result<Self> {
        if !paths.is_empty() {
            return Ok(Self::new(named(paths)?, None, "files"));
        }
        let here = files_of(Path::new(".")).unwrap_or_default();
        if here.len() >= FILES_MIN {
            return Ok(Self::new(here, None, "files of this folder"));
        }
        let folder = spare.join("files");
        write_samples(&folder)?;
        Ok(Self::new(files_of(&folder)?, Some(folder), "sample files"))
    }

    fn new(mut ids: Vec<String>, folder: Option<PathBuf>, what: &'static str) -> Self {
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        let missing = missing(folder.as_deref().unwrap_or(Path::new(".")), &ids);
        ids.insert(ids.len().min(1), missing.clone());
        Self {
            ids,
            missing,
            folder,
            what,
        }
    }
}

/// The names of the visible files of a folder, sorted.
fn files_of(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().into_string();
        if let Ok(name) = name
            && metadata.is_file()
            && metadata.len() <= FILE_BYTES_MAX
            && name.len() <= NAME_BYTES_MAX
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.truncate(FILES_MAX);
    Ok(names)
}

/// The paths as ids; of a folder, its files.
fn named(paths: &[PathBuf]) -> Result<Vec<String>, UsageError> {
    let mut ids = Vec::new();
    for path in paths {
        if path.is_dir() {
            let files = files_of(path)
                .map_err(|error| UsageError(format!("`{}`: {error}", path.display())))?;
            ids.extend(
                files
                    .iter()
                    .map(|name| id(&path.join(name)))
                    .collect::<Result<Vec<_>, _>>()?,
            );
        } else {
            ids.push(id(path)?);
        }
    }
    Ok(ids)
}

fn id(path: &Path) -> Result<String, UsageError> {
    let text = path.to_str().filter(|text| text.len() <= NAME_BYTES_MAX);
    let wrong = || {
        UsageError(format!(
            "`{}` cannot be an id: it must be a text of at most {NAME_BYTES_MAX} bytes",
            path.display()
        ))
    };
    text.map(str::to_owned).ok_or_else(wrong)
}

/// A name that nothing has.
fn missing(folder: &Path, ids: &[String]) -> String {
    let is_free = |name: &String| !ids.contains(name) && !folder.join(name).exists();
    let numbered = (2..).map(|number| format!("no-such-file-{number}"));
    let mut names = std::iter::once("no-such-file".to_owned()).chain(numbered);
    names
        .find(is_free)
        .expect("there are more names than files")
}

fn write_samples(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, text) in SAMPLES {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    #[test]
    fn of_a_folder_the_visible_files_are_taken_in_order() {
        let folder = folder(&["b", "a", ".hidden"]);
        fs::create_dir(folder.path().join("folder")).unwrap();
        assert_eq!(files_of(folder.path()).unwrap(), ["a", "b"]);
        let many: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(
            files_of(self::folder(&many).path()).unwrap().len(),
            FILES_MAX
        );
    }

    #[test]
    fn the_second_resource_is_one_that_does_not_exist() {
        let folder = folder(&["no-such-file", "x"]);
        let here = folder.path().to_owned();
        for (ids, folder, expected) in [
            (vec!["a", "b"], None, vec!["a", "no-such-file", "b"]),
            (vec!["a", "a"], None, vec!["a", "no-such-file"]),
            (vec![], None, vec!["no-such-file"]),
            (
                vec!["no-such-file", "x"],
                Some(here),
                vec!["no-such-file", "no-such-file-2", "x"],
            ),
        ] {
            let ids = ids.into_iter().map(str::to_owned).collect();
            assert_eq!(Material::new(ids, folder, "files").ids, expected);
        }
    }

    #[test]
    fn paths_that_were_named_are_taken_as_they_are() {
        let folder = folder(&["b", "a"]);
        let inside = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let ids = named(&[PathBuf::from("x"), folder.path().to_owned()]).unwrap();
        assert_eq!(ids, ["x".to_owned(), inside("a"), inside("b")]);
        assert!(named(&[PathBuf::from("x".repeat(300))]).is_err());
    }
}
