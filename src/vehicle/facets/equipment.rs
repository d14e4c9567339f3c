//! Equipment of the vehicle.

use super::value::{Count, count};
use super::wrong::Wrong;
use crate::vehicle::field::{Access, record};

record! {
    /// The equipment of this vehicle.
    pub struct Equipment {
        /// Number of items. Derived where the items are known.
        item_count: Option<Count> => Access::public().derived(),
        /// The items, where the origin states them.
        items: Option<Vec<EquipmentItem>>,
    }
}

record! {
    /// One item of equipment.
    pub struct EquipmentItem {
        /// The manufacturer's code.
        code: Option<String> => Access::member(),
        /// The name in the manufacturer's words.
        name: String => Access::member(),
        /// The manufacturer's group of the item.
        category: Option<String> => Access::member(),
    }
}

impl Equipment {
    /// Counts the items, where the origin states them.
    ///
    /// # Errors
    /// [`Wrong`] for more items than a count can hold.
    pub(super) fn derive(&mut self) -> Result<(), Wrong> {
        if let Some(items) = &self.items {
            self.item_count = Some(count(items)?);
        }
        Ok(())
    }
}
