//! From an answer's tree to a facet, by the market's mapping.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::leaf::{self, Misfit, Read, Surroundings, elements, object, place};
use super::scalar::{about, hold};
use super::speaks_xml;
use crate::market::{FacetName, Field, Leaf, Market, Pointer, Shape, shape};
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
/// [`MappingError`] where a value is of the wrong kind, a required one is missing, or the answer is
/// about another car.
pub fn map(
    market: &Market,
    facet: FacetName,
    tree: &Value,
    vin: &Vin,
) -> Result<Mapped, MappingError> {
    let fail = |pointer: String, cause| MappingError { facet, pointer, cause };
    let missing = || fail(String::new(), "the market does not describe the facet");
    let description = market.facets.get(&facet).ok_or_else(missing)?;
    let origin = market.origins.get(&description.origin).ok_or_else(missing)?;
    let around = Surroundings { currency: &market.currency, is_xml: speaks_xml(origin) };
    let each = description.each.as_ref();
    let shape = shape(facet);
    let leaves = leaves(&description.map, shape.fields(each.is_some()));
    let (items, is_numbered) = match each {
        Some(each) => list(each, tree, around.is_xml)
            .ok_or_else(|| fail(each.as_str().to_owned(), "no list"))?,
        None => (std::slice::from_ref(tree), false),
    };
    let goes_on = || each.filter(|each| goes_on(each, tree)).map(|each| each.as_str().to_owned());
    let read = |index: usize, element: &Value| {
        let index = is_numbered.then_some(index);
        let record = record(&leaves, element, around);
        record.map_err(|misfit| fail(place(each, index, None) + &misfit.place, misfit.cause))
    };
    let when = about(&description.when, vin);
    let mut counted = items.iter().enumerate().filter(|(_, element)| hold(&when, element));
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
                return Err(fail(
                    place(each, is_numbered.then_some(index), None),
                    "a required field is missing",
                ));
            }
            mapped.push(Value::Object(record.fields));
        }
        object([("items", Value::Array(mapped))])
    } else {
        let Some((index, element)) = counted.next() else {
            return goes_on().map_or(Ok(Mapped::Absent), |list| {
                Err(fail(list, "the list goes on in another page"))
            });
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
    typed(facet, value).map(Mapped::Present).map_err(|error| {
        let ends = |name: &str| name.rsplit('.').next() == Some(error.field());
        let leaf = leaves.iter().find(|(field, _)| field.name == error.field() || ends(field.name));
        let at = leaf.and_then(|(_, leaf)| leaf.at.as_ref());
        fail(
            at.map_or_else(|| error.field().to_owned(), |at| place(each, None, Some(at))),
            error.cause(),
        )
    })
}

/// The elements of a list, and whether it is one. XML cannot tell an empty list from none, so there
/// it is enough that the parent stands.
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

/// Whether an `OData` answer says that there is more. A part must not pass for the whole: an open
/// recall may be in the rest.
fn goes_on(each: &Pointer, tree: &Value) -> bool {
    let Some((parent, list)) = each.as_str().rsplit_once('/') else { return false };
    let links = ["__next", "@odata.nextLink", &format!("{list}@odata.nextLink")];
    let says = |parent: &Value| {
        links.iter().any(|link| parent.get(link).is_some_and(|link| !link.is_null()))
    };
    tree.pointer(parent).is_some_and(says)
}

/// The fields that a market maps, each with its leaf.
fn leaves<'m>(
    map: &'m BTreeMap<String, Leaf>,
    fields: &'static [Field],
) -> Vec<(&'static Field, &'m Leaf)> {
    fields.iter().filter_map(|field| map.get(field.name).map(|leaf| (field, leaf))).collect()
}

/// One record, as far as it is stated.
struct Record {
    fields: serde_json::Map<String, Value>,
    /// Whether the origin states any of it: constants alone do not make a record.
    is_stated: bool,
    lacks_required: bool,
}

fn record(
    leaves: &[(&Field, &Leaf)],
    element: &Value,
    around: Surroundings<'_>,
) -> Result<Record, Misfit> {
    let mut record =
        Record { fields: serde_json::Map::new(), is_stated: false, lacks_required: false };
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

/// The VIN of the document is the one that was asked for; an answer that names another is about
/// another car.
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
mod tests;
