//! The request of a flow.

use std::rc::Rc;

use super::trace::OriginTrace;
use super::vehicle_key::VehicleKey;
use crate::cache::SealingRing;
use crate::cache::purge::PurgeRules;
use crate::disclosure::{KeeperHash, Right};
use crate::market::{FacetName, Market, MarketCode};
use crate::ports::{Statement, Timestamp};
use crate::vehicle::KeyRing;

/// The statements that follow where a registration is recorded: market, vehicle, the keeper that it
/// states, and the time. They run in the transaction that records it, after its row.
pub type KeeperChanged = fn(&MarketCode, &str, &KeeperHash, Timestamp) -> Vec<Statement>;

/// The facets of one vehicle that a caller asks for.
pub struct FlowRequest {
    /// The market.
    pub market: Rc<Market>,
    /// The keyed hash that stands for the vehicle in stores.
    pub lookup: Rc<str>,
    /// The keys that seal and open values above the public tier.
    pub sealing: Rc<SealingRing>,
    /// The purge rules of the market.
    pub purges: Rc<PurgeRules>,
    /// The requested facets, all of them offered by the market.
    pub facets: Vec<FacetName>,
    /// The viewer's right to the vehicle.
    pub right: Right,
    /// The keys of the hashes of keepers.
    pub keys: Rc<KeyRing>,
    /// The consequences of a keeper.
    pub keeper_changed: KeeperChanged,
    /// The request's time of arrival: the deadline counts from it.
    pub started: Timestamp,
    /// The trace that origin calls belong to.
    pub trace: OriginTrace,
}

impl FlowRequest {
    /// The vehicle in its market.
    pub(super) fn vehicle_key(&self) -> VehicleKey {
        VehicleKey::new(&self.market.code, &self.lookup)
    }

    /// The facets without which there is no document.
    pub(super) fn required(&self) -> impl Iterator<Item = FacetName> + '_ {
        self.market.facets.iter().filter(|(_, facet)| facet.required).map(|(name, _)| *name)
    }
}
