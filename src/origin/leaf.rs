//! One leaf of a mapping on one element of a tree: where its value is looked for. What is found
//! goes to `convert`.

use serde_json::Value;

use super::convert::convert;
use super::scalar::hold;
use crate::market::{Kind, Leaf, Pointer};

/// What holds for all leaves of one facet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'m> {
    /// ISO 4217, of sums that state none.
    pub(super) currency: &'m str,
    /// Whether the tree was XML, where a list of one text is that text.
    pub(super) is_xml: bool,
}

/// What a leaf came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    /// The origin states it.
    Stated(Value),
    /// The market file states it: no sign that the origin knows anything.
    Constant(Value),
    /// Nobody does.
    Nothing,
}

/// A value that does not fit. Holds no value of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Where, from the element on.
    pub(super) place: String,
    /// What kind of value stands there.
    pub(super) cause: &'static str,
}

/// Reads one leaf. Of alternatives the first that is there counts: one that is there and wrong is
/// not passed over.
pub(super) fn read(
    leaf: &Leaf,
    kind: Kind,
    element: &Value,
    around: Surroundings<'_>,
) -> Result<Read, Misfit> {
    if let Some(constant) = &leaf.constant {
        return Ok(Read::Constant(in_kind(kind, constant.clone())));
    }
    for alternative in &leaf.first_of {
        match read(alternative, kind, element, around)? {
            Read::Nothing => {}
            found => return Ok(found),
        }
    }
    let Some((element, index)) = chosen(leaf, element, around)? else { return Ok(Read::Nothing) };
    let found = match (&leaf.at, &leaf.each) {
        (Some(at), _) => at.find(element),
        (None, each) => each.as_ref().map(|_| element),
    };
    let Some(found) = found else { return Ok(Read::Nothing) };
    let currency = leaf.currency_at.as_ref().and_then(|at| at.find(element));
    match convert(leaf, kind, found, currency, around.currency) {
        Ok(Some(value)) => Ok(Read::Stated(in_kind(kind, value))),
        Ok(None) => Ok(Read::Nothing),
        Err(wrong) => Err(Misfit {
            place: place(leaf.each.as_ref(), index, leaf.at.as_ref()),
            cause: wrong.found,
        }),
    }
}

/// The element that a leaf's `each` and `when` choose, and its number where there are several.
fn chosen<'t>(
    leaf: &Leaf,
    element: &'t Value,
    around: Surroundings<'_>,
) -> Result<Option<(&'t Value, Option<usize>)>, Misfit> {
    let Some(each) = &leaf.each else {
        return Ok(hold(&leaf.when, element).then_some((element, None)));
    };
    let Some(list) = each.walk(element) else { return Ok(None) };
    let items = elements(list, around.is_xml)
        .ok_or_else(|| Misfit { place: each.as_str().to_owned(), cause: "no list" })?;
    let found = items.iter().enumerate().find(|(_, item)| hold(&leaf.when, item));
    Ok(found.map(|(index, item)| (item, list.is_array().then_some(index))))
}

/// The elements of a list. One element counts as a list of one, `null` and empty text as none.
/// Nothing where it is no list.
pub(super) fn elements(list: &Value, is_xml: bool) -> Option<&[Value]> {
    match list {
        Value::Array(items) => Some(items),
        Value::Null => Some(&[]),
        Value::String(text) if text.trim().is_empty() => Some(&[]),
        Value::Object(_) => Some(std::slice::from_ref(list)),
        Value::String(_) if is_xml => Some(std::slice::from_ref(list)),
        _ => None,
    }
}

/// Where a value stands: the list, the element's number in it, the pointer in the element.
pub(super) fn place(each: Option<&Pointer>, index: Option<usize>, at: Option<&Pointer>) -> String {
    let mut place = each.map_or("", Pointer::as_str).to_owned();
    if let Some(index) = index {
        place.push('/');
        place.push_str(&index.to_string());
    }
    place.push_str(at.map_or("", Pointer::as_str));
    place
}

/// A value as its field wants it: a quantity with its unit.
fn in_kind(kind: Kind, value: Value) -> Value {
    match kind {
        Kind::Quantity(unit) => {
            object([("value", value), ("unit", Value::String(unit.to_owned()))])
        }
        _ => value,
    }
}

/// A small object.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
