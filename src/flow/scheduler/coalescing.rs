//! Single-flight within the isolate: a call leads, or follows the request that calls the origin
//! already. Results of other requests and isolates are taken here.

use super::state::CallScheduler;
use crate::cache::{self, Envelope, Freshness, Lease};
use crate::flow::claims::{lease_ms, timeout_ms};
use crate::flow::origin_call::CallPhase;
use crate::flow::outcome::{Outcome, Projected};
use crate::flow::recent_facets::{CompletedFetch, Sequence};
use crate::flow::response::Via;
use crate::flow::settle;
use crate::flow::single_flight::Role;
use crate::market::FacetName;
use crate::origin::Failure;
use crate::ports::Timestamp;

/// A facet that another request fetched, with the caller's projection where that is more than the
/// public one.
pub(super) type ForeignFacet = (Envelope, Option<Projected>);

impl CallScheduler {
    /// Makes a call that is ready the leader for its vehicle and origin, or a follower.
    pub(super) fn join(&mut self, at: usize, now: Timestamp) {
        let Some(call) = self.calls.get_mut(at) else { return };
        call.ready_at = now;
        call.give_up_at = now.plus_ms(timeout_ms(&self.market, &call.origin)).min(self.end);
        let until = now.plus_ms(lease_ms(&self.market, &call.origin));
        let is_database_failing = self.memory.is_database_failing(now);
        let mut vehicles = self.memory.vehicles();
        if vehicles.join_fetch(&self.vehicle, &call.origin, until, now) == Role::Follower {
            call.phase = CallPhase::Following(vehicles.sequence());
            return;
        }
        call.leads = true;
        call.phase = match vehicles.take_lease(&self.vehicle, &call.origin, now) {
            Some(Lease::Granted(generation)) => {
                call.lease = Some(generation);
                CallPhase::Queued
            }
            Some(Lease::Held) => CallPhase::AwaitingPoll(now),
            None if is_database_failing => CallPhase::Queued,
            None => {
                self.unclaimed.push(at);
                CallPhase::Claiming
            }
        };
    }

    /// Takes the leader's results, follows on, or leads itself if the leader has gone. Returns
    /// `true` if the call's phase has changed.
    pub(super) fn follow(&mut self, at: usize, sequence: Sequence, now: Timestamp) -> bool {
        let Some(call) = self.calls.get(at) else { return false };
        let (origin, took_ms) = (call.origin.clone(), now.since_ms(call.ready_at));
        if let Some(completed) = self.completed_since(at, sequence, now) {
            for (facet, result) in completed {
                self.send_foreign_outcome(facet, result, took_ms);
            }
            self.finish(at);
            return true;
        }
        if !self.memory.vehicles().has_leader(&self.vehicle, &origin, now) {
            self.join(at, now);
            return true;
        }
        let is_unwanted = self.is_unwanted(now);
        if is_unwanted {
            self.finish(at);
        }
        is_unwanted
    }

    /// The results of all facets that a call waits for, if all have completed after `sequence`. A
    /// facet that was only read from the stores meanwhile does not count, nor does one that lacks a
    /// part the caller may see.
    fn completed_since(
        &self,
        at: usize,
        sequence: Sequence,
        now: Timestamp,
    ) -> Option<Vec<(FacetName, Result<ForeignFacet, Failure>)>> {
        let call = self.calls.get(at)?;
        let result_of = |(facet, known): &(FacetName, i64)| {
            let policy = cache::policy(*facet, &self.market);
            let completed =
                self.memory.vehicles().completed_since(&self.vehicle, *facet, policy, sequence)?;
            let result = match completed {
                CompletedFetch::Envelope(envelope) => {
                    Ok(self.newer_facet(*facet, *known, &envelope, now)?)
                }
                CompletedFetch::Failed(failure) => Err(failure),
                CompletedFetch::Nothing => return None,
            };
            Some((*facet, result))
        };
        call.known.iter().map(result_of).collect()
    }

    /// Another request's facet, if it is newer than the known one, can be served and has all that
    /// the caller may see.
    pub(super) fn newer_facet(
        &self,
        facet: FacetName,
        known: i64,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Option<ForeignFacet> {
        let is_usable = matches!(envelope.freshness(now), Freshness::Fresh | Freshness::Stale);
        let is_enough = self.right.is_public() || envelope.is_whole();
        if !is_usable || !is_enough || envelope.generation <= known {
            return None;
        }
        let projected = settle::project_stored(self.settle_scope(), facet, envelope).ok()?;
        Some((envelope.clone(), projected))
    }

    /// Shows the response a facet that another request fetched, or its failure.
    pub(super) fn send_foreign_outcome(
        &mut self,
        facet: FacetName,
        result: Result<ForeignFacet, Failure>,
        took_ms: i64,
    ) {
        let (result, projected) = match result {
            Ok((envelope, projected)) => (Ok(envelope), projected),
            Err(failure) => (Err(failure), None),
        };
        self.send_outcome(facet, Outcome { result, projected, via: Via::Collapsed, took_ms });
    }
}
