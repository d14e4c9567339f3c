//! Declarations of facet fields: kind, limits, unit, and who may see and publish a value.
//!
//! One declaration per field, in the facet's file. The check of mapped values (`facets/record`),
//! the vocabulary of market files ([`shape`](super::shape)), the disclosure table and the schemas
//! of the public contract are derived from it. A record shows its values field by field
//! ([`RecordView`]), personal ones closed: it does not compile while the type of a personal field
//! is not [`Pii`], or that of another one is.

use super::fact::Fact;
use super::pii::{Personal, Pii};
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

/// The part that a field plays beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// None.
    Plain,
    /// The day of an element of a list. Personal values of the element are the holder's from their
    /// first day on.
    DatesElement,
    /// Part of the keeper record: personal, and shown while the stored keeper is the holder's.
    OfKeeper,
    /// Derived where the mapping does not state it: from the elements of the list, from other
    /// fields, or from the request.
    Derived,
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
    /// The part that it plays beside its value.
    pub role: Role,
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
        let (floor, class) = (Tier::Owner, Class::Personal);
        Self { floor, class, publishable: false, role: Role::Plain }
    }

    /// Personal data of the present keeper, as the authority knows it. Never published.
    pub const fn keeper() -> Self {
        Self { role: Role::OfKeeper, ..Self::personal() }
    }

    /// The same, and the day of the element that it belongs to.
    #[must_use]
    pub const fn dates_element(self) -> Self {
        Self { role: Role::DatesElement, ..self }
    }

    /// The same, and derived where the mapping does not state it.
    #[must_use]
    pub const fn derived(self) -> Self {
        Self { role: Role::Derived, ..self }
    }

    /// The same, but never published: a value that identifies the vehicle or its keeper.
    #[must_use]
    pub const fn unpublished(self) -> Self {
        Self { publishable: false, ..self }
    }

    /// True if anybody sees the field.
    pub const fn is_public(self) -> bool {
        self.floor.is_public()
    }

    /// True if it holds information about a person.
    pub const fn is_personal(self) -> bool {
        matches!(self.class, Class::Personal)
    }

    const fn fact(floor: Tier) -> Self {
        Self { floor, class: Class::VehicleFact, publishable: true, role: Role::Plain }
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

/// A field of a record as it is stated. A personal value is closed.
pub enum Stated<'r> {
    /// It is not stated.
    Nothing,
    /// A fact.
    Fact(&'r dyn Fact),
    /// A personal value.
    Personal(&'r dyn Personal),
    /// A record.
    Record(&'r dyn RecordView),
    /// The elements of a list.
    List(Vec<&'r dyn RecordView>),
}

/// A record: a facet, an element of its list, or a record within it.
pub trait RecordView {
    /// The fields, in the order in which documents and pages show them.
    fn declarations(&self) -> &'static [Declaration];

    /// The fields as they are stated, in the same order.
    fn stated(&self) -> Vec<Stated<'_>>;
}

/// A record's type.
pub trait Record: RecordView {
    /// The fields, in the order in which documents and pages show them.
    const FIELDS: &'static [Declaration];
}

/// A type of values.
pub trait FieldValue: Fact {
    /// The content as declared.
    const CONTENT: Content;
}

/// A type of field contents.
pub trait FieldContent {
    /// The content as declared.
    const CONTENT: Content;
    /// True if its values are closed.
    const IS_PII: bool = false;

    /// The content as it is stated.
    fn to_stated(&self) -> Stated<'_>;
}

impl<T: FieldValue> FieldContent for T {
    const CONTENT: Content = T::CONTENT;

    fn to_stated(&self) -> Stated<'_> {
        Stated::Fact(self)
    }
}

impl<T: FieldValue> FieldContent for Pii<T> {
    const CONTENT: Content = T::CONTENT;
    const IS_PII: bool = true;

    fn to_stated(&self) -> Stated<'_> {
        Stated::Personal(self)
    }
}

impl<R: Record> FieldContent for Vec<R> {
    const CONTENT: Content = Content::List(R::FIELDS);

    fn to_stated(&self) -> Stated<'_> {
        Stated::List(self.iter().map(|element| element as &dyn RecordView).collect())
    }
}

/// A type of a record's field: a content, or an optional one.
pub trait FieldSlot {
    /// True if the field must be stated.
    const REQUIRED: bool;
    /// The content as declared.
    const CONTENT: Content;
    /// True if its values are closed.
    const IS_PII: bool;

    /// The field as it is stated.
    fn stated(&self) -> Stated<'_>;
}

impl<T: FieldContent> FieldSlot for T {
    const REQUIRED: bool = true;
    const CONTENT: Content = T::CONTENT;
    const IS_PII: bool = T::IS_PII;

    fn stated(&self) -> Stated<'_> {
        self.to_stated()
    }
}

impl<T: FieldContent> FieldSlot for Option<T> {
    const REQUIRED: bool = false;
    const CONTENT: Content = T::CONTENT;
    const IS_PII: bool = T::IS_PII;

    fn stated(&self) -> Stated<'_> {
        self.as_ref().map_or(Stated::Nothing, FieldContent::to_stated)
    }
}

/// The access of a field whose type is closed, or is not. A personal field of an open type, and a
/// closed type of another field, do not compile.
pub const fn held_to_type(access: Access, is_pii: bool) -> Access {
    assert!(access.is_personal() == is_pii, "a personal field is Pii, and no other one is");
    access
}

/// Declares a record once: its type, and the declaration of each field. A field that holds a value
/// is followed by its [`Access`].
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[doc = $description:literal])+ $field:ident: $type:ty $(=> $access:expr)?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $description])+
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
                    access: $crate::vehicle::field::record!(@access $type $(, $access)?),
                }
            ),+];
        }

        impl $crate::vehicle::field::RecordView for $name {
            fn declarations(&self) -> &'static [$crate::vehicle::field::Declaration] {
                <Self as $crate::vehicle::field::Record>::FIELDS
            }

            fn stated(&self) -> Vec<$crate::vehicle::field::Stated<'_>> {
                vec![$($crate::vehicle::field::FieldSlot::stated(&self.$field)),+]
            }
        }
    };
    (@access $type:ty, $access:expr) => {
        Some($crate::vehicle::field::held_to_type(
            $access,
            <$type as $crate::vehicle::field::FieldSlot>::IS_PII,
        ))
    };
    (@access $type:ty) => { None };
}
pub(super) use record;
