//! A frozen Worker: a copy of the build, and wrangler's configuration without its build command.
//!
//! A test run must not see the Worker change with its source.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::state::State;
use crate::{build, files};

/// Copies the built Worker; returns the path of the configuration that runs the copy.
///
/// # Errors
/// A malformed wrangler.toml, and failures of the file system.
pub fn freeze(state: &State) -> Result<PathBuf> {
    let folder = state.frozen();
    copy_folder(&build::folder(), &folder.join("build"))?;
    let text = files::read_text(&files::root().join("wrangler.toml"))?;
    let config = folder.join("wrangler.toml");
    let frozen =
        freeze_config(&text, &files::root(), &folder.join("build")).context("wrangler.toml")?;
    std::fs::write(&config, frozen)
        .with_context(|| format!("cannot write {}", config.display()))?;
    Ok(config)
}

/// Rewrites wrangler.toml: without `build`, with absolute paths.
fn freeze_config(text: &str, root: &Path, built: &Path) -> Result<String> {
    let mut config: toml::Table = text.parse()?;
    config.remove("build");
    let main = config
        .get("main")
        .and_then(toml::Value::as_str)
        .and_then(|main| Path::new(main).file_name());
    let main = built.join(main.context("main is missing")?);
    config.insert("main".to_owned(), main.display().to_string().into());
    if let Some(directory) = config.get_mut("assets").and_then(|assets| assets.get_mut("directory"))
    {
        make_absolute(directory, root);
    }
    let environments =
        config.get_mut("env").and_then(toml::Value::as_table_mut).into_iter().flatten();
    let databases = environments
        .filter_map(|(_, environment)| environment.get_mut("d1_databases")?.as_array_mut());
    for database in databases.flatten() {
        if let Some(folder) = database.get_mut("migrations_dir") {
            make_absolute(folder, root);
        }
    }
    Ok(toml::to_string(&config)?)
}

fn make_absolute(path: &mut toml::Value, root: &Path) {
    if let Some(relative) = path.as_str() {
        *path = root.join(relative).display().to_string().into();
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| format!("cannot replace {}", to.display()))?;
    }
    std::fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in
        std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?
    {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_nothing_builds_and_all_paths_hold_from_elsewhere() -> Result<()> {
        let text = files::read_text(&files::root().join("wrangler.toml"))?;
        let config: toml::Table =
            freeze_config(&text, Path::new("/checkout"), Path::new("/state/build"))?.parse()?;
        let text = |value: Option<&toml::Value>| {
            value.and_then(toml::Value::as_str).unwrap_or_default().to_owned()
        };
        assert!(config.get("build").is_none());
        assert_eq!(text(config.get("main")), "/state/build/index.js");
        assert_eq!(
            text(config.get("assets").and_then(|assets| assets.get("directory"))),
            "/checkout/site/public"
        );
        let database = config
            .get("env")
            .and_then(|env| env.get("eu")?.get("d1_databases")?.get(0)?.get("migrations_dir"));
        assert_eq!(text(database), "/checkout/migrations");
        Ok(())
    }
}
