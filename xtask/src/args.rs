//! Command-line words to flags and positional arguments.
//!
//! Owns the grammar: `--flag`, `--option value`, `--option=value`, anything else positional. Which
//! flags exist and what their values mean stays with each command.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// What a command accepts.
#[derive(Debug, Clone, Copy)]
pub struct Accepts {
    /// The command, for messages: `dev`.
    pub command: &'static str,
    /// Flags without a value: `--no-legacy`.
    pub flags: &'static [&'static str],
    /// Options with a value: `--port`.
    pub options: &'static [&'static str],
    /// How many positional arguments at most.
    pub positional: usize,
}

/// The words of one call, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Args {
    flags: Vec<String>,
    options: BTreeMap<String, String>,
    positional: Vec<String>,
}

impl Args {
    /// Sorts `words` out.
    ///
    /// # Errors
    /// An unknown or repeated option, one without its value, or a positional argument too many.
    pub fn parse(accepts: &Accepts, words: &[String]) -> Result<Self> {
        let mut args = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if !word.starts_with("--") {
                args.positional.push(word.clone());
                continue;
            }
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            if accepts.flags.contains(&name) {
                if inline.is_some() {
                    bail!("{name} takes no value");
                }
                args.flags.push(name.to_owned());
            } else if accepts.options.contains(&name) {
                let value =
                    inline.or_else(|| words.next().filter(|next| !next.starts_with("--")).cloned());
                let Some(value) = value.filter(|value| !value.is_empty()) else {
                    bail!("{name} needs a value; see `cargo xtask help {}`", accepts.command)
                };
                if args.options.insert(name.to_owned(), value).is_some() {
                    bail!("{name} is given twice");
                }
            } else {
                bail!(
                    "`cargo xtask {}` has no option {name}; see `cargo xtask help {}`",
                    accepts.command,
                    accepts.command
                );
            }
        }
        if let Some(extra) = args.positional.get(accepts.positional) {
            bail!(
                "`cargo xtask {}` does not expect \"{extra}\"; see `cargo xtask help {}`",
                accepts.command,
                accepts.command
            );
        }
        Ok(args)
    }

    /// Whether a flag was given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The value of an option.
    pub fn value(&self, option: &str) -> Option<&str> {
        self.options.get(option).map(String::as_str)
    }

    /// The positional arguments.
    pub fn positional(&self) -> &[String] {
        &self.positional
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTS: Accepts = Accepts {
        command: "dev",
        flags: &["--no-legacy"],
        options: &["--port", "--env"],
        positional: 1,
    };

    fn check(line: &str) -> Result<Args> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Args::parse(&ACCEPTS, &words)
    }

    fn check_err(line: &str, expect: &str) {
        let error = check(line).expect_err(line).to_string();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn ok_options_in_both_spellings() -> Result<()> {
        let args = check("--port=0 --env eu --no-legacy x")?;
        assert_eq!(args.value("--port"), Some("0"));
        assert_eq!(args.value("--env"), Some("eu"));
        assert!(args.has("--no-legacy"));
        assert_eq!(args.positional(), ["x"]);
        Ok(())
    }

    #[test]
    fn err_every_wrong_word_is_named() {
        check_err("--prot 1", "no option --prot");
        check_err("--port", "--port needs a value");
        check_err("--port --env eu", "--port needs a value");
        check_err("--port=", "--port needs a value");
        check_err("--port 1 --port 2", "given twice");
        check_err("--no-legacy=1", "takes no value");
        check_err("a b", "does not expect \"b\"");
    }
}
