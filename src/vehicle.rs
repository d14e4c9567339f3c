//! The vehicle: its VIN, its opaque id, and its facets as types.
//!
//! Owns the words of facets (names, codes, kinds, tiers), the one declaration of each field, and the
//! rules that make a value a fact. Leaves to others: where facts come from (`origin`), who may see
//! them (`disclosure`) and how long they are good (`cache`).

pub mod codes;
mod facet_name;
mod facets;
mod fact;
mod field;
mod id;
mod pii;
mod shape;
mod tier;
mod vin;

pub use facet_name::{FacetName, FacetSet};
pub use facets::{
    Count, Damage, DamageItem, Energy, Equipment, EquipmentItem, FieldUnit, Identity, Instant,
    MAX_TEXT_CHARACTERS, Mileage, Money, PartCount, PriceRange, Quantity, Reading, Recall, Recalls,
    Registration, ServiceEntry, ServiceHistory, ShapeError, TypedFacet, Valuation, Warranty,
    WarrantyItem, Whole, Year, declarations, typed,
};
#[cfg(test)]
pub(crate) use facets::{full, to_json};
pub use fact::Fact;
pub use field::{Access, Class, Content, Declaration, Kind, Limits, RecordView, Role, Stated};
pub use id::{KeyRing, KeyRingError, VehicleId};
pub use pii::{Personal, Pii, Witness};
pub use shape::{Field, Shape, fields, shape};
pub use tier::Tier;
pub use vin::{CheckDigit, Vin, VinError, holds_vin, normalize_id};
