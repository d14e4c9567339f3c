//! The folder of one stack: stores, secrets, logs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files::TemporaryFolder;

/// A folder, removed at the end unless the person named it.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    _temporary: Option<TemporaryFolder>,
}

impl State {
    /// Opens the person's folder, or makes a temporary one. Regions do not share stores, so each has a folder in it.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(given: Option<&Path>, environment: &str) -> Result<Self> {
        let temporary = match given {
            Some(_) => None,
            None => Some(TemporaryFolder::make(&std::env::temp_dir(), "kerbside")?),
        };
        let base = match (given, &temporary) {
            (Some(path), _) => std::path::absolute(path)?,
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => std::env::temp_dir(),
        };
        let state = Self { path: base.join(environment), _temporary: temporary };
        for folder in [state.stores(), state.logs()] {
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(state)
    }

    /// KV and D1, as `wrangler --persist-to` lays them out.
    pub fn stores(&self) -> PathBuf {
        self.path.join("stores")
    }

    /// The secrets that were made.
    pub fn secrets(&self) -> PathBuf {
        self.path.join("secrets.env")
    }

    /// What wrangler keeps between its own processes.
    pub fn scratch(&self) -> PathBuf {
        self.path.join("wrangler")
    }

    /// A log file.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }
}
