//! The facets as types, one file a facet. What does not satisfy its type is no facet: see
//! [`typed`].
//!
//! Owns units, ranges, what is required, and what follows from what is stated. Leaves to others:
//! how an origin's answer becomes these fields (`origin`), which of them a market file may map
//! (`market::shape`; a test here proves that both agree), and who may see them (`disclosure`).

mod damage;
mod energy;
mod equipment;
mod identity;
mod mileage;
mod recalls;
mod record;
mod registration;
mod service_history;
mod valuation;
mod value;
mod warranty;

use serde_json::{Map, Value};

pub use damage::{Damage, DamageItem};
pub use energy::Energy;
pub use equipment::{Equipment, EquipmentItem};
pub use identity::Identity;
pub use mileage::{Mileage, Reading};
pub use recalls::{Recall, Recalls};
pub use record::{Content, Limits, Member, Record};
pub use registration::Registration;
pub use service_history::{ServiceEntry, ServiceHistory};
pub use valuation::{PriceRange, Valuation};
pub use value::{Count, Instant, Money, Parts, Quantity, Unit, Whole, Year};
pub use warranty::{Warranty, WarrantyItem};

use crate::market::FacetName;
use record::{Wrong, check};
use value::sort_by_date;

/// Why a mapped value is no facet. Says which field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{facet}.{} does not satisfy its type: {}", .wrong.field, .wrong.cause)]
pub struct ShapeError {
    facet: FacetName,
    wrong: Wrong,
}

impl ShapeError {
    /// The field, without the list or object that it stands in; empty for the facet as a whole.
    pub fn field(&self) -> &'static str {
        self.wrong.field
    }

    /// What is wrong, without any value.
    pub fn cause(&self) -> &'static str {
        self.wrong.cause
    }
}

/// Checks a mapped value against the declaration of the facet's Rust type, puts lists that have
/// days into their order, and adds what follows from what is stated. What comes out reads as the
/// type: `Mileage::of(&value)`.
///
/// # Errors
/// [`ShapeError`] where a required field is missing, a value is of the wrong kind or out of its
/// range, fields contradict each other, or there is a field that the type does not have.
pub fn typed(facet: FacetName, mut mapped: Value) -> Result<Value, ShapeError> {
    let fail = |wrong| ShapeError { facet, wrong };
    match facet {
        FacetName::ServiceHistory => sort_by_date(&mut mapped, "performed_on", true),
        FacetName::Mileage => sort_by_date(&mut mapped, "read_on", false),
        FacetName::Damage => sort_by_date(&mut mapped, "occurred_on", true),
        _ => {}
    }
    check(&mapped, members(facet)).map_err(fail)?;
    if let Value::Object(object) = &mut mapped {
        derive(facet, object).map_err(fail)?;
    }
    Ok(mapped)
}

fn derive(facet: FacetName, object: &mut Map<String, Value>) -> Result<(), Wrong> {
    match facet {
        FacetName::Identity | FacetName::Energy | FacetName::Registration => {}
        FacetName::Equipment => equipment::derive(object),
        FacetName::Recalls => recalls::derive(object),
        FacetName::Warranty => return warranty::derive(object),
        FacetName::ServiceHistory => service_history::derive(object),
        FacetName::Mileage => mileage::derive(object),
        FacetName::Damage => damage::derive(object),
        FacetName::Valuation => return valuation::derive(object),
    }
    Ok(())
}

/// The fields of a facet's type.
pub const fn members(facet: FacetName) -> &'static [Member] {
    match facet {
        FacetName::Identity => Identity::MEMBERS,
        FacetName::Equipment => Equipment::MEMBERS,
        FacetName::Energy => Energy::MEMBERS,
        FacetName::Recalls => Recalls::MEMBERS,
        FacetName::Warranty => Warranty::MEMBERS,
        FacetName::ServiceHistory => ServiceHistory::MEMBERS,
        FacetName::Mileage => Mileage::MEMBERS,
        FacetName::Registration => Registration::MEMBERS,
        FacetName::Damage => Damage::MEMBERS,
        FacetName::Valuation => Valuation::MEMBERS,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::full;
