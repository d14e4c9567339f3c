//! The isolate's memory of its origins and vehicles between requests: plain data with an expiry.
//! It holds no future, lock or promise, so no request awaits another request's I/O.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;

use super::breaker::CircuitBreaker;
use super::budget::RetryBudget;
use super::database_health::DatabaseHealth;
use super::latency::LatencyWindow;
use super::limiter::{ConcurrencyLimiter, PermitId};
use super::public_document::PublicDocument;
use super::throttle::AdaptiveThrottle;
use super::vehicle_table::VehicleTable;
use crate::disclosure::Right;
use crate::market::{Market, MarketCode, OriginName};
use crate::origin::TokenCache;
use crate::ports::Timestamp;
use crate::usage::Usage;

/// A handle on the isolate's memory; a clone shares it.
#[derive(Clone, Default)]
pub struct FlowMemory(Rc<Inner>);

#[derive(Default)]
struct Inner {
    origins: RefCell<Vec<KnownOrigin>>,
    database: Cell<DatabaseHealth>,
    vehicles: RefCell<VehicleTable>,
    last_permit_id: Cell<PermitId>,
    tokens: TokenCache,
    usage: Rc<Usage>,
    /// One per market, for the latest version of the market that was used.
    public_documents: RefCell<Vec<(Rc<Market>, PublicDocument)>>,
}

struct KnownOrigin {
    market: MarketCode,
    name: OriginName,
    /// Changes with the description of the origin.
    description: u32,
    health: OriginHealth,
}

/// The health of one origin and its limits, as this isolate knows them.
#[derive(Default)]
pub(super) struct OriginHealth {
    pub(super) breaker: CircuitBreaker,
    pub(super) throttle: AdaptiveThrottle,
    pub(super) budget: RetryBudget,
    pub(super) latency: LatencyWindow,
    pub(super) limiter: ConcurrencyLimiter,
}

impl FlowMemory {
    /// The health of an origin. It starts anew if the origin was never called or its description
    /// has changed; permits stay. The borrow must not be held across an `.await`.
    pub(super) fn origin(&self, market: &Market, name: &OriginName) -> RefMut<'_, OriginHealth> {
        let fed = market.facets.values().filter(|facet| facet.origin == *name);
        let description = fed.fold(0, |number, facet| number ^ facet.revision);
        RefMut::map(self.0.origins.borrow_mut(), |origins| {
            let known = find_or_insert(origins, &market.code, name, description);
            if known.description != description {
                // A corrected description takes effect without waiting for an open breaker.
                known.description = description;
                known.health = OriginHealth {
                    limiter: std::mem::take(&mut known.health.limiter),
                    ..OriginHealth::default()
                };
            }
            &mut known.health
        })
    }

    /// The facets of a market's public document; `right` is a public one.
    pub(super) fn public_document(&self, market: &Rc<Market>, right: &Right) -> PublicDocument {
        let mut known = self.0.public_documents.borrow_mut();
        if let Some((_, document)) = known.iter().find(|(other, _)| Rc::ptr_eq(other, market)) {
            return document.clone();
        }
        let document = PublicDocument::plan(market, right);
        known.retain(|(other, _)| other.code != market.code);
        known.push((Rc::clone(market), document.clone()));
        document
    }

    /// The vehicles that requests of this isolate work on. The borrow must not be held across an
    /// `.await`.
    pub(super) fn vehicles(&self) -> RefMut<'_, VehicleTable> {
        self.0.vehicles.borrow_mut()
    }

    /// Records a failure of D1.
    pub(super) fn set_database_failed(&self, now: Timestamp) {
        self.0.database.set(DatabaseHealth::failed_at(now));
    }

    /// True if D1 failed a moment ago and should be skipped.
    pub(super) fn is_database_failing(&self, now: Timestamp) -> bool {
        self.0.database.get().is_failing(now)
    }

    /// The access tokens from origins' token endpoints.
    pub fn tokens(&self) -> &TokenCache {
        &self.0.tokens
    }

    /// The usage counts that are not in D1 yet.
    pub(super) fn usage(&self) -> &Rc<Usage> {
        &self.0.usage
    }

    /// A permit id that no other origin call of this isolate has.
    pub(super) fn next_permit_id(&self) -> PermitId {
        let permit_id = self.0.last_permit_id.get() + 1;
        self.0.last_permit_id.set(permit_id);
        permit_id
    }
}

fn find_or_insert<'a>(
    origins: &'a mut Vec<KnownOrigin>,
    market: &MarketCode,
    name: &OriginName,
    description: u32,
) -> &'a mut KnownOrigin {
    let place = origins.iter().position(|known| known.name == *name && known.market == *market);
    let place = place.unwrap_or_else(|| {
        let (market, name) = (market.clone(), name.clone());
        origins.push(KnownOrigin { market, name, description, health: OriginHealth::default() });
        origins.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "OK because the place was just found or made")]
    &mut origins[place]
}
