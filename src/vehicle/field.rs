//! Declarations of facet fields: kind, limits, unit, and who may see and publish a value.
//!
//! One declaration per field, in the facet's file. The check of mapped values (`facets/record`),
//! the vocabulary of market files ([`shape`](super::shape)), the disclosure table and the schemas
//! of the public contract are derived from it.

use super::tier::Tier;

/// The kind of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// One of these words; a mapping reaches them with `codes`.
    Code(&'static [&'static str]),
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A calendar date, `2026-11-20`.
    Date,
    /// `{"value": 210, "unit": "kW"}`, in this unit.
    Quantity(&'static str),
    /// `{"amount_minor": 1299900, "currency": "EUR"}`.
    Money,
    /// An instant, RFC 3339 UTC: `2026-11-20T08:00:00Z`.
    Instant,
}

impl Kind {
    /// The members of a value that is an object; empty for other kinds.
    pub const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Quantity(_) => &["value", "unit"],
            Self::Money => &["amount_minor", "currency"],
            _ => &[],
        }
    }
}

/// The range of a number, both ends included. Not used for other kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The least.
    pub least: i64,
    /// The most.
    pub most: i64,
}

/// The class of information of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A fact about the vehicle.
    VehicleFact,
    /// Information about a person: who keeps the vehicle, where it is serviced, what was paid.
    /// Never below the owner tier, and at that tier the viewer's own only.
    Personal,
    /// A value that proves or opens something. No tier sees it; no facet has such a field.
    Secret,
}

/// The visibility of a field, and its publication in listings by an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The lowest tier that sees the field. A market may raise it.
    pub floor: Tier,
    /// The class of information.
    pub class: Class,
    /// True if an owner may publish the value.
    pub publishable: bool,
}

impl Access {
    /// A publishable fact that anybody sees.
    pub const fn public() -> Self {
        Self::fact(Tier::Public)
    }

    /// A publishable fact for members.
    pub const fn member() -> Self {
        Self::fact(Tier::Member)
    }

    /// A publishable fact for the vehicle's owner.
    pub const fn owner() -> Self {
        Self::fact(Tier::Owner)
    }

    /// Personal data of the owner. Never published.
    pub const fn personal() -> Self {
        Self { floor: Tier::Owner, class: Class::Personal, publishable: false }
    }

    /// The same, but never published: a value that identifies the vehicle or its keeper.
    #[must_use]
    pub const fn unpublished(self) -> Self {
        Self { publishable: false, ..self }
    }

    /// True if anybody sees the field.
    pub fn is_public(self) -> bool {
        self.floor.is_public()
    }

    const fn fact(floor: Tier) -> Self {
        Self { floor, class: Class::VehicleFact, publishable: true }
    }
}

/// The declaration of one field.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// The name in the vehicle document.
    pub name: &'static str,
    /// The field's description in the public contract.
    pub description: &'static str,
    /// True if a record without the field is refused.
    pub required: bool,
    /// The content.
    pub content: Content,
    /// `None` for records and lists: their fields have their own. A value without it is shown to
    /// nobody.
    pub access: Option<Access>,
}

/// The content of a field.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// One value.
    Value(Kind, Limits),
    /// A record.
    Record(&'static [Declaration]),
    /// A list of records.
    List(&'static [Declaration]),
}

/// A type of field contents.
pub trait FieldContent {
    /// The content as declared.
    const CONTENT: Content;
}

/// A record: a facet, an element of its list, or a record within it.
pub trait Record {
    /// The fields, in the order in which documents and pages show them.
    const FIELDS: &'static [Declaration];
}

impl<R: Record> FieldContent for Vec<R> {
    const CONTENT: Content = Content::List(R::FIELDS);
}

/// A type of a record's field: a content, or an optional one.
pub trait FieldSlot {
    /// True if the field must be stated.
    const REQUIRED: bool;
    /// The content as declared.
    const CONTENT: Content;

    /// True if nothing is stated.
    fn is_absent(&self) -> bool;
}

impl<T: FieldContent> FieldSlot for T {
    const REQUIRED: bool = true;
    const CONTENT: Content = T::CONTENT;

    fn is_absent(&self) -> bool {
        false
    }
}

impl<T: FieldContent> FieldSlot for Option<T> {
    const REQUIRED: bool = false;
    const CONTENT: Content = T::CONTENT;

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// Declares a record once: its type, and the declaration of each field. A field that holds a value
/// is followed by its [`Access`].
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[doc = $description:literal])+ $field:ident: $type:ty $(=> $access:expr)?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $description])+
                #[serde(skip_serializing_if = "crate::vehicle::field::FieldSlot::is_absent")]
                pub $field: $type
            ),+
        }

        impl $crate::vehicle::field::Record for $name {
            const FIELDS: &'static [$crate::vehicle::field::Declaration] = &[$(
                $crate::vehicle::field::Declaration {
                    name: stringify!($field),
                    description: concat!($($description),+),
                    required: <$type as $crate::vehicle::field::FieldSlot>::REQUIRED,
                    content: <$type as $crate::vehicle::field::FieldSlot>::CONTENT,
                    access: $crate::vehicle::field::record!(@access $($access)?),
                }
            ),+];
        }
    };
    (@access $access:expr) => { Some($access) };
    (@access) => { None };
}
pub(super) use record;
