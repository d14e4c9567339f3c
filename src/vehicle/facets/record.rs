//! How facets are read from JSON objects and written back: one declaration a record, one pass over its fields.
//!
//! Own code because of size: a serde reader and writer of every record were the larger part of the Worker's facet code.
//! Reading takes a value apart, so nothing is copied. What is wrong is named by field and cause, never by value.

use serde_json::{Map, Value};

use super::ShapeError;
use crate::market::{FacetName, Kind};

/// Elements that a list can have.
const MOST_ELEMENTS: usize = 5000;

const MISSING: Wrong = wrong("a required field is missing");

/// What is wrong, and with which field; the field is empty until a record says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    pub(super) field: &'static str,
    pub(super) cause: &'static str,
}

/// A cause whose field the record around it names.
pub(super) const fn wrong(cause: &'static str) -> Wrong {
    Wrong { field: "", cause }
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
    Leaf(Kind),
    /// A record.
    Record(&'static [Member]),
    /// A list of records.
    List(&'static [Member]),
}

/// What one field can hold.
pub trait Part: Sized {
    /// What it is.
    const CONTENT: Content;

    /// Reads it.
    ///
    /// # Errors
    /// [`Wrong`] where the value is of another kind or out of its range.
    fn read(value: Value) -> Result<Self, Wrong>;

    /// Writes it.
    fn write(self) -> Value;
}

/// A record: fields by name.
pub trait Record: Sized {
    /// Its fields.
    const MEMBERS: &'static [Member];

    /// Takes its fields out of an object. Nothing where one that is required is missing.
    fn take(fields: &mut Fields) -> Option<Self>;

    /// Puts its fields into an object.
    fn put(self, object: &mut Map<String, Value>);

    /// Adds what follows from what is stated.
    ///
    /// # Errors
    /// [`Wrong`] where fields contradict each other.
    fn derive(&mut self) -> Result<(), Wrong> {
        Ok(())
    }
}

/// An object whose fields are taken out one by one.
pub struct Fields {
    object: Map<String, Value>,
    taken: usize,
    wrong: Option<Wrong>,
}

impl Fields {
    /// The object's fields.
    fn of(value: Value) -> Result<Self, Wrong> {
        match value {
            Value::Object(object) => Ok(Self { object, taken: 0, wrong: None }),
            _ => Err(wrong("it is no object")),
        }
    }

    /// The value of a field, where it is stated.
    fn stated(&mut self, name: &str) -> Option<Value> {
        let value = self.object.get_mut(name)?;
        self.taken += 1;
        if value.is_null() { None } else { Some(value.take()) }
    }

    /// The first fault is told.
    fn fail(&mut self, name: &'static str, wrong: Wrong) {
        let field = if wrong.field.is_empty() { name } else { wrong.field };
        self.wrong.get_or_insert(Wrong { field, ..wrong });
    }

    // Small, because it is compiled for every kind of field.
    fn part<T: Part>(&mut self, name: &'static str) -> Option<T> {
        match T::read(self.stated(name)?) {
            Ok(part) => Some(part),
            Err(wrong) => {
                self.fail(name, wrong);
                None
            }
        }
    }

    fn finish(&self) -> Result<(), Wrong> {
        match self.wrong {
            Some(wrong) => Err(wrong),
            None if self.taken < self.object.len() => Err(wrong("it has a field that the type does not")),
            None => Ok(()),
        }
    }
}

/// A field's place in a record: what must be there, or what may.
pub trait Slot: Sized {
    /// Whether it must be there.
    const REQUIRED: bool;
    /// What it holds.
    const CONTENT: Content;

    /// Takes it out of an object. Nothing where it must be there and is not.
    fn take(fields: &mut Fields, name: &'static str) -> Option<Self>;

    /// Puts it into an object.
    fn put(self, name: &'static str, object: &mut Map<String, Value>);
}

impl<T: Part> Slot for T {
    const REQUIRED: bool = true;
    const CONTENT: Content = T::CONTENT;

    fn take(fields: &mut Fields, name: &'static str) -> Option<Self> {
        let part = fields.part(name);
        if part.is_none() {
            fields.fail(name, MISSING);
        }
        part
    }

    fn put(self, name: &'static str, object: &mut Map<String, Value>) {
        insert(object, name, self.write());
    }
}

impl<T: Part> Slot for Option<T> {
    const REQUIRED: bool = false;
    const CONTENT: Content = T::CONTENT;

    fn take(fields: &mut Fields, name: &'static str) -> Option<Self> {
        Some(fields.part(name))
    }

    fn put(self, name: &'static str, object: &mut Map<String, Value>) {
        if let Some(part) = self {
            insert(object, name, part.write());
        }
    }
}

/// Declares a record once: its type, its reader, its writer and its list of members.
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)?
    } $($derive:item)?) => {
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

            fn take(fields: &mut $crate::vehicle::facets::record::Fields) -> Option<Self> {
                $(let $field = $crate::vehicle::facets::record::Slot::take(fields, stringify!($field));)+
                Some(Self { $($field: $field?),+ })
            }

            fn put(self, object: &mut serde_json::Map<String, serde_json::Value>) {
                $($crate::vehicle::facets::record::Slot::put(self.$field, stringify!($field), object);)+
            }

            $($derive)?
        }
    };
}
pub(super) use record;

fn insert(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

/// Reads a record and adds what follows from it.
pub(super) fn read<R: Record>(value: Value) -> Result<R, Wrong> {
    let mut fields = Fields::of(value)?;
    let record = R::take(&mut fields);
    fields.finish()?;
    let mut record = record.ok_or(MISSING)?;
    record.derive()?;
    Ok(record)
}

/// Writes a record.
pub(super) fn write<R: Record>(record: R) -> Value {
    let mut object = Map::new();
    record.put(&mut object);
    Value::Object(object)
}

impl<R: Record> Part for Vec<R> {
    const CONTENT: Content = Content::List(R::MEMBERS);

    fn read(value: Value) -> Result<Self, Wrong> {
        // Loops rather than iterators: these are compiled for every record, and adapters with them.
        let elements = elements_of(value)?;
        let mut records = Self::with_capacity(elements.len());
        for element in elements {
            records.push(read(element)?);
        }
        Ok(records)
    }

    fn write(self) -> Value {
        let mut elements = Vec::with_capacity(self.len());
        for record in self {
            elements.push(write(record));
        }
        Value::Array(elements)
    }
}

fn elements_of(value: Value) -> Result<Vec<Value>, Wrong> {
    match value {
        Value::Array(elements) if elements.len() > MOST_ELEMENTS => Err(wrong("it has more than 5000 elements")),
        Value::Array(elements) => Ok(elements),
        _ => Err(wrong("it is no list")),
    }
}

/// Reads a facet, adds what follows from it and writes it.
pub(super) fn through<R: Record>(facet: FacetName, value: Value) -> Result<Value, ShapeError> {
    let record: R = read(value).map_err(|wrong| ShapeError { facet, wrong })?;
    Ok(write(record))
}
