//! The browser of the browser tests.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::on_path;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Finds Chromium: `$CHROMIUM`, on PATH, or Debian's, which is installed if it is missing.
///
/// # Errors
/// A failed installation.
pub fn chromium() -> Result<PathBuf> {
    if let Some(set) = std::env::var_os("CHROMIUM") {
        return Ok(PathBuf::from(set));
    }
    if let Some(found) = NAMES.into_iter().find_map(on_path) {
        return Ok(found);
    }
    super::apt_install(&["chromium"], "Chromium, for the browser tests,")?;
    on_path("chromium").context("Debian's chromium was installed but is not on PATH")
}
