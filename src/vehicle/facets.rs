//! The facets as types, one file each. A value that does not satisfy its type is no facet: see
//! [`typed`].
//!
//! Owns the declaration of every field (type, unit, range, tier, class, publishable), and what is
//! derived from stated values. Leaves to others: how an origin's response becomes these fields
//! (`origin`), and projection (`disclosure`).

mod damage;
mod energy;
mod equipment;
mod identity;
mod mileage;
mod recalls;
mod record;
mod registration;
mod service_history;
mod typed_facet;
mod valuation;
mod value;
mod warranty;
mod wrong;

use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use damage::{Damage, DamageItem};
pub use energy::Energy;
pub use equipment::{Equipment, EquipmentItem};
pub use identity::Identity;
pub use mileage::{Mileage, Reading};
pub use recalls::{Recall, Recalls};
pub use registration::Registration;
pub use service_history::{ServiceEntry, ServiceHistory};
pub use typed_facet::TypedFacet;
pub use valuation::{PriceRange, Valuation};
pub use value::{
    Count, FieldUnit, Instant, MAX_TEXT_CHARACTERS, Money, PartCount, Quantity, Whole, Year,
};
pub use warranty::{Warranty, WarrantyItem};

use super::facet_name::FacetName;
use super::field::{Declaration, Record, RecordView};
use record::check;
use wrong::Wrong;

/// A mapped value that does not satisfy its facet's type. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{facet}.{} does not satisfy its type: {}", .wrong.field, .wrong.cause)]
pub struct ShapeError {
    facet: FacetName,
    wrong: Wrong,
}

impl ShapeError {
    /// The field, without the list or object around it; empty for the facet as a whole.
    pub fn field(&self) -> &'static str {
        self.wrong.field
    }

    /// The cause, without any value.
    pub fn cause(&self) -> &'static str {
        self.wrong.cause
    }
}

/// Checks a mapped value against its facet's type, orders dated lists, and adds derived fields.
///
/// # Errors
/// [`ShapeError`] for a missing required field, a value of another kind or out of range, fields
/// that contradict each other, and a field that the type does not have.
pub fn typed(facet: FacetName, mapped: Value) -> Result<TypedFacet, ShapeError> {
    let completed = match facet {
        FacetName::Identity => complete::<Identity>(mapped, |_| Ok(())),
        FacetName::Equipment => complete(mapped, Equipment::derive),
        FacetName::Energy => complete::<Energy>(mapped, |_| Ok(())),
        FacetName::Recalls => complete(mapped, |facet: &mut Recalls| {
            facet.derive();
            Ok(())
        }),
        FacetName::Warranty => complete(mapped, Warranty::derive),
        FacetName::ServiceHistory => complete(mapped, ServiceHistory::derive),
        FacetName::Mileage => complete(mapped, |facet: &mut Mileage| {
            facet.derive();
            Ok(())
        }),
        FacetName::Registration => complete::<Registration>(mapped, |_| Ok(())),
        FacetName::Damage => complete(mapped, |facet: &mut Damage| {
            facet.derive();
            Ok(())
        }),
        FacetName::Valuation => complete(mapped, Valuation::derive),
    };
    match completed {
        Ok(record) => Ok(TypedFacet::new(facet, record)),
        Err(wrong) => Err(ShapeError { facet, wrong }),
    }
}

/// Reads a facet and lets it derive its fields.
fn complete<F: Record + DeserializeOwned + 'static>(
    mapped: Value,
    derive: impl FnOnce(&mut F) -> Result<(), Wrong>,
) -> Result<Rc<dyn RecordView>, Wrong> {
    let mut facet: F = read(mapped)?;
    derive(&mut facet)?;
    Ok(Rc::new(facet))
}

/// Reads a record. The check comes first: its errors name the field and hold no value, which
/// serde's do not and do.
fn read<R: Record + DeserializeOwned>(value: Value) -> Result<R, Wrong> {
    check(&value, R::FIELDS)?;
    serde_json::from_value(value).map_err(|_| Wrong { field: "", cause: "it is not of its type" })
}

/// The declared fields of a facet.
pub const fn declarations(facet: FacetName) -> &'static [Declaration] {
    match facet {
        FacetName::Identity => Identity::FIELDS,
        FacetName::Equipment => Equipment::FIELDS,
        FacetName::Energy => Energy::FIELDS,
        FacetName::Recalls => Recalls::FIELDS,
        FacetName::Warranty => Warranty::FIELDS,
        FacetName::ServiceHistory => ServiceHistory::FIELDS,
        FacetName::Mileage => Mileage::FIELDS,
        FacetName::Registration => Registration::FIELDS,
        FacetName::Damage => Damage::FIELDS,
        FacetName::Valuation => Valuation::FIELDS,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::{full, to_json};
