//! The facets' fields as a market file may map them, in the order in which pages show them.
//! `vehicle` holds the Rust types; a test there proves that both agree.

use super::codes::{self, Code};
use super::names::FacetName;

/// Whether a facet is one record or a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One record: the fields are the facet's own.
    Record(&'static [Field]),
    /// A list: with `each`, which names it, the fields are those of one element. Some systems know
    /// only what a list comes to, whether any recall is open, say: without `each` a mapping may
    /// fill that.
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
    /// The field's name in the vehicle document; of a nested one with the object's before it:
    /// `range.low`.
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

const fn code<C: Code>() -> Kind {
    Kind::Code(C::WORDS)
}

const IDENTITY: &[Field] = &[
    required("make", Kind::Text),
    optional("model", Kind::Text),
    optional("trim", Kind::Text),
    optional("model_year", Kind::Integer),
    optional("model_code", Kind::Text),
    optional("body", code::<codes::Body>()),
    optional("doors", Kind::Integer),
    optional("seats", Kind::Integer),
    optional("fuel", code::<codes::Fuel>()),
    optional("power", Kind::Quantity("kW")),
    optional("displacement", Kind::Quantity("cm3")),
    optional("cylinders", Kind::Integer),
    optional("transmission", code::<codes::Transmission>()),
    optional("drive", code::<codes::Drive>()),
    optional("colour", Kind::Text),
    optional("first_registered", Kind::Date),
    optional("vin", Kind::Text),
];

const EQUIPMENT: &[Field] =
    &[optional("code", Kind::Text), required("name", Kind::Text), optional("category", Kind::Text)];
const EQUIPMENT_SUMMARY: &[Field] = &[required("item_count", Kind::Integer)];

const ENERGY: &[Field] = &[
    optional("label", code::<codes::EnergyLabel>()),
    optional("label_discharged", code::<codes::EnergyLabel>()),
    optional("cycle", code::<codes::Cycle>()),
    optional("consumption", Kind::Quantity("l/100km")),
    optional("consumption_discharged", Kind::Quantity("l/100km")),
    optional("gas_consumption", Kind::Quantity("kg/100km")),
    optional("electric_consumption", Kind::Quantity("kWh/100km")),
    optional("co2", Kind::Quantity("g/km")),
    optional("electric_range", Kind::Quantity("km")),
    optional("battery_capacity", Kind::Quantity("kWh")),
    optional("emission_standard", Kind::Text),
];

const RECALLS: &[Field] = &[
    required("reference", Kind::Text),
    optional("title", Kind::Text),
    optional("description", Kind::Text),
    optional("announced_on", Kind::Date),
    required("status", code::<codes::RecallStatus>()),
];
const RECALLS_SUMMARY: &[Field] = &[required("open", Kind::Boolean)];

const WARRANTY: &[Field] = &[
    required("kind", code::<codes::WarrantyKind>()),
    optional("starts_on", Kind::Date),
    optional("ends_on", Kind::Date),
    optional("duration", Kind::Quantity("month")),
    optional("mileage_limit", Kind::Quantity("km")),
    optional("provider", Kind::Text),
    optional("status", code::<codes::WarrantyStatus>()),
];
const WARRANTY_SUMMARY: &[Field] = &[required("valid_until", Kind::Date)];

const SERVICE_HISTORY: &[Field] = &[
    required("performed_on", Kind::Date),
    optional("kind", code::<codes::ServiceKind>()),
    optional("result", code::<codes::InspectionResult>()),
    optional("mileage", Kind::Quantity("km")),
    optional("description", Kind::Text),
    optional("workshop", Kind::Text),
    optional("invoice_number", Kind::Text),
    optional("invoice_total", Kind::Money),
];
const SERVICE_HISTORY_SUMMARY: &[Field] =
    &[optional("last_performed_on", Kind::Date), optional("entry_count", Kind::Integer)];

const MILEAGE: &[Field] = &[
    required("read_on", Kind::Date),
    required("distance", Kind::Quantity("km")),
    optional("source", code::<codes::ReadingSource>()),
];
const MILEAGE_SUMMARY: &[Field] = &[required("verdict", code::<codes::MileageVerdict>())];

const REGISTRATION: &[Field] = &[
    optional("plate", Kind::Text),
    optional("first_registered_on", Kind::Date),
    optional("registered_on", Kind::Date),
    optional("country", Kind::Text),
    optional("status", code::<codes::RegistrationStatus>()),
    optional("usage", code::<codes::Usage>()),
    optional("keeper_count", Kind::Integer),
    optional("inspection_due_on", Kind::Date),
    optional("keeper_name", Kind::Text),
    optional("keeper_address", Kind::Text),
];

const DAMAGE: &[Field] = &[
    optional("occurred_on", Kind::Date),
    optional("area", code::<codes::DamageArea>()),
    optional("severity", code::<codes::Severity>()),
    optional("description", Kind::Text),
    optional("repaired", Kind::Boolean),
    optional("repair_cost", Kind::Money),
];
const DAMAGE_SUMMARY: &[Field] = &[required("reported", Kind::Boolean)];

const VALUATION: &[Field] = &[
    optional("range.low", Kind::Money),
    optional("range.high", Kind::Money),
    optional("valued_at", Kind::Instant),
    optional("basis", code::<codes::ValuationBasis>()),
    optional("comparable_count", Kind::Integer),
    optional("rating", code::<codes::Rating>()),
];

/// The shape of a facet as a mapping fills it.
pub const fn shape(facet: FacetName) -> Shape {
    match facet {
        FacetName::Identity => Shape::Record(IDENTITY),
        FacetName::Equipment => Shape::List { element: EQUIPMENT, summary: EQUIPMENT_SUMMARY },
        FacetName::Energy => Shape::Record(ENERGY),
        FacetName::Recalls => Shape::List { element: RECALLS, summary: RECALLS_SUMMARY },
        FacetName::Warranty => Shape::List { element: WARRANTY, summary: WARRANTY_SUMMARY },
        FacetName::ServiceHistory => {
            Shape::List { element: SERVICE_HISTORY, summary: SERVICE_HISTORY_SUMMARY }
        }
        FacetName::Mileage => Shape::List { element: MILEAGE, summary: MILEAGE_SUMMARY },
        FacetName::Registration => Shape::Record(REGISTRATION),
        FacetName::Damage => Shape::List { element: DAMAGE, summary: DAMAGE_SUMMARY },
        FacetName::Valuation => Shape::Record(VALUATION),
    }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}
