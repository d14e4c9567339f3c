//! One call of a request to an origin, and its phase.

use super::limiter::PermitId;
use super::plan;
use super::recent_facets::Sequence;
use crate::market::{FacetName, Market, OriginName};
use crate::origin::Failure;
use crate::ports::Timestamp;

/// Limits of a follower's or queued call's polling interval in milliseconds. The interval is a
/// quarter of the time waited so far.
const POLL_MS: (i64, i64) = (5, 50);

/// The call to one origin for all facets that it feeds.
#[derive(Debug)]
pub(super) struct OriginCall {
    pub(super) origin: OriginName,
    pub(super) facets: Vec<FacetName>,
    /// True if the call feeds a required facet, directly or through another facet.
    pub(super) is_required: bool,
    pub(super) phase: CallPhase,
    pub(super) permit_id: PermitId,
    /// The time at which all fields that it needs were there.
    pub(super) ready_at: Timestamp,
    /// The end of its last attempt at the latest.
    pub(super) give_up_at: Timestamp,
    /// Attempts so far, without hedges.
    pub(super) tries: u8,
    /// Attempts that have not ended.
    pub(super) in_flight: u8,
    /// The time of the hedge: a second attempt beside the first.
    pub(super) hedge_at: Option<Timestamp>,
    /// The failure of the latest attempt.
    pub(super) failure: Option<Failure>,
    /// True if it is the single-flight leader for its vehicle and origin.
    pub(super) leads: bool,
    /// The generation of its lease in D1.
    pub(super) lease: Option<i64>,
    /// The number of refused claims while nobody held the lease.
    pub(super) refusals: u8,
    /// The number of reads of D1 while another isolate held the lease.
    pub(super) polls: u8,
    /// The facets still to come, each with the generation that is already known: only newer ones
    /// count.
    pub(super) known: Vec<(FacetName, i64)>,
}

/// The phase of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallPhase {
    /// Waits for the fields that it needs.
    AwaitingFields,
    /// Follows another request of this isolate: takes results that complete after this number.
    Following(Sequence),
    /// Waits for D1 to grant or refuse a lease.
    Claiming,
    /// Follows another isolate: reads D1 at this time.
    AwaitingPoll(Timestamp),
    /// Waits for that read of D1.
    Polling,
    /// Waits for a permit of the origin's limiter.
    Queued,
    /// Waits for D1 to grant or refuse the probe of an open breaker.
    ClaimingProbe,
    /// Waits for the origin.
    Sent,
    /// Waits for its next attempt.
    BackingOff(Timestamp),
    /// Has ended.
    Settled,
}

impl OriginCall {
    pub(super) fn new(
        market: &Market,
        origin: &OriginName,
        permit_id: PermitId,
        now: Timestamp,
    ) -> Self {
        let fed = || market.facets.iter().filter(|(_, facet)| facet.origin == *origin);
        let is_required =
            fed().any(|(name, facet)| facet.required || plan::is_needed_by_required(market, *name));
        Self {
            origin: origin.clone(),
            facets: fed().map(|(name, _)| *name).collect(),
            is_required,
            phase: CallPhase::AwaitingFields,
            permit_id,
            ready_at: now,
            give_up_at: now,
            tries: 0,
            in_flight: 0,
            hedge_at: None,
            failure: None,
            leads: false,
            lease: None,
            refusals: 0,
            polls: 0,
            known: Vec::new(),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.phase == CallPhase::Settled
    }

    /// The time at which it must be polled, unless something else wakes it before.
    pub(super) fn due_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.phase {
            CallPhase::Following(_) | CallPhase::Queued => {
                let pause_ms = (now.since_ms(self.ready_at) / 4).clamp(POLL_MS.0, POLL_MS.1);
                Some(Timestamp(now.0 + pause_ms))
            }
            CallPhase::BackingOff(until) | CallPhase::AwaitingPoll(until) => Some(until),
            CallPhase::Sent => self.hedge_at,
            CallPhase::AwaitingFields
            | CallPhase::Claiming
            | CallPhase::Polling
            | CallPhase::ClaimingProbe
            | CallPhase::Settled => None,
        }
    }
}
