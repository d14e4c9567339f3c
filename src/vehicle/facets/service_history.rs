//! Visits to workshops and testing stations.

use std::cmp::Reverse;

use jiff::civil::Date;

use super::value::{Count, Kilometre, Money, Quantity, count};
use super::wrong::Wrong;
use crate::vehicle::codes::{InspectionResult, ServiceKind};
use crate::vehicle::field::{Access, record};

record! {
    /// The service history, newest first.
    pub struct ServiceHistory {
        /// The day of the newest entry. Derived where the entries are known.
        last_performed_on: Option<Date> => Access::member(),
        /// Number of entries. Derived where they are known.
        entry_count: Option<Count> => Access::member(),
        /// The entries, where the origin states them.
        items: Option<Vec<ServiceEntry>>,
    }
}

record! {
    /// One visit to a workshop or a testing station. No `Debug`: the invoice is personal data.
    pub struct ServiceEntry {
        /// The day.
        performed_on: Date => Access::owner(),
        /// The kind of work.
        kind: Option<ServiceKind> => Access::owner(),
        /// The result of a statutory inspection.
        result: Option<InspectionResult> => Access::owner(),
        /// The reading of the odometer on that day.
        mileage: Option<Quantity<Kilometre>> => Access::owner(),
        /// The work that was done.
        description: Option<String> => Access::personal(),
        /// The workshop or testing station.
        workshop: Option<String> => Access::personal(),
        /// The number of the invoice.
        invoice_number: Option<String> => Access::personal(),
        /// The total of the invoice.
        invoice_total: Option<Money> => Access::personal(),
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
