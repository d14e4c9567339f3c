//! Market files: found, read, compiled by the crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kerbside::market::{self, Compiled};

/// Market files with their text.
#[derive(Debug)]
pub struct Files(Vec<(String, String)>);

impl Files {
    /// All `*.toml` of a folder, by name.
    ///
    /// # Errors
    /// Where the folder cannot be read or has none.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read the market files in {}", folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        if paths.is_empty() {
            bail!("there are no market files (*.toml) in {}", folder.display());
        }
        Self::read(&paths)
    }

    /// The named files, or all of `markets/` where none is named.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn named(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Self::of_folder(&crate::files::root().join("markets"));
        }
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        Self::read(&paths)
    }

    fn read(paths: &[PathBuf]) -> Result<Self> {
        let texts = paths.iter().map(|path| Ok((crate::files::shown(path), crate::files::read(path)?)));
        Ok(Self(texts.collect::<Result<_>>()?))
    }

    /// Compiles all of them as they are.
    ///
    /// # Errors
    /// As [`Files::compile`].
    pub fn compile_plain(&self) -> Result<Vec<Compiled>> {
        self.compile(&BTreeMap::new())
    }

    /// Compiles all of them, with other hosts in place of those in the files.
    ///
    /// # Errors
    /// Where any has errors, or two have the same code; all of them are said first.
    pub fn compile(&self, hosts: &BTreeMap<String, String>) -> Result<Vec<Compiled>> {
        let mut compiled: Vec<Compiled> = Vec::new();
        let mut errors = Vec::new();
        for (name, text) in &self.0 {
            match market::compile_with(name, text, hosts) {
                Ok(one) if compiled.iter().any(|other| other.market.code == one.market.code) => {
                    errors.push(format!(
                        "{name}:1: code: \"{}\" is the code of another file too; give each market its own",
                        one.market.code
                    ));
                }
                Ok(one) => compiled.push(one),
                Err(found) => errors.extend(found.iter().map(ToString::to_string)),
            }
        }
        if errors.is_empty() {
            return Ok(compiled);
        }
        super::say_errors(&errors);
        bail!("the market files have errors: correct them and run this again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn err_all_files_are_reported() {
        let files = Files(vec![("a.toml".into(), "x = 1".into()), ("b.toml".into(), "[".into())]);
        assert!(files.compile_plain().is_err());
    }
}
