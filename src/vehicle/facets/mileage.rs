//! Distances read, and whether they agree.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::record::{items, record, state, text};
use super::value::{Kilometre, Quantity};
use crate::market::codes::{Code, MileageVerdict, ReadingSource};

/// Kilometres by which a later reading may be lower: origins round, and miles are rounded again.
const ROUNDING_KM: f64 = 1.0;

record! {
    /// The readings of the odometer, oldest first.
    pub struct Mileage {
        /// Whether the readings agree. Derived where they are known.
        verdict: Option<MileageVerdict>,
        /// The readings, where the origin states them.
        items: Option<Vec<Reading>>,
    }
}

record! {
    /// One reading.
    pub struct Reading {
        /// The day.
        read_on: Date,
        /// The distance.
        distance: Quantity<Kilometre>,
        /// At what occasion.
        source: Option<ReadingSource>,
    }
}

/// Says whether the readings agree; they are in order. One that is lower than one of an earlier day
/// does not. Of readings of one day it is not known which came first, so they are not held against
/// each other, and readings of one day alone say nothing.
pub(super) fn derive(object: &mut Map<String, Value>) {
    if let Some(verdict) = items(object).map(|items| verdict(items)) {
        state(object, "verdict", verdict.word().into());
    }
}

fn verdict(oldest_first: &[Value]) -> MileageVerdict {
    let mut is_rated = false;
    let mut day = "";
    let (mut before, mut today) = (0.0_f64, 0.0_f64);
    for reading in oldest_first {
        let (read_on, distance) = (text(reading, "read_on"), distance(reading));
        if day != read_on {
            is_rated = !day.is_empty();
            day = read_on;
            before = before.max(today);
            today = 0.0;
        }
        if distance + ROUNDING_KM < before {
            return MileageVerdict::Inconsistent;
        }
        today = today.max(distance);
    }
    if is_rated { MileageVerdict::Consistent } else { MileageVerdict::NotRated }
}

fn distance(reading: &Value) -> f64 {
    let value = reading.get("distance").and_then(|distance| distance.get("value"));
    value.and_then(Value::as_f64).unwrap_or_default() // OK because readings without a distance are refused.
}
