//! Checks mapped values against the declarations of a record. Errors name field and cause, never
//! the value: serde's would quote it, and it may be a VIN or a name.

use serde_json::Value;

use super::value::check_value;
use super::wrong::Wrong;
use crate::vehicle::field::{Content, Declaration};

/// Elements that a list can have.
const MAX_ELEMENTS: usize = 5000;

/// Checks a value against a record's fields: each stated one is of its kind and within its limits,
/// each required one is stated, and there is no other.
pub(super) fn check(value: &Value, fields: &[Declaration]) -> Result<(), Wrong> {
    let whole = |cause| Wrong { field: "", cause };
    let object = value.as_object().ok_or(whole("it is no object"))?;
    let mut known = 0;
    for field in fields {
        match object.get(field.name) {
            Some(value) => check_field(value, field)?,
            None if field.required => {
                return Err(Wrong { field: field.name, cause: "a required field is missing" });
            }
            None => continue,
        }
        known += 1;
    }
    if known < object.len() { Err(whole("it has a field that the type does not")) } else { Ok(()) }
}

fn check_field(value: &Value, field: &Declaration) -> Result<(), Wrong> {
    let of_field = |cause| Wrong { field: field.name, cause };
    let in_field =
        |wrong: Wrong| if wrong.field.is_empty() { of_field(wrong.cause) } else { wrong };
    match field.content {
        Content::Value(kind, limits) => check_value(value, kind, limits).map_err(of_field),
        Content::Record(fields) => check(value, fields).map_err(in_field),
        Content::List(fields) => {
            let elements = value.as_array().ok_or(of_field("it is no list"))?;
            if elements.len() > MAX_ELEMENTS {
                return Err(of_field("it has more than 5000 elements"));
            }
            elements.iter().try_for_each(|element| check(element, fields)).map_err(in_field)
        }
    }
}
