//! Distances read, and whether they agree.

use super::record::{Wrong, record};
use super::value::{Kilometre, Quantity};
use crate::calendar::Date;
use crate::market::codes::{MileageVerdict, ReadingSource};

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

    fn derive(&mut self) -> Result<(), Wrong> {
        if let Some(items) = &self.items {
            self.verdict = Some(verdict(items));
        }
        Ok(())
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

/// Whether any reading is lower than one of an earlier day. Of readings of one day it is not known which came first, so they
/// are not held against each other, and readings of one day alone say nothing.
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
