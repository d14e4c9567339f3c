//! Decides which values of a record state something.

use serde_json::{Map, Value};

use crate::market::LayoutField;

/// True for values other than `null` and the empty list.
pub(super) fn is_stated(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// True if an occurrence is an unused entry of its table. Mainframes initialize those with blanks
/// in texts and zeros in numbers. So, unless a field counts the occurrences, zeros state nothing in
/// an occurrence that has text fields, all blank.
pub(super) fn is_unused(
    layout: &[LayoutField],
    occurrence: &Map<String, Value>,
    is_counted: bool,
) -> bool {
    let is_number =
        |name: &str| layout.iter().any(|field| field.name == *name && field.kind.is_number());
    let may_be_zero = !is_counted && layout.iter().any(|field| !field.kind.is_number());
    occurrence
        .iter()
        .all(|(name, value)| !is_stated(value) || may_be_zero && is_number(name) && is_zero(value))
}

/// True if a value is one of the texts that mean *not stated*.
pub(super) fn is_one_of(value: &Value, texts: &[String]) -> bool {
    match value {
        _ if texts.is_empty() => false,
        Value::String(text) => texts.iter().any(|known| known == text),
        Value::Number(number) => texts.contains(&number.to_string()),
        _ => false,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.bytes().all(|byte| matches!(byte, b'0' | b'.')),
        Value::Array(items) => items.iter().all(is_zero),
        _ => false,
    }
}
