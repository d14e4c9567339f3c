//! Safety recalls.

use jiff::civil::Date;

use crate::vehicle::codes::RecallStatus;
use crate::vehicle::field::{Access, record};

record! {
    /// Safety recalls of this car.
    pub struct Recalls {
        /// True if any recall is still to be done. Derived where the recalls themselves are known.
        open: Option<bool> => Access::public().derived(),
        /// All recalls, done or not, where the origin states them.
        items: Option<Vec<Recall>>,
    }
}

record! {
    /// One recall.
    pub struct Recall {
        /// The authority's or manufacturer's number of the recall.
        reference: String => Access::member(),
        /// The subject of the recall.
        title: Option<String> => Access::member(),
        /// The defect and its remedy.
        description: Option<String> => Access::member(),
        /// The day of the announcement.
        announced_on: Option<Date> => Access::member(),
        /// The state of the remedy on this vehicle.
        status: RecallStatus => Access::member(),
    }
}

impl Recalls {
    /// Derives from the recalls whether any is open.
    pub(super) fn derive(&mut self) {
        if let Some(items) = &self.items {
            self.open = Some(items.iter().any(|recall| recall.status == RecallStatus::Open));
        }
    }
}
