//! One leaf of a mapping: where a facet's field stands in an origin's answer and how it is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::condition::{Match, one_or_many, one_or_many_matches};
use super::pointer::Pointer;

/// The mapping of one field of a facet. In the file either a JSON Pointer or a table.
///
/// It has one of `at` (or `each`), `constant` and `first_of`: checked where the market is compiled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Leaf {
    /// The place of the value in the response, or in the element under `each`. With the leaf's own
    /// `each`, the place in an element of that list; by default the element itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Pointer>,
    /// A list; the first element that matches `when` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Pointer>,
    /// Conditions that all must match: on an element of `each`, or without it on the start of `at`.
    #[serde(
        default,
        deserialize_with = "one_or_many_matches",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub when: Vec<Match>,
    /// Alternatives; the first with a value counts. They inherit the conversions beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_of: Vec<Leaf>,
    /// A constant value, as in documents.
    #[serde(rename = "const", skip_serializing_if = "Option::is_none")]
    pub constant: Option<Value>,
    /// The conversion of the value. By default `string`, or the one that `unit` and `codes` imply.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// For `date` and `datetime`: the format in `strptime` notation. By default ISO 8601,
    /// `2026-11-20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The offset from UTC of times without one: `+01:00`, `Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The unit of a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// For numbers in text: the decimal separator, `.` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// The origin's codes and their meanings. A code that is not listed is an error unless there is
    /// a `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<BTreeMap<String, String>>,
    /// The meaning of codes that `codes` does not list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// For `boolean`: the texts that mean true, instead of the usual ones.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub yes: Vec<String>,
    /// For `boolean`: the texts that mean false, instead of the usual ones.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub no: Vec<String>,
    /// Texts that mean *not stated*.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
    /// Characters to trim at both ends, in addition to blanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<String>,
    /// Characters to trim at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_start: Option<String>,
    /// Characters to trim at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_end: Option<String>,
    /// For `money`: the currency, ISO 4217. By default, without `currency_at`, the market's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// For `money`: the place of its currency, from the start of `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency_at: Option<Pointer>,
    /// For `money`: true if the origin states minor units, cents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub minor: bool,
}

/// The conversion of the text or number at a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Text, trimmed; numbers and booleans are written out. Empty text counts as not stated.
    String,
    /// A whole number.
    Integer,
    /// A number, see `decimal`.
    Number,
    /// `true`/`false`, also as text in any case: `1`/`0`, `y`/`n`, `yes`/`no`, `j`/`n`,
    /// `ja`/`nein`, `oui`/`non`; or `yes` and `no`.
    Boolean,
    /// A calendar date, see `format`. Becomes `2026-11-20`.
    Date,
    /// An instant, see `format` and `zone`. Becomes `2026-11-20T08:00:00Z`; of a date field, the
    /// day that is written.
    Datetime,
    /// `OData` v2 `/Date(1700000000000)/`, v4 `2026-11-20` or a date-time. Becomes as `date` or
    /// `datetime` do.
    OdataDate,
    /// ISO 8601 `P3Y6M`, or a number of `unit`. Becomes a quantity of months.
    Duration,
    /// A sum, see `decimal`, `currency`, `currency_at`, `minor`. Becomes whole minor units with
    /// their currency.
    Money,
}

impl Leaf {
    /// The leaf of one place with the default conversion.
    pub fn at(at: Pointer) -> Self {
        Self { at: Some(at), ..Self::default() }
    }

    /// Copies the conversions beside `first_of` into its alternatives. Keys of places remain: the
    /// check refuses them there.
    fn hand_down(mut self) -> Self {
        if self.first_of.is_empty() {
            return self;
        }
        let mut first_of = std::mem::take(&mut self.first_of);
        for alternative in &mut first_of {
            alternative.inherit(&self);
        }
        let Self { at, each, when, constant, .. } = self;
        Self { at, each, when, first_of, constant, ..Self::default() }
    }

    /// Inherits the conversions that the leaf does not set. A constant needs none.
    fn inherit(&mut self, above: &Self) {
        for alternative in &mut self.first_of {
            alternative.inherit(above);
        }
        if self.constant.is_some() || !self.first_of.is_empty() {
            return;
        }
        let words = |own: &mut Vec<String>, above: &[String]| {
            if own.is_empty() {
                own.extend_from_slice(above);
            }
        };
        let text = |own: &mut Option<String>, above: &Option<String>| {
            if own.is_none() {
                own.clone_from(above);
            }
        };
        self.conversion = self.conversion.or(above.conversion);
        self.decimal = self.decimal.or(above.decimal);
        self.minor |= above.minor;
        if self.codes.is_none() {
            self.codes.clone_from(&above.codes);
        }
        if self.currency_at.is_none() {
            self.currency_at.clone_from(&above.currency_at);
        }
        text(&mut self.format, &above.format);
        text(&mut self.zone, &above.zone);
        text(&mut self.unit, &above.unit);
        text(&mut self.default, &above.default);
        text(&mut self.trim, &above.trim);
        text(&mut self.trim_start, &above.trim_start);
        text(&mut self.trim_end, &above.trim_end);
        text(&mut self.currency, &above.currency);
        words(&mut self.yes, &above.yes);
        words(&mut self.no, &above.no);
        words(&mut self.empty, &above.empty);
    }
}

impl Serialize for Leaf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
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
        Pointer::new(text).map(Leaf::at).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Leaf, A::Error> {
        // The derived function, which reads the table form; the trait's is this one.
        Leaf::deserialize(MapAccessDeserializer::new(map)).map(Leaf::hand_down)
    }
}
