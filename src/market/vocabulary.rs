//! The facets' fields as a market file may map them. `vehicle` holds the Rust types; a test there proves that both agree.

use super::names::FacetName;

/// Whether a facet is one record or a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One record: the fields are the facet's own.
    Record(&'static [Field]),
    /// A list: with `each`, which names it, the fields are those of one element. Some systems know only what a list comes
    /// to, whether any recall is open, say: without `each` a mapping may fill that.
    List {
        /// The fields of one element.
        element: &'static [Field],
        /// What the list comes to; derived from the elements where there are any.
        summary: &'static [Field],
    },
}

impl Shape {
    /// The fields that a mapping may fill, of a list with or without `each`.
    pub const fn fields(self, has_each: bool) -> &'static [Field] {
        match self {
            Self::Record(fields) => fields,
            Self::List { element, .. } if has_each => element,
            Self::List { summary, .. } => summary,
        }
    }
}

/// One field that a mapping may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The field's name in the vehicle document.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether a facet without it is refused.
    pub required: bool,
}

/// What a field's value is.
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

/// `identity.fuel`.
const FUELS: Kind = Kind::Code(&[
    "petrol",
    "diesel",
    "electric",
    "hybrid_petrol",
    "hybrid_diesel",
    "plug_in_hybrid",
    "cng",
    "lpg",
    "hydrogen",
    "ethanol",
    "other",
]);
/// `identity.body`.
const BODIES: Kind = Kind::Code(&[
    "saloon",
    "hatchback",
    "estate",
    "suv",
    "coupe",
    "convertible",
    "pickup",
    "van",
    "minivan",
    "truck",
    "motorcycle",
    "other",
]);
/// `identity.transmission`.
const TRANSMISSIONS: Kind = Kind::Code(&["manual", "automatic", "automated_manual", "cvt", "other"]);
/// `identity.drive`.
const DRIVES: Kind = Kind::Code(&["front", "rear", "all"]);
/// `recalls.items.status`.
const RECALL_STATES: Kind = Kind::Code(&["open", "completed"]);

const IDENTITY: &[Field] = &[
    required("make", Kind::Text),
    required("model", Kind::Text),
    optional("trim", Kind::Text),
    optional("body", BODIES),
    optional("fuel", FUELS),
    optional("model_year", Kind::Integer),
    optional("power", Kind::Quantity("kW")),
    optional("displacement", Kind::Quantity("cm3")),
    optional("cylinders", Kind::Integer),
    optional("transmission", TRANSMISSIONS),
    optional("drive", DRIVES),
    optional("doors", Kind::Integer),
    optional("colour", Kind::Text),
    optional("vin", Kind::Text),
];
const EQUIPMENT: &[Field] =
    &[optional("code", Kind::Text), required("name", Kind::Text), optional("category", Kind::Text)];
const RECALLS: &[Field] = &[
    required("reference", Kind::Text),
    optional("title", Kind::Text),
    optional("description", Kind::Text),
    optional("announced_on", Kind::Date),
    required("status", RECALL_STATES),
];

const RECALLS_SUMMARY: &[Field] = &[required("open", Kind::Boolean)];

/// The shape of a facet as a mapping fills it.
pub const fn shape(facet: FacetName) -> Shape {
    match facet {
        FacetName::Identity => Shape::Record(IDENTITY),
        FacetName::Equipment => Shape::List { element: EQUIPMENT, summary: &[] },
        FacetName::Recalls => Shape::List { element: RECALLS, summary: RECALLS_SUMMARY },
    }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}
