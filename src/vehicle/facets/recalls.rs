//! Safety recalls.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::record::{items, record, state, text};
use crate::market::codes::{Code, RecallStatus};

record! {
    /// Safety recalls of this car.
    pub struct Recalls {
        /// Whether any of them is still to be done. Derived where the recalls themselves are known.
        open: Option<bool>,
        /// All of them, done or not, where the origin states them.
        items: Option<Vec<Recall>>,
    }
}

/// Says whether any recall is open.
pub(super) fn derive(object: &mut Map<String, Value>) {
    let is_open = |recall: &Value| text(recall, "status") == RecallStatus::Open.word();
    if let Some(open) = items(object).map(|items| items.iter().any(is_open)) {
        state(object, "open", open.into());
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
