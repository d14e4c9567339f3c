//! The place of a car in the stores: its market and the keyed hash that stands for it.

use std::rc::Rc;

use crate::market::MarketCode;
use crate::ports::DbValue;

/// A car in a market, the first two parameters of most statements.
#[derive(Debug, Clone)]
pub(super) struct VehiclePlace {
    /// The market.
    pub(super) market: MarketCode,
    /// The keyed hash that stands for the car ([`crate::vehicle::KeyRing::lookup`]).
    pub(super) vehicle: Rc<str>,
}

impl VehiclePlace {
    /// The parameters `?1` (market), `?2` (keyed hash) and those that follow.
    pub(super) fn with<const N: usize>(&self, more: [DbValue; N]) -> Vec<DbValue> {
        let place = [DbValue::from(&self.market), DbValue::from(&*self.vehicle)];
        place.into_iter().chain(more).collect()
    }
}
