//! What is fitted to the car.

use super::record::{Wrong, record};
use super::value::Count;

record! {
    /// What is fitted to this car.
    pub struct Equipment {
        /// How many items there are. Derived where the items are known.
        item_count: Option<Count>,
        /// The items, where the origin states them.
        items: Option<Vec<EquipmentItem>>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        if let Some(items) = &self.items {
            self.item_count = Count::of(items);
        }
        Ok(())
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
