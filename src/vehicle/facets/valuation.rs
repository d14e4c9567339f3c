//! What the car is worth.

use serde_json::{Map, Value};

use super::record::{Content, Part, Record, Wrong, record, state, text};
use super::value::{Count, Instant, Money};
use crate::market::codes::{Code, Rating, ValuationBasis};

/// Comparable cars without which a price says nothing.
const MIN_COMPARABLE: i64 = 3;

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
        /// Whether there was enough to compare. Derived where the number is stated; a system's own
        /// "not rated" stands.
        rating: Option<Rating>,
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
}

impl Part for PriceRange {
    const CONTENT: Content = Content::Record(Self::MEMBERS);

    fn of(value: &Value) -> Option<Self> {
        Record::of(value)
    }
}

/// Says whether there was enough to compare, where the number is stated.
///
/// # Errors
/// [`Wrong`] where the ends of the range contradict each other.
pub(super) fn derive(object: &mut Map<String, Value>) -> Result<(), Wrong> {
    let range = object.get("range");
    let end = |name: &str| range.and_then(|range| range.get(name));
    check_range(end("low"), end("high")).map_err(|cause| Wrong { field: "range", cause })?;
    let has_price = end("low").or_else(|| end("high")).is_some();
    let Some(count) = object.get("comparable_count").and_then(Value::as_i64) else { return Ok(()) };
    // A system's own "not rated" stands.
    if count < MIN_COMPARABLE || !has_price {
        state(object, "rating", Rating::NotRated.word().into());
    } else if !object.contains_key("rating") {
        state(object, "rating", Rating::Rated.word().into());
    }
    Ok(())
}

fn check_range(low: Option<&Value>, high: Option<&Value>) -> Result<(), &'static str> {
    let (Some(low), Some(high)) = (low, high) else { return Ok(()) };
    if text(low, "currency") != text(high, "currency") {
        return Err("its ends are in two currencies");
    }
    let amount = |end: &Value| end.get("amount_minor").and_then(Value::as_i64);
    if amount(low) > amount(high) { Err("its low end is above its high end") } else { Ok(()) }
}
