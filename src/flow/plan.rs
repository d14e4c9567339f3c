//! From market, facets and right to what must be had.

use crate::disclosure::{Right, least_tier};
use crate::market::{FacetName, Market};

/// What a request needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Facets to be read or fetched: what is asked for and may be seen, what is required, and what
    /// these need.
    pub(super) wanted: Vec<FacetName>,
    /// Facets that are asked for and that the right does not reach. They are not fetched for this
    /// caller.
    pub(super) withheld: Vec<FacetName>,
}

/// Plans a request.
pub(super) fn plan(market: &Market, facets: &[FacetName], right: &Right) -> Plan {
    let (visible, withheld): (Vec<FacetName>, Vec<FacetName>) =
        facets.iter().partition(|facet| right.reaches(least_tier(**facet, market)));
    let required = market.facets.iter().filter(|(_, facet)| facet.required).map(|(name, _)| *name);
    let mut wanted: Vec<FacetName> = Vec::new();
    let mut due: Vec<FacetName> = visible.into_iter().chain(required).collect();
    while let Some(facet) = due.pop() {
        if !wanted.contains(&facet) {
            wanted.push(facet);
            due.extend(needs(market, facet));
        }
    }
    let withheld = withheld.into_iter().filter(|facet| !wanted.contains(facet)).collect();
    Plan { wanted, withheld }
}

/// The facets whose values a facet's request uses.
pub(super) fn needs(market: &Market, facet: FacetName) -> impl Iterator<Item = FacetName> + '_ {
    let needs = market
        .facets
        .get(&facet)
        .map(|description| description.needs.as_slice())
        .unwrap_or_default();
    needs.iter().filter_map(|need| FacetName::parse(need.split('.').next()?))
}

/// Whether a required facet's request uses a facet, by way of others too.
pub(super) fn is_needed_by_required(market: &Market, facet: FacetName) -> bool {
    let required = market.facets.iter().filter(|(_, facet)| facet.required).map(|(name, _)| *name);
    let mut known: Vec<FacetName> = Vec::new();
    let mut due: Vec<FacetName> = required.collect();
    while let Some(next) = due.pop() {
        if !known.contains(&next) {
            known.push(next);
            due.extend(needs(market, next));
        }
    }
    known.contains(&facet)
}
