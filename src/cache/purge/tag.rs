//! Tags: a value of the public part of a car's identity, `make:porsche`.

use std::fmt;

use serde_json::Value;

use crate::cache::envelope::Stored;
use crate::market::FacetName;
use crate::ports::FromCell;
use crate::vehicle::fields;

/// Characters of a value at most.
const MAX_VALUE: usize = 80;

/// The knowledge about the public identity of a car, for rules with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownIdentity<'a> {
    /// The public projection.
    Public(&'a str),
    /// There is no such car.
    Absent,
    /// Nothing is stored. A rule with a tag matches: a facet that may be purged is not served.
    Unknown,
}

impl<'a> KnownIdentity<'a> {
    /// The knowledge from the stored identity.
    pub fn from_stored(stored: Option<&'a Stored>) -> Self {
        match stored {
            Some(Stored::Present { public, .. }) => Self::Public(public),
            Some(Stored::Absent) => Self::Absent,
            None => Self::Unknown,
        }
    }
}

impl FromCell for Tag {
    const EXPECTED: &'static str = "a tag";
    fn from_cell(cell: &Value) -> Option<Self> {
        cell.as_str().and_then(|text| Self::parse(text).ok())
    }
}

/// A field of identity and its value, in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    text: String,
}

/// Cause of a text that is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// No colon, or nothing on one side of it, or too much.
    #[error(
        "A tag is a field of identity and its value, like make:porsche; a value has at most \
         {MAX_VALUE} characters."
    )]
    Form,
    /// The field is not public: a purge must not tell who has which value of it.
    #[error(
        "A tag names a public field of identity: make, model, trim, body, fuel, model_year, \
         power.value, colour, …."
    )]
    Field,
}

impl Tag {
    /// Reads a tag. Case and blanks around the two parts do not matter.
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
        Ok(Self { text: format!("{field}:{value}") })
    }

    /// The tag in small letters, `field:value`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The field's name.
    pub fn field(&self) -> &str {
        self.parts().0
    }

    /// The value, in small letters.
    fn value(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        // OK because a tag without a colon is never made.
        self.text.split_once(':').unwrap_or((&self.text, ""))
    }

    /// True if a car has it, and of a car whose identity is unknown.
    pub fn matches(&self, identity: KnownIdentity<'_>) -> bool {
        let public = match identity {
            KnownIdentity::Public(public) => public,
            KnownIdentity::Absent => return false,
            KnownIdentity::Unknown => return true,
        };
        let Ok(tree) = serde_json::from_str::<Value>(public) else { return true };
        let value = self.value();
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
