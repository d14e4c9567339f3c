//! A tag: what the public part of a car's identity says, `make:porsche`.

use std::fmt;

use serde_json::Value;

use super::Identity;
use crate::market::FacetName;
use crate::vehicle::fields;

/// Characters of a value at the most.
const MAX_VALUE: usize = 80;

/// A field of identity and its value, in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    text: String,
    /// Where the field's name ends.
    colon: usize,
}

/// Why a text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// No colon, or nothing on one side of it, or too much.
    #[error(
        "A tag is a field of identity and its value, like make:porsche; a value has at most {MAX_VALUE} characters."
    )]
    Form,
    /// Not a field that everybody may see: who may not see it must not find out by a purge.
    #[error(
        "A tag names a public field of identity: make, model, trim, body, fuel, model_year, power.value, colour, …."
    )]
    Field,
}

impl Tag {
    /// Reads a tag. Case does not matter, nor do blanks around the two parts.
    ///
    /// # Errors
    /// [`TagError`].
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let (field, value) = text.split_once(':').ok_or(TagError::Form)?;
        let (field, value) = (folded(field), folded(value));
        if field.is_empty()
            || value.is_empty()
            || value.chars().count() > MAX_VALUE
            || value.chars().any(char::is_control)
        {
            return Err(TagError::Form);
        }
        let is_public = fields(FacetName::Identity)
            .iter()
            .any(|known| known.names(&field) && known.is_public());
        if !is_public {
            return Err(TagError::Field);
        }
        Ok(Self { text: format!("{field}:{value}"), colon: field.len() })
    }

    /// The tag as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The field's name.
    pub fn field(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// Whether a car has it. Of a car of which nothing is known, yes.
    pub fn matches(&self, identity: Identity<'_>) -> bool {
        let public = match identity {
            Identity::Public(public) => public,
            Identity::Absent => return false,
            Identity::Unknown => return true,
        };
        let Ok(tree) = serde_json::from_str::<Value>(public) else { return true };
        let value = self.text.get(self.colon + 1..).unwrap_or_default();
        match self.field().split('.').try_fold(&tree, |inner, name| inner.get(name)) {
            Some(Value::String(text)) => folded(text) == value,
            // 210 and 210.0 are one number.
            Some(Value::Number(number)) => serde_json::from_str::<serde_json::Number>(value)
                .is_ok_and(|tag| tag.as_f64() == number.as_f64()),
            Some(Value::Bool(flag)) => value == if *flag { "true" } else { "false" },
            _ => false,
        }
    }
}

/// Small letters without blanks around: those of the Latin, Greek and Cyrillic alphabets as cars'
/// makes and models use them. The standard library's table of all scripts would be larger than all
/// of this.
fn folded(text: &str) -> String {
    let small = |letter: char| {
        let code = u32::from(letter);
        let by = match code {
            0x41..=0x5A | 0xC0..=0xD6 | 0xD8..=0xDE | 0x391..=0x3A9 | 0x410..=0x42F => 32,
            0x400..=0x40F => 80,
            // Pairs: the large letter has an even number, in two stretches an odd one.
            0x139..=0x148 | 0x179..=0x17E => code % 2,
            0x100..=0x137 | 0x14A..=0x177 => 1 - code % 2,
            _ => 0,
        };
        char::from_u32(code + by).unwrap_or(letter)
    };
    text.trim().chars().map(small).collect()
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
