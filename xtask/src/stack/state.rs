//! The folder of one stack: stores, secrets, logs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::files::TemporaryFolder;
use crate::lock::Lock;

const PREFIX: &str = "kerbside-stack";
/// The file in the folder of a stack that is locked while the stack runs.
const LOCK: &str = "lock";

/// The folder of a stack; removed on drop unless a person named it.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    // Released before the folder goes.
    _lock: Lock,
    _temporary: Option<TemporaryFolder>,
}

impl State {
    /// Opens the given folder, or makes a temporary one. Each region has a folder of its own in it.
    ///
    /// # Errors
    /// A failure of the file system, and a folder that another stack uses.
    pub fn open(given: Option<&Path>, environment: &str) -> Result<Self> {
        let temporary = match given {
            Some(_) => None,
            None => Some(make_temporary(&std::env::temp_dir())?),
        };
        let base = match (given, &temporary) {
            (Some(path), _) => std::path::absolute(path)?,
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => std::env::temp_dir(),
        };
        let path = base.join(environment);
        std::fs::create_dir_all(&path).with_context(|| {
            format!("cannot make the folder {}; name another with --state DIR", path.display())
        })?;
        let Some(lock) = Lock::try_take(&path.join(LOCK))? else {
            bail!(
                "another `cargo xtask dev` uses {}: end it, or name another folder with --state \
                 DIR",
                path.display()
            );
        };
        let state = Self { path, _lock: lock, _temporary: temporary };
        for folder in [state.stores(), state.logs()] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(state)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// KV and D1, as `wrangler --persist-to` lays them out.
    pub fn stores(&self) -> PathBuf {
        self.path.join("stores")
    }

    /// The file of random secrets.
    pub fn secrets(&self) -> PathBuf {
        self.path.join("secrets.env")
    }

    /// The folder of wrangler's own files.
    pub fn scratch(&self) -> PathBuf {
        self.path.join("wrangler")
    }

    /// The file in which builds under wrangler report their outcome.
    pub fn build_report(&self) -> PathBuf {
        self.scratch().join("build.txt")
    }

    /// The folder of the frozen Worker. It lies beside the state, which tests search for values
    /// that must not be stored.
    pub fn frozen(&self) -> PathBuf {
        let name = self.path.file_name().map_or("state".into(), |name| name.to_string_lossy());
        self.path.with_file_name(format!("frozen-{name}"))
    }

    /// A log file.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }
}

/// Makes a temporary folder. Removes those of killed stacks, which hold their secrets.
fn make_temporary(parent: &Path) -> Result<TemporaryFolder> {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_left_over(&path) {
            let _ = std::fs::remove_dir_all(path);
        }
    }
    TemporaryFolder::make(parent, PREFIX)
}

/// True if a stack's folder has a lock that nobody holds. A folder without a lock is being made.
fn is_left_over(folder: &Path) -> bool {
    let environments = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut locks = environments
        .map(|environment| environment.path().join(LOCK))
        .filter(|lock| lock.is_file())
        .peekable();
    locks.peek().is_some() && locks.all(|lock| matches!(Lock::try_take(&lock), Ok(Some(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn err_one_folder_for_two_stacks() -> Result<()> {
        let folder = TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let first = State::open(Some(folder.path()), "eu")?;
        let error = State::open(Some(folder.path()), "eu").expect_err("taken").to_string();
        assert!(error.contains("another `cargo xtask dev` uses"), "{error}");
        State::open(Some(folder.path()), "us")?;
        drop(first);
        State::open(Some(folder.path()), "eu").map(drop)
    }

    #[test]
    fn ok_only_folders_of_killed_stacks_go() -> Result<()> {
        let parent = TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let made = |name: &str| parent.path().join(format!("{PREFIX}-{name}"));
        let running = State::open(Some(&made("running")), "eu")?;
        drop(State::open(Some(&made("killed")), "eu")?);
        std::fs::create_dir_all(made("starting").join("eu"))?;
        drop(make_temporary(parent.path())?);
        assert!(made("running").exists() && made("starting").exists());
        assert!(!made("killed").exists());
        drop(running);
        Ok(())
    }
}
