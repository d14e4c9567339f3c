//! Compiles messages in Project Fluent (syntax 1.0) into Rust, so that the Worker carries no
//! parser.
//!
//! Owns the subset of Fluent that messages may use, and the checks that keep the languages alike:
//! the same keys and the same arguments everywhere. Leaves escaping to the templates and the plural
//! rules to the caller. Supported: text, `{ $argument }`, `{ -term }`, `{ message-without-arguments
//! }`, string literals, and selection by plural category, exact number or string. Everything else
//! (attributes, functions, terms with arguments, message references in selectors) is an error that
//! names file, line and key. `src/pages/message.rs` of kerbside includes the result and describes
//! it.

mod catalogue;
mod check;
mod generate;
mod resolve;

use std::fs;
use std::path::Path;

use catalogue::DIRECTORY;

/// One file of messages.
pub struct Source {
    /// Primary language subtag, `de`: the file's name without its ending.
    pub language: String,
    /// The file's text.
    pub text: String,
}

/// Returns the plural categories of a language, `["one", "other"]`; empty for a language without a
/// rule.
pub type PluralCategories = fn(language: &str) -> &'static [&'static str];

/// Reads every `.ftl` file of a directory, sorted by language.
///
/// # Errors
/// One line if the directory or a file is not readable.
pub fn read_sources(directory: &Path) -> Result<Vec<Source>, Vec<String>> {
    let unreadable = |error: std::io::Error| {
        vec![format!("{}: {error}; the messages must be readable", directory.display())]
    };
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "ftl") {
            continue;
        }
        let Some(language) = path.file_stem() else { continue };
        let language = language.to_string_lossy().into_owned();
        sources.push(Source { language, text: fs::read_to_string(&path).map_err(unreadable)? });
    }
    sources.sort_by(|a, b| a.language.cmp(&b.language));
    Ok(sources)
}

/// Compiles the messages of every language into Rust source: the enum `Language`, methods of
/// `Messages`, and the table `NAMED`.
///
/// # Errors
/// One line per fault: `site/messages/de.ftl:12: key: cause; fix`.
pub fn compile(
    sources: &[Source],
    plural_categories: PluralCategories,
) -> Result<String, Vec<String>> {
    let mut catalogues = Vec::new();
    let mut errors = Vec::new();
    for source in sources {
        match resolve::resolve_catalogue(source, plural_categories) {
            Ok(catalogue) => catalogues.push(catalogue),
            Err(found) => errors.extend(found),
        }
    }
    if sources.is_empty() {
        errors.push(format!("{DIRECTORY}: no .ftl file; add one per language"));
    }
    if errors.is_empty() {
        errors = check::differences(&catalogues);
    }
    if errors.is_empty() { Ok(generate::generate(&catalogues)) } else { Err(errors) }
}
