//! Projection: the part of a facet that a right shows.

use serde_json::Value;

use super::plan::{plan, withheld};
use super::right::{KeeperHash, Right};
use super::sight::Reach;
use super::visible::visible_part;
use crate::market::Market;
use crate::vehicle::TypedFacet;

/// A facet as far as a right sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The visible part, always an object.
    pub value: Value,
    /// The names of withheld fields, outermost only: `items` rather than `items.name`. They do not
    /// depend on values: a field is named if the market maps it, stated or not.
    pub withheld: Vec<String>,
}

/// Projects a facet for a viewer: leaves out what the right does not show. `keeper` is the stored
/// keeper ([`super::keeper`]).
pub fn project(
    facet: &TypedFacet,
    keeper: Option<&KeeperHash>,
    right: &Right,
    market: &Market,
) -> Projection {
    project_for(facet, keeper, Reach::of(right), market)
}

/// The public projection of a facet, which is what the stores hold in the clear.
pub fn public(facet: &TypedFacet, market: &Market) -> Projection {
    project_for(facet, None, Reach::PUBLIC, market)
}

fn project_for(
    facet: &TypedFacet,
    keeper: Option<&KeeperHash>,
    reach: Reach<'_>,
    market: &Market,
) -> Projection {
    let plan = plan(facet.name(), reach, market);
    let value = visible_part(facet.record(), &plan, reach.is_keeper(keeper));
    Projection { value: Value::Object(value), withheld: withheld(facet.name(), &plan) }
}
