//! Damage that was reported.

use super::record::{Wrong, record};
use super::value::Money;
use crate::calendar::Date;
use crate::market::codes::{DamageArea, Severity};

record! {
    /// The damage that the origin knows of, newest first.
    pub struct Damage {
        /// Whether there is any. Derived where the damage itself is known; not stated is never "no".
        reported: Option<bool>,
        /// All of it, repaired or not, where the origin states it.
        items: Option<Vec<DamageItem>>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        if let Some(items) = &self.items {
            self.reported = Some(!items.is_empty());
        }
        Ok(())
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
