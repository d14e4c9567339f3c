//! Claims of leases: what a request wants from each origin.

use super::plan;
use crate::cache::{self, Claim};
use crate::market::{FacetName, Market, OriginName};

/// Milliseconds by which an in-flight entry, a permit or a lease outlives its call.
pub(super) const GRACE_MS: u32 = 1_000;

/// The timeout of an origin; 0 for one that the market does not describe, whose calls fail.
pub(super) fn timeout_ms(market: &Market, origin: &OriginName) -> u32 {
    market.origins.get(origin).map_or(0, |origin| origin.timeout_ms)
}

/// Milliseconds from the claim of an origin until another request may claim it: a call may wait for
/// a permit or for fields as long as it may take itself.
pub(super) fn lease_ms(market: &Market, origin: &OriginName) -> u32 {
    timeout_ms(market, origin).saturating_mul(2).saturating_add(GRACE_MS)
}

/// Claims an origin for these facets, each with the generation that is already known.
pub(super) fn claim(market: &Market, origin: &OriginName, facets: &[(FacetName, i64)]) -> Claim {
    let with_policy =
        |(facet, known): &(FacetName, i64)| (*facet, cache::policy(*facet, market), *known);
    Claim {
        origin: origin.clone(),
        for_ms: lease_ms(market, origin),
        facets: facets.iter().map(with_policy).collect(),
    }
}

/// Claims the origins of missing facets, each with the generation that is already known. The origin
/// of a facet that needs another missing facet is claimed later, when it can be called.
pub(super) fn claims(market: &Market, missing: &[(FacetName, i64)]) -> Vec<Claim> {
    let mut by_origin: Vec<(&OriginName, Vec<(FacetName, i64)>)> = Vec::new();
    for (facet, known) in missing {
        let Some(description) = market.facets.get(facet) else { continue };
        let is_missing = |needed| missing.iter().any(|(other, _)| *other == needed);
        if plan::needs(market, *facet).any(is_missing) {
            continue;
        }
        match by_origin.iter_mut().find(|(origin, _)| **origin == description.origin) {
            Some((_, facets)) => facets.push((*facet, *known)),
            None => by_origin.push((&description.origin, vec![(*facet, *known)])),
        }
    }
    by_origin.into_iter().map(|(origin, facets)| claim(market, origin, &facets)).collect()
}
