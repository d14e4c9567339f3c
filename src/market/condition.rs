//! A condition on what stands at one place of an answer: the answer that means "no such car", the
//! elements that count.

use serde::{Deserialize, Deserializer, Serialize};

use super::pointer::{Pointer, PointerError};

/// The text that stands for the car's VIN.
const VIN: &str = "{vin}";

/// A condition on an answer or on an element of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Table")]
pub struct Match {
    /// The place that is looked at.
    pub at: Pointer,
    /// The texts, one of which must stand there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// The texts, none of which may stand there. Where nothing stands, the condition holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// `true`: nothing must stand there. `false`: something must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<bool>,
}

impl Match {
    /// True if it names a text of the answer's own: an error has none of these, and every answer
    /// about the car has its VIN.
    pub fn names_text(&self) -> bool {
        !self.is.is_empty() && self.is.iter().all(|text| text != VIN)
    }
}

/// As the file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    at: Option<Pointer>,
    /// A name, short for the pointer `/name`.
    field: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    is: Vec<String>,
    #[serde(default, alias = "is_not", deserialize_with = "one_or_many")]
    not: Vec<String>,
    missing: Option<bool>,
}

/// An error in a condition.
#[derive(Debug, thiserror::Error)]
pub(super) enum MatchError {
    /// Neither or both.
    #[error(
        "a condition looks at one place; write either `at` with a pointer or `field` with a name"
    )]
    Place,
    /// The name makes no pointer.
    #[error(transparent)]
    Field(#[from] PointerError),
}

impl TryFrom<Table> for Match {
    type Error = MatchError;
    fn try_from(table: Table) -> Result<Self, MatchError> {
        let Table { at, field, is, not, missing } = table;
        Ok(Self { at: place(at, field)?, is, not, missing })
    }
}

/// The place that is written as a pointer or as a name.
pub(super) fn place(at: Option<Pointer>, field: Option<String>) -> Result<Pointer, MatchError> {
    match (at, field) {
        (Some(at), None) => Ok(at),
        (None, Some(name)) => {
            Ok(Pointer::new(format!("/{}", name.replace('~', "~0").replace('/', "~1")))?)
        }
        _ => Err(MatchError::Place),
    }
}

/// Accepts `"a"` and `["a", "b"]`.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}

/// Accepts one condition and a list of them.
pub(super) fn one_or_many_matches<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Match>, D::Error> {
    struct Conditions;
    impl<'de> serde::de::Visitor<'de> for Conditions {
        type Value = Vec<Match>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(
                "a condition like { field = \"Status\", is = \"A\" } or a list of conditions",
            )
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Vec<Match>, A::Error> {
            Ok(vec![Match::deserialize(serde::de::value::MapAccessDeserializer::new(map))?])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Vec<Match>, A::Error> {
            let mut conditions = Vec::new();
            while let Some(condition) = list.next_element()? {
                conditions.push(condition);
            }
            Ok(conditions)
        }
    }
    deserializer.deserialize_any(Conditions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(table: Value, expect: Result<Value, &str>) {
        let found = serde_json::from_value::<Match>(table)
            .map(|found| json!(found))
            .map_err(|error| error.to_string());
        assert_eq!(found, expect.map_err(str::to_owned));
    }

    #[test]
    fn ok_place_and_texts() {
        check(json!({"at": "/a", "is": "x"}), Ok(json!({"at": "/a", "is": ["x"]})));
        check(
            json!({"field": "a/b~", "not": ["x", "y"]}),
            Ok(json!({"at": "/a~1b~0", "not": ["x", "y"]})),
        );
        check(json!({"at": "/a", "is_not": "x"}), Ok(json!({"at": "/a", "not": ["x"]})));
        check(json!({"field": "a", "missing": false}), Ok(json!({"at": "/a", "missing": false})));
    }

    #[test]
    fn err_no_place_or_two() {
        let place = "a condition looks at one place; write either `at` with a pointer or `field` with a name";
        check(json!({"is": "x"}), Err(place));
        check(json!({"at": "/a", "field": "a", "is": "x"}), Err(place));
    }
}
