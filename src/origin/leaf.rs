//! Reads one leaf of a mapping from an element of a tree: finds its value and converts it
//! (`convert`).

use serde_json::Value;

use super::condition::matches;
use super::convert::convert;
use super::scalar::small_object;
use crate::market::{Kind, Leaf, Pointer};

/// Context that all leaves of one facet share.
#[derive(Debug, Clone, Copy)]
pub(super) struct MappingContext<'m> {
    /// ISO 4217 code of the market, for sums that state none.
    pub(super) currency: &'m str,
    /// True for trees of XML, where a list of one text is that text.
    pub(super) is_xml: bool,
}

/// The value of a leaf.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LeafValue {
    /// The origin states it.
    Stated(Value),
    /// The market file states it: no sign that the origin knows anything.
    Constant(Value),
    /// Neither states it.
    NotStated,
}

/// A value that does not fit its field. Holds no value of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeMismatch {
    /// Pointer to the value, relative to the element.
    pub(super) place: String,
    /// Description of the type found.
    pub(super) cause: &'static str,
}

/// Reads one leaf. Of alternatives the first stated one counts; a stated one of a wrong type is an
/// error, never skipped.
///
/// # Errors
/// [`TypeMismatch`] for a value that the leaf's conversion refuses.
pub(super) fn read_leaf(
    leaf: &Leaf,
    kind: Kind,
    element: &Value,
    context: MappingContext<'_>,
) -> Result<LeafValue, TypeMismatch> {
    if let Some(constant) = &leaf.constant {
        return Ok(LeafValue::Constant(with_unit(kind, constant.clone())));
    }
    for alternative in &leaf.first_of {
        match read_leaf(alternative, kind, element, context)? {
            LeafValue::NotStated => {}
            found => return Ok(found),
        }
    }
    let Some((element, index)) = select_element(leaf, element, context)? else {
        return Ok(LeafValue::NotStated);
    };
    let found = match (&leaf.at, &leaf.each) {
        (Some(at), _) => at.find(element),
        (None, each) => each.as_ref().map(|_| element),
    };
    let Some(found) = found else { return Ok(LeafValue::NotStated) };
    let currency = leaf.currency_at.as_ref().and_then(|at| at.find(element));
    match convert(leaf, kind, found, currency, context.currency) {
        Ok(Some(value)) => Ok(LeafValue::Stated(with_unit(kind, value))),
        Ok(None) => Ok(LeafValue::NotStated),
        Err(wrong) => Err(TypeMismatch {
            place: join_pointers(leaf.each.as_ref(), index, leaf.at.as_ref()),
            cause: wrong.found,
        }),
    }
}

/// Selects the element of a leaf's `each` and `when`, with its index in the list. The index is
/// `None` if there is no list.
fn select_element<'t>(
    leaf: &Leaf,
    element: &'t Value,
    context: MappingContext<'_>,
) -> Result<Option<(&'t Value, Option<usize>)>, TypeMismatch> {
    let Some(each) = &leaf.each else {
        return Ok(matches(&leaf.when, element).then_some((element, None)));
    };
    let Some(list) = each.walk(element) else { return Ok(None) };
    let items = list_elements(list, context.is_xml)
        .ok_or_else(|| TypeMismatch { place: each.as_str().to_owned(), cause: "no list" })?;
    let found = items.iter().enumerate().find(|(_, item)| matches(&leaf.when, item));
    Ok(found.map(|(index, item)| (item, list.is_array().then_some(index))))
}

/// Returns the elements of a list. One object counts as a list of one, `null` and empty text as an
/// empty list. `None` for other values.
pub(super) fn list_elements(list: &Value, is_xml: bool) -> Option<&[Value]> {
    match list {
        Value::Array(items) => Some(items),
        Value::Null => Some(&[]),
        Value::String(text) if text.trim().is_empty() => Some(&[]),
        Value::Object(_) => Some(std::slice::from_ref(list)),
        Value::String(_) if is_xml => Some(std::slice::from_ref(list)),
        _ => None,
    }
}

/// Joins the pointer of a list, an element's index in it, and the pointer inside of the element.
pub(super) fn join_pointers(
    each: Option<&Pointer>,
    index: Option<usize>,
    at: Option<&Pointer>,
) -> String {
    let mut joined = each.map_or("", Pointer::as_str).to_owned();
    if let Some(index) = index {
        joined.push('/');
        joined.push_str(&index.to_string());
    }
    joined.push_str(at.map_or("", Pointer::as_str));
    joined
}

/// Makes a quantity an object of value and unit.
fn with_unit(kind: Kind, value: Value) -> Value {
    match kind {
        Kind::Quantity(unit) => {
            small_object([("value", value), ("unit", Value::String(unit.to_owned()))])
        }
        _ => value,
    }
}
