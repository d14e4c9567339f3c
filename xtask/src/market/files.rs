//! Market files: finds, reads and compiles them, by the crate itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kerbside::disclosure::misused_disclosure;
use kerbside::market::{Compiled, compile_with};

/// Market files: their names and texts.
#[derive(Debug)]
pub struct MarketFiles(Vec<(String, String)>);

impl MarketFiles {
    /// Loads all `*.toml` of a folder, by name.
    ///
    /// # Errors
    /// An unreadable folder, or one without market files.
    pub fn load_folder(folder: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(folder).with_context(|| {
            format!(
                "there is no folder {} to read market files from; name another with \
                 --markets DIR",
                folder.display()
            )
        })?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        if paths.is_empty() {
            bail!(
                "there are no market files (*.toml) in {}; markets/de.toml shows what one has",
                folder.display()
            );
        }
        Self::load_paths(&paths)
    }

    /// Loads the named files, or all of `markets/` if none is named.
    ///
    /// # Errors
    /// An unreadable file.
    pub fn load(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Self::load_folder(&crate::files::root().join("markets"));
        }
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        Self::load_paths(&paths)
    }

    fn load_paths(paths: &[PathBuf]) -> Result<Self> {
        let texts = paths
            .iter()
            .map(|path| Ok((crate::files::shown(path), crate::files::read_text(path)?)));
        Ok(Self(texts.collect::<Result<_>>()?))
    }

    /// Returns the markets with breakers that hardly open, for tests that make origins fail on
    /// purpose, one test after the other.
    #[must_use]
    pub fn with_patient_breakers(self) -> Self {
        let is_origin = |line: &str| {
            let name =
                line.trim_end().strip_prefix("[origins.").and_then(|rest| rest.strip_suffix(']'));
            name.is_some_and(|name| !name.contains('.'))
        };
        let patient = |text: String| -> String {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("breaker = "));
            lines.fold(String::new(), |mut text, line| {
                text.push_str(line);
                text.push_str(if is_origin(line.split_once('#').map_or(line, |(code, _)| code)) {
                    "\nbreaker = { failures = 1000, open_s = 1 }\n"
                } else {
                    "\n"
                });
                text
            })
        };
        Self(self.0.into_iter().map(|(name, text)| (name, patient(text))).collect())
    }

    /// Compiles all files, with the hosts that they name.
    ///
    /// # Errors
    /// As [`MarketFiles::compile`].
    pub fn compile_unchanged(&self) -> Result<Vec<Compiled>> {
        self.compile(&BTreeMap::new())
    }

    /// Compiles all files, with the values of `hosts` in place of its keys.
    ///
    /// # Errors
    /// Files with errors, and two files with the same code; prints every error first.
    pub fn compile(&self, hosts: &BTreeMap<String, String>) -> Result<Vec<Compiled>> {
        let mut compiled: Vec<Compiled> = Vec::new();
        let mut errors = Vec::new();
        for (name, text) in &self.0 {
            match compile_with(name, text, hosts) {
                Ok(one) if compiled.iter().any(|other| other.market.code == one.market.code) => {
                    errors.push(format!(
                        "{name}:1: code: \"{}\" is the code of another file too; give each market \
                         its own",
                        one.market.code
                    ));
                }
                Ok(one) => {
                    let misused = misused_disclosure(&one.market);
                    errors.extend(misused.iter().map(|sentence| {
                        format!("{name}:{}{sentence}", line_prefix(text, sentence))
                    }));
                    compiled.push(one);
                }
                Err(found) => errors.extend(found.iter().map(ToString::to_string)),
            }
        }
        if errors.is_empty() {
            return Ok(compiled);
        }
        super::print_errors(&errors);
        bail!("the market files have errors: correct them and run this again")
    }
}

/// Finds the line of the key at the start of a sentence, `disclosure."facet.field": …`; returns
/// `12: `, or a blank if no line has it.
fn line_prefix(text: &str, sentence: &str) -> String {
    let key = sentence.split('"').nth(1).unwrap_or("");
    let names = |line: &str| {
        let line =
            line.trim_start().trim_start_matches("disclosure.").trim_start_matches(['"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with('='))
    };
    let index = text.lines().position(|line| !key.is_empty() && names(line));
    index.map_or_else(|| " ".to_owned(), |index| format!("{}: ", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn err_all_files_are_reported() {
        let files =
            MarketFiles(vec![("a.toml".into(), "x = 1".into()), ("b.toml".into(), "[".into())]);
        assert!(files.compile_unchanged().is_err());
    }

    #[test]
    fn err_disclosure_that_lowers_or_misspells() -> Result<()> {
        let text = crate::files::read_text(&crate::files::root().join("markets/de.toml"))?;
        let check = |line: &str| {
            let text = format!("{text}\n[disclosure]\n{line}\n");
            MarketFiles(vec![("de.toml".into(), text)]).compile_unchanged().map(drop)
        };
        check("\"identity.colour\" = \"owner\"")?;
        assert!(check("\"identity.vin\" = \"public\"").is_err());
        assert!(check("\"identity.colr\" = \"owner\"").is_err());
        Ok(())
    }

    #[test]
    fn ok_patient_markets_are_good_and_their_breakers_hardly_open() -> Result<()> {
        let compiled = MarketFiles::load_folder(&crate::files::root().join("markets"))?
            .with_patient_breakers()
            .compile_unchanged()?;
        let origins = || compiled.iter().flat_map(|one| one.market.origins.values());
        assert!(origins().count() > 3 && origins().all(|origin| origin.breaker.failures == 1000));
        Ok(())
    }

    #[test]
    fn ok_line_of_a_key() {
        let text = "a = 1\n[disclosure]\n\"identity.vin\" = \"public\"\n'recalls.items'='member'\n";
        assert_eq!(line_prefix(text, "disclosure.\"identity.vin\": is owner; remove it"), "3: ");
        assert_eq!(line_prefix(text, "disclosure.\"recalls.items\": is member; remove it"), "4: ");
        assert_eq!(line_prefix(text, "disclosure.\"identity.trim\": there is no such field"), " ");
    }
}
