//! Safety recalls.

use super::record::{Wrong, record};
use crate::calendar::Date;
use crate::market::codes::RecallStatus;

record! {
    /// Safety recalls of this car.
    pub struct Recalls {
        /// Whether any of them is still to be done. Derived where the recalls themselves are known.
        open: Option<bool>,
        /// All of them, done or not, where the origin states them.
        items: Option<Vec<Recall>>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        if let Some(items) = &self.items {
            self.open = Some(items.iter().any(|recall| recall.status == RecallStatus::Open));
        }
        Ok(())
    }
}

record! {
    /// One recall.
    pub struct Recall {
        /// The authority's or manufacturer's number of it.
        reference: String,
        /// What it is about.
        title: Option<String>,
        /// What is wrong and what is done.
        description: Option<String>,
        /// When it was announced.
        announced_on: Option<Date>,
        /// Whether it is still to be done.
        status: RecallStatus,
    }
}
