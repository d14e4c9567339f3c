//! The facets of a market's whole public document, prepared for the fast path.

use std::rc::Rc;

use super::plan;
use crate::cache;
use crate::disclosure::{self, Right};
use crate::market::{FacetName, FacetSet, Market, Tier};

/// One facet of a market's public document.
pub(super) struct DocumentFacet {
    pub(super) facet: FacetName,
    /// The policy that its stored projection must have.
    pub(super) policy: u32,
    /// True if the document needs it present and fresh.
    pub(super) is_wanted: bool,
    /// True if its absence means that the vehicle is unknown.
    pub(super) is_required: bool,
    /// The lowest tier that sees it, where that is above public.
    pub(super) needs: Option<Tier>,
}

/// The facets of a market's public document, in the market's order.
#[derive(Clone)]
pub(super) struct PublicDocument(Rc<[DocumentFacet]>);

impl PublicDocument {
    /// Plans the whole public document of a market; `right` is a public one.
    pub(super) fn plan(market: &Market, right: &Right) -> Self {
        let facets: Vec<FacetName> = market.facets.keys().copied().collect();
        let wanted = plan::plan(market, &facets, right).wanted;
        let document = market.facets.iter().map(|(facet, description)| DocumentFacet {
            facet: *facet,
            policy: cache::policy(*facet, market),
            is_wanted: wanted.contains(facet),
            is_required: description.required,
            needs: disclosure::needed_tier(*facet, market),
        });
        Self(document.collect())
    }

    /// All facets.
    pub(super) fn facets(&self) -> &[DocumentFacet] {
        &self.0
    }

    /// The facets that must be present and fresh.
    pub(super) fn wanted(&self) -> FacetSet {
        self.0.iter().filter(|facet| facet.is_wanted).map(|facet| facet.facet).collect()
    }
}
