//! The key of a vehicle in the isolate's memory.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::market::MarketCode;

/// A vehicle in a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VehicleKey {
    /// The first bytes of `vehicle`. They are part of a keyed hash, so they tell nearly all
    /// vehicles apart; hashing and comparing them first keeps lookups cheap.
    prefix: u64,
    market: MarketCode,
    /// The keyed hash that stands for the vehicle in stores.
    vehicle: Rc<str>,
}

impl VehicleKey {
    pub(super) fn new(market: &MarketCode, vehicle: &Rc<str>) -> Self {
        let prefix = vehicle.bytes().take(8).fold(0, |prefix, byte| prefix << 8 | u64::from(byte));
        Self { prefix, market: market.clone(), vehicle: Rc::clone(vehicle) }
    }
}

impl Hash for VehicleKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.prefix);
    }
}
