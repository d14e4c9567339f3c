//! Plural categories of whole numbers (Unicode CLDR, `plurals.xml`), for the languages of
//! `site/messages`.
//!
//! `build.rs` reads this file too: a language without a rule here stops the build, and so does a
//! message that names a category its language does not have. Gaps: whole numbers only, no ordinals;
//! French has a category `many` for whole millions, which no message counts.

/// A plural category of CLDR. Grows with the languages: Polish will bring `Few` and `Many`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// One thing: *1 Rückruf*, *1 recall*.
    One,
    /// Everything else, and the default of every language.
    Other,
}

/// The category of `count` in `language` (a primary subtag, `de`), or `None` for a language without
/// a rule.
pub fn category(language: &str, count: i64) -> Option<Category> {
    match language {
        "de" | "en" => Some(if count == 1 { Category::One } else { Category::Other }),
        "fr" => Some(if matches!(count, 0 | 1) { Category::One } else { Category::Other }),
        _ => None,
    }
}

/// The names that a message of `language` may use for its variants; empty for a language without a
/// rule.
#[allow(dead_code, reason = "asked by the build only")]
pub fn names(language: &str) -> &'static [&'static str] {
    match language {
        "de" | "en" | "fr" => &["one", "other"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_one_is_one_in_german_and_english() {
        for language in ["de", "en"] {
            assert_eq!(category(language, 1), Some(Category::One));
            for count in [0, 2, 11, 21, 101, -1] {
                assert_eq!(category(language, count), Some(Category::Other));
            }
        }
    }

    #[test]
    fn ok_none_is_singular_in_french() {
        for (count, expected) in
            [(0, Category::One), (1, Category::One), (2, Category::Other), (17, Category::Other)]
        {
            assert_eq!(category("fr", count), Some(expected), "{count}");
        }
    }

    #[test]
    fn err_a_language_without_a_rule() {
        assert_eq!(category("pl", 2), None);
        assert!(names("pl").is_empty());
    }
}
