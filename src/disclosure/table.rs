//! The one table: every leaf of every facet with its floor tier and its class (the design's
//! "Floors").

use crate::market::{FacetName, Tier};

/// What kind of information a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A fact about the car.
    VehicleFact,
    /// Tells of a person: who keeps the car, where they take it, what they paid. Never below the
    /// owner tier, and at that tier the caller's own only.
    Personal,
    /// What proves or opens something. No tier sees it; no facet has such a leaf today.
    Secret,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Leaf {
    /// The field's place in the facet; lists are walked without an index: `items.name`.
    pub path: &'static str,
    /// The leaves of a field that is an object, like a quantity; empty where the field itself is
    /// the leaf.
    pub parts: &'static [&'static str],
    /// The least tier that sees it.
    pub floor: Tier,
    /// What kind of information it is.
    pub class: Class,
}

impl Leaf {
    /// Whether a path is this field or stands below it: of `power` the paths `power`, `power.value`
    /// and `power.unit` alone.
    pub fn names(&self, path: &str) -> bool {
        match path.strip_prefix(self.path) {
            Some("") => self.parts.is_empty(),
            Some(rest) => rest.strip_prefix('.').is_some_and(|part| self.parts.contains(&part)),
            None => false,
        }
    }

    /// True if anybody may see it where no market raises it.
    pub fn is_public(&self) -> bool {
        self.floor == Tier::Public
    }

    /// Whether the field is what a path names, or stands below it: `items.name` is below `items`.
    pub fn is_below(&self, path: &str) -> bool {
        path.is_empty()
            || self
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// The leaves of a facet.
pub const fn leaves(facet: FacetName) -> &'static [Leaf] {
    match facet {
        FacetName::Identity => IDENTITY,
        FacetName::Equipment => EQUIPMENT,
        FacetName::Energy => ENERGY,
        FacetName::Recalls => RECALLS,
        FacetName::Warranty => WARRANTY,
        FacetName::ServiceHistory => SERVICE_HISTORY,
        FacetName::Mileage => MILEAGE,
        FacetName::Registration => REGISTRATION,
        FacetName::Damage => DAMAGE,
        FacetName::Valuation => VALUATION,
    }
}

const fn fact(path: &'static str, floor: Tier) -> Leaf {
    Leaf { path, parts: &[], floor, class: Class::VehicleFact }
}

const fn quantity(path: &'static str, floor: Tier) -> Leaf {
    Leaf { parts: &["value", "unit"], ..fact(path, floor) }
}

const fn money(path: &'static str, floor: Tier) -> Leaf {
    Leaf { parts: &["amount_minor", "currency"], ..fact(path, floor) }
}

const fn personal(path: &'static str) -> Leaf {
    Leaf { class: Class::Personal, ..fact(path, Tier::Owner) }
}

const IDENTITY: &[Leaf] = &[
    fact("make", Tier::Public),
    fact("model", Tier::Public),
    fact("model_code", Tier::Public),
    fact("trim", Tier::Public),
    fact("body", Tier::Public),
    fact("fuel", Tier::Public),
    fact("model_year", Tier::Public),
    quantity("power", Tier::Public),
    quantity("displacement", Tier::Public),
    fact("cylinders", Tier::Public),
    fact("transmission", Tier::Public),
    fact("drive", Tier::Public),
    fact("doors", Tier::Public),
    fact("seats", Tier::Public),
    fact("colour", Tier::Public),
    fact("first_registered", Tier::Owner),
    personal("vin"),
];
const EQUIPMENT: &[Leaf] = &[
    fact("item_count", Tier::Public),
    fact("items.code", Tier::Member),
    fact("items.name", Tier::Member),
    fact("items.category", Tier::Member),
];
const ENERGY: &[Leaf] = &[
    fact("label", Tier::Public),
    fact("label_discharged", Tier::Public),
    fact("cycle", Tier::Public),
    quantity("consumption", Tier::Public),
    quantity("consumption_discharged", Tier::Public),
    quantity("gas_consumption", Tier::Public),
    quantity("electric_consumption", Tier::Public),
    quantity("co2", Tier::Public),
    quantity("electric_range", Tier::Public),
    quantity("battery_capacity", Tier::Public),
    fact("emission_standard", Tier::Public),
];
const RECALLS: &[Leaf] = &[
    fact("open", Tier::Public),
    fact("items.reference", Tier::Member),
    fact("items.title", Tier::Member),
    fact("items.description", Tier::Member),
    fact("items.announced_on", Tier::Member),
    fact("items.status", Tier::Member),
];
const WARRANTY: &[Leaf] = &[
    fact("valid_until", Tier::Member),
    fact("items.kind", Tier::Member),
    fact("items.starts_on", Tier::Member),
    fact("items.ends_on", Tier::Member),
    quantity("items.duration", Tier::Member),
    quantity("items.mileage_limit", Tier::Member),
    fact("items.provider", Tier::Member),
    fact("items.status", Tier::Member),
];
const SERVICE_HISTORY: &[Leaf] = &[
    fact("last_performed_on", Tier::Member),
    fact("entry_count", Tier::Member),
    fact("items.performed_on", Tier::Owner),
    fact("items.kind", Tier::Owner),
    fact("items.result", Tier::Owner),
    quantity("items.mileage", Tier::Owner),
    fact("items.description", Tier::Owner),
    personal("items.workshop"),
    personal("items.invoice_number"),
    Leaf { class: Class::Personal, ..money("items.invoice_total", Tier::Owner) },
];
const MILEAGE: &[Leaf] = &[
    fact("verdict", Tier::Member),
    fact("items.read_on", Tier::Owner),
    quantity("items.distance", Tier::Owner),
    fact("items.source", Tier::Owner),
];
const REGISTRATION: &[Leaf] = &[
    personal("plate"),
    fact("first_registered_on", Tier::Owner),
    fact("registered_on", Tier::Owner),
    fact("country", Tier::Owner),
    fact("status", Tier::Owner),
    fact("usage", Tier::Owner),
    fact("keeper_count", Tier::Owner),
    fact("inspection_due_on", Tier::Owner),
    personal("keeper_name"),
    personal("keeper_address"),
];
const DAMAGE: &[Leaf] = &[
    fact("reported", Tier::Member),
    fact("items.occurred_on", Tier::Owner),
    fact("items.area", Tier::Owner),
    fact("items.severity", Tier::Owner),
    fact("items.description", Tier::Owner),
    fact("items.repaired", Tier::Owner),
    money("items.repair_cost", Tier::Owner),
];
const VALUATION: &[Leaf] = &[
    money("range.low", Tier::Member),
    money("range.high", Tier::Member),
    fact("valued_at", Tier::Member),
    fact("basis", Tier::Member),
    fact("comparable_count", Tier::Member),
    fact("rating", Tier::Member),
];
