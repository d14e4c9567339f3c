//! Single values of a tree, and small objects.

use std::borrow::Cow;

use serde_json::Value;

/// A value of another type than the mapping names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongType {
    /// Description of the type found, never the value.
    pub(super) found: &'static str,
}

/// Returns the text of an XML element that has attributes too, and every other value as it is.
/// `None` for `null` and for an element with attributes only.
pub(super) fn element_value(value: &Value) -> Option<&Value> {
    match value {
        Value::Null => None,
        Value::Object(fields) => match fields.get("#text") {
            Some(text) => Some(text),
            None if !fields.is_empty() && fields.keys().all(|name| name.starts_with('@')) => None,
            None => Some(value),
        },
        other => Some(other),
    }
}

/// Returns a single value as text, trimmed. `None` for `null`.
///
/// # Errors
/// [`WrongType`] for lists and objects.
pub(super) fn scalar_text(value: &Value) -> Result<Option<Cow<'_, str>>, WrongType> {
    let Some(value) = element_value(value) else { return Ok(None) };
    Ok(Some(match value {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Null => return Ok(None),
        Value::Array(_) => return Err(WrongType { found: "a list" }),
        Value::Object(_) => return Err(WrongType { found: "an object" }),
    }))
}

/// Makes an object of a few fields.
pub(super) fn small_object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
