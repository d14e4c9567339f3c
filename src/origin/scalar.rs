//! Single values of a tree as text, and conditions on them.

use std::borrow::Cow;

use serde_json::Value;

use crate::market::Match;
use crate::vehicle::Vin;

/// A value that is not of the kind that the mapping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongKind {
    /// The kind found, never the value.
    pub(super) found: &'static str,
}

/// What an XML element says: its text, where it has attributes too. Nothing where it has attributes
/// only.
pub(super) fn plain(value: &Value) -> Option<&Value> {
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

/// A single value as text, without blanks around it. Nothing where it is `null`.
pub(super) fn text_of(value: &Value) -> Result<Option<Cow<'_, str>>, WrongKind> {
    let Some(value) = plain(value) else { return Ok(None) };
    Ok(Some(match value {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Null => return Ok(None),
        Value::Array(_) => return Err(WrongKind { found: "a list" }),
        Value::Object(_) => return Err(WrongKind { found: "an object" }),
    }))
}

/// The conditions with the car's VIN, in capitals or not, where they say `{vin}`: the rows of one
/// car in a file of many.
pub(super) fn about(conditions: &[Match], vin: &Vin) -> Vec<Match> {
    let fill = |texts: &mut Vec<String>| {
        if texts.iter().any(|text| text == "{vin}") {
            texts.extend([vin.expose().to_owned(), vin.expose().to_ascii_lowercase()]);
        }
    };
    let mut conditions = conditions.to_vec();
    for condition in &mut conditions {
        fill(&mut condition.is);
        fill(&mut condition.not);
    }
    conditions
}

/// Whether all conditions hold of an element.
pub(super) fn hold(conditions: &[Match], element: &Value) -> bool {
    conditions.iter().all(|condition| holds(condition, element))
}

fn holds(condition: &Match, element: &Value) -> bool {
    let found = condition.at.find(element);
    let text = found.and_then(|value| text_of(value).ok().flatten());
    let stands = match &text {
        Some(text) => !text.is_empty(),
        // A list or an object stands there; an element with attributes only says nothing.
        None => found.is_some_and(|value| {
            plain(value).is_some_and(|value| value.is_array() || value.is_object())
        }),
    };
    let among =
        |words: &[String]| text.as_ref().is_some_and(|text| words.iter().any(|word| word == text));
    condition.missing.is_none_or(|missing| missing != stands)
        && (condition.is.is_empty() || among(&condition.is))
        && !among(&condition.not)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(condition: Value, element: Value, expect: bool) {
        let condition: Match = serde_json::from_value(condition).expect("a condition");
        assert_eq!(holds(&condition, &element), expect, "{condition:?} of {element}");
    }

    #[test]
    fn ok_conditions() {
        let is = || json!({"field": "a", "is": ["x", "1"]});
        check(is(), json!({"a": " x "}), true);
        check(is(), json!({"a": 1}), true);
        check(is(), json!({"a": {"@n": "y", "#text": "x"}}), true);
        check(is(), json!({"a": "X"}), false);
        check(is(), json!({"a": ["x"]}), false);
        check(is(), json!({}), false);
        let not = || json!({"field": "a", "not": "x"});
        check(not(), json!({"a": "x"}), false);
        check(not(), json!({"a": "y"}), true);
        check(not(), json!({"a": null}), true);
        check(not(), json!({}), true);
        check(json!({"at": "", "is": "x"}), json!("x"), true);
    }

    #[test]
    fn ok_missing_is_what_states_nothing() {
        for (element, missing) in [
            (json!({}), true),
            (json!({"a": null}), true),
            (json!({"a": " "}), true),
            (json!({"a": {"@nil": "true"}}), true),
            (json!({"a": 0}), false),
            (json!({"a": []}), false),
            (json!({"a": {}}), false),
        ] {
            check(json!({"field": "a", "missing": true}), element.clone(), missing);
            check(json!({"field": "a", "missing": false}), element, !missing);
        }
    }
}
