//! Maps a response's tree to a facet, by the market's mapping.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::anchor;
use super::condition::{matches, with_vin};
use super::leaf::{
    LeafValue, MappingContext, TypeMismatch, join_pointers, list_elements, read_leaf,
};
use super::scalar::small_object;
use crate::market::{FacetName, Field, Leaf, Market, Match, Pointer, Protocol, Shape, Tier, shape};
use crate::vehicle::{TypedFacet, Vin, typed};

/// The result of a mapping.
#[derive(Debug, Clone)]
pub enum Mapped {
    /// The facet, checked against its type, and the names of fields that are left out of it because
    /// their texts contain the car's VIN.
    Present(TypedFacet, BTreeSet<&'static str>),
    /// The response states nothing of this facet.
    Absent,
}

/// A response that does not satisfy the mapping. For operators: holds places and causes, never a
/// value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{facet}: {cause} at {pointer:?}")]
pub struct MappingError {
    /// The facet.
    pub facet: FacetName,
    /// Pointer into the response; empty for the whole.
    pub pointer: String,
    /// Cause.
    pub cause: &'static str,
}

const GOES_ON: &str = "the list continues on another page";
const LACKS_REQUIRED: &str = "a required field is missing";
const HOLDS_VIN: &str = "a required text contains the VIN";
const STATES_NOTHING: &str = "the answer states nothing of the facet";

/// Maps the tree of an origin's response to one facet.
///
/// # Errors
/// [`MappingError`] for a value of a wrong type, a missing required one, a response about another
/// car, and one that states nothing: absence needs a place that is there.
pub fn map_facet(
    market: &Market,
    facet: FacetName,
    tree: &Value,
    vin: &Vin,
) -> Result<Mapped, MappingError> {
    let fail = |pointer: String, cause| MappingError { facet, pointer, cause };
    let missing = || fail(String::new(), "the market does not describe the facet");
    let description = market.facets.get(&facet).ok_or_else(missing)?;
    let origin = market.origins.get(&description.origin).ok_or_else(missing)?;
    let is_xml = origin.protocol == Protocol::Soap;
    let each = description.each.as_ref();
    let shape = shape(facet);
    let mapper = Mapper {
        each,
        anchor: description.anchor.as_ref(),
        vin,
        with_vin: RefCell::default(),
        when: with_vin(&description.when, vin),
        leaves: mapped_leaves(&description.map, shape.fields(each.is_some())),
        context: MappingContext { currency: &market.currency, is_xml },
    };
    let value = if let (Shape::List { .. }, Some(each)) = (shape, each) {
        Some(mapper.map_list(each, tree))
    } else {
        let vin = (facet == FacetName::Identity).then_some(vin);
        mapper.map_record(tree, description.required, vin).transpose()
    };
    let Some(value) = value else { return Ok(Mapped::Absent) };
    let value = value.map_err(|mismatch| fail(mismatch.place, mismatch.cause))?;
    let left_out = mapper.with_vin.take();
    typed(facet, value)
        .map(|value| Mapped::Present(value, left_out))
        .map_err(|error| fail(mapper.pointer_to(error.field()), error.cause()))
}

/// One facet's mapping.
struct Mapper<'m> {
    each: Option<&'m Pointer>,
    anchor: Option<&'m Pointer>,
    when: Vec<Match>,
    /// The fields that the market maps, each with its leaf.
    leaves: Vec<(&'static Field, &'m Leaf)>,
    context: MappingContext<'m>,
    vin: &'m Vin,
    /// The fields whose texts contain the VIN.
    with_vin: RefCell<BTreeSet<&'static str>>,
}

