//! Paths of the checkout and of the cache outside it; folders that appear complete or not at all.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kerbside::text::to_hex;
use sha2::{Digest, Sha256};

/// Returns the folder of the checkout.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), Path::to_owned)
}

/// Returns the folder of the cache that all checkouts share.
///
/// # Errors
/// An environment with neither `KERBSIDE_CACHE` nor `XDG_CACHE_HOME` nor `HOME`.
pub fn cache() -> Result<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("KERBSIDE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("kerbside")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/kerbside")))
        .context("there is no place for tools: set KERBSIDE_CACHE to a folder")
}

/// Returns the path of the log of a step.
pub fn log(name: &str) -> PathBuf {
    target().join("xtask").join(format!("{name}.log"))
}

/// Returns cargo's target folder of the checkout.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Makes the folder `to` by filling a temporary one beside it and renaming it: an interrupted
/// attempt leaves nothing. If another process has finished first (`is_complete` is true of `to`),
/// its folder stays.
///
/// # Errors
/// Errors of `fill`, and failures of the file system.
pub fn make_folder(
    to: &Path,
    is_complete: impl Fn(&Path) -> bool,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let parent = to.parent().context("a cache folder has a parent")?;
    let name = to.file_name().context("a cache folder has a name")?.to_string_lossy();
    let temporary = TemporaryFolder::make(parent, &format!(".new-{name}"))?;
    fill(temporary.path())?;
    if to.exists() && !is_complete(to) {
        std::fs::remove_dir_all(to).with_context(|| format!("cannot replace {}", to.display()))?;
    }
    if let Err(error) = std::fs::rename(temporary.path(), to)
        && !is_complete(to)
    {
        return Err(error).with_context(|| format!("cannot make {}", to.display()));
    }
    Ok(())
}

/// A folder that is removed on drop.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes a folder in `parent`.
    ///
    /// # Errors
    /// A failure of the file system.
    pub fn make(parent: &Path, prefix: &str) -> Result<Self> {
        let path = parent.join(format!("{prefix}-{}", crate::stack::secrets::random_hex(6)?));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A program that is ending may still write once.
        for _ in 0..10 {
            if std::fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// Hashes contents: 16 hexadecimal digits of SHA-256 over each length and content.
pub fn hash<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for content in contents {
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    let mut digest = to_hex(&hasher.finalize());
    digest.truncate(16);
    digest
}

/// Reads a file as text.
///
/// # Errors
/// A missing file, or one that is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Formats a path for a message: relative to the checkout if it is in it.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
