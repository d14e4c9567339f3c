//! What is fitted to the car.

use serde_json::{Map, Value};

use super::record::{items, record, state};
use super::value::Count;

record! {
    /// What is fitted to this car.
    pub struct Equipment {
        /// How many items there are. Derived where the items are known.
        item_count: Option<Count>,
        /// The items, where the origin states them.
        items: Option<Vec<EquipmentItem>>,
    }
}

/// Counts the items.
pub(super) fn derive(object: &mut Map<String, Value>) {
    if let Some(count) = items(object).map(Vec::len) {
        state(object, "item_count", count.into());
    }
}

record! {
    /// One item of equipment.
    pub struct EquipmentItem {
        /// The manufacturer's code.
        code: Option<String>,
        /// The item in the manufacturer's words.
        name: String,
        /// The group that the manufacturer puts it in.
        category: Option<String>,
    }
}
