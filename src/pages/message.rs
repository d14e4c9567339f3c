//! The texts of the pages, compiled from `site/messages/*.ftl` by `fluent-compiler`.
//!
//! [`Language`] has one variant a file. A message without arguments is a method that returns
//! `&'static str`, one with arguments returns a `String`; a misspelt key or a forgotten argument
//! does not compile. Messages whose key is only known at run time (a field, a code, a problem) are
//! found by name with [`Messages::named`]. Nothing here escapes: the templates do.

use generated::NAMED;

pub use generated::Language;

/// The messages in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Messages {
    /// The language of every text that comes out.
    pub language: Language,
}

impl Messages {
    /// The messages in `language`.
    pub fn new(language: Language) -> Self {
        Self { language }
    }

    /// The message whose key is `prefix` and `name` joined, or `None`. `_`, `.` and `/` in `name`
    /// read as `-`, capitals as small letters, so names from documents need no preparation:
    /// `named("field-", "model_year")`.
    pub fn named(self, prefix: &str, name: &str) -> Option<&'static str> {
        let key: String = prefix.chars().chain(name.chars()).map(key_character).collect();
        let found = NAMED.binary_search_by(|(known, _)| (*known).cmp(&key)).ok()?;
        NAMED.get(found)?.1.get(self.language as usize).copied()
    }
}

fn key_character(character: char) -> char {
    match character {
        '_' | '.' | ' ' | '/' => '-',
        other => other.to_ascii_lowercase(),
    }
}

#[allow(
    clippy::all,
    clippy::pedantic,
    reason = "written by fluent-compiler, which has tests of its own"
)]
mod generated {
    use super::super::plural::{Category, category};
    use super::Messages;

    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_plain_argument_and_plural() {
        let german = Messages::new(Language::De);
        assert_eq!(german.brand(), "Kerbside");
        assert_eq!(german.page_title("Startseite"), "Startseite – Kerbside");
        assert_eq!(
            german.vin_error_length(1),
            "Eine FIN hat 17 Zeichen, dies ist nur 1. Bitte vergleichen Sie die Eingabe mit dem Fahrzeugschein."
        );
        assert_eq!(
            german.vin_error_length(16),
            "Eine FIN hat 17 Zeichen, dies sind 16. Bitte vergleichen Sie die Eingabe mit dem Fahrzeugschein."
        );
    }

    #[test]
    fn ok_found_by_name() {
        let english = Messages::new(Language::En);
        assert_eq!(english.named("field-", "model_year"), Some("Model year"));
        assert_eq!(english.named("code-", "fuel.plug_in_hybrid"), Some("Plug-in hybrid"));
        assert_eq!(english.named("field-", "no_such_field"), None);
        assert_eq!(english.named("field-", "<script>"), None);
    }
}
