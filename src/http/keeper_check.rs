//! The check of a holder's keeper against the registration as it is now.
//!
//! A right that stands with a keeper ends in the transaction that records a registration of another
//! one. The request that learns of the other keeper comes before that: it asks for the registration
//! too, and shows nothing by the right. Known gap: while the registry does not respond, and for as
//! long as the stored registration is fresh, nobody knows of another keeper.

use crate::disclosure::{KeeperHash, Right};
use crate::flow::{Flow, State};
use crate::market::{FacetName, Market};

/// The facet that states the keeper.
const REGISTRATION: FacetName = FacetName::Registration;

/// The check of one right in one flow.
pub(super) struct KeeperCheck {
    keeper: KeeperHash,
    /// True if the caller did not ask for the registration.
    is_extra: bool,
}

impl KeeperCheck {
    /// The check of a right, and the facets that it needs; nothing where the right stands with no
    /// keeper, or the market has no registration.
    pub(super) fn add(market: &Market, right: &Right, facets: &mut Vec<FacetName>) -> Option<Self> {
        let keeper = right.known_keeper().cloned()?;
        if !market.facets.contains_key(&REGISTRATION) {
            return None;
        }
        let is_extra = !facets.contains(&REGISTRATION);
        if is_extra {
            facets.push(REGISTRATION);
        }
        Some(Self { keeper, is_extra })
    }

    /// True while the registration may still come.
    pub(super) fn is_pending(flow: &Flow) -> bool {
        let registration = flow.facets.get(&REGISTRATION);
        registration.is_some_and(|result| matches!(result.state, State::Pending))
    }

    /// True if the registration names another keeper.
    pub(super) fn fails(&self, flow: &Flow) -> bool {
        flow.keeper.as_ref().is_some_and(|stated| *stated != self.keeper)
    }

    /// Leaves a registration out that the caller did not ask for.
    pub(super) fn trim(&self, flow: &mut Flow) {
        if self.is_extra {
            flow.facets.remove(&REGISTRATION);
            flow.missing.retain(|(facet, _)| *facet != REGISTRATION);
        }
    }
}
