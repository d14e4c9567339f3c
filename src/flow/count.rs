//! What an answer means for the counts of `usage::Usage`.

use std::rc::Rc;

use super::{FacetResult, Flow, Memory, State, Via};
use crate::market::{FacetName, Market};
use crate::ports::Ports;
use crate::usage::Answered;

/// Counts an answer about a car, and that the car was looked at where the answer holds its
/// identity. `vehicle` is the keyed hash that stands for the car in stores.
pub fn count(ports: &Ports, memory: &Memory, market: &Rc<Market>, vehicle: &Rc<str>, flow: &Flow) {
    let (usage, now) = (memory.usage(), flow.answered);
    // Of a car that does not exist nothing else was waited for.
    let counted =
        |result: &FacetResult| !flow.unknown_vehicle || matches!(result.state, State::Absent(_));
    let facets = flow.facets.iter().filter(|(_, result)| counted(result)).map(|(name, result)| {
        let (answered, age_s) = how(result);
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

/// How a facet was answered, and how many seconds old it was.
fn how(result: &FacetResult) -> (Answered, i64) {
    let is_new = matches!(result.via, Via::Fetched | Via::Collapsed);
    match &result.state {
        State::Present { stored, failure, .. } => {
            // Beyond the stale window an old one is only served where its origin failed or is late.
            let is_instead =
                failure.is_some() || stored.ttl_s.saturating_add(stored.stale_s.into()) <= 0;
            let answered = match result.via {
                Via::Fetched => Answered::Fetched,
                Via::Collapsed => Answered::Collapsed,
                Via::Hit => Answered::Hit,
                Via::Stale | Via::Nothing if is_instead => Answered::StaleError,
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
