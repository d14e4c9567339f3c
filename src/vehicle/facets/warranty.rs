//! What is covered, and until when.

use super::record::{Wrong, record};
use super::value::{Kilometre, Month, Quantity};
use crate::calendar::Date;
use crate::market::codes::{WarrantyKind, WarrantyStatus};

record! {
    /// The warranties of this car.
    pub struct Warranty {
        /// The latest day on which any of them ends, those that are void apart. Derived where they are known. It lies in the
        /// past where all have ended; a limit of distance may end one earlier.
        valid_until: Option<Date>,
        /// All of them, ended or not, where the origin states them.
        items: Option<Vec<WarrantyItem>>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        let Some(items) = &mut self.items else { return Ok(()) };
        for item in items.iter_mut() {
            item.ends_on = item.ends_on.or_else(|| end(item));
            if item.starts_on > item.ends_on && item.ends_on.is_some() {
                return Err(Wrong { field: "ends_on", cause: "it ends before it starts" });
            }
        }
        let latest = |wanted: &dyn Fn(&WarrantyItem) -> bool| {
            items.iter().filter(|item| wanted(item)).filter_map(|item| item.ends_on).max()
        };
        let is_void = |item: &WarrantyItem| item.status == Some(WarrantyStatus::Void);
        // One that has run out may have done so by distance, before its day: that day counts only where there is no other.
        let by_distance =
            |item: &WarrantyItem| item.status == Some(WarrantyStatus::Expired) && item.mileage_limit.is_some();
        self.valid_until =
            latest(&|item| !is_void(item) && !by_distance(item)).or_else(|| latest(&by_distance));
        Ok(())
    }
}

record! {
    /// One warranty.
    pub struct WarrantyItem {
        /// What is covered.
        kind: WarrantyKind,
        /// Its first day.
        starts_on: Option<Date>,
        /// Its last day. Derived from start and duration where it is not stated.
        ends_on: Option<Date>,
        /// How long it lasts.
        duration: Option<Quantity<Month>>,
        /// The distance at which it ends, whatever the day.
        mileage_limit: Option<Quantity<Kilometre>>,
        /// Who grants it.
        provider: Option<String>,
        /// Whether it is in force, where the system says so.
        status: Option<WarrantyStatus>,
    }
}

/// The day of the same number, so many months on: 36 months from 15 March 2020 end on 15 March 2023, as where the day of the
/// event does not count (section 188 (2) of the German Civil Code; Regulation (EEC, Euratom) 1182/71, article 3).
fn end(item: &WarrantyItem) -> Option<Date> {
    item.starts_on?.plus_months(item.duration.as_ref()?.whole()?)
}
