//! Reads an answer that is no facet's: single values, and conditions that confirm something.

use serde_json::Value;

use super::condition::{matches, with_vin};
use super::leaf::{LeafValue, MappingContext, read_leaf};
use crate::market::{Kind, Leaf, Match, Origin, Protocol};
use crate::vehicle::Vin;

/// Reads one value of an answer; `None` if the answer does not state it. A constant of the market
/// file states nothing.
///
/// # Errors
/// A description of the type found, for a value that the leaf's conversion refuses.
pub fn read_answer(
    origin: &Origin,
    leaf: &Leaf,
    kind: Kind,
    tree: &Value,
) -> Result<Option<Value>, &'static str> {
    let context = MappingContext { currency: "", is_xml: origin.protocol == Protocol::Soap };
    match read_leaf(leaf, kind, tree, context) {
        Ok(LeafValue::Stated(value)) => Ok(Some(value)),
        Ok(LeafValue::Constant(_) | LeafValue::NotStated) => Ok(None),
        Err(mismatch) => Err(mismatch.cause),
    }
}

/// True if an answer satisfies all conditions, of which at least one names a text of its own: what
/// holds of any answer about the car confirms nothing.
pub fn confirms(conditions: &[Match], tree: &Value, vin: &Vin) -> bool {
    let names_text = conditions.iter().any(Match::names_text);
    names_text && matches(&with_vin(conditions, vin), tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(conditions: Value, tree: Value, expect: bool) {
        let conditions: Vec<Match> = serde_json::from_value(conditions).expect("conditions");
        let vin = Vin::parse("WP0ZZZ99ZTS390000").expect("valid");
        assert_eq!(confirms(&conditions, &tree, &vin), expect, "{conditions:?} of {tree}");
    }

    #[test]
    fn ok_all_conditions_hold() {
        let conditions = || json!([{"at": "/status", "is": "00"}, {"at": "/vin", "is": "{vin}"}]);
        check(conditions(), json!({"status": "00", "vin": "WP0ZZZ99ZTS390000"}), true);
        check(conditions(), json!({"status": "00", "vin": "WP0ZZZ99ZTS390001"}), false);
        check(conditions(), json!({"status": "00"}), false);
        check(conditions(), json!({"status": ["00"], "vin": "WP0ZZZ99ZTS390000"}), false);
    }

    #[test]
    fn err_conditions_that_any_answer_satisfies() {
        for tree in [json!({}), json!({"status": "00"}), json!(null), json!([])] {
            check(json!([]), tree.clone(), false);
            check(json!([{"at": "/error", "missing": true}]), tree.clone(), false);
            check(json!([{"at": "/status", "not": "04"}]), tree, false);
        }
    }
}
