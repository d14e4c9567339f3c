//! Visits to workshops and testing stations.

use std::cmp::Reverse;

use jiff::civil::Date;

use super::value::{Count, Kilometre, Money, Quantity, count};
use super::wrong::Wrong;
use crate::vehicle::codes::{InspectionResult, ServiceKind};
use crate::vehicle::field::{Access, record};
use crate::vehicle::pii::Pii;

record! {
    /// The service history, newest first.
    pub struct ServiceHistory {
        /// The day of the newest entry. Derived where the entries are known.
        last_performed_on: Option<Date> => Access::member().derived(),
        /// Number of entries. Derived where they are known.
        entry_count: Option<Count> => Access::member().derived(),
        /// The entries, where the origin states them.
        items: Option<Vec<ServiceEntry>>,
    }
}

record! {
    /// One visit to a workshop or a testing station.
    pub struct ServiceEntry {
        /// The day.
        performed_on: Date => Access::owner().dates_element(),
        /// The kind of work.
        kind: Option<ServiceKind> => Access::owner(),
        /// The result of a statutory inspection.
        result: Option<InspectionResult> => Access::owner(),
        /// The reading of the odometer on that day.
        mileage: Option<Quantity<Kilometre>> => Access::owner(),
        /// The work that was done.
        description: Option<Pii<String>> => Access::personal(),
        /// The workshop or testing station.
        workshop: Option<Pii<String>> => Access::personal(),
        /// The number of the invoice.
        invoice_number: Option<Pii<String>> => Access::personal(),
        /// The total of the invoice.
        invoice_total: Option<Pii<Money>> => Access::personal(),
    }
}

impl ServiceHistory {
    /// Orders and counts the entries, and derives the newest day.
    ///
    /// # Errors
    /// [`Wrong`] for more entries than a count can hold.
    pub(super) fn derive(&mut self) -> Result<(), Wrong> {
        let Some(items) = &mut self.items else { return Ok(()) };
        items.sort_by_key(|entry| Reverse(entry.performed_on));
        self.entry_count = Some(count(items)?);
        if let Some(newest) = items.first() {
            self.last_performed_on = Some(newest.performed_on);
        }
        Ok(())
    }
}
