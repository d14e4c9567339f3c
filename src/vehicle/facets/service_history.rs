//! What was done to the car, and when.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::record::{items, record, state};
use super::value::{Count, Kilometre, Money, Quantity};
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
}

/// Counts the entries and says the newest day; they are in order.
pub(super) fn derive(object: &mut Map<String, Value>) {
    let Some(items) = items(object) else { return };
    let (count, newest) =
        (items.len(), items.first().and_then(|entry| entry.get("performed_on")).cloned());
    state(object, "entry_count", count.into());
    if let Some(day) = newest {
        state(object, "last_performed_on", day);
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
