//! A copy of a store file, taken while it is in use.
//!
//! `VACUUM INTO` writes what one read transaction sees into a new file: all that was committed before it began, in one
//! piece, whatever is committed meanwhile. The writer never waits for it. SQLite's other way, which copies page by page,
//! is no faster, slows the writer more, begins anew when another process writes between its steps, and copies pages that
//! hold nothing any more.

use crate::StoreError;
use crate::doing::Doing;
use crate::sqlite::schema;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Copies the store at `from`, which servers may be using, to the new file `to`. How many bytes it has.
///
/// The copy gets its name only when it is whole and on the disk.
pub fn backup(from: &Path, to: &Path) -> Result<u64, StoreError> {
    if to.exists() {
        return Err(StoreError::Exists(to.display().to_string()));
    }
    let connection = open(from)?;
    let part = beside(to, ".part");
    remove(&part)?;
    let copied = copy(&connection, &part).and_then(|()| name(&part, to));
    if copied.is_err() {
        // What went wrong is told; that half a copy may be left as well matters less.
        let _ = fs::remove_file(&part);
    }
    copied?;
    let copy = fs::metadata(to).doing("look at the copy")?;
    Ok(copy.len())
}

/// Opens the file for reading. It may be written to only in order to tidy up the log that a crash has left.
fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("open the store file")?;
    schema::check_is_ours(&connection, path)?;
    Ok(connection)
}

fn copy(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    let doing = "copy the store";
    let Some(name) = to.to_str() else {
        let error = "the name of the copy is no text".to_owned();
        return Err(StoreError::Unsuitable(error));
    };
    connection.execute("VACUUM INTO ?1", [name]).doing(doing)?;
    let copy = File::open(to).doing(doing)?;
    copy.sync_all().doing("bring the copy to the disk")
}

/// Gives the copy its name, for good.
fn name(part: &Path, to: &Path) -> Result<(), StoreError> {
    let doing = "give the copy its name";
    // Fails if a file was put there meanwhile, which a renaming alone would replace.
    File::create_new(to).doing(doing)?;
    fs::rename(part, to).doing(doing)?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let folder = File::open(folder).doing(doing)?;
    folder.sync_all().doing("bring the copy's name to the disk")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        fs::remove_file(path).doing("remove what an earlier backup has left")?;
    }
    Ok(())
}
