//! The dialect of a CSV file: separator, quotes, columns (RFC 4180 and its common variants).

use serde::{Deserialize, Serialize};

/// The form of a CSV file. The default is RFC 4180 with a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// The separator of fields. One ASCII character.
    #[serde(default = "comma")]
    pub separator: char,
    /// Around fields that hold separators or line breaks; doubled inside of them. One ASCII
    /// character, or empty for none.
    #[serde(default = "double_quote")]
    pub quote: String,
    /// True if the first row holds the names of the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// Without a header the columns' names in order, an empty name for a column that is not read.
    /// With one, those that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Lines before the first row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u16,
    /// The start of comment lines. One ASCII character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// True if rows may have fewer or more fields than there are columns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ragged: bool,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            separator: comma(),
            quote: double_quote(),
            header: yes(),
            columns: Vec::new(),
            skip: 0,
            comment: None,
            ragged: false,
        }
    }
}

pub(super) const fn comma() -> char {
    ','
}

pub(super) fn double_quote() -> String {
    "\"".to_owned()
}

pub(super) const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u16) -> bool {
    *number == 0
}
