//! Conditions on elements of a tree: the mapping's `when`.

use serde_json::Value;

use super::scalar::{element_value, scalar_text};
use crate::market::Match;
use crate::vehicle::Vin;

/// Returns the conditions with `{vin}` replaced by the car's VIN, in capitals and in lower case:
/// they select the rows of one car in a file of many.
pub(super) fn with_vin(conditions: &[Match], vin: &Vin) -> Vec<Match> {
    let replace = |texts: &mut Vec<String>| {
        if texts.iter().any(|text| text == "{vin}") {
            texts.extend([vin.expose().to_owned(), vin.expose().to_ascii_lowercase()]);
        }
    };
    let mut conditions = conditions.to_vec();
    for condition in &mut conditions {
        replace(&mut condition.is);
        replace(&mut condition.not);
    }
    conditions
}

/// True if an element satisfies all conditions.
pub(super) fn matches(conditions: &[Match], element: &Value) -> bool {
    conditions.iter().all(|condition| matches_one(condition, element))
}

fn matches_one(condition: &Match, element: &Value) -> bool {
    let found = condition.at.find(element);
    let text = found.and_then(|value| scalar_text(value).ok().flatten());
    let is_stated = match &text {
        Some(text) => !text.is_empty(),
        // A list or an object is a statement; an element with attributes only is none.
        None => found.is_some_and(|value| {
            element_value(value).is_some_and(|value| value.is_array() || value.is_object())
        }),
    };
    let is_among =
        |words: &[String]| text.as_ref().is_some_and(|text| words.iter().any(|word| word == text));
    condition.missing.is_none_or(|missing| missing != is_stated)
        && (condition.is.is_empty() || is_among(&condition.is))
        && !is_among(&condition.not)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(condition: Value, element: Value, expect: bool) {
        let condition: Match = serde_json::from_value(condition).expect("a condition");
        assert_eq!(matches_one(&condition, &element), expect, "{condition:?} of {element}");
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
