//! The car: its VIN, its opaque id, and its facets as types.
//!
//! Owns what a value must be to count as a fact. Leaves to others: where facts come from
//! (`origin`), who may see them (`disclosure`) and how long they are good (`cache`).

mod facets;
mod id;
mod vin;

#[cfg(test)]
pub(crate) use facets::full;
pub use facets::{
    Content, Count, Damage, DamageItem, Energy, Equipment, EquipmentItem, Identity, Instant,
    Limits, Member, Mileage, Money, Parts, PriceRange, Quantity, Reading, Recall, Recalls, Record,
    Registration, ServiceEntry, ServiceHistory, ShapeError, Unit, Valuation, Warranty,
    WarrantyItem, Whole, Year, members, typed,
};
pub use id::{KeyRing, KeyRingError, VehicleId};
pub use vin::{CheckDigit, Vin, VinError};
