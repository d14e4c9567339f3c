//! Warranties and their ends.

use jiff::civil::Date;

use super::value::{Kilometre, Month, Quantity};
use super::wrong::Wrong;
use crate::time::add_months;
use crate::vehicle::codes::{WarrantyKind, WarrantyStatus};
use crate::vehicle::field::{Access, record};

record! {
    /// The warranties of this car.
    pub struct Warranty {
        /// The latest day on which a warranty ends that is not void. Derived where they are known.
        /// It lies in the past where all have ended; a limit of distance may end one earlier.
        valid_until: Option<Date> => Access::member().derived(),
        /// All warranties, ended or not, where the origin states them.
        items: Option<Vec<WarrantyItem>>,
    }
}

record! {
    /// One warranty.
    pub struct WarrantyItem {
        /// The coverage.
        kind: WarrantyKind => Access::member(),
        /// The first day.
        starts_on: Option<Date> => Access::member(),
        /// The last day. Derived from start and duration where it is not stated.
        ends_on: Option<Date> => Access::member().derived(),
        /// The duration.
        duration: Option<Quantity<Month>> => Access::member(),
        /// The distance at which it ends before its last day.
        mileage_limit: Option<Quantity<Kilometre>> => Access::member(),
        /// The grantor of the warranty.
        provider: Option<String> => Access::member(),
        /// The status, where the system states it.
        status: Option<WarrantyStatus> => Access::member(),
    }
}

impl Warranty {
    /// Derives the end of each warranty and the latest end.
    ///
    /// # Errors
    /// [`Wrong`] if one ends before it starts.
    pub(super) fn derive(&mut self) -> Result<(), Wrong> {
        let Some(items) = &mut self.items else { return Ok(()) };
        for item in items.iter_mut() {
            item.ends_on = item.ends_on.or_else(|| item.computed_end());
            if item.starts_on.zip(item.ends_on).is_some_and(|(start, end)| start > end) {
                return Err(Wrong { field: "ends_on", cause: "it ends before it starts" });
            }
        }
        self.valid_until = valid_until(items).or(self.valid_until);
        Ok(())
    }
}

impl WarrantyItem {
    /// The day of the same number, so many months on: 36 months from 15 March 2020 end on 15 March
    /// 2023, as where the day of the event does not count (section 188 (2) of the German Civil
    /// Code; Regulation (EEC, Euratom) 1182/71, article 3).
    fn computed_end(&self) -> Option<Date> {
        let months = self.duration.as_ref()?.whole()?;
        add_months(self.starts_on?, u32::try_from(months).ok()?)
    }

    /// True if it may have ended before its last day, by distance.
    fn may_end_early(&self) -> bool {
        self.status == Some(WarrantyStatus::Expired) && self.mileage_limit.is_some()
    }
}

/// The latest last day of those that are not void. The day of one that may have ended early counts
/// only where there is no other.
fn valid_until(items: &[WarrantyItem]) -> Option<Date> {
    let latest = |early: bool| {
        let counting = items.iter().filter(|item| {
            item.status != Some(WarrantyStatus::Void) && item.may_end_early() == early
        });
        counting.filter_map(|item| item.ends_on).max()
    };
    latest(false).or_else(|| latest(true))
}
