//! The value of the vehicle.

use super::value::{Count, Instant, Money};
use super::wrong::Wrong;
use crate::vehicle::codes::{Rating, ValuationBasis};
use crate::vehicle::field::{Access, Content, FieldContent, Record, Stated, record};

/// Comparable vehicles below which a price is not rated.
const MIN_COMPARABLE: i64 = 3;

record! {
    /// A range of prices and its basis.
    pub struct Valuation {
        /// The range of prices, in one currency.
        range: Option<PriceRange>,
        /// The instant of the valuation.
        valued_at: Option<Instant> => Access::member(),
        /// The kind of sale that the price is for.
        basis: Option<ValuationBasis> => Access::member(),
        /// Number of vehicles that it was compared with.
        comparable_count: Option<Count> => Access::member(),
        /// The sufficiency of the comparison. Derived where the number is stated; a system's own
        /// "not rated" stands.
        rating: Option<Rating> => Access::member().derived(),
    }
}

record! {
    /// The least and the highest price, in one currency.
    pub struct PriceRange {
        /// The lowest price.
        low: Option<Money> => Access::member(),
        /// The highest price.
        high: Option<Money> => Access::member(),
    }
}

impl FieldContent for PriceRange {
    const CONTENT: Content = Content::Record(Self::FIELDS);

    fn to_stated(&self) -> Stated<'_> {
        Stated::Record(self)
    }
}

impl Valuation {
    /// Derives the rating, where the number of comparable vehicles is stated.
    ///
    /// # Errors
    /// [`Wrong`] if the ends of the range contradict each other.
    pub(super) fn derive(&mut self) -> Result<(), Wrong> {
        let range = self.range.as_ref();
        range.map_or(Ok(()), PriceRange::check).map_err(|cause| Wrong { field: "range", cause })?;
        let has_price = range.is_some_and(|range| range.low.is_some() || range.high.is_some());
        let Some(count) = self.comparable_count else { return Ok(()) };
        if count.get() < MIN_COMPARABLE || !has_price {
            self.rating = Some(Rating::NotRated);
        } else if self.rating.is_none() {
            // A system's own "not rated" stands.
            self.rating = Some(Rating::Rated);
        }
        Ok(())
    }
}

impl PriceRange {
    fn check(&self) -> Result<(), &'static str> {
        let (Some(low), Some(high)) = (&self.low, &self.high) else { return Ok(()) };
        if low.currency != high.currency {
            Err("its ends are in two currencies")
        } else if low.amount_minor > high.amount_minor {
            Err("its low end is above its high end")
        } else {
            Ok(())
        }
    }
}
