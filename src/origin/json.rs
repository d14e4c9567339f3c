//! Parses JSON responses (RFC 8259), stricter than the standard: no duplicate keys, a limit on
//! values.
//!
//! Parsers disagree on which of two members of the same name counts (RFC 8259 §4), so a response
//! with duplicate keys is an error.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Most values of one response: each takes 30 bytes or more, and an isolate has 128 MB.
const MAX_VALUES: u32 = 200_000;

/// Text that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text ends inside a value.
    #[error("JSON that ends too early")]
    End,
    /// The same name twice in one object.
    #[error("JSON with a key twice")]
    DuplicateKey,
    /// More than 200 000 values.
    #[error("JSON with too many values")]
    Values,
    /// XML or an HTML page.
    #[error("markup instead of JSON")]
    Markup,
    /// Not JSON, nested deeper than 127, or more than one document.
    #[error("not JSON")]
    Malformed,
}

/// Parses a document into a tree.
///
/// # Errors
/// [`JsonError`] with the cause.
pub fn parse_json(text: &str) -> Result<Value, JsonError> {
    let state = ParseState { left: Cell::new(MAX_VALUES), is_duplicate: Cell::new(false) };
    let mut parser = serde_json::Deserializer::from_str(text);
    let parsed =
        ValueSeed(&state).deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    parsed.map_err(|error| match error.classify() {
        _ if state.is_duplicate.get() => JsonError::DuplicateKey,
        _ if state.left.get() == 0 => JsonError::Values,
        _ if text.trim_start().starts_with('<') => JsonError::Markup,
        serde_json::error::Category::Eof => JsonError::End,
        _ => JsonError::Malformed,
    })
}

struct ParseState {
    /// Values until the limit.
    left: Cell<u32>,
    is_duplicate: Cell<bool>,
}

#[derive(Clone, Copy)]
struct ValueSeed<'s>(&'s ParseState);

impl ValueSeed<'_> {
    /// Counts a value against the limit.
    fn count<T, E: Error>(self, value: T) -> Result<T, E> {
        let left = self.0.left.get().saturating_sub(1);
        self.0.left.set(left);
        if left == 0 { Err(E::custom("too many values")) } else { Ok(value) }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.count(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        self.count(Value::Bool(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.count(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.count(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        self.count(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.count(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = self.count(Vec::new())?;
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = self.count(Map::new())?;
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if object.insert(name, value).is_some() {
                self.0.is_duplicate.set(true);
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn ok_documents() {
        for (text, value) in [
            (
                " {\"a\": [1, -1, 1.5, true, null, \"\\u00fc\"]} ",
                json!({"a": [1, -1, 1.5, true, null, "ü"]}),
            ),
            ("18446744073709551615", json!(u64::MAX)),
            ("{\"a\": {\"b\": 1}, \"b\": 1}", json!({"a": {"b": 1}, "b": 1})),
        ] {
            assert_eq!(parse_json(text), Ok(value));
        }
    }

    #[test]
    fn err_hostile() {
        for (text, error) in [
            ("{\"a\": 1, \"a\": 1}", JsonError::DuplicateKey),
            ("[{\"a\": 1, \"\\u0061\": 2}]", JsonError::DuplicateKey),
            ("{\"a\": ", JsonError::End),
            ("", JsonError::End),
            ("<html>", JsonError::Markup),
            ("{} {}", JsonError::Malformed),
            ("[NaN]", JsonError::Malformed),
            ("[Infinity]", JsonError::Malformed),
            ("[1e400]", JsonError::Malformed),
            ("[01]", JsonError::Malformed),
            ("[\"\\ud800\"]", JsonError::Malformed),
            ("{'a': 1}", JsonError::Malformed),
            ("[1,]", JsonError::Malformed),
        ] {
            assert_eq!(parse_json(text), Err(error), "{text}");
        }
        assert_eq!(parse_json(&"[".repeat(1_000_000)), Err(JsonError::Malformed));
        assert_eq!(parse_json(&format!("[{}0]", "0,".repeat(200_000))), Err(JsonError::Values));
    }

    proptest! {
        #[test]
        fn parses_as_serde_does(text in "[\\[\\]{}\":,0-9a-c.eE+-]{0,24}|\\PC{0,20}") {
            if let Ok(value) = parse_json(&text) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
            }
        }
    }
}
