//! One leaf of a mapping: where a facet's field stands in an origin's answer and how it is read.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::map::Map;
use super::pointer::Pointer;

/// How one field of a facet is read. In the file either a JSON Pointer or a table with `at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leaf {
    /// Where the value stands: in the whole answer, or in the element under `each`.
    pub at: Pointer,
    /// What the value is converted to. Without it a `string`, or what `unit` and `codes` ask for.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// For `date`: how the origin writes it, in `strptime` notation. Without it ISO 8601, `2026-11-20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The unit that a number is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// For numbers in text: the sign before the decimals, `.` unless it says `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// The origin's codes and what they mean. A code that is not listed is an error, unless there is a `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<Map<String, String>>,
    /// What a code means that `codes` does not list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What the text or number at a pointer is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Text, trimmed; numbers and booleans are written out. Empty text counts as not stated.
    String,
    /// A whole number.
    Integer,
    /// A number, see `decimal`.
    Number,
    /// `true`/`false`, also as text in any case: `1`/`0`, `y`/`n`, `yes`/`no`, `j`/`n`, `ja`/`nein`.
    Boolean,
    /// A calendar date, see `format`. Becomes `2026-11-20`.
    Date,
    /// `OData` v2 `/Date(1700000000000)/`, v4 `2026-11-20` or a date-time. Becomes `2026-11-20`.
    OdataDate,
}

/// The table form. Separate so that its errors name its keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    at: Pointer,
    #[serde(rename = "as")]
    conversion: Option<Conversion>,
    format: Option<String>,
    unit: Option<String>,
    decimal: Option<char>,
    codes: Option<Map<String, String>>,
    default: Option<String>,
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LeafVisitor)
    }
}

struct LeafVisitor;

impl<'de> Visitor<'de> for LeafVisitor {
    type Value = Leaf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a JSON Pointer like \"/Vehicle/Brand\" or a table like { at = \"/Vehicle/Year\", as = \"integer\" }",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Leaf, E> {
        let at = Pointer::new(text).map_err(E::custom)?;
        Ok(Leaf { at, conversion: None, format: None, unit: None, decimal: None, codes: None, default: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Leaf, A::Error> {
        let Table { at, conversion, format, unit, decimal, codes, default } =
            Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Leaf { at, conversion, format, unit, decimal, codes, default })
    }
}
