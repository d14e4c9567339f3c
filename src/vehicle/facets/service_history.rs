//! What was done to the car, and when.

use super::record::{Wrong, record};
use super::value::{Count, Kilometre, Money, Quantity};
use crate::calendar::Date;
use crate::market::codes::{InspectionResult, ServiceKind};

record! {
    /// The service history, newest first.
    pub struct ServiceHistory {
        /// The day of the newest entry. Derived where the entries are known.
        last_performed_on: Option<Date>,
        /// How many entries there are. Derived where they are known.
        entry_count: Option<Count>,
        /// The entries, where the origin states them.
        items: Option<Vec<ServiceEntry>>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        if let Some(items) = &self.items {
            self.last_performed_on = items.iter().map(|entry| entry.performed_on).max();
            self.entry_count = Count::of(items);
        }
        Ok(())
    }
}

record! {
    /// One visit to a workshop or a testing station. No `Debug`: its invoice is somebody's.
    pub struct ServiceEntry {
        /// The day.
        performed_on: Date,
        /// What kind of work it was.
        kind: Option<ServiceKind>,
        /// How it ended, of a statutory inspection.
        result: Option<InspectionResult>,
        /// The distance on the odometer then.
        mileage: Option<Quantity<Kilometre>>,
        /// What was done.
        description: Option<String>,
        /// Who did it.
        workshop: Option<String>,
        /// The number of the invoice.
        invoice_number: Option<String>,
        /// What it came to.
        invoice_total: Option<Money>,
    }
}
