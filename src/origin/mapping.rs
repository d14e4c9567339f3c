//! From an answer's tree to a facet, by the market's mapping.

use std::fmt;

use serde_json::Value;

use super::leaf::{self, Misfit, Read, Surroundings, elements, object, place};
use super::scalar::hold;
use super::speaks_xml;
use crate::market::{FacetName, Field, Leaf, Map, Market, Pointer, Shape, shape};
use crate::vehicle::{Vin, typed};

/// What a mapping came to.
#[derive(Clone, PartialEq)]
pub enum Mapped {
    /// The facet's value, checked against its type.
    Present(Value),
    /// The answer holds nothing of this facet.
    Absent,
}

impl fmt::Debug for Mapped {
    /// Hides the value: it may hold the VIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Present(_)) { "Present([redacted])" } else { "Absent" })
    }
}

/// Why an answer is no facet. For operators: names places and kinds, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{facet}: {cause} at {pointer:?}")]
pub struct MappingError {
    /// The facet.
    pub facet: FacetName,
    /// Where in the answer; empty for the whole.
    pub pointer: String,
    /// What is wrong.
    pub cause: &'static str,
}

/// Maps the tree of an origin's answer to one facet.
///
/// # Errors
/// [`MappingError`] where a value is of the wrong kind, a required one is missing, or the answer is about another car.
pub fn map(market: &Market, facet: FacetName, tree: &Value, vin: &Vin) -> Result<Mapped, MappingError> {
    let fail = |pointer: String, cause| MappingError { facet, pointer, cause };
    let missing = || fail(String::new(), "the market does not describe the facet");
    let description = market.facets.get(&facet).ok_or_else(missing)?;
    let origin = market.origins.get(&description.origin).ok_or_else(missing)?;
    let around = Surroundings { currency: &market.currency, is_xml: speaks_xml(origin) };
    let each = description.each.as_ref();
    let shape = shape(facet);
    let leaves = leaves(&description.map, shape.fields(each.is_some()));
    let (items, is_numbered) = match each {
        Some(each) => list(each, tree, around.is_xml).ok_or_else(|| fail(each.as_str().to_owned(), "no list"))?,
        None => (std::slice::from_ref(tree), false),
    };
    let goes_on = || each.filter(|each| goes_on(each, tree)).map(|each| each.as_str().to_owned());
    let read = |index: usize, element: &Value| {
        let index = is_numbered.then_some(index);
        let record = record(&leaves, element, around);
        record.map_err(|misfit| fail(place(each, index, None) + &misfit.place, misfit.cause))
    };
    let mut counted = items.iter().enumerate().filter(|(_, element)| hold(&description.when, element));
    let value = if let (Shape::List { .. }, true) = (shape, each.is_some()) {
        if let Some(list) = goes_on() {
            return Err(fail(list, "the list goes on in another page"));
        }
        let mut mapped = Vec::with_capacity(items.len());
        for (index, element) in counted {
            if is_nothing(element) && !leaves.iter().any(|(field, _)| field.required) {
                continue;
            }
            let record = read(index, element)?;
            if record.lacks_required {
                return Err(fail(place(each, is_numbered.then_some(index), None), "a required field is missing"));
            }
            mapped.push(Value::Object(record.fields));
        }
        object([("items", Value::Array(mapped))])
    } else {
        let Some((index, element)) = counted.next() else {
            return goes_on().map_or(Ok(Mapped::Absent), |list| Err(fail(list, "the list goes on in another page")));
        };
        let mut record = read(index, element)?;
        if !record.is_stated && !description.required {
            return Ok(Mapped::Absent);
        }
        if record.lacks_required {
            return Err(fail(String::new(), "a required field is missing"));
        }
        if facet == FacetName::Identity {
            set_vin(&mut record.fields, vin).map_err(|cause| fail(String::new(), cause))?;
        }
        Value::Object(record.fields)
    };
    typed(facet, value).map(Mapped::Present).map_err(|error| fail(error.field().to_owned(), error.cause()))
}

