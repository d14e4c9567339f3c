//! Damage that was reported.

use std::cmp::Reverse;

use jiff::civil::Date;

use super::value::Money;
use crate::vehicle::codes::{DamageArea, Severity};
use crate::vehicle::field::{Access, record};
use crate::vehicle::pii::Pii;

record! {
    /// The damage that the origin knows of, newest first.
    pub struct Damage {
        /// True if any damage is known. Derived where the damage itself is known; not stated is
        /// never "no".
        reported: Option<bool> => Access::member().derived(),
        /// All damage, repaired or not, where the origin states it.
        items: Option<Vec<DamageItem>>,
    }
}

record! {
    /// One damage.
    pub struct DamageItem {
        /// The day of the event.
        occurred_on: Option<Date> => Access::owner().dates_element(),
        /// The damaged area of the vehicle.
        area: Option<DamageArea> => Access::owner(),
        /// The severity of the damage.
        severity: Option<Severity> => Access::owner(),
        /// The description of the event and the damage.
        description: Option<Pii<String>> => Access::personal(),
        /// True if it was repaired.
        repaired: Option<bool> => Access::owner(),
        /// The cost of the repair, paid or estimated.
        repair_cost: Option<Money> => Access::owner(),
    }
}

impl Damage {
    /// Orders the damage, undated items last, and derives whether there is any.
    pub(super) fn derive(&mut self) {
        if let Some(items) = &mut self.items {
            items.sort_by_key(|item| Reverse(item.occurred_on));
            self.reported = Some(!items.is_empty());
        }
    }
}
