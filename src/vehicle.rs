//! The car: its VIN, its opaque id, and its facets as types.
//!
//! Owns what a value must be to count as a fact. Leaves to others: where facts come from (`origin`), who may see them
//! (`disclosure`) and how long they are good (`cache`).

mod facets;
mod id;
mod vin;

pub use facets::{Equipment, EquipmentItem, Identity, Quantity, Recall, RecallState, Recalls, ShapeError, typed};
pub use id::{KeyRing, KeyRingError, VehicleId};
pub use vin::{CheckDigit, Vin, VinError};
