//! File locks between runs of these commands. The system releases them when the process ends,
//! however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

use crate::process;

/// A lock; released on drop.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a file, which is made if it is missing; `None` if another process has it.
    ///
    /// # Errors
    /// A file that cannot be made or locked.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let cannot = || format!("cannot lock {}", path.display());
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }

    /// Waits for the lock, and prints a note if it has to.
    ///
    /// # Errors
    /// As [`Lock::try_take`], and [`process::Interrupted`].
    pub fn wait(path: &Path, waiting_for: &str) -> Result<Self> {
        if let Some(lock) = Self::try_take(path)? {
            return Ok(lock);
        }
        crate::progress::note(&format!("waiting for {waiting_for}"));
        loop {
            process::pause()?;
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_one_at_a_time() -> Result<()> {
        let folder = crate::files::TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let path = folder.path().join("lock");
        let first = Lock::try_take(&path)?;
        assert!(first.is_some());
        assert!(Lock::try_take(&path)?.is_none());
        drop(first);
        assert!(Lock::try_take(&path)?.is_some());
        Ok(())
    }
}