/// The elements of a list, and whether it is one. XML cannot tell an empty list from none, so there it is enough that the
/// parent stands.
fn list<'t>(each: &Pointer, tree: &'t Value, is_xml: bool) -> Option<(&'t [Value], bool)> {
    if let Some(list) = each.walk(tree) {
        return elements(list, is_xml).map(|items| (items, list.is_array()));
    }
    let (parent, _) = each.as_str().rsplit_once('/')?;
    let stands = is_xml && !parent.is_empty() && tree.pointer(parent).is_some();
    stands.then_some((&[], false))
}

/// An element that says nothing, as systems write it where a list is empty.
fn is_nothing(element: &Value) -> bool {
    match element {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Whether an `OData` answer says that there is more. A part must not pass for the whole: an open recall may be in the rest.
fn goes_on(each: &Pointer, tree: &Value) -> bool {
    let Some((parent, list)) = each.as_str().rsplit_once('/') else { return false };
    let links = ["__next", "@odata.nextLink", &format!("{list}@odata.nextLink")];
    let says = |parent: &Value| links.iter().any(|link| parent.get(link).is_some_and(|link| !link.is_null()));
    tree.pointer(parent).is_some_and(says)
}

/// The fields that a market maps, each with its leaf.
fn leaves<'m>(map: &'m Map<String, Leaf>, fields: &'static [Field]) -> Vec<(&'static Field, &'m Leaf)> {
    fields.iter().filter_map(|field| map.get(field.name).map(|leaf| (field, leaf))).collect()
}

/// One record, as far as it is stated.
struct Record {
    fields: serde_json::Map<String, Value>,
    /// Whether the origin states any of it: constants alone do not make a record.
    is_stated: bool,
    lacks_required: bool,
}

fn record(leaves: &[(&Field, &Leaf)], element: &Value, around: Surroundings<'_>) -> Result<Record, Misfit> {
    let mut record = Record { fields: serde_json::Map::new(), is_stated: false, lacks_required: false };
    for (field, leaf) in leaves {
        match leaf::read(leaf, field.kind, element, around)? {
            Read::Stated(value) => {
                record.is_stated = true;
                insert(&mut record.fields, field.name, value);
            }
            Read::Constant(value) => insert(&mut record.fields, field.name, value),
            Read::Nothing => record.lacks_required |= field.required,
        }
    }
    Ok(record)
}

/// Sets a field; `range.low` is the field `low` of the object `range`.
fn insert(fields: &mut serde_json::Map<String, Value>, name: &str, value: Value) {
    let Some((outer, inner)) = name.split_once('.') else {
        fields.insert(name.to_owned(), value);
        return;
    };
    if let Some(Value::Object(object)) = fields.get_mut(outer) {
        insert(object, inner, value);
    } else {
        let mut object = serde_json::Map::new();
        insert(&mut object, inner, value);
        fields.insert(outer.to_owned(), Value::Object(object));
    }
}

/// The VIN of the document is the one that was asked for; an answer that names another is about another car.
fn set_vin(record: &mut serde_json::Map<String, Value>, asked: &Vin) -> Result<(), &'static str> {
    if let Some(Value::String(stated)) = record.get("vin")
        && Vin::parse(stated).as_ref() != Ok(asked)
    {
        return Err("the answer is about another car");
    }
    record.insert("vin".to_owned(), Value::String(asked.expose().to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn market() -> Market {
        let text = include_str!("../../tests/fixtures/market.toml");
        crate::market::compile("market.toml", text).expect("the fixture is valid").market
    }

    fn vin() -> Vin {
        Vin::parse("WP0ZZZ99ZTS390000").expect("valid")
    }

    fn vehicle(fields: &Value) -> Value {
        json!({"Envelope": {"Body": {"GetVehicleResponse": {"Vehicle": fields}}}})
    }

    fn check(facet: FacetName, tree: &Value, expect: Result<Value, (&str, &str)>) {
        let found = map(&market(), facet, tree, &vin());
        let found = found.as_ref().map_err(|error| (error.pointer.as_str(), error.cause));
        assert_eq!(found, expect.map(Mapped::Present).as_ref().map_err(|error| *error), "{tree}");
    }

    #[test]
    fn ok_record() {
        let tree =
            vehicle(&json!({"Brand": "Porsche", "Model": "911", "ModelYear": "1996", "Fuel": "01", "KW": "210,0"}));
        let expect = json!({"make": "Porsche", "model": "911", "model_year": 1996, "fuel": "petrol",
            "power": {"value": 210, "unit": "kW"}, "vin": "WP0ZZZ99ZTS390000"});
        check(FacetName::Identity, &tree, Ok(expect));
    }

    #[test]
    fn ok_lists_of_none_one_and_many() {
        let recall = json!({"Campaign": "R1", "Announced": "/Date(0)/", "Status": "O"});
        let item = json!({"reference": "R1", "announced_on": "1970-01-01", "status": "open"});
        let tree = |results: Value| json!({"d": {"results": results}});
        check(FacetName::Recalls, &tree(json!([])), Ok(json!({"open": false, "items": []})));
        check(FacetName::Recalls, &tree(json!(null)), Ok(json!({"open": false, "items": []})));
        check(FacetName::Recalls, &tree(recall.clone()), Ok(json!({"open": true, "items": [item]})));
        check(FacetName::Recalls, &tree(json!([recall, recall])), Ok(json!({"open": true, "items": [item, item]})));
    }

    #[test]
    fn err_an_answer_without_the_list_is_not_an_empty_list() {
        for tree in [json!({}), json!({"error": "x"}), json!({"d": {}}), json!({"d": {"results": 7}})] {
            check(FacetName::Recalls, &tree, Err(("/d/results", "no list")));
        }
    }

    #[test]
    fn ok_a_system_that_knows_only_what_the_list_comes_to() {
        let text = include_str!("../../tests/fixtures/market.toml");
        let (before, _) = text.split_once("each = \"/d/results\"").expect("the recalls come last");
        let open = "map = { open = { at = \"/d/Indicator\", as = \"boolean\" } }";
        let market = crate::market::compile("market.toml", &format!("{before}{open}\n")).expect("valid").market;
        let open = |tree: &Value| map(&market, FacetName::Recalls, tree, &vin()).map_err(|error| error.cause);
        let present = |open| Ok(Mapped::Present(json!({"open": open})));
        assert_eq!(open(&json!({"d": {"Indicator": "Nein"}})), present(false));
        assert_eq!(open(&json!({"d": {"Indicator": true}})), present(true));
        assert_eq!(open(&json!({"d": {}})), Ok(Mapped::Absent));
        assert_eq!(open(&json!({"d": {"Indicator": "perhaps"}})), Err("text that is neither true nor false"));
    }

    #[test]
    fn err_a_part_of_a_list_is_not_the_list() {
        let tree = json!({"d": {"results": [], "__next": "https://sap.example.com/next"}});
        check(FacetName::Recalls, &tree, Err(("/d/results", "the list goes on in another page")));
        let expanded = json!({"d": {"results": [], "results@odata.nextLink": "next"}});
        check(FacetName::Recalls, &expanded, Err(("/d/results", "the list goes on in another page")));
        let whole = json!({"d": {"results": [], "__next": null}});
        check(FacetName::Recalls, &whole, Ok(json!({"open": false, "items": []})));
    }

    #[test]
    fn err_wrong_kind_names_the_pointer() {
        let year = "/Envelope/Body/GetVehicleResponse/Vehicle/ModelYear";
        let tree = vehicle(&json!({"Brand": "a", "Model": "b", "ModelYear": "MCMXCVI"}));
        check(FacetName::Identity, &tree, Err((year, "text that is not a whole number")));
        let tree = vehicle(&json!({"Model": "b"}));
        check(FacetName::Identity, &tree, Err(("", "a required field is missing")));
    }

    #[test]
    fn err_another_cars_answer_is_refused() {
        let mut market = market();
        let at = Pointer::new("/Envelope/Body/GetVehicleResponse/Vehicle/Vin").expect("a pointer");
        market.facets.get_mut(&FacetName::Identity).expect("described").map.insert("vin".into(), Leaf::at(at));
        let tree = |vin: &str| vehicle(&json!({"Brand": "a", "Model": "b", "Vin": vin}));
        assert!(map(&market, FacetName::Identity, &tree("wp0zzz99zts390000"), &vin()).is_ok());
        let error = map(&market, FacetName::Identity, &tree("WP0ZZZ99ZTS390001"), &vin()).expect_err("another car");
        assert_eq!(error.cause, "the answer is about another car");
    }
}
