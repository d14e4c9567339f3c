//! Evidence of absence: the places of an answer that are there although they state nothing.
//!
//! An answer that states nothing of a facet is a failure, because an error looks the same. It says
//! that there is nothing where a mapped place is there and empty, or the object around it is.

use serde_json::Value;

use super::scalar::element_value;
use crate::market::{Leaf, Pointer};

/// True if the market's own anchor is there.
pub(super) fn is_there(anchor: &Pointer, tree: &Value) -> bool {
    anchor.find(tree).and_then(element_value).is_some()
}

/// True if the place of a leaf is there and empty, or the object or list around it is there. The
/// whole answer is no such object: every answer has it.
pub(super) fn is_anchored(leaf: &Leaf, element: &Value, is_xml: bool) -> bool {
    leaf.first_of.iter().any(|alternative| is_anchored(alternative, element, is_xml))
        || leaf
            .each
            .as_ref()
            .or(leaf.at.as_ref())
            .is_some_and(|place| is_place_anchored(place.as_str(), element, is_xml))
}

fn is_place_anchored(place: &str, element: &Value, is_xml: bool) -> bool {
    let mut around = element;
    let mut names = place.split('/').skip(1).peekable();
    let mut is_inside = false;
    while let Some(name) = names.next() {
        let name = name.replace("~1", "/").replace("~0", "~");
        let Some(inner) = inner_value(around, &name) else {
            let is_last = names.peek().is_none();
            return is_inside && (around.is_array() || is_last && is_object(around, is_xml));
        };
        around = inner;
        is_inside = true;
    }
    // The pointer to the whole is no place in it.
    is_inside
}

fn inner_value<'t>(around: &'t Value, name: &str) -> Option<&'t Value> {
    match around {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// True for an object that is not `xsi:nil`, and for an empty element.
fn is_object(value: &Value, is_xml: bool) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty() || element_value(value).is_some(),
        Value::String(text) => is_xml && text.trim().is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(place: &str, tree: Value, is_xml: bool, expect: bool) {
        let leaf = Leaf::at(Pointer::new(place).expect("a pointer"));
        assert_eq!(is_anchored(&leaf, &tree, is_xml), expect, "{place} in {tree}");
    }

    #[test]
    fn ok_a_place_that_is_there_and_the_object_around_it() {
        for tree in [
            json!({"data": {"co2": null}}),
            json!({"data": {"co2": ""}}),
            json!({"data": {}}),
            json!({"data": {"other": 1}}),
        ] {
            check("/data/co2", tree, false, true);
        }
        check("/co2", json!({"co2": null}), false, true);
        check("/rows/0/co2", json!({"rows": []}), false, true);
        check("/data/co2", json!({"data": ""}), true, true);
    }

    #[test]
    fn err_answers_that_state_nothing() {
        for tree in [
            json!({}),
            json!(null),
            json!([]),
            json!({"data": null}),
            json!({"data": "x"}),
            json!({"data": 7}),
            json!({"data": ""}),
            json!({"status": "ERROR", "data": null}),
        ] {
            check("/data/co2", tree, false, false);
        }
        check("/co2", json!({}), false, false);
        check("/co2", json!({"error": "x"}), false, false);
        check("", json!({}), false, false);
        check("/a/b/c", json!({"a": {}}), false, false);
        check("/data/co2", json!({"data": {"@nil": "true"}}), true, false);
        check("/data/co2", json!({"data": "text"}), true, false);
    }
}