impl Mapper<'_> {
    /// Maps every element of the list to a record.
    fn map_list(&self, each: &Pointer, tree: &Value) -> Result<Value, TypeMismatch> {
        let elements = self.elements(tree)?;
        if has_next_page(each, tree) {
            return Err(TypeMismatch { place: each.as_str().to_owned(), cause: GOES_ON });
        }
        let requires_some = self.leaves.iter().any(|(field, _)| field.required);
        let mut records = Vec::with_capacity(elements.items.len());
        for (index, element) in elements.matching(&self.when) {
            if is_empty(element) && !requires_some {
                continue;
            }
            let record = self.read_record(index, element)?;
            let fail =
                |cause| Err(TypeMismatch { place: join_pointers(self.each, index, None), cause });
            if record.lacks_required {
                return fail(LACKS_REQUIRED);
            }
            if !record.is_stated && !self.is_anchored(element) {
                return fail(STATES_NOTHING);
            }
            records.push(Value::Object(record.fields));
        }
        Ok(small_object([("items", Value::Array(records))]))
    }

    /// Maps the tree, or the first matching element of the list, to one record. `None` if the
    /// response states nothing of it. `vin` is the vehicle's VIN for a facet that contains it.
    fn map_record(
        &self,
        tree: &Value,
        is_required: bool,
        vin: Option<&Vin>,
    ) -> Result<Option<Value>, TypeMismatch> {
        let fail = |place: &str, cause| TypeMismatch { place: place.to_owned(), cause };
        let elements = self.elements(tree)?;
        let Some((index, element)) = elements.matching(&self.when).next() else {
            return match self.each.filter(|each| has_next_page(each, tree)) {
                Some(each) => Err(fail(each.as_str(), GOES_ON)),
                None => Ok(None),
            };
        };
        let mut record = self.read_record(index, element)?;
        if !record.is_stated && !is_required {
            let is_absent = match self.anchor {
                Some(anchor) => anchor::is_there(anchor, tree),
                None => self.is_anchored(element),
            };
            return if is_absent { Ok(None) } else { Err(fail("", STATES_NOTHING)) };
        }
        if record.lacks_required {
            return Err(fail("", LACKS_REQUIRED));
        }
        if !record.is_stated {
            return Err(fail("", STATES_NOTHING));
        }
        if let Some(vin) = vin {
            set_vin(&mut record.fields, vin).map_err(|cause| fail("", cause))?;
        }
        Ok(Some(Value::Object(record.fields)))
    }

    /// Returns the elements of the list; without a list the tree itself.
    fn elements<'t>(&self, tree: &'t Value) -> Result<Elements<'t>, TypeMismatch> {
        let Some(each) = self.each else {
            return Ok(Elements { items: std::slice::from_ref(tree), is_list: false });
        };
        let found = find_list(each, tree, self.context.is_xml);
        let is_left_out = || self.anchor.is_some_and(|anchor| anchor::is_there(anchor, tree));
        match found {
            Some(elements) => Ok(elements),
            None if each.walk(tree).is_none() && is_left_out() => {
                Ok(Elements { items: &[], is_list: false })
            }
            None => Err(TypeMismatch { place: each.as_str().to_owned(), cause: "no list" }),
        }
    }

    /// True if an element states of one field at least that there is nothing.
    fn is_anchored(&self, element: &Value) -> bool {
        let is_xml = self.context.is_xml;
        self.leaves.iter().any(|(_, leaf)| anchor::is_anchored(leaf, element, is_xml))
    }

    fn read_record(
        &self,
        index: Option<usize>,
        element: &Value,
    ) -> Result<MappedRecord, TypeMismatch> {
        let mut record = MappedRecord::default();
        for (field, leaf) in &self.leaves {
            let value = read_leaf(leaf, field.kind, element, self.context).map_err(|mismatch| {
                let place = join_pointers(self.each, index, None) + &mismatch.place;
                TypeMismatch { place, ..mismatch }
            })?;
            match value {
                LeafValue::Stated(value) if self.reveals_vin(field, &value) => {
                    if field.required {
                        let place = join_pointers(self.each, index, leaf.at.as_ref());
                        return Err(TypeMismatch { place, cause: HOLDS_VIN });
                    }
                    record.is_stated = true;
                    self.with_vin.borrow_mut().insert(field.name);
                }
                LeafValue::Stated(value) => {
                    record.is_stated = true;
                    insert_field(&mut record.fields, field.name, value);
                }
                LeafValue::Constant(value) => insert_field(&mut record.fields, field.name, value),
                LeafValue::NotStated => record.lacks_required |= field.required,
            }
        }
        Ok(record)
    }

    /// True if a text that others than the owner see contains the VIN, which is the owner's alone.
    fn reveals_vin(&self, field: &Field, value: &Value) -> bool {
        let is_owners = field.access.is_none_or(|access| access.floor >= Tier::Owner);
        !is_owners && value.as_str().is_some_and(|text| self.vin.occurs_in(text))
    }

    /// Returns the pointer of the leaf of a field, or the field's name if no leaf has one.
    fn pointer_to(&self, name: &str) -> String {
        let is_named =
            |field: &Field| field.name == name || field.name.rsplit('.').next() == Some(name);
        let leaf = self.leaves.iter().find(|(field, _)| is_named(field));
        let at = leaf.and_then(|(_, leaf)| leaf.at.as_ref());
        at.map_or_else(|| name.to_owned(), |at| join_pointers(self.each, None, Some(at)))
    }
}

