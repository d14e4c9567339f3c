//! The request of a flow.

use std::rc::Rc;

use super::trace::OriginTrace;
use super::vehicle_key::VehicleKey;
use crate::cache::SealingRing;
use crate::cache::purge::PurgeRules;
use crate::disclosure::Right;
use crate::market::{FacetName, Market};
use crate::ports::Timestamp;

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
