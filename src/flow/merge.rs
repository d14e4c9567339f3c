//! The result of a flow, composed of stored facets and outcomes of origin calls.

use std::collections::BTreeMap;

use super::outcome::{Outcome, Projected};
use super::request::FlowRequest;
use super::response::{FacetResult, Flow, Missing, Provenance, State, Via};
use crate::cache::{Envelope, Freshness, Stored};
use crate::disclosure;
use crate::market::{FacetName, Tier};
use crate::origin::Failure;
use crate::ports::Timestamp;

/// A facet above the caller's tier.
pub(super) fn withheld(needs: Tier) -> FacetResult {
    FacetResult { state: State::Withheld { needs }, via: Via::Nothing, took_ms: 0 }
}

/// A facet that is stored and fresh.
pub(super) fn fresh(envelope: &Envelope, now: Timestamp, read_ms: i64) -> FacetResult {
    FacetResult { state: from_envelope(envelope, None, None, now), via: Via::Hit, took_ms: read_ms }
}

/// The result of a facet: the outcome of its call, or the stored facet.
pub(super) fn result(
    request: &FlowRequest,
    fetched: Option<&Outcome>,
    cached: Option<(&Envelope, Option<&Projected>)>,
    now: Timestamp,
    read_ms: i64,
) -> FacetResult {
    let fallback = cached.filter(|(envelope, _)| envelope.freshness(now) != Freshness::Expired);
    match (fetched, fallback) {
        (Some(Outcome { result: Ok(envelope), projected, via, took_ms }), _) => {
            let state = from_envelope(envelope, projected.as_ref(), None, now);
            FacetResult { state, via: *via, took_ms: *took_ms }
        }
        (Some(Outcome { result: Err(failure), took_ms, .. }), Some((envelope, projected))) => {
            let state = from_envelope(envelope, projected, Some(failure.clone()), now);
            FacetResult { state, via: Via::Stale, took_ms: *took_ms }
        }
        (Some(Outcome { result: Err(failure), took_ms, .. }), None) => FacetResult {
            state: State::Unavailable(failure.clone()),
            via: Via::Nothing,
            took_ms: *took_ms,
        },
        (None, Some((envelope, projected))) => {
            let via =
                if envelope.freshness(now) == Freshness::Fresh { Via::Hit } else { Via::Stale };
            FacetResult {
                state: from_envelope(envelope, projected, None, now),
                via,
                took_ms: read_ms,
            }
        }
        (None, None) => FacetResult {
            state: State::Pending,
            via: Via::Nothing,
            took_ms: now.since_ms(request.started),
        },
    }
}

/// The state of a stored facet; `projected` is the caller's projection beyond the public one.
fn from_envelope(
    envelope: &Envelope,
    projected: Option<&Projected>,
    failure: Option<Failure>,
    now: Timestamp,
) -> State {
    let age_s = envelope.age_s(now);
    let provenance = Provenance {
        source: envelope.source.clone(),
        as_of: envelope.stored_at,
        generation: envelope.generation,
        policy: envelope.policy,
        age_s,
        // A purged facet is stale.
        ttl_s: if envelope.is_purged { 0 } else { i64::from(envelope.ttl_s) }
            .min(i64::from(envelope.ttl_s) - age_s),
        stale_s: envelope.stale_s,
        error_s: envelope.error_s,
    };
    match (&envelope.stored, projected) {
        (Stored::Absent, _) => State::Absent(provenance),
        (Stored::Present { .. }, Some(projected)) => State::Present {
            value: projected.value.clone(),
            withheld: projected.withheld.clone(),
            stored: provenance,
            failure,
        },
        (Stored::Present { public, withheld, .. }, None) => State::Present {
            value: public.clone(),
            withheld: withheld.clone(),
            stored: provenance,
            failure,
        },
    }
}

/// Composes the result: finds missing required facets, and leaves out facets that were fetched but
/// not requested.
pub(super) fn compose(
    request: &FlowRequest,
    mut facets: BTreeMap<FacetName, FacetResult>,
    answered: Timestamp,
    mut unknown_vehicle: bool,
) -> Flow {
    let mut missing = Vec::new();
    for facet in request.required() {
        match facets.get(&facet).map(|result| &result.state) {
            Some(State::Pending) => missing.push((facet, Missing::Pending)),
            // A failure ends the wait for pending facets, so it comes first.
            Some(State::Unavailable(failure)) => {
                missing.insert(0, (facet, Missing::Failed(failure.clone())));
            }
            Some(State::Absent(_)) => unknown_vehicle = true,
            _ => {}
        }
    }
    facets.retain(|facet, _| request.facets.contains(facet));
    // A facet that was fetched because it is required or needed is still withheld below its tier.
    for facet in &request.facets {
        let least_tier = disclosure::least_tier(*facet, &request.market);
        if !request.right.reaches(least_tier) && facets.contains_key(facet) {
            facets.insert(*facet, withheld(least_tier));
        }
    }
    Flow {
        right: request.right.clone(),
        facets,
        keeper: None,
        missing,
        unknown_vehicle,
        answered,
        is_fast_path: false,
    }
}
