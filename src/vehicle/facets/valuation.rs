//! What the car is worth.

use super::record::{Content, Part, Record, Wrong, read, record, write};
use super::value::{Count, Instant, Money};
use crate::market::codes::{Rating, ValuationBasis};

/// Comparable cars without which a price says nothing.
const LEAST_COMPARABLE: i64 = 3;

record! {
    /// A range of prices and what it rests on.
    pub struct Valuation {
        /// From the least to the most.
        range: Option<PriceRange>,
        /// When it was worked out.
        valued_at: Option<Instant>,
        /// The price of which sale.
        basis: Option<ValuationBasis>,
        /// How many cars it was compared with.
        comparable_count: Option<Count>,
        /// Whether there was enough to compare. Derived where the number is stated; a system's own "not rated" stands.
        rating: Option<Rating>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        let has_price = self.range.as_ref().is_some_and(|range| range.low.is_some() || range.high.is_some());
        if let Some(count) = self.comparable_count {
            let is_enough = count.get() >= LEAST_COMPARABLE && has_price;
            let stated = self.rating.unwrap_or(Rating::Rated);
            self.rating = Some(if is_enough { stated } else { Rating::NotRated });
        }
        Ok(())
    }
}

record! {
    /// From the least price to the most, in one currency.
    pub struct PriceRange {
        /// The least.
        low: Option<Money>,
        /// The most.
        high: Option<Money>,
    }

    fn derive(&mut self) -> Result<(), Wrong> {
        if let (Some(low), Some(high)) = (&self.low, &self.high) {
            if low.currency != high.currency {
                return Err(Wrong { field: "range", cause: "its ends are in two currencies" });
            }
            if low.amount_minor > high.amount_minor {
                return Err(Wrong { field: "range", cause: "its low end is above its high end" });
            }
        }
        Ok(())
    }
}

impl Part for PriceRange {
    const CONTENT: Content = Content::Record(Self::MEMBERS);

    fn read(value: serde_json::Value) -> Result<Self, Wrong> {
        read(value)
    }

    fn write(self) -> serde_json::Value {
        write(self)
    }
}
