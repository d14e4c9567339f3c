//! Leases between isolates: D1 grants one isolate the call to an origin about a vehicle; the others
//! poll D1 for the facets that it fetches.

use super::state::{CallScheduler, Completion};
use crate::cache::{self, Claim, Envelope, Lease, LeaseProgress, LeaseStatus};
use crate::flow::claims::{claim, lease_ms};
use crate::flow::origin_call::CallPhase;
use crate::flow::recent_facets::CompletedFetch;
use crate::market::FacetName;
use crate::origin::{ErrorToken, Failure};
use crate::ports::Timestamp;

/// Limits of the polling interval in milliseconds. The interval is a quarter of the time waited so
/// far.
const POLL_MS: (i64, i64) = (20, 250);
/// Claims that D1 may refuse, although nobody holds the lease, before the call goes out without one:
/// another isolate can be quicker a few times.
const MAX_REFUSALS: u8 = 3;

impl CallScheduler {
    /// Claims the leases of all calls that need one, in one statement.
    pub(super) fn claim(&mut self) {
        let calls = std::mem::take(&mut self.unclaimed);
        if calls.is_empty() {
            return;
        }
        let claims: Vec<Claim> = calls
            .iter()
            .filter_map(|at| self.calls.get(*at))
            .map(|call| claim(&self.market, &call.origin, &call.known))
            .collect();
        let store = self.store.clone();
        self.spawn(async move { Completion::Claimed(calls, store.claim(&claims).await.ok()) });
    }

    /// Takes the leases of calls. A call with a lease goes out, a call without one polls D1. If D1
    /// failed, all go out.
    pub(super) fn on_claimed(&mut self, calls: &[usize], leases: Option<Vec<Lease>>) {
        let now = self.ports.clock.now();
        let Some(leases) = leases else {
            self.memory.set_database_failed(now);
            for at in calls {
                if self.is_in_phase(*at, CallPhase::Claiming) {
                    self.queue(*at, now);
                }
            }
            return;
        };
        for (place, at) in calls.iter().enumerate() {
            let lease = leases.get(place).copied().unwrap_or(Lease::Held);
            self.take_lease(*at, lease, now);
        }
    }

    fn take_lease(&mut self, at: usize, lease: Lease, now: Timestamp) {
        let is_claiming = self.is_in_phase(at, CallPhase::Claiming);
        let Some(call) = self.calls.get_mut(at) else { return };
        match lease {
            Lease::Granted(generation) if is_claiming => {
                call.lease = Some(generation);
                self.queue(at, now);
            }
            // The vehicle turned out to be unknown meanwhile.
            Lease::Granted(generation) => {
                let origin = call.origin.clone();
                self.release(&origin, Some(generation), None);
            }
            Lease::Held if is_claiming => call.phase = CallPhase::AwaitingPoll(now),
            Lease::Held => {}
        }
    }

    /// Polls D1 for another isolate's facets, if it is time and somebody wants them. Returns `true`
    /// if the call has ended.
    pub(super) fn poll_record(&mut self, at: usize, due_at: Timestamp, now: Timestamp) -> bool {
        let is_unwanted = self.is_unwanted(now);
        let Some(call) = self.calls.get_mut(at) else { return false };
        // A facet that was served stale may have been refreshed long ago without KV showing it:
        // that is worth one poll.
        let is_refresh = call.known.iter().any(|(_, known)| *known > 0);
        if is_unwanted && (call.polls > 0 || !is_refresh) {
            self.finish(at);
            return true;
        }
        if now >= due_at {
            call.phase = CallPhase::Polling;
            call.polls = call.polls.saturating_add(1);
            let (store, origin, known, right) =
                (self.store.clone(), call.origin.clone(), call.known.clone(), self.right.clone());
            let for_ms = lease_ms(&self.market, &origin);
            self.spawn(async move {
                Completion::Polled(at, store.progress(&origin, for_ms, &known, &right).await.ok())
            });
        }
        false
    }

    /// Takes another isolate's facets, polls on, or claims the lease itself.
    pub(super) fn on_polled(&mut self, at: usize, progress: Option<LeaseProgress>) {
        let now = self.ports.clock.now();
        if !self.is_in_phase(at, CallPhase::Polling) {
            return;
        }
        let Some(progress) = progress else {
            self.queue(at, now);
            return;
        };
        self.take_progress(at, &progress, now);
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.known.is_empty() {
            self.finish(at);
            return;
        }
        match progress.status {
            LeaseStatus::Running => {
                call.refusals = 0;
                let pause_ms = pause_ms(now.since_ms(call.ready_at));
                call.phase = CallPhase::AwaitingPoll(now.plus_ms(pause_ms));
            }
            LeaseStatus::Failed(token) => {
                let token = ErrorToken::parse(&token).unwrap_or(ErrorToken::DestinationUnavailable);
                let failure = Failure::new(token, "another isolate's call for it failed");
                self.settle(at, &Err(failure), now);
            }
            LeaseStatus::Free => self.claim_again(at, &progress, now),
        }
    }

    /// Shows the response each facet that has come, whatever becomes of the call's other facets.
    fn take_progress(&mut self, at: usize, progress: &LeaseProgress, now: Timestamp) {
        let Some(call) = self.calls.get(at) else { return };
        let (known_facets, took_ms) = (call.known.clone(), now.since_ms(call.ready_at));
        let mut is_kv_behind = false;
        for (facet, known) in known_facets {
            let Some(envelope) = progress.facets.get(&facet) else { continue };
            is_kv_behind |= self.take_facet(at, (facet, known), envelope, took_ms, now);
        }
        if is_kv_behind {
            let store = self.store.clone();
            self.spawn(async move { Completion::Recorded(store.recorded_entry().await) });
        }
    }

    /// Shows the response one facet that another isolate has stored. Returns `true` if KV should
    /// have it by now but has an older one: the isolate that stored it did not write it to KV.
    fn take_facet(
        &mut self,
        at: usize,
        (facet, known): (FacetName, i64),
        envelope: &Envelope,
        took_ms: i64,
        now: Timestamp,
    ) -> bool {
        let Some(newer) = self.newer_facet(facet, known, envelope, now) else { return false };
        let completed = CompletedFetch::Envelope(envelope.clone());
        self.memory.vehicles().complete_fetch(&self.vehicle, facet, completed, now);
        self.send_foreign_outcome(facet, Ok(newer), took_ms);
        if let Some(call) = self.calls.get_mut(at) {
            call.known.retain(|(other, _)| *other != facet);
        }
        known > 0 && now.since_ms(envelope.stored_at) > cache::KV_DELAY_MS
    }

    /// Claims the lease that nobody holds; calls the origin without one if D1 keeps refusing it.
    fn claim_again(&mut self, at: usize, progress: &LeaseProgress, now: Timestamp) {
        let Some(call) = self.calls.get_mut(at) else { return };
        // A stored facet that was not taken is of no use: only a newer one counts.
        for (facet, known) in &mut call.known {
            *known = progress.generations.get(facet).copied().unwrap_or(0).max(*known);
        }
        call.refusals += 1;
        if call.refusals > MAX_REFUSALS {
            self.queue(at, now);
        } else {
            call.phase = CallPhase::Claiming;
            self.unclaimed.push(at);
        }
    }
}

fn pause_ms(waited_ms: i64) -> u32 {
    // OK because the limits are within a u32.
    u32::try_from((waited_ms / 4).clamp(POLL_MS.0, POLL_MS.1)).unwrap_or(0)
}
