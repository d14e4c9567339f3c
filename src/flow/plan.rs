//! The plan of a request: the facets to read or fetch, given market, requested facets and right.

use crate::disclosure::{Right, least_tier};
use crate::market::{FacetName, Market};

/// The facets of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Facets to read or fetch: requested ones that the right reaches, required ones, and the
    /// facets that these need.
    pub(super) wanted: Vec<FacetName>,
    /// Requested facets that the right does not reach. They are not fetched for this caller.
    pub(super) withheld: Vec<FacetName>,
}

/// Plans a request.
pub(super) fn plan(market: &Market, facets: &[FacetName], right: &Right) -> Plan {
    let (visible, withheld): (Vec<FacetName>, Vec<FacetName>) =
        facets.iter().partition(|facet| right.reaches(least_tier(**facet, market)));
    let wanted = with_needs(market, visible.into_iter().chain(required(market)).collect());
    let withheld = withheld.into_iter().filter(|facet| !wanted.contains(facet)).collect();
    Plan { wanted, withheld }
}

/// The facets whose values a facet's origin call uses.
pub(super) fn needs(market: &Market, facet: FacetName) -> impl Iterator<Item = FacetName> + '_ {
    let description = market.facets.get(&facet);
    let needs = description.into_iter().flat_map(|description| &description.needs);
    needs.filter_map(|need| FacetName::parse(need.split('.').next()?))
}

/// True if a required facet needs this facet, directly or through another facet.
pub(super) fn is_needed_by_required(market: &Market, facet: FacetName) -> bool {
    with_needs(market, required(market).collect()).contains(&facet)
}

fn required(market: &Market) -> impl Iterator<Item = FacetName> + '_ {
    market.facets.iter().filter(|(_, facet)| facet.required).map(|(name, _)| *name)
}

/// These facets and all that they need, each once.
fn with_needs(market: &Market, mut due: Vec<FacetName>) -> Vec<FacetName> {
    let mut known: Vec<FacetName> = Vec::new();
    while let Some(facet) = due.pop() {
        if !known.contains(&facet) {
            known.push(facet);
            due.extend(needs(market, facet));
        }
    }
    known
}