/// The elements that a mapping applies to.
struct Elements<'t> {
    items: &'t [Value],
    /// True if they are a list of the tree, so that pointers contain the index.
    is_list: bool,
}

impl<'t> Elements<'t> {
    /// Returns the elements that satisfy the conditions, each with its index in the list.
    fn matching(&self, when: &[Match]) -> impl Iterator<Item = (Option<usize>, &'t Value)> {
        let is_list = self.is_list;
        let matching = self.items.iter().enumerate().filter(|(_, item)| matches(when, item));
        matching.map(move |(index, item)| (is_list.then_some(index), item))
    }
}

/// Finds the elements of a list. XML cannot tell an empty list from a missing one, so in XML a
/// parent without the list has an empty one. `None` if the tree has no list.
fn find_list<'t>(each: &Pointer, tree: &'t Value, is_xml: bool) -> Option<Elements<'t>> {
    if let Some(list) = each.walk(tree) {
        let items = list_elements(list, is_xml)?;
        return Some(Elements { items, is_list: list.is_array() });
    }
    let (parent, _) = each.as_str().rsplit_once('/')?;
    let has_parent = is_xml && !parent.is_empty() && tree.pointer(parent).is_some();
    has_parent.then_some(Elements { items: &[], is_list: false })
}

/// True for an element that states nothing, as systems send in place of an empty list.
fn is_empty(element: &Value) -> bool {
    match element {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// True if an `OData` response links to a further page. A part must not pass for the whole: an open
/// recall may be in the rest.
fn has_next_page(each: &Pointer, tree: &Value) -> bool {
    let Some((parent, list)) = each.as_str().rsplit_once('/') else { return false };
    let links = ["__next", "@odata.nextLink", &format!("{list}@odata.nextLink")];
    let has_link = |parent: &Value| {
        links.iter().any(|link| parent.get(link).is_some_and(|link| !link.is_null()))
    };
    tree.pointer(parent).is_some_and(has_link)
}

/// Returns the fields that a market maps, each with its leaf.
fn mapped_leaves<'m>(
    map: &'m BTreeMap<String, Leaf>,
    fields: &'static [Field],
) -> Vec<(&'static Field, &'m Leaf)> {
    fields.iter().filter_map(|field| map.get(field.name).map(|leaf| (field, leaf))).collect()
}

/// One record, as far as it is stated.
#[derive(Default)]
struct MappedRecord {
    fields: serde_json::Map<String, Value>,
    /// True if the origin states any field: constants alone do not make a record.
    is_stated: bool,
    lacks_required: bool,
}

/// Sets a field; `range.low` is the field `low` of the object `range`.
fn insert_field(fields: &mut serde_json::Map<String, Value>, name: &str, value: Value) {
    let Some((outer, inner)) = name.split_once('.') else {
        fields.insert(name.to_owned(), value);
        return;
    };
    if let Some(Value::Object(object)) = fields.get_mut(outer) {
        insert_field(object, inner, value);
    } else {
        let mut object = serde_json::Map::new();
        insert_field(&mut object, inner, value);
        fields.insert(outer.to_owned(), Value::Object(object));
    }
}

/// Sets the requested VIN. A response that states another one is about another car.
fn set_vin(
    fields: &mut serde_json::Map<String, Value>,
    requested: &Vin,
) -> Result<(), &'static str> {
    if let Some(Value::String(stated)) = fields.get("vin")
        && Vin::parse(stated).as_ref() != Ok(requested)
    {
        return Err("the response is about another car");
    }
    fields.insert("vin".to_owned(), Value::String(requested.expose().to_owned()));
    Ok(())
}

/// Returns the fields that templates of later requests may use, by name: the texts and numbers of a
/// facet's public projection. No other value becomes part of a request.
pub fn template_fields(
    facet: FacetName,
    public: &Value,
) -> impl Iterator<Item = ((FacetName, String), String)> + '_ {
    let fields = public.as_object().into_iter().flatten();
    fields.filter_map(move |(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(((facet, name.clone()), text))
    })
}

#[cfg(test)]
mod tests;
