//! Facets as declared: one declaration a record gives its type, its reader and the table that
//! mapped values are checked by.
//!
//! The check walks the table, so that the Worker holds one reader for all records rather than one
//! for each: those of serde, and typed ones after them, were a tenth of its code. The types are for
//! code that works with a facet's values; a test proves that both accept the same. What is wrong is
//! named by field and cause, never by value.

use serde_json::{Map, Value};

use super::value::check_leaf;
use crate::market::Kind;

/// Elements that a list can have.
const MAX_ELEMENTS: usize = 5000;

/// What is wrong, and with which field; the field is empty for the facet as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    pub(super) field: &'static str,
    pub(super) cause: &'static str,
}

/// One field of a record, as its declaration says.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its name in the vehicle document.
    pub name: &'static str,
    /// Whether a record without it is refused.
    pub required: bool,
    /// What it holds.
    pub content: Content,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// One value.
    Leaf(Kind, Limits),
    /// A record.
    Record(&'static [Member]),
    /// A list of records.
    List(&'static [Member]),
}

/// The least and the most that a number can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The least.
    pub least: i64,
    /// The most.
    pub most: i64,
}

/// What one field can hold.
pub trait Part: Sized {
    /// What it is.
    const CONTENT: Content;

    /// The part of a value. Nothing where the value is of another kind or out of its limits.
    fn of(value: &Value) -> Option<Self>;
}

/// A record: fields by name.
pub trait Record: Sized {
    /// Its fields.
    const MEMBERS: &'static [Member];

    /// The record of an object. Nothing where a field is wrong, or one that is required is missing.
    fn of(value: &Value) -> Option<Self>;
}

/// A field's place in a record: what must be there, or what may.
pub trait Slot: Sized {
    /// Whether it must be there.
    const REQUIRED: bool;
    /// What it holds.
    const CONTENT: Content;

    /// What stands there. Nothing where that is wrong.
    fn of(value: Option<&Value>) -> Option<Self>;
}

impl<T: Part> Slot for T {
    const REQUIRED: bool = true;
    const CONTENT: Content = T::CONTENT;

    fn of(value: Option<&Value>) -> Option<Self> {
        <T as Part>::of(value?)
    }
}

impl<T: Part> Slot for Option<T> {
    const REQUIRED: bool = false;
    const CONTENT: Content = T::CONTENT;

    fn of(value: Option<&Value>) -> Option<Self> {
        match value {
            Some(value) => <T as Part>::of(value).map(Some),
            None => Some(None),
        }
    }
}

impl<R: Record> Part for Vec<R> {
    const CONTENT: Content = Content::List(R::MEMBERS);

    fn of(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(R::of).collect()
    }
}

/// Declares a record once: its type, its reader and its list of members.
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type),+
        }

        impl $crate::vehicle::facets::record::Record for $name {
            const MEMBERS: &'static [$crate::vehicle::facets::record::Member] = &[$(
                $crate::vehicle::facets::record::Member {
                    name: stringify!($field),
                    required: <$type as $crate::vehicle::facets::record::Slot>::REQUIRED,
                    content: <$type as $crate::vehicle::facets::record::Slot>::CONTENT,
                }
            ),+];

            fn of(value: &serde_json::Value) -> Option<Self> {
                let object = value.as_object()?;
                $(let $field = $crate::vehicle::facets::record::Slot::of(object.get(stringify!($field)))?;)+
                Some(Self { $($field),+ })
            }
        }
    };
}
pub(super) use record;

/// Checks a value against a record's fields: what is there is of its kind and within its limits,
/// what is required is there, and there is nothing else.
pub(super) fn check(value: &Value, members: &[Member]) -> Result<(), Wrong> {
    let whole = |cause| Wrong { field: "", cause };
    let object = value.as_object().ok_or(whole("it is no object"))?;
    let mut known = 0;
    for member in members {
        let of_field = |cause| Wrong { field: member.name, cause };
        let Some(value) = object.get(member.name) else {
            if member.required {
                return Err(of_field("a required field is missing"));
            }
            continue;
        };
        known += 1;
        let in_field =
            |wrong: Wrong| if wrong.field.is_empty() { of_field(wrong.cause) } else { wrong };
        match member.content {
            Content::Leaf(kind, limits) => check_leaf(value, kind, limits).map_err(of_field)?,
            Content::Record(members) => check(value, members).map_err(in_field)?,
            Content::List(members) => {
                let elements = value.as_array().ok_or(of_field("it is no list"))?;
                if elements.len() > MAX_ELEMENTS {
                    return Err(of_field("it has more than 5000 elements"));
                }
                for element in elements {
                    check(element, members).map_err(in_field)?;
                }
            }
        }
    }
    if known < object.len() { Err(whole("it has a field that the type does not")) } else { Ok(()) }
}

/// The elements of a facet's list, where it is stated.
pub(super) fn items(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    object.get("items")?.as_array()
}

/// A text of an object; empty where it is not stated.
pub(super) fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// States a derived field.
pub(super) fn state(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}
