//! Damage that was reported.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::record::{items, record, state};
use super::value::Money;
use crate::market::codes::{DamageArea, Severity};

record! {
    /// The damage that the origin knows of, newest first.
    pub struct Damage {
        /// Whether there is any. Derived where the damage itself is known; not stated is never
        /// "no".
        reported: Option<bool>,
        /// All of it, repaired or not, where the origin states it.
        items: Option<Vec<DamageItem>>,
    }
}

/// Says whether there is any damage.
pub(super) fn derive(object: &mut Map<String, Value>) {
    if let Some(reported) = items(object).map(|items| !items.is_empty()) {
        state(object, "reported", reported.into());
    }
}

record! {
    /// One damage.
    pub struct DamageItem {
        /// The day.
        occurred_on: Option<Date>,
        /// Where on the car.
        area: Option<DamageArea>,
        /// How grave.
        severity: Option<Severity>,
        /// What happened.
        description: Option<String>,
        /// Whether it was repaired.
        repaired: Option<bool>,
        /// What the repair came to, or would.
        repair_cost: Option<Money>,
    }
}
