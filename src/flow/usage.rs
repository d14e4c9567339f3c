//! The usage counts of a result (`crate::usage`).

use std::rc::Rc;

use super::memory::FlowMemory;
use super::response::{FacetResult, Flow, State, Via};
use crate::market::{FacetName, Market};
use crate::ports::Ports;
use crate::usage::Answered;

/// Counts a result, and a view of the vehicle where the result has its identity. `vehicle` is the
/// keyed hash that stands for the vehicle in stores.
pub(super) fn record(
    ports: &Ports,
    memory: &FlowMemory,
    market: &Rc<Market>,
    vehicle: &Rc<str>,
    flow: &Flow,
) {
    let (usage, now) = (memory.usage(), flow.answered);
    // Only the absent facets of an unknown vehicle count: no other facet was waited for.
    let is_counted =
        |result: &FacetResult| !flow.unknown_vehicle || matches!(result.state, State::Absent(_));
    let facets =
        flow.facets.iter().filter(|(_, result)| is_counted(result)).map(|(name, result)| {
            let (answered, age_s) = classify(result);
            (*name, answered, age_s)
        });
    usage.answered(market, facets, now);
    if flow.unknown_vehicle && flow.facets.is_empty() {
        let required = market.facets.iter().filter(|(_, facet)| facet.required);
        usage.answered(market, required.map(|(name, _)| (*name, Answered::Absent, 0)), now);
    }
    let identity = flow.facets.get(&FacetName::Identity).map(|result| &result.state);
    if matches!(identity, Some(State::Present { .. })) {
        usage.viewed(market, vehicle, now);
    }
    usage.keep(ports, now);
}

/// The class of a facet's result and its age in seconds.
fn classify(result: &FacetResult) -> (Answered, i64) {
    let is_new = matches!(result.via, Via::Fetched | Via::Collapsed);
    match &result.state {
        State::Present { stored, failure, .. } => {
            // A value beyond its stale window is served only where its origin failed or is late.
            let is_stale_if_error =
                failure.is_some() || stored.ttl_s.saturating_add(stored.stale_s.into()) <= 0;
            let answered = match result.via {
                Via::Fetched => Answered::Fetched,
                Via::Collapsed => Answered::Collapsed,
                Via::Hit => Answered::Hit,
                Via::Stale | Via::Nothing if is_stale_if_error => Answered::StaleError,
                Via::Stale | Via::Nothing => Answered::Stale,
            };
            (answered, stored.age_s)
        }
        State::Absent(stored) if is_new => (Answered::AbsentFetched, stored.age_s),
        State::Absent(stored) => (Answered::Absent, stored.age_s),
        State::Pending => (Answered::Pending, 0),
        State::Unavailable(_) => (Answered::Unavailable, 0),
        State::Withheld { .. } => (Answered::Withheld, 0),
    }
}
