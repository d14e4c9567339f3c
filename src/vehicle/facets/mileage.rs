//! Readings of the odometer and their consistency.

use jiff::civil::Date;

use super::value::{Kilometre, Quantity};
use crate::vehicle::codes::{MileageVerdict, ReadingSource};
use crate::vehicle::field::{Access, record};

/// Kilometres by which a later reading may be lower: origins round, and miles are rounded again.
const ROUNDING_KM: f64 = 1.0;

record! {
    /// The readings of the odometer, oldest first.
    pub struct Mileage {
        /// The consistency of the readings. Derived where they are known.
        verdict: Option<MileageVerdict> => Access::member().derived(),
        /// The readings, where the origin states them.
        items: Option<Vec<Reading>>,
    }
}

record! {
    /// One reading.
    pub struct Reading {
        /// The day of the reading.
        read_on: Date => Access::owner(),
        /// The distance on the odometer.
        distance: Quantity<Kilometre> => Access::owner(),
        /// The occasion of the reading.
        source: Option<ReadingSource> => Access::owner(),
    }
}

impl Mileage {
    /// Orders the readings, oldest first, and derives their verdict.
    pub(super) fn derive(&mut self) {
        if let Some(items) = &mut self.items {
            items.sort_by_key(|reading| reading.read_on);
            self.verdict = Some(verdict(items));
        }
    }
}

/// Rates readings in order. One that is lower than one of an earlier day is inconsistent. The order
/// of readings of one day is unknown, so they are not compared with each other, and readings of one
/// day alone are not rated.
fn verdict(oldest_first: &[Reading]) -> MileageVerdict {
    let mut is_rated = false;
    let mut day = None;
    let (mut before, mut today) = (0.0_f64, 0.0_f64);
    for reading in oldest_first {
        let distance = reading.distance.value();
        if day != Some(reading.read_on) {
            is_rated = day.is_some();
            day = Some(reading.read_on);
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
