//! The place where an answer names its car, and how the car is named there.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::condition::{MatchError, place};
use super::pointer::Pointer;
use super::template::Template;

/// The place of an answer that names its car. In the file either a JSON Pointer or a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The place in the answer, or in an element of `each`.
    pub at: Pointer,
    /// A list, each element of which names its car.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Pointer>,
    /// The name of the car that was asked for; by default its VIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Template>,
    /// The number of characters at the VIN's end that stand there, for systems that shorten it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u8>,
    /// True if an answer, or an element of `each`, that names no car is a failure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// As the file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    at: Option<Pointer>,
    /// A name, short for the pointer `/name`.
    field: Option<String>,
    each: Option<Pointer>,
    is: Option<Template>,
    last: Option<u8>,
    #[serde(default)]
    required: bool,
}

impl TryFrom<Table> for About {
    type Error = MatchError;
    fn try_from(table: Table) -> Result<Self, MatchError> {
        let Table { at, field, each, is, last, required } = table;
        Ok(Self { at: place(at, field)?, each, is, last, required })
    }
}

impl<'de> Deserialize<'de> for About {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AboutVisitor)
    }
}

struct AboutVisitor;

impl<'de> Visitor<'de> for AboutVisitor {
    type Value = About;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a JSON Pointer like \"/vehicle/vin\" or a table like { field = \"vin\", required = true }",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<About, E> {
        let at = Pointer::new(text).map_err(E::custom)?;
        Ok(About { at, each: None, is: None, last: None, required: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<About, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        table.try_into().map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(written: Value, expect: Result<Value, &str>) {
        let found = serde_json::from_value::<About>(written)
            .map(|found| json!(found))
            .map_err(|error| error.to_string());
        assert_eq!(found, expect.map_err(str::to_owned));
    }

    #[test]
    fn ok_pointer_and_table_and_what_is_published() {
        check(json!("/car/vin"), Ok(json!({"at": "/car/vin"})));
        check(json!({"field": "vin"}), Ok(json!({"at": "/vin"})));
        let whole =
            json!({"at": "/no", "each": "/rows", "is": "{identity.model_code}", "required": true});
        check(whole.clone(), Ok(whole));
        check(json!({"field": "vin", "last": 8}), Ok(json!({"at": "/vin", "last": 8})));
    }

    #[test]
    fn err_no_place_or_an_unknown_key() {
        let place = "a condition looks at one place; write either `at` with a pointer or `field` with a name";
        check(json!({"required": true}), Err(place));
        check(json!("vin"), Err("a JSON Pointer is empty or starts with `/`, like /Envelope/Body"));
        assert!(serde_json::from_value::<About>(json!({"at": "/a", "ist": "x"})).is_err());
    }
}
