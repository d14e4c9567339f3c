//! What is covered, and until when.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::record::{Wrong, record, state, text};
use super::value::{Kilometre, Month, Quantity};
use crate::market::codes::{Code, WarrantyKind, WarrantyStatus};
use crate::time::{add_months, parse_iso_date};

record! {
    /// The warranties of this car.
    pub struct Warranty {
        /// The latest day on which any of them ends, those that are void apart. Derived where they
        /// are known. It lies in the past where all have ended; a limit of distance may end one
        /// earlier.
        valid_until: Option<Date>,
        /// All of them, ended or not, where the origin states them.
        items: Option<Vec<WarrantyItem>>,
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

/// Says when each warranty ends and when the last of them does.
///
/// # Errors
/// [`Wrong`] where one ends before it starts.
pub(super) fn derive(object: &mut Map<String, Value>) -> Result<(), Wrong> {
    let Some(Value::Array(items)) = object.get_mut("items") else { return Ok(()) };
    for item in items.iter_mut() {
        if text(item, "ends_on").is_empty()
            && let (Some(end), Value::Object(fields)) = (end(item), &mut *item)
        {
            state(fields, "ends_on", end.to_string().into());
        }
        let (start, end) = (text(item, "starts_on"), text(item, "ends_on"));
        if !end.is_empty() && start > end {
            return Err(Wrong { field: "ends_on", cause: "it ends before it starts" });
        }
    }
    if let Some(day) = valid_until(items).map(str::to_owned) {
        state(object, "valid_until", day.into());
    }
    Ok(())
}

/// The latest last day of those that are not void. One that has run out may have done so by
/// distance, before its day: that day counts only where there is no other.
fn valid_until(items: &[Value]) -> Option<&str> {
    let is = |item: &Value, status: WarrantyStatus| text(item, "status") == status.word();
    let may_be_early =
        |item: &Value| is(item, WarrantyStatus::Expired) && item.get("mileage_limit").is_some();
    let latest = |early: bool| {
        let counting = items
            .iter()
            .filter(|item| !is(item, WarrantyStatus::Void) && may_be_early(item) == early);
        // Days as texts sort like days.
        counting.map(|item| text(item, "ends_on")).max().filter(|day| !day.is_empty())
    };
    latest(false).or_else(|| latest(true))
}

/// The day of the same number, so many months on: 36 months from 15 March 2020 end on 15 March
/// 2023, as where the day of the event does not count (section 188 (2) of the German Civil Code;
/// Regulation (EEC, Euratom) 1182/71, article 3).
fn end(item: &Value) -> Option<Date> {
    let months = item.get("duration")?.get("value")?.as_u64()?;
    add_months(parse_iso_date(text(item, "starts_on"))?, u32::try_from(months).ok()?)
}
