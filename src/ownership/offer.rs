//! The methods that a market offers at a time.

use crate::market::{Market, OwnershipMethod};
use crate::ports::Ports;
use crate::telemetry::{Event, Field, Level, field};

/// The methods of a market that are not switched off. One that the market describes and a floor of
/// the code forbids is off, and an event says so: no published file lowers a floor.
pub(super) fn offered(
    ports: &Ports,
    market: &Market,
    switched_off: &[OwnershipMethod],
) -> Vec<OwnershipMethod> {
    let Some(ownership) = &market.ownership else { return Vec::new() };
    for method in OwnershipMethod::ALL.into_iter().filter(|method| ownership.describes(*method)) {
        if let Some(reason) = market.forbidden_method(method) {
            let message = "a method of ownership is off: the published market is below a floor";
            let cause = Field::Word(format!("{}: {reason}", method.as_str()).into());
            let event = Event::new(Level::Error, message).with(field::MARKET, &market.code);
            ports.events.emit(event.with(field::CAUSE, cause));
        }
    }
    market.offered_methods().into_iter().filter(|method| !switched_off.contains(method)).collect()
}
