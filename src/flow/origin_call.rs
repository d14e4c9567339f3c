//! One call of a request to an origin, and how far it is.

use super::limiter::PermitId;
use super::plan;
use super::vehicle_states::Sequence;
use crate::market::{FacetName, Market, OriginName};
use crate::origin::Failure;
use crate::ports::Timestamp;

/// How often a call that waits for others looks again: after a quarter of the time that it has
/// waited, within these.
const LOOK_MS: (i64, i64) = (5, 50);

/// One origin, asked for all facets that it feeds.
#[derive(Debug)]
pub(super) struct OriginCall {
    pub(super) origin: OriginName,
    pub(super) facets: Vec<FacetName>,
    pub(super) is_required: bool,
    pub(super) phase: CallPhase,
    pub(super) permit_id: PermitId,
    /// When all that it needs was there.
    pub(super) ready_at: Timestamp,
    /// No try goes on for longer.
    pub(super) give_up_at: Timestamp,
    /// Tries so far, hedges not counted.
    pub(super) tries: u8,
    pub(super) in_flight: u8,
    /// When a second try goes out beside the first.
    pub(super) hedge_at: Option<Timestamp>,
    /// Why the tries so far failed.
    pub(super) failure: Option<Failure>,
    /// Whether others follow this one.
    pub(super) leads: bool,
    /// The lease that other isolates know of, by its generation.
    pub(super) lease: Option<i64>,
    /// How often it was refused although nobody held it.
    pub(super) refusals: u8,
    /// How often the record was looked at for it.
    pub(super) looks: u8,
    /// What must come still, and the generation of each that is known, served or not: older ones
    /// are no news.
    pub(super) known: Vec<(FacetName, i64)>,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallPhase {
    /// What it needs is not there.
    Waiting,
    /// Another request of this isolate asks; what has landed since is looked at.
    Following(Sequence),
    /// For the answer of D1 to who asks.
    Claiming,
    /// Another isolate asks; the record is looked at at this time.
    Watching(Timestamp),
    /// For the answer of the record.
    Looking,
    /// For a slot.
    Queued,
    /// For the answer to who may probe.
    Leasing,
    /// For the origin.
    Flying,
    /// Until the next try.
    Pausing(Timestamp),
    /// Not any more.
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
        // What a required facet needs is required too.
        let is_required =
            fed().any(|(name, facet)| facet.required || plan::is_needed_by_required(market, *name));
        Self {
            origin: origin.clone(),
            facets: fed().map(|(name, _)| *name).collect(),
            is_required,
            phase: CallPhase::Waiting,
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
            looks: 0,
            known: Vec::new(),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.phase == CallPhase::Settled
    }

    /// Milliseconds after which it must be looked at again, where nothing else says so.
    pub(super) fn due_ms(&self, now: Timestamp) -> Option<u32> {
        let due_ms = match self.phase {
            CallPhase::Following(_) | CallPhase::Queued => {
                (now.since_ms(self.ready_at) / 4).clamp(LOOK_MS.0, LOOK_MS.1)
            }
            CallPhase::Pausing(until) | CallPhase::Watching(until) => until.since_ms(now),
            CallPhase::Flying => self.hedge_at?.since_ms(now),
            CallPhase::Waiting
            | CallPhase::Claiming
            | CallPhase::Looking
            | CallPhase::Leasing
            | CallPhase::Settled => {
                return None;
            }
        };
        u32::try_from(due_ms).ok()
    }
}
