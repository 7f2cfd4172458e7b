//! The claim of one process on a store file.

use crate::StoreError;
use crate::doing::Doing;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Held for as long as the store is open. The kernel takes it back when the process ends, however it ends.
///
/// The lock belongs to a file beside the store, because SQLite's own locks would be lost if its file were opened and
/// closed behind its back; and to one opening of that file, so that it also keeps out a second store in the same process.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

impl Claim {
    /// Claims the store at `path`, which must be [`resolved`].
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_path)
            .doing("open the lock file of the store")?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
            Err(TryLockError::Error(error)) => Err(error).doing("lock the store"),
        }
    }
}

/// The path without symbolic links, so that a store has one lock however it is reached.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, StoreError> {
    if path.exists() {
        return path.canonicalize().doing("find the store file");
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .doing("find the folder of the store")?;
    Ok(path
        .file_name()
        .map_or_else(|| folder.clone(), |name| folder.join(name)))
}
