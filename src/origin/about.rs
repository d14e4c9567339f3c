//! The car that an answer names, compared with the one that was asked for.

use serde_json::Value;

use super::leaf::list_elements;
use super::request::{RequestError, VariableValues, fill_template};
use super::scalar::scalar_text;
use crate::market::{About, Variable};
use crate::vehicle::normalize_id;

/// The car that an answer is about, as far as it names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The one that was asked for, everywhere.
    Requested,
    /// None, or one of its elements none.
    Nobody,
    /// Another one, in one place at least.
    Another,
}

/// Returns the car that an answer names. Blanks, hyphens and case do not count.
///
/// # Errors
/// [`RequestError`] for a name that uses a value which this car lacks.
pub(super) fn named_car(
    about: &About,
    tree: &Value,
    is_xml: bool,
    values: &dyn VariableValues,
) -> Result<Named, RequestError> {
    let requested = match &about.is {
        Some(is) => fill_template(is, values, |value| Ok(value.to_owned()))?,
        None => values.value_of(&Variable::Vin)?.to_owned(),
    };
    let requested = shortened(&normalize_id(&requested), about.last);
    let names = match &about.each {
        None => vec![name_in(about, tree, &requested)],
        Some(each) => match each.walk(tree).and_then(|list| list_elements(list, is_xml)) {
            Some(elements) => {
                elements.iter().map(|element| name_in(about, element, &requested)).collect()
            }
            None => vec![Named::Nobody],
        },
    };
    Ok(if names.contains(&Named::Another) {
        Named::Another
    } else if names.contains(&Named::Nobody) {
        Named::Nobody
    } else {
        Named::Requested
    })
}

fn name_in(about: &About, element: &Value, requested: &str) -> Named {
    let found = about.at.find(element);
    let values = found.map_or(&[][..], |found| match found {
        Value::Array(values) => values,
        value => std::slice::from_ref(value),
    });
    let mut named = Named::Nobody;
    for value in values {
        match scalar_text(value) {
            Ok(None) => {}
            Ok(Some(text)) if text.is_empty() => {}
            Ok(Some(text)) if normalize_id(&text) == requested => named = Named::Requested,
            // What does not read as a name is not this car's.
            Ok(Some(_)) | Err(_) => return Named::Another,
        }
    }
    named
}

/// The last characters of a name, or all of it.
fn shortened(name: &str, last: Option<u8>) -> String {
    let length = name.chars().count();
    name.chars().skip(last.map_or(0, |last| length.saturating_sub(last.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::MarketCode;
    use crate::origin::TemplateValues;
    use crate::vehicle::{FacetName, Vin};
    use serde_json::json;

    fn check(about: Value, tree: Value, expect: Named) {
        let about: About = serde_json::from_value(about).expect("a place");
        let values = TemplateValues {
            vin: Vin::parse("WP0ZZZ99ZTS390000").expect("valid"),
            market: MarketCode::new("de").expect("valid"),
            fields: [((FacetName::Identity, "model_code".to_owned()), "993-C2".to_owned())].into(),
        };
        let found = named_car(&about, &tree, false, &values).expect("a name");
        assert_eq!(found, expect, "{about:?} of {tree}");
    }

    #[test]
    fn ok_one_place() {
        let about = || json!("/car/vin");
        let car = |vin: Value| json!({"car": {"vin": vin}});
        check(about(), car(json!("WP0ZZZ99ZTS390000")), Named::Requested);
        check(about(), car(json!(" wp0 zzz-99zts390000 ")), Named::Requested);
        check(
            about(),
            car(json!({"@type": "fin", "#text": "WP0ZZZ99ZTS390000"})),
            Named::Requested,
        );
        check(about(), car(json!("WP0ZZZ99ZTS390001")), Named::Another);
        check(about(), car(json!("TS390000")), Named::Another);
        check(about(), car(json!(17)), Named::Another);
        check(about(), car(json!({"a": 1})), Named::Another);
        check(about(), car(json!(["WP0ZZZ99ZTS390000", "WP0ZZZ99ZTS390001"])), Named::Another);
        for nothing in [json!(null), json!(""), json!(" "), json!([])] {
            check(about(), car(nothing), Named::Nobody);
        }
        check(about(), json!({}), Named::Nobody);
    }

    #[test]
    fn ok_each_element() {
        let about = || json!({"each": "/rows", "field": "vin"});
        let row = |vin: &str| json!({"vin": vin});
        let (own, other) = (row("wp0zzz99zts390000"), row("WP0ZZZ99ZTS390001"));
        check(about(), json!({"rows": []}), Named::Requested);
        check(about(), json!({"rows": [own, own]}), Named::Requested);
        check(about(), json!({"rows": own}), Named::Requested);
        check(about(), json!({"rows": [own, {}]}), Named::Nobody);
        check(about(), json!({"rows": [{}, own, other]}), Named::Another);
        check(about(), json!({}), Named::Nobody);
    }

    #[test]
    fn ok_other_names_of_the_car() {
        let last = || json!({"field": "vin", "last": 8});
        check(last(), json!({"vin": "ts39-0000"}), Named::Requested);
        check(last(), json!({"vin": "TS390001"}), Named::Another);
        check(last(), json!({"vin": "WP0ZZZ99ZTS390000"}), Named::Another);
        let code = || json!({"field": "type", "is": "{market}-{identity.model_code}"});
        check(code(), json!({"type": "DE 993C2"}), Named::Requested);
        check(code(), json!({"type": "DE 993C4"}), Named::Another);
    }
}
