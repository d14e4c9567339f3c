//! The event of a text that is left out because it contains the car's VIN. It does not hold it.

use crate::market::{FacetName, Market};
use crate::telemetry::{Event, Level, field};

pub(super) fn vin_event(market: &Market, facet: FacetName, name: &'static str) -> Event {
    let event = Event::new(Level::Warn, "an origin's text contains the VIN: it is not shown")
        .with(field::MARKET, &market.code)
        .with(field::FACET, facet)
        .with(field::POINTER, name);
    match market.facets.get(&facet) {
        Some(description) => event.with(field::ORIGIN, &description.origin),
        None => event,
    }
}
